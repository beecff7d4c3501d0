"""The mark in a picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from realtime.mark import check_of, mark_planes, read_mark, write_mark


@pytest.mark.parametrize("number", [0, 1, 0b101010101010, 1234, 4095])
@pytest.mark.parametrize("size", [(480, 640), (512, 512), (121, 163), (30, 80)])
def test_what_is_written_is_read(number: int, size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 77, np.uint8)
    write_mark(image, number)
    assert read_mark(image) == number


@pytest.mark.parametrize("number", [0, 1, 0b101010101010, 1234, 4095])
@pytest.mark.parametrize("size", [(480, 640), (512, 512), (122, 162), (30, 80)])
def test_what_is_written_into_planes_is_read(number: int, size: tuple[int, int]) -> None:
    height, width = size
    planes = np.full((height * 3 // 2, width), 77, np.uint8)
    mark_planes(planes, number)
    assert read_mark(planes) == number
    rgb = np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), np.uint8)
    assert read_mark(rgb) == number
    top = round(height / 15)
    assert (planes[top:height] == 77).all()
    left, right = round(2 * width / 20), round(18 * width / 20)
    assert (planes[:top, :left] == 77).all()
    assert (planes[:top, right:] == 77).all()
    assert set(np.unique(planes[:top, left:right])) <= {16, 235}  # video range
    assert np.ptp(rgb[:top, left:right], axis=2).max() == 0  # grey: no colour is left


def test_cells_lie_where_the_page_draws_them() -> None:
    image = np.full((480, 640, 3), 128, np.uint8)
    write_mark(image, 1)  # check of 1: 1 ^ 0b1010 = 0b1011
    assert check_of(1) == 0b1011
    assert (image[:32, 64:96] == 255).all()  # bit 0
    assert (image[:32, 96 : 32 * 14] == 0).all()  # bits 1 to 11
    assert (image[:32, 32 * 14 : 32 * 16] == 255).all()  # check bits 0, 1
    assert (image[:32, 32 * 16 : 32 * 17] == 0).all()
    assert (image[:32, 32 * 17 : 32 * 18] == 255).all()
    assert (image[32:] == 128).all()
    assert (image[:, :64] == 128).all()
    assert (image[:, 32 * 18 :] == 128).all()


def test_no_mark_no_number() -> None:
    rng = np.random.default_rng(0)
    assert read_mark(np.zeros((480, 640, 3), np.uint8)) is None  # all black: wrong check
    assert read_mark(np.full((480, 640, 3), 128, np.uint8)) is None
    assert read_mark(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)) is None
    assert read_mark(np.zeros((16, 16, 3), np.uint8)) is None
    image = np.zeros((480, 640, 3), np.uint8)
    write_mark(image, 9)
    image[:32, 64:96] = 0  # one cell wrong
    assert read_mark(image) is None


def test_it_survives_compression() -> None:
    image = np.full((480, 640, 3), 90, np.uint8)
    write_mark(image, 2025)
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 25])[1]
    assert read_mark(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)) == 2025


def test_a_transparent_picture_shows_its_mark() -> None:
    image = np.zeros((480, 640, 4), np.uint8)
    write_mark(image, 3)
    assert (image[:32, 64:576, 3] == 255).all()
    assert image[40:, :, 3].max() == 0


def test_numbers_out_of_range() -> None:
    with pytest.raises(ValueError, match="4096"):
        write_mark(np.zeros((480, 640, 3), np.uint8), 4096)
