"""Puts posed pieces before a camera, lights them and develops the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numba
import numpy as np

from engines.types import F32, I32, U8
from export.people_hair import Strands
from export.people_piece import Piece, smoothstep
from export.people_raster import (
    GROUND,
    HAIR,
    gather,
    light_frames,
    normals,
    rasterise,
    shade,
    shadow_maps,
)


@dataclass(frozen=True)
class Lens:
    """A camera that looks along z from ``distance`` m before the point ``look`` (3,) m.

    tall: metres across the picture's height at that point.
    """

    look: tuple[float, float, float]
    tall: float
    width: int
    height: int
    distance: float = 4.0

    @property
    def eye(self) -> F32:
        """Where the camera stands, f32 (3,) m."""
        return np.array(self.look, np.float32) - np.array([0, 0, self.distance], np.float32)

    def project(self, points: F32, scale: int) -> F32:
        """Pixels and depth (N, 3) on a picture ``scale`` times as large."""
        seen = points - self.eye
        focal = self.height * scale / self.tall * self.distance
        depth = np.maximum(seen[:, 2], 0.1)
        out = np.empty_like(points)
        out[:, 0] = seen[:, 0] / depth * focal + self.width * scale / 2
        out[:, 1] = seen[:, 1] / depth * focal + self.height * scale / 2
        out[:, 2] = seen[:, 2]
        return out


@dataclass(frozen=True)
class Light:
    """A room's light: a window at the left or right, a dim dome, and a rim from behind."""

    window: tuple[float, float, float] = (-0.75, -0.55, -0.75)
    spread: float = 0.45
    warm: tuple[float, float, float] = (1.0, 0.95, 0.88)
    sky: tuple[float, float, float] = (0.92, 0.97, 1.06)
    key: float = 0.85
    fill: float = 0.55
    rim: float = 0.5
    count: int = 56

    def sources(self) -> tuple[F32, F32]:
        """Directions towards the lights (L, 3) and their colours (L, 3)."""
        keys, rims = self.count * 3 // 8, self.count // 8
        domes = self.count - keys - rims
        key = _around(np.array(self.window), self.spread, keys)
        rim = _around(np.array([-self.window[0], -0.5, 0.8]), 0.35, rims)
        dome = _sphere(domes)
        up = 0.5 - 0.5 * dome[:, 1]
        front = 0.5 - 0.5 * dome[:, 2]
        power = (0.35 + 0.65 * up) * (0.45 + 0.55 * front)
        power = power / power.sum()
        floor = np.array([1.04, 0.98, 0.90])
        tint = up[:, None] * np.array(self.sky) + (1 - up[:, None]) * floor
        colours = np.concatenate(
            [
                np.tile(np.array(self.warm) * self.key / keys, (keys, 1)),
                np.tile(np.array([1, 0.98, 0.95]) * self.rim / rims, (rims, 1)),
                tint * power[:, None] * self.fill * 2.2,
            ]
        )
        return (np.concatenate([key, rim, dome]).astype(np.float32), colours.astype(np.float32))


def _sphere(count: int) -> np.ndarray:
    """Even directions (Fibonacci lattice)."""
    i = np.arange(count) + 0.5
    y = 1 - 2 * i / count
    turn = np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - y * y)
    return np.stack([r * np.cos(turn), y, r * np.sin(turn)], 1)


def _around(axis: np.ndarray, spread: float, count: int) -> np.ndarray:
    """Even directions within a disc about an axis."""
    axis = axis / np.linalg.norm(axis)
    side = np.cross(axis, [0, 1, 0])
    side /= np.linalg.norm(side)
    i = np.arange(count) + 0.5
    r, turn = spread * np.sqrt(i / count), np.pi * (3 - 5**0.5) * i
    out = (
        axis
        + (r * np.cos(turn))[:, None] * side
        + (r * np.sin(turn))[:, None] * np.cross(side, axis)
    )
    return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True))


