"""Mesh: the triangles under a layer, and how far from the camera they lie."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from engines.avatar.figure import LIMBS, Figure
from engines.avatar.region import Mask, dilate
from engines.types import F32, I32


def grid(mask: Mask, cell: int) -> tuple[F32, I32]:
    """Triangles over every cell of the photo's grid that touches ``mask``: xy px, faces.

    The grid is the photo's, not the layer's, so neighbouring layers share their corners.
    """
    height, width = mask.shape
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.zeros((rows * cell, columns * cell), bool)
    padded[:height, :width] = dilate(mask, 1)
    used = padded.reshape(rows, cell, columns, cell).any((1, 3))
    j, i = np.nonzero(used)
    corner = j * (columns + 1) + i
    quads = np.stack([corner, corner + 1, corner + columns + 1, corner + columns + 2], 1)
    ids, local = np.unique(quads, return_inverse=True)
    a, b, c, d = local.reshape(-1, 4).T
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    xy = np.stack([ids % (columns + 1), ids // (columns + 1)], 1) * float(cell)
    return xy.astype(np.float32), np.ascontiguousarray(faces, np.int32)


def depth(figure: Figure, name: str, xy: F32, faces: I32) -> F32:
    """Body z f32 (N,) m at the points: the surface's nearest vertices, smoothed over the mesh.

    A limb's depth flows into the trunk's at the shoulder and the hip, so that both layers lie at
    the same depth where they share pixels.
    """
    z = _surface(figure, figure.facing & (figure.limb == LIMBS.index(name)), xy)
    whole = (
        figure.facing
        if name == "core"
        else figure.facing & np.isin(figure.limb, [0, LIMBS.index(name)])
    )
    around = _surface(figure, whole, xy)
    for limb in LIMBS[1:]:
        if name in ("core", limb):
            joint = figure.limb_line(limb)[0]
            gap = np.linalg.norm(xy - joint, axis=1) / figure.metre
            z = z + np.clip(1.5 - gap / 0.06, 0, 1).astype(np.float32) * (around - z)
    a, b = np.concatenate([faces, np.roll(faces, 1, 1)]).T[:2]
    for _ in range(4):
        total, count = z.copy(), np.ones(len(z), np.float32)
        np.add.at(total, a, z[b])
        np.add.at(count, a, 1)
        np.add.at(total, b, z[a])
        np.add.at(count, b, 1)
        z = total / count
    return np.asarray(z, np.float32)


def _surface(figure: Figure, which: Mask, xy: F32) -> F32:
    """Inverse-distance mean of the six nearest vertices' depth."""
    if not which.any():
        return np.zeros(len(xy), np.float32)
    points = figure.surface[which]
    gap, near = cKDTree(points[:, :2]).query(xy, k=min(6, len(points)))
    gap, near = gap.reshape(len(xy), -1), near.reshape(len(xy), -1)
    weight = 1 / (gap + 0.01 * figure.metre)
    return np.asarray((weight * points[near, 2]).sum(1) / weight.sum(1), np.float32)
