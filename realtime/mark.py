"""The mark: a number in a picture, to follow one frame from the camera to the screen.

16 cells along the top: 12 bits of number and 4 bits of check, lowest bit first. Cell k spans
(k + 2) / 20 to (k + 3) / 20 of the width and 1 / 15 of the height; white is 1. The page's mark.js
writes and reads the same.
"""

from __future__ import annotations

import numpy as np

from engines.types import U8, size_of

NUMBERS = 4096
CELLS = 16
COLUMNS = 20
ROWS = 15
# Grey levels that count as black and as white; anything between is not a mark.
BLACK = 90
WHITE = 165


def check_of(number: int) -> int:
    """The four check bits of a number."""
    return (number & 15) ^ ((number >> 4) & 15) ^ ((number >> 8) & 15) ^ 0b1010


def read_mark(image: U8) -> int | None:
    """The number in a picture's mark, or None where there is no valid one.

    image: u8 (H, W, C), C >= 3, or (H * 3 / 2, W), YUV420 planes, of which the luma is read; at
    least 80 pixels wide and 30 high: smaller ones hold no mark.
    """
    width, height = size_of(image)
    if image.ndim == 2:
        image = image[:height, :, None]
    if width < 4 * COLUMNS or height < 2 * ROWS:
        return None
    row = height // (2 * ROWS)
    centres = ((np.arange(CELLS) + 2.5) * width / COLUMNS).astype(np.intp)
    patch = image[row - 1 : row + 1, np.stack((centres - 1, centres)), :3]
    levels = patch.mean(axis=(0, 1, 3))  # (2, 2, 16, 3): rows, columns, cells, colours
    if np.any((levels > BLACK) & (levels < WHITE)):
        return None
    word = int(np.sum((levels >= WHITE).astype(np.int64) << np.arange(CELLS)))
    number = word & (NUMBERS - 1)
    return number if word >> 12 == check_of(number) else None


def write_mark(image: U8, number: int) -> None:
    """Draw a number (0..4095) into a picture, u8 (H, W, C), in place; a fourth channel is set to
    255, so that the mark is seen.
    """
    if not 0 <= number < NUMBERS:
        raise ValueError(f"mark: got {number}, wanted 0..{NUMBERS - 1}")
    height, width = image.shape[:2]
    word = number | check_of(number) << 12
    for k in range(CELLS):
        left, right = round((k + 2) * width / COLUMNS), round((k + 3) * width / COLUMNS)
        image[: round(height / ROWS), left:right, :3] = 255 * (word >> k & 1)
    if image.shape[2] == 4:
        left, right = round(2 * width / COLUMNS), round((CELLS + 2) * width / COLUMNS)
        image[: round(height / ROWS), left:right, 3] = 255


def mark_planes(planes: U8, number: int) -> None:
    """Draw a number as ``write_mark`` does into YUV420 planes, u8 (H * 3 / 2, W), in place."""
    width, height = size_of(planes)
    luma, chroma = planes[:height, :, None], planes[height:].reshape(2, height // 2, width // 2)
    write_mark(luma, number)
    top = round(height / ROWS)
    left, right = round(2 * width / COLUMNS), round((CELLS + 2) * width / COLUMNS)
    luma[:top, left:right].clip(16, 235, out=luma[:top, left:right])
    chroma[:, : -(-top // 2), left // 2 : -(-right // 2)] = 128
