from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.avatar import enroll as module
from engines.avatar.enroll import enroll
from engines.avatar.photo import Photo, open_photo
from engines.avatar.store import load_avatar, save_avatar
from engines.errors import InputError, NoPersonError
from engines.keypoints.people import Person
from engines.render import Renderer, View
from engines.types import U8, Avatar
from tests.engines.avatar.drawn import HEIGHT, Drawing, draw

HERE = Path(__file__).parents[3]
DATA = Path(os.environ.get("PUPPETCAM_DATA", HERE.parent / "shared" / "data"))
PHOTOS = {
    "upper_body/asl_p1_neutral.png": 3,
    "upper_body/asl_p3_neutral.png": 3,
    "full_body/squats_woman_standing.png": 5,
    "portraits/man_smiling_lowres.jpg": 1,
    "drawn/rendered_woman_rgba.png": 5,
}
HARDER = (
    "upper_body/asl_p5_neutral.png", "upper_body/obama_official.jpg",
    "upper_body/group_arms_up.jpg", "upper_body/man_selfie_flex.jpg",
    "upper_body/three_men_waving.jpg", "full_body/businessman_white_bg.jpg",
    "full_body/woman_dance_corridor.png", "full_body/yoga_warrior_man_beach.jpg",
    "portraits/headpose_male.png", "portraits/man_glasses_crop.png",
    "drawn/painting_la_velata.jpg", "drawn/painting_lady_agnew.jpg",
    "drawn/painting_monalisa.jpg", "drawn/vector_boy.png",
)  # fmt: skip


def seen_as(monkeypatch: pytest.MonkeyPatch, *drawings: Drawing) -> None:
    """The finder finds these people."""

    def find(image: U8) -> list[Person]:
        box = np.array([0, 0, image.shape[1], image.shape[0]], np.float32)
        return [Person(d.keypoints, d.mask, box, 0.9) for d in drawings]

    monkeypatch.setattr(module, "find_people", find)


def still_error(avatar: Avatar) -> int:
    """Largest difference from the photo inside the person at zero motion, 0..255."""
    height, width = avatar.alpha.shape
    person = Renderer(avatar, (width, height), View()).render(avatar.reference)
    scene = person[..., :3] + avatar.background * (1 - person[..., 3:] / 255)
    difference = np.abs(np.rint(scene) - avatar.image).max(-1)
    return int(difference[avatar.alpha == 255].max())


@pytest.mark.parametrize(("crop", "crossed"), [(HEIGHT, False), (HEIGHT, True), (220, False)])
def test_a_drawing_becomes_an_avatar_that_stands_as_its_photo(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, crop: int, crossed: bool
) -> None:
    drawing = draw(crop, crossed)
    seen_as(monkeypatch, drawing)
    steps: list[tuple[str, float]] = []
    avatar = enroll(Photo.of(drawing.image, "d.png"), "dora", lambda s, d: steps.append((s, d)))
    assert still_error(avatar) <= 2
    names = {layer.name for layer in avatar.layers}
    assert {"core", "arm.L", "arm.R"} <= names
    assert ("leg.L" in names) == (crop == HEIGHT)
    assert [d for _, d in steps] == sorted(d for _, d in steps)
    assert steps[-1] == ("done", 1.0)
    assert avatar.provenance["source"] == "d.png"
    assert avatar.provenance["fit_error_px"] < 6
    assert still_error(load_avatar(save_avatar(avatar, tmp_path))) <= 2


def test_warnings_are_plain_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    seen_as(monkeypatch, draw())
    assert enroll(Photo.of(draw().image), "a").provenance["warnings"] == []
    seen_as(monkeypatch, draw(HEIGHT, True), draw(HEIGHT, True))
    notes = enroll(Photo.of(draw(HEIGHT, True).image), "a").provenance["warnings"]
    assert any("arms are crossed" in note for note in notes)
    assert "2 people were found: the largest was taken." in notes
    seen_as(monkeypatch, draw(150))
    notes = enroll(Photo.of(draw(150).image), "a").provenance["warnings"]
    assert "The left hand is not seen: its look is guessed." in notes
    assert all(note.endswith(".") for note in notes)


def test_nobody_and_bad_names(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="avatar name"):
        enroll(Photo.of(draw().image), "../x")
    seen_as(monkeypatch)
    with pytest.raises(NoPersonError, match=r"nobody was found in wall.jpg"):
        enroll(Photo.of(draw().background, "wall.jpg"), "a")


def test_an_empty_outline_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = draw()
    seen_as(monkeypatch, drawing)
    monkeypatch.setattr(module, "matte", lambda image, mask: np.zeros(mask.shape, np.uint8))
    with pytest.raises(NoPersonError, match="the outline found is empty"):
        enroll(Photo.of(drawing.image, "d.png"), "a")


def shrunk(photo: Photo) -> Photo:
    """The photo with a long side of at most 480 px: a fifth of the work."""
    height, width = photo.image.shape[:2]
    scale = min(1.0, 480 / max(height, width))
    size = (round(scale * width), round(scale * height))
    return Photo.of(np.asarray(cv2.resize(photo.image, size, interpolation=cv2.INTER_AREA)))


@pytest.mark.parametrize("file", [*PHOTOS, *HARDER])
def test_a_real_photo_stands_as_it_is(file: str, tmp_path: Path) -> None:
    if not (DATA / file).exists():
        pytest.skip(f"{file} is not in {DATA} (set PUPPETCAM_DATA to the folder of test media)")
    photo = open_photo(DATA / file)
    avatar = enroll(photo if file in PHOTOS else shrunk(photo), "real")
    assert still_error(avatar) <= 2
    if file in PHOTOS:
        assert len(avatar.layers) == PHOTOS[file]
    folder = save_avatar(avatar, tmp_path)
    assert sum(p.stat().st_size for p in folder.iterdir()) < 6e6
