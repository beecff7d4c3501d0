"""Let colours appear where they have left what covers them."""

from __future__ import annotations

import numba
import numpy as np

from engines.types import F32, I32


@numba.njit(cache=True, nogil=True)
def fade(
    colours: F32,
    placed: F32,
    covered: I32,
    covers: F32,
    near: np.float32,
    far: np.float32,
    out: F32,
) -> None:
    """out = colours * smoothstep of the distance, in the picture, from a point to its cover.

    colours, out: f32 (N, 4) premultiplied RGBA; placed: f32 (N, 3), x and y in px; covered: i32
    (M,), the points that have a cover, others are left as they are; covers: f32 (M, 3), where the
    covers lie; transparent up to ``near`` px (f32), the colour itself from ``far`` px (f32) on.
    """
    zero, one, three = np.float32(0), np.float32(1), np.float32(3)
    for m in range(len(covered)):
        n = covered[m]
        dx, dy = placed[n, 0] - covers[m, 0], placed[n, 1] - covers[m, 1]
        t = min(max((np.sqrt(dx * dx + dy * dy) - near) / (far - near), zero), one)
        gain = t * t * (three - t - t)
        for k in range(4):
            out[n, k] = gain * colours[n, k]
