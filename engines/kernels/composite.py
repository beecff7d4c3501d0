"""The person over a background, or alone: f32 premultiplied to finished bytes."""

from __future__ import annotations

import numba
import numpy as np

from engines.types import F32, U8


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def composite(person: F32, background: U8, out: U8) -> None:
    """out = person + background * (1 - alpha), rounded.

    person: f32 (H, W, 4) premultiplied RGBA 0..255; background, out: u8 (H, W, 4), opaque RGBA.
    """
    half, one, full = np.float32(0.5), np.float32(1), np.float32(255)
    height, width = background.shape[0], background.shape[1]
    for y in range(height):
        for x in range(width):
            alpha = person[y, x, 3]
            if alpha == 0:
                for k in range(4):
                    out[y, x, k] = background[y, x, k]
            else:
                rest = one - alpha / full
                for k in range(4):
                    value = person[y, x, k] + rest * np.float32(background[y, x, k]) + half
                    out[y, x, k] = np.uint8(np.int32(min(value, full)))


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def straighten(person: F32, out: U8) -> None:
    """Undo the premultiplication, rounded; all zero where alpha is below half a step.

    person: f32 (H, W, 4) premultiplied RGBA 0..255; out: u8 (H, W, 4) straight RGBA.
    """
    half, full = np.float32(0.5), np.float32(255)
    height, width = out.shape[0], out.shape[1]
    for y in range(height):
        for x in range(width):
            alpha = person[y, x, 3]
            if alpha < half:
                for k in range(4):
                    out[y, x, k] = 0
            else:
                gain = full / alpha
                for k in range(3):
                    value = person[y, x, k] * gain + half
                    out[y, x, k] = np.uint8(np.int32(min(value, full)))
                out[y, x, 3] = np.uint8(np.int32(min(alpha + half, full)))
