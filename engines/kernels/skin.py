"""Linear blend skinning (Magnenat-Thalmann et al. 1988) with projection to the picture."""

from __future__ import annotations

import numba

from engines.types import F32, I32


@numba.njit(cache=True, nogil=True)
def skin(points: F32, bone_index: I32, bone_weight: F32, maps: F32, view: F32, out: F32) -> None:
    """Move points by their bones and project them.

    points: f32 (N, 3) m; bone_index: i32 (N, 4); bone_weight: f32 (N, 4), rows sum to 1; maps: f32
    (J, 3, 4), one affine map per bone; view: f32 (4,), scale px/m, tx px, ty px, unused; out: f32
    (N, 3): x, y in px, depth in m.
    """
    scale, tx, ty = view[0], view[1], view[2]
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        px = x * 0
        py = px
        pz = px
        for k in range(4):
            w = bone_weight[n, k]
            if w == 0:
                continue
            b = bone_index[n, k]
            px += w * (maps[b, 0, 0] * x + maps[b, 0, 1] * y + maps[b, 0, 2] * z + maps[b, 0, 3])
            py += w * (maps[b, 1, 0] * x + maps[b, 1, 1] * y + maps[b, 1, 2] * z + maps[b, 1, 3])
            pz += w * (maps[b, 2, 0] * x + maps[b, 2, 1] * y + maps[b, 2, 2] * z + maps[b, 2, 3])
        out[n, 0] = scale * px + tx
        out[n, 1] = scale * py + ty
        out[n, 2] = pz
