"""The person over a background, or alone: premultiplied to finished bytes."""

from __future__ import annotations

import numba
import numpy as np

from engines.kernels.texel import under
from engines.types import U8


@numba.njit(cache=True, nogil=True)
def composite(person: U8, background: U8, out: U8) -> None:
    """out = person + background * (1 - alpha), rounded.

    person: u8 (H, W, 4) premultiplied RGBA; background, out: u8 (H, W, 4), opaque RGBA.
    """
    above, below, done = person.view(np.uint32), background.view(np.uint32), out.view(np.uint32)
    for y in range(done.shape[0]):
        for x in range(done.shape[1]):
            done[y, x, 0] = under(above[y, x, 0], below[y, x, 0])


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def straighten(person: U8, out: U8) -> None:
    """Undo the premultiplication, rounded; all zero where alpha is.

    person: u8 (H, W, 4) premultiplied RGBA; out: u8 (H, W, 4) straight RGBA.
    """
    half, full = np.float32(0.5), np.float32(255)
    words, done = person.view(np.uint32), out.view(np.uint32)
    for y in range(done.shape[0]):
        for x in range(done.shape[1]):
            alpha = person[y, x, 3]
            if alpha == 0 or alpha == 255:
                done[y, x, 0] = words[y, x, 0]
                continue
            gain = full / np.float32(alpha)
            for k in range(3):
                out[y, x, k] = np.uint8(np.int32(np.float32(person[y, x, k]) * gain + half))
            out[y, x, 3] = alpha