@numba.njit(cache=True, nogil=True, fastmath=True)
def skinned(rest, index, weight, maps):  # type: ignore[no-untyped-def]
    """Linear blend skinning: rest (V, 3) to posed (V, 3)."""
    out = np.zeros(rest.shape, np.float32)
    for v in range(len(rest)):
        for k in range(4):
            w = weight[v, k]
            if w == 0:
                continue
            m = maps[index[v, k]]
            for r in range(3):
                out[v, r] += w * (
                    m[r, 0] * rest[v, 0] + m[r, 1] * rest[v, 1] + m[r, 2] * rest[v, 2] + m[r, 3]
                )
    return out


@dataclass(frozen=True)
class Mesh:
    """All pieces as one: points, rest, direction (normal, or a strand's own), albedo (V, 3)."""

    points: F32
    rest: F32
    direction: F32
    albedo: F32
    gloss: F32
    cut: F32
    kind: U8
    piece: I32
    faces: I32


def assemble(
    pieces: Sequence[Piece],
    strands: Sequence[Strands],
    maps: F32,
    moved: F32,
    eye: F32,
    thick: float,
) -> Mesh:
    """Pose the pieces and lay the strands out as ribbons towards the camera."""
    parts = []
    start = 0
    for number, piece in enumerate(pieces):
        rest = piece.rest + moved if piece.moved else piece.rest
        points = skinned(rest, piece.bone_index, piece.bone_weight, maps)
        count = len(points)
        part = Mesh(
            points,
            piece.rest,
            normals(points, piece.faces),
            piece.albedo,
            piece.gloss,
            piece.cut,
            np.full(count, piece.kind, np.uint8),
            np.full(count, number, np.int32),
            piece.faces + np.int32(start),
        )
        parts.append(part)
        start += count
    for hair in strands:
        points, direction, faces, albedo, gloss, rest = hair.ribbons(maps, moved, eye, thick)
        count = len(points)
        part = Mesh(
            points,
            rest,
            direction,
            albedo,
            gloss,
            np.ones(count, np.float32),
            np.full(count, HAIR, np.uint8),
            np.full(count, -1, np.int32),
            faces + np.int32(start),
        )
        parts.append(part)
        start += count
    return Mesh(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Mesh)))


@dataclass(frozen=True)
class Layers:
    """A rendered picture before development: linear light and coverage at the lens' size.

    colour f32 (H, W, 3) premultiplied; alpha f32 (H, W).
    """

    colour: F32
    alpha: F32


def relief(mesh: Mesh, pieces: Sequence[Piece], rest: F32, normal: F32, owner: I32) -> F32:
    """Normals tilted by the fine surface of each piece."""
    out = normal.copy()
    step = np.float32(0.0004)
    for number, piece in enumerate(pieces):
        here = np.flatnonzero(owner == number)
        if piece.relief is None or not len(here):
            continue
        at = rest[here]
        middle = piece.relief(at)
        slope = np.stack(
            [
                (piece.relief(at + step * np.eye(3, dtype=np.float32)[k]) - middle) / step
                for k in range(3)
            ],
            1,
        )
        n = normal[here]
        slope -= (slope * n).sum(1, keepdims=True) * n
        tilted = n - slope
        out[here] = tilted / np.linalg.norm(tilted, axis=1, keepdims=True)
    return out


