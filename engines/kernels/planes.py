"""Values given at the corners of triangles as affine functions of the output pixel."""

from __future__ import annotations

import numba
import numpy as np

from engines.types import F32, I32


@numba.njit(cache=True)
def planes(points: F32, faces: I32, values: F32, out: F32) -> None:
    """For each triangle: value = start + right * (x - x0) + down * (y - y0).

    points: f32 (N, 3) px (depth is not used); faces: i32 (F, 3); values: f32 (N, K), texture px
    or colours; out: f32 (F, 2 + 3 K), written: x0, y0 of the first corner, then start, right,
    down of each value. Counted from a corner, as single precision from the picture's corner would
    be off by thousandths. Flat where the triangle has no area.
    """
    for f in range(len(faces)):
        # Unsigned indices spare a test for negative ones.
        a, b, c = np.uint64(faces[f, 0]), np.uint64(faces[f, 1]), np.uint64(faces[f, 2])
        x0, y0 = points[a, 0], points[a, 1]
        x1, y1 = points[b, 0] - x0, points[b, 1] - y0
        x2, y2 = points[c, 0] - x0, points[c, 1] - y0
        area = x1 * y2 - x2 * y1
        inverse = np.float32(0) if area == 0 else np.float32(1) / area
        out[f, 0], out[f, 1] = x0, y0
        for k in range(values.shape[1]):
            start = values[a, k]
            d1, d2 = (values[b, k] - start) * inverse, (values[c, k] - start) * inverse
            out[f, 2 + 3 * k] = start
            out[f, 3 + 3 * k] = d1 * y2 - d2 * y1
            out[f, 4 + 3 * k] = d2 * x1 - d1 * x2
