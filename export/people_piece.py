"""A mesh to render, and the few functions that all makers of meshes share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engines.types import F32, I32
from export.people_raster import noise

RGB = tuple[float, float, float]
Relief = Callable[[F32], F32]


@dataclass(frozen=True)
class Piece:
    """A mesh to render, bound to the bones.

    rest f32 (V, 3) m; faces i32 (F, 3); bone_index, bone_weight (V, 4); albedo f32 (V, 3) linear;
    gloss f32 (V,); cut f32 (V,) m, drawn where positive; kind u8 (V,); relief: height in m of the
    fine surface at rest points, or None; moved: whether facial actions move it (the body itself).
    """

    rest: F32
    faces: I32
    bone_index: I32
    bone_weight: F32
    albedo: F32
    gloss: F32
    cut: F32
    kind: int
    relief: Relief | None = None
    moved: bool = False


def worn(piece: Piece) -> Piece:
    """The piece without what is never drawn; a margin stays, for smooth normals at its edges."""
    faces = piece.faces[(piece.cut[piece.faces] > -0.025).any(1)]
    if piece.moved:
        return replace(piece, faces=np.ascontiguousarray(faces))
    used, packed = np.unique(faces, return_inverse=True)
    return replace(
        piece,
        rest=np.ascontiguousarray(piece.rest[used]),
        faces=packed.reshape(-1, 3).astype(np.int32),
        bone_index=piece.bone_index[used],
        bone_weight=piece.bone_weight[used],
        albedo=piece.albedo[used],
        gloss=piece.gloss[used],
        cut=piece.cut[used],
    )


def linear(colour: RGB) -> F32:
    """A displayed colour (sRGB, 0..255) as linear light."""
    return np.asarray((np.array(colour) / 255) ** 2.2, np.float32)


def fbm(points: F32, cells: float, octaves: int = 3, stretch: RGB = (1, 1, 1)) -> F32:
    """Fractal noise, about -1..1, at points (N, 3); ``cells`` per metre."""
    total = np.zeros(len(points), np.float32)
    for octave in range(octaves):
        scale = np.array(stretch, np.float32) * np.float32(cells * 2.03**octave)
        total += (
            noise(np.ascontiguousarray(points + np.float32(7.3 + octave)), scale) * 0.55**octave
        )
    return total


def smoothstep(x: F32, low: float, high: float) -> F32:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def tube(rings: int, turns: int, closed: bool) -> I32:
    """Faces of a grid of ``rings`` x ``turns`` vertices, round in turns; closed: in rings too."""
    i, j = np.meshgrid(np.arange(rings if closed else rings - 1), np.arange(turns), indexing="ij")
    a, b = i * turns + j, i * turns + (j + 1) % turns
    c, d = (i + 1) % rings * turns + j, (i + 1) % rings * turns + (j + 1) % turns
    first, second = np.stack([a, b, c], -1), np.stack([b, d, c], -1)
    return np.concatenate([first.reshape(-1, 3), second.reshape(-1, 3)]).astype(np.int32)
