"""What viewers get of a finished picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.types import U8
from realtime.mark import read_mark
from realtime.picture import Form, Picture, planes_of


def flat(colour: tuple[int, int, int, int], height: int = 120, width: int = 160) -> U8:
    image = np.empty((height, width, 4), np.uint8)
    image[:] = colour
    return image


def rgb(planes: U8) -> NDArray[np.int64]:
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), np.int64)


def test_plain_is_on_black() -> None:
    planes = planes_of(flat((200, 100, 50, 255)), "plain")
    assert planes.shape == (180, 160)
    assert np.abs(rgb(planes)[60, 80] - (200, 100, 50)).max() <= 3
    half = planes_of(flat((200, 100, 50, 128)), "plain")
    assert np.abs(rgb(half)[60, 80] - (100, 50, 25)).max() <= 3


def test_packed_is_colours_above_alpha() -> None:
    image = flat((200, 100, 50, 255))
    image[:, 80:, 3] = 0
    image[:, 60:80, 3] = 128
    planes = planes_of(image, "packed")
    assert planes.shape == (360, 160)
    got = rgb(planes)
    assert np.abs(got[60, [20, 90]] - (200, 100, 50)).max() <= 3
    assert np.abs(got[180, [20, 70, 120]] - [[255] * 3, [128] * 3, [0] * 3]).max() <= 3


@pytest.mark.parametrize("form", ["plain", "packed"])
def test_odd_sides_lose_a_line(form: Form) -> None:
    planes = planes_of(flat((255, 255, 255, 255), 121, 161), form)
    assert planes.shape == ((180 if form == "plain" else 360), 160)


def test_the_mark_is_in_a_copy() -> None:
    image = flat((200, 100, 50, 255))
    shown = Picture({"rgba": image}, 0.0, mark=77)
    assert read_mark(rgb(shown.marked()).astype(np.uint8)) == 77
    assert (image == flat((200, 100, 50, 255))).all()
    drawn = planes_of(image, "plain")
    shown, before = Picture({"plain": drawn}, 0.0, mark=77), drawn.copy()
    assert read_mark(rgb(shown.marked()).astype(np.uint8)) == 77
    np.testing.assert_array_equal(drawn, before)
    assert Picture({"plain": drawn}, 0.0).marked() is drawn


def test_what_is_drawn_serves_its_forms() -> None:
    plain = planes_of(flat((1, 2, 3, 4)), "plain")
    shown = Picture({"plain": plain}, 0.0)
    assert shown.serves("plain")
    assert not shown.serves("packed")
    assert shown.planes("plain") is plain
    with pytest.raises(KeyError):
        shown.planes("packed")
    both = Picture({"rgba": flat((1, 2, 3, 4)), "plain": plain}, 0.0)
    assert both.serves("packed")
    assert both.planes("plain") is plain
    np.testing.assert_array_equal(both.planes("packed"), planes_of(flat((1, 2, 3, 4)), "packed"))


def test_what_is_no_picture() -> None:
    with pytest.raises(ValueError, match="got nothing"):
        Picture({}, 0.0)
    with pytest.raises(ValueError, match="Picture rgba"):
        Picture({"rgba": np.zeros((4, 4, 3), np.uint8)}, 0.0)
    with pytest.raises(ValueError, match="Picture plain"):
        Picture({"plain": np.zeros((4, 4, 3), np.uint8)}, 0.0)
    with pytest.raises(TypeError, match="Picture plain"):
        Picture({"plain": np.zeros((6, 4), np.float32)}, 0.0)