def render(
    pieces: Sequence[Piece],
    strands: Sequence[Strands],
    maps: F32,
    moved: F32,
    lens: Lens,
    light: Light,
    scale: int = 3,
) -> Layers:
    """Render a posed person, ``scale`` times as large and then shrunk."""
    pixel = lens.tall / (lens.height * scale)
    mesh = assemble(pieces, strands, maps, moved, lens.eye, pixel)
    height, width = lens.height * scale, lens.width * scale
    index = np.empty((height, width), np.int32)
    bary = np.empty((height, width, 2), np.float32)
    depth = np.empty((height, width), np.float32)
    rasterise(lens.project(mesh.points, scale), mesh.faces, mesh.cut, index, bary, depth)
    rows, columns = np.nonzero(index >= 0)
    rows, columns = rows.astype(np.int32), columns.astype(np.int32)
    first = mesh.faces[index[rows, columns], 0]
    values = np.concatenate(
        [mesh.points, mesh.direction, mesh.albedo, mesh.rest, mesh.gloss[:, None]], 1
    )
    at = gather(index, bary, mesh.faces, values, rows, columns)
    normal = at[:, 3:6] / (np.linalg.norm(at[:, 3:6], axis=1, keepdims=True) + 1e-9)
    if pixel < 0.0012:
        normal = relief(mesh, pieces, np.ascontiguousarray(at[:, 9:12]), normal, mesh.piece[first])

    directions, colours = light.sources()
    radius = max(0.55, min(1.25, 0.62 * lens.tall * max(1.0, lens.width / lens.height)))
    size = 512
    frames = light_frames(directions, np.array(lens.look, np.float32), radius, size)
    # A third of the hairs casts the hair's shadow.
    bare = mesh.kind[mesh.faces[:, 0]] != HAIR
    occluders = np.concatenate([mesh.faces[bare], mesh.faces[~bare][::3]])
    shadows = shadow_maps(mesh.points, occluders, mesh.cut, frames, size)
    bias = np.float32(2.2 * radius / size)
    lit = shade(
        np.ascontiguousarray(at[:, :3]),
        np.ascontiguousarray(normal),
        np.ascontiguousarray(at[:, 6:9]),
        np.ascontiguousarray(at[:, 12]),
        mesh.kind[first],
        lens.eye,
        directions,
        colours,
        shadows,
        frames,
        bias,
    )
    full = np.zeros((height, width, 4), np.float32)
    full[rows, columns, :3] = np.minimum(lit, 4)
    full[rows, columns, 3] = 1
    small = cv2.resize(full, (lens.width, lens.height), interpolation=cv2.INTER_AREA)
    done = np.asarray(small, np.float32)
    return Layers(done[..., :3], done[..., 3])


def contact(pieces: Sequence[Piece], maps: F32, lens: Lens, light: Light, floor: F32) -> F32:
    """How much of the room's light reaches points (N, 3) of the floor: f32 (N,) 0..1."""
    mesh = assemble(pieces, [], maps, np.zeros(3, np.float32), lens.eye, 0.001)
    directions, colours = light.sources()
    frames = light_frames(directions, np.array(lens.look, np.float32), 1.25, 384)
    shadows = shadow_maps(mesh.points, mesh.faces, mesh.cut, frames, 384)
    up = np.tile(np.array([0, -1, 0], np.float32), (len(floor), 1))
    white = np.ones((len(floor), 3), np.float32)
    kind = np.full(len(floor), GROUND, np.uint8)
    none = np.zeros(len(floor), np.float32)
    lit, clear = (
        shade(
            floor,
            up,
            white,
            none,
            kind,
            lens.eye,
            directions,
            colours,
            maps_,
            frames,
            np.float32(0.006),
        )
        for maps_ in (shadows, np.full_like(shadows, 1e9))
    )
    return np.asarray(lit.sum(1) / np.maximum(clear.sum(1), 1e-6), np.float32)


def develop(colour: F32, seed: int, grain: float = 0.010, exposure: float = 1.0) -> U8:
    """Linear light to an sRGB picture: a soft shoulder, a little glow, film grain."""
    glow = cv2.GaussianBlur(np.maximum(colour - 0.8, 0), (0, 0), colour.shape[0] / 90)
    x = np.maximum(colour * exposure + 0.15 * glow, 0)
    shoulder = np.where(x < 0.6, x, 0.6 + 0.4 * (1 - np.exp(-(x - 0.6) / 0.4)))
    out = np.where(shoulder < 0.0031308, 12.92 * shoulder, 1.055 * shoulder ** (1 / 2.4) - 0.055)
    random = np.random.default_rng(seed)
    speck = cv2.GaussianBlur(
        random.standard_normal(colour.shape[:2]).astype(np.float32), (0, 0), 0.7
    )
    out = (
        out + grain * 1.6 * speck[..., None] * (1 - 0.5 * smoothstep(out.mean(2), 0, 1))[..., None]
    )
    return np.asarray(np.clip(out * 255 + 0.5, 0, 255), np.uint8)
