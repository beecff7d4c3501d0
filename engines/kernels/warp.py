"""Images or feature maps drawn along their flows and added up (liquid warping, Liu et al. 2019)."""

from __future__ import annotations

import numba
import numpy as np

from engines.types import F32


@numba.njit(cache=True, nogil=True)
def warp(source: F32, flow: F32, visible: F32, out: F32) -> None:
    """out = sum over the layers of visible * sample(source, flow).

    source: f32 (L, h, w, C), at least 2x2; flow: f32 (L, H, W, 2), source px x, y of each target
    pixel (backward), finite; visible: f32 (L, H, W) 0..1; out: f32 (H, W, C), written. Bilinear
    between texel centres; the outermost texels go on beyond the source.
    """
    zero, half, one = np.float32(0), np.float32(0.5), np.float32(1)
    layers, height, width = source.shape[0], source.shape[1], source.shape[2]
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            for k in range(out.shape[2]):
                out[y, x, k] = zero
            for n in range(layers):
                weight = visible[n, y, x]
                if weight == zero:
                    continue
                u = min(max(flow[n, y, x, 0] - half, zero), np.float32(width - 1))
                v = min(max(flow[n, y, x, 1] - half, zero), np.float32(height - 1))
                i, j = min(int(u), width - 2), min(int(v), height - 2)
                p, q = u - np.float32(i), v - np.float32(j)
                w11 = p * q
                w01, w10 = p - w11, q - w11
                w00 = one - p - w10
                for k in range(out.shape[2]):
                    out[y, x, k] += weight * (
                        w00 * source[n, j, i, k]
                        + w01 * source[n, j, i + 1, k]
                        + w10 * source[n, j + 1, i, k]
                        + w11 * source[n, j + 1, i + 1, k]
                    )
