"""Skinning by turns about a centre (Le and Hodgins 2016), and projection to the picture."""

from __future__ import annotations

import numba
import numpy as np

from engines.types import F32, I32


@numba.njit(cache=True)
def skin(
    points: F32,
    centres: F32,
    bone_index: I32,
    bone_weight: F32,
    maps: F32,
    turn: F32,
    rest: F32,
    view: F32,
    out: F32,
) -> None:
    """Move points by their bones and project them.

    points: f32 (N, 3) m; centres: f32 (N, 3) m, the joint about which the bones of a point turn;
    bone_index: i32 (N, 4); bone_weight: f32 (N, 4), rows sum to 1; maps: f32 (J, 3, 4), one affine
    map per bone; turn: f32 (J, 4), rest: f32 (J, 3, 3), see ``turns``; view: f32 (3,), scale px/m,
    tx px, ty px; out: f32 (N, 3): x, y in px, depth in m.

    The centre moves by the mean of the maps (linear blend skinning); what surrounds it turns by
    the mean turn. The mean of the maps alone would make a raised arm's shoulder thin.
    """
    zero, two = np.float32(0), np.float32(2)
    for n in range(len(points)):
        cx, cy, cz = centres[n, 0], centres[n, 1], centres[n, 2]
        x, y, z = points[n, 0] - cx, points[n, 1] - cy, points[n, 2] - cz
        px = py = pz = sx = sy = sz = qw = qx = qy = qz = zero
        for k in range(4):
            w = bone_weight[n, k]
            if w == zero:
                continue
            b = np.uint64(bone_index[n, k])  # unsigned: spares a test for a negative index
            m, s = maps[b], rest[b]
            px += w * (m[0, 0] * cx + m[0, 1] * cy + m[0, 2] * cz + m[0, 3])
            py += w * (m[1, 0] * cx + m[1, 1] * cy + m[1, 2] * cz + m[1, 3])
            pz += w * (m[2, 0] * cx + m[2, 1] * cy + m[2, 2] * cz + m[2, 3])
            sx += w * (s[0, 0] * x + s[0, 1] * y + s[0, 2] * z)
            sy += w * (s[1, 0] * x + s[1, 1] * y + s[1, 2] * z)
            sz += w * (s[2, 0] * x + s[2, 1] * y + s[2, 2] * z)
            qw += w * turn[b, 0]
            qx += w * turn[b, 1]
            qy += w * turn[b, 2]
            qz += w * turn[b, 3]
        # v + 2 q x (q x v + w v) / |q|²
        gain = two / max(qw * qw + qx * qx + qy * qy + qz * qz, np.float32(1e-12))
        ax = qy * sz - qz * sy + qw * sx
        ay = qz * sx - qx * sz + qw * sy
        az = qx * sy - qy * sx + qw * sz
        px += sx + gain * (qy * az - qz * ay)
        py += sy + gain * (qz * ax - qx * az)
        pz += sz + gain * (qx * ay - qy * ax)
        out[n, 0] = view[0] * px + view[1]
        out[n, 1] = view[0] * py + view[2]
        out[n, 2] = pz
