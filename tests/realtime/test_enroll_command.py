"""``puppetcam enroll``: a photo file in, an avatar's folder out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.avatar.photo import open_photo
from realtime.__main__ import main
from realtime.enroll import enroll_file
from realtime.shelf import BUNDLED, Shelf

PHOTO = Path(__file__).parent.parent.parent / "export" / "people" / "tom.jpg"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A rendered person, small, as a JPEG."""
    small = cv2.resize(open_photo(PHOTO).image, (192, 256), interpolation=cv2.INTER_AREA)
    path = tmp_path / "tom small.jpg"
    cv2.imwrite(str(path), cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return path


def enroll(photo: Path, avatars: Path, name: str = "tim") -> int:
    return main(["enroll", str(photo), "--name", name, "--avatars", str(avatars), "--json"])


def test_a_photo_becomes_an_avatar_and_what_was_seen_is_printed(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    avatars = photo.parent / "new" / "avatars"
    assert enroll(photo, avatars) == 0
    printed = capsys.readouterr().out
    found = json.loads(printed.splitlines()[-1])
    avatar = Shelf(avatars).load("tim")
    assert found["avatar"] == "tim"
    assert found["digest"] == avatar.digest
    assert found["warnings"] == avatar.provenance["warnings"]
    assert f'puppetcam serve --avatars "{avatars}"\n' in printed
    assert f'puppetcam replay --avatar tim --avatars "{avatars}" --input' in printed
    assert all(f"note: {warning}" in printed for warning in found["warnings"])
    assert 0 < found["fit_error_px"] < 10
    assert avatar.image.shape == (256, 192, 3)
    assert avatar.provenance["source"] == "tom small.jpg"
    assert {layer.name for layer in avatar.layers} >= {"core", "arm.L", "arm.R"}
    assert [p.name for p in avatars.iterdir()] == ["tim"]


def test_the_server_hears_of_the_progress(photo: Path) -> None:
    steps: list[tuple[str, float]] = []
    warnings = enroll_file(photo.parent / "a", photo, "tim", lambda *step: steps.append(step))
    assert warnings == Shelf(photo.parent / "a").load("tim").provenance["warnings"]
    assert [done for _, done in steps] == sorted(done for _, done in steps)
    assert steps[-1] == ("done", 1.0)


def test_what_cannot_be_enrolled_is_said_and_nothing_is_left(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(photo.read_bytes()[:3000])
    tiny = tmp_path / "tiny.png"
    cv2.imwrite(str(tiny), np.zeros((16, 16, 3), np.uint8))
    wall = tmp_path / "wall.png"
    ramp = np.linspace(0, 255, 128, dtype=np.uint8)[None, :, None]
    cv2.imwrite(str(wall), np.broadcast_to(ramp, (128, 128, 3)))
    avatars = tmp_path / "avatars"
    for source, name, code, words in (
        (tmp_path / "none.jpg", "a", 2, "none.jpg: cannot be read"),
        (tmp_path, "a", 2, "cannot be read"),
        (text, "a", 2, "text.jpg is no picture: it starts with 'not a picture'"),
        (cut, "a", 2, "cut.jpg is damaged"),
        (tiny, "a", 2, "tiny.png is too small: got 16 x 16 px"),
        (wall, "a", 3, "nobody was found in wall.png"),
        (photo, "../a", 2, "avatar name: got '../a'"),
        (photo, "", 2, "avatar name: got ''"),
    ):
        assert enroll(source, avatars, name) == code, words
        printed = capsys.readouterr()
        assert printed.err.startswith(f"error: {source if 'read' in words else ''}")
        assert words in printed.err
        last = json.loads(printed.out.splitlines()[-1])
        assert words in last["error"]
        assert last["hint"]
    assert not avatars.exists()


def test_a_place_that_is_no_folder_is_said(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enroll(photo, photo) == 2
    assert "tom small.jpg" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["photo.png", "meshes.npz", "avatar.json"])
def test_an_altered_avatar_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    shutil.copytree(BUNDLED / "kit", tmp_path / "kit")
    file = tmp_path / "kit" / name
    file.write_bytes(file.read_bytes()[:-40])
    command = ["replay", "--avatar", "kit", "--avatars", str(tmp_path), "--json"]
    assert main([*command, "--input", "x.mp4", "--output", "y.mp4"]) == 5
    printed = capsys.readouterr()
    assert name in printed.err
    assert "make it again: puppetcam enroll PHOTO --name kit" in printed.err
    assert json.loads(printed.out)["hint"].startswith("make it again")
