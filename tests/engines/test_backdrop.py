from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from engines.backdrop import Backdrop
from engines.errors import InputError
from engines.render import View
from tests.engines.figures import avatar

SIZE = (64, 48)
HALF = np.zeros((48, 64, 4), np.uint8)
HALF[:, :32] = [100, 50, 0, 128]  # premultiplied: half of (200, 100, 0)


def under(spec: str) -> np.ndarray:
    return Backdrop(avatar(), SIZE, View(0.1), spec).under(HALF)


def test_a_colour_shows_through_by_half() -> None:
    out = under("#102030")
    np.testing.assert_allclose(out[5, 40], [0x10, 0x20, 0x30, 255])
    np.testing.assert_allclose(out[5, 5], [108, 66, 24, 255], atol=1)


def test_none_keeps_straight_alpha() -> None:
    out = under("none")
    np.testing.assert_allclose(out[5, 5], [200, 100, 0, 128], atol=1)
    np.testing.assert_array_equal(out[5, 40], 0)


def test_photo_and_blur_show_the_avatars_background() -> None:
    for spec in ("photo", "blur"):
        np.testing.assert_array_equal(under(spec)[5, 40], [128, 128, 128, 255])


def test_a_picture_covers_the_output(tmp_path: Path) -> None:
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, :, 0] = 255  # OpenCV writes BGR: blue
    cv2.imwrite(str(tmp_path / "back.png"), picture)
    np.testing.assert_array_equal(under(str(tmp_path / "back.png"))[5, 40], [0, 0, 255, 255])


@pytest.mark.parametrize("spec", ["", "red", "#12345", "#gggggg", "missing.png"])
def test_anything_else_is_refused_with_the_choices(spec: str) -> None:
    with pytest.raises(InputError) as error:
        under(spec)
    assert "photo, blur, none" in error.value.hint


def test_a_broken_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "back.png").write_text("no picture")
    with pytest.raises(InputError, match=r"background: back\.png is no picture"):
        under(str(tmp_path / "back.png"))


def test_a_picture_that_a_phone_turned_is_upright(tmp_path: Path) -> None:
    picture = Image.new("RGB", (90, 120), (255, 0, 0))
    picture.paste((0, 0, 255), (0, 60, 90, 120))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees clockwise to see it: what is below comes to the left
    picture.save(tmp_path / "back.png", exif=exif)
    out = under(str(tmp_path / "back.png"))
    np.testing.assert_array_equal(out[24, 60], [255, 0, 0, 255])
    person = HALF[5, 5, :3] + np.array([0, 0, 255]) * (1 - HALF[5, 5, 3] / 255)
    np.testing.assert_allclose(out[24, 5, :3], person, atol=1)
