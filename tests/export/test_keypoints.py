"""The exporter around the converter; the real wheel is only used where PUPPETCAM_WHEEL names it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engines.errors import InputError, ModelError
from engines.keypoints.carried import FOLDER, manifest
from export import keypoints, wheel
from export.__main__ import main
from export.keypoints_recipes import CARRIED, RECIPES

WHEEL = os.environ.get("PUPPETCAM_WHEEL")


def test_manifest_names_the_carried_recipes() -> None:
    table = manifest()
    assert list(table) == [recipe.name for recipe in CARRIED]
    for recipe in CARRIED:
        assert table[recipe.name]["source"].endswith(recipe.path)
        outputs = [name for name in recipe.outputs if name not in recipe.dropped]
        assert list(table[recipe.name]["outputs"]) == outputs
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)


def test_check_names_what_differs(tmp_path: Path) -> None:
    files = {"a.onnx": b"one", "b.onnx": b"two", "models.json": b"{\n}\n"}
    keypoints.write(files.items(), tmp_path)
    keypoints.check(files, tmp_path)
    (tmp_path / "models.json").write_bytes(b"{\r\n}\r\n")
    keypoints.check(files, tmp_path)
    (tmp_path / "a.onnx").write_bytes(b"other")
    (tmp_path / "b.onnx").unlink()
    with pytest.raises(ModelError, match="2 of 3 files differ") as caught:
        keypoints.check(files, tmp_path)
    assert "a.onnx: got sha256" in caught.value.message
    assert "b.onnx: got sha256" in caught.value.message


def test_write_makes_folders(tmp_path: Path) -> None:
    keypoints.write([("gpu-fp16/x.onnx", b"x")], tmp_path / "build")
    assert (tmp_path / "build" / "gpu-fp16" / "x.onnx").read_bytes() == b"x"


def test_another_file_is_not_the_wheel(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "mediapipe.whl"
    path.write_bytes(b"PK")
    assert main(["keypoints", "--wheel", str(path)]) == ModelError.exit_code
    assert f"wanted {wheel.SHA256}" in capsys.readouterr().err


def test_missing_wheel(tmp_path: Path, capsys: Any) -> None:
    assert main(["keypoints", "--wheel", str(tmp_path / "none.whl")]) == InputError.exit_code
    assert "cannot be read" in capsys.readouterr().err


def test_failed_download(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str], **options: Any) -> Any:
        assert "--no-deps" in command
        assert "mediapipe==0.10.21" in command
        return subprocess.CompletedProcess(command, 1, "", "no network")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(InputError, match="no network") as caught:
        wheel.networks()
    assert "--wheel" in caught.value.hint


def test_network_that_the_wheel_lacks() -> None:
    with pytest.raises(ModelError, match=r"no mediapipe/modules/pose_detection/.*tflite in it"):
        keypoints.build(RECIPES[0], {}, keypoints.FLAVOURS[0])


@pytest.mark.skipif(not WHEEL, reason=f"PUPPETCAM_WHEEL does not name {wheel.NAME}")
def test_carried_files_are_what_the_wheel_gives(capsys: Any) -> None:
    assert main(["keypoints", "--check", "--wheel", str(WHEEL)]) == 0
    assert str(FOLDER) in capsys.readouterr().out
