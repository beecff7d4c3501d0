"""Hair of the rendered people: strands grown on the head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from engines.types import F32, I32
from export.people_body import Figure
from export.people_piece import RGB, fbm, linear, smoothstep
from export.people_raster import normals


@dataclass(frozen=True)
class Strands:
    """Hairs that follow one bone. points f32 (N, K, 3) m at rest; width f32 (N, K) m;
    colour f32 (N, K, 3) linear; anchor: i32 (N,), the skin's vertex that carries each when the face
    moves, or None."""

    points: F32
    width: F32
    colour: F32
    gloss: float
    bone: int
    anchor: I32 | None = None

    def ribbons(
        self, maps: F32, moved: F32, eye: F32, thick: float
    ) -> tuple[F32, F32, I32, F32, F32, F32]:
        """Strips of triangles that face the eye, at least ``thick`` m wide.

        Returns points (V, 3), direction along the strand (V, 3), faces, albedo, gloss, rest.
        """
        m = maps[self.bone]
        held = self.points
        if self.anchor is not None:
            held = held + moved[self.anchor][:, None]
        p = held @ m[:, :3].T + m[:, 3]
        along = np.gradient(p, axis=1)
        along /= np.linalg.norm(along, axis=2, keepdims=True) + 1e-9
        side = np.cross(along, eye - p)
        side /= np.linalg.norm(side, axis=2, keepdims=True) + 1e-9
        half = 0.5 * np.maximum(self.width, thick * 1.35)[..., None]
        count, steps = p.shape[:2]
        pair = np.stack([p - side * half, p + side * half], 2).reshape(-1, 3)
        a = (np.arange(count)[:, None] * steps + np.arange(steps - 1)[None]) * 2
        quads = np.stack([a, a + 1, a + 2, a + 1, a + 3, a + 2], -1).reshape(-1, 3)

        def twice(x: F32) -> F32:
            return np.repeat(x.reshape(count * steps, -1), 2, axis=0).astype(np.float32)

        rest = twice(self.points)
        gloss = np.full(len(pair), self.gloss, np.float32)
        return (
            pair.astype(np.float32),
            twice(along),
            quads.astype(np.int32),
            twice(self.colour),
            gloss,
            rest,
        )


def anchors(figure: Figure, roots: F32) -> I32:
    """The skin's vertex nearest to each root."""
    skin = np.flatnonzero((figure.masks["head"] > 0.5) & (figure.masks["mouth_cavity"] < 0.5))
    return np.asarray(skin[cKDTree(figure.rest[skin]).query(roots)[1]], np.int32)


@dataclass(frozen=True)
class Head:
    """The head's own axes: up 0 at the eyes, 1 at the crown; front 1 at the face, -1 behind.

    points, outward (V, 3): its skin and normals; tree over the whole upper body's skin.
    """

    figure: Figure
    points: F32
    outward: F32
    skull: F32
    scale: F32
    tree: cKDTree

    @staticmethod
    def of(figure: Figure, dressed: F32) -> Head:
        """Measure a figure's head; ``dressed``: points that hair must stay outside of."""
        outward = normals(dressed, figure.faces)
        chosen = figure.bones("head", "neck03") > 0.5
        up = figure.rest[chosen]
        top, eyes = up[:, 1].min(), float(figure.eyes[:, 1].mean())
        high = up[up[:, 1] < eyes]
        skull = np.array([0, eyes + 0.35 * (top - eyes), (high[:, 2].min() + high[:, 2].max()) / 2])
        scale = np.array([high[:, 0].max(), eyes - top, (high[:, 2].max() - high[:, 2].min()) / 2])
        near = figure.rest[:, 1] < -0.1
        keep = np.flatnonzero(near & (figure.masks["mouth_cavity"] < 0.5))
        return Head(
            figure,
            dressed[keep],
            outward[keep],
            skull.astype(np.float32),
            scale.astype(np.float32),
            cKDTree(dressed[keep]),
        )

    def coordinates(self, p: F32) -> tuple[F32, F32, F32]:
        """Side (-1..1), up and front of points (..., 3)."""
        eyes = self.figure.eyes[:, 1].mean()
        return (
            p[..., 0] / self.scale[0],
            (eyes - p[..., 1]) / self.scale[1],
            (self.skull[2] - p[..., 2]) / self.scale[2],
        )

    def outside(self, p: F32, margin: F32) -> F32:
        """Push points (N, 3) out of the skin to at least ``margin`` (N,) m."""
        _, i = self.tree.query(p, k=3)
        base, out = self.points[i].mean(1), self.outward[i].mean(1)
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        height = ((p - base) * out).sum(1)
        lift = np.maximum(0, margin - height) * (np.linalg.norm(p - base, axis=1) < 0.08)
        return np.asarray(p + out * lift[:, None], np.float32)


def scalp(head: Head, p: F32, hairline: float = 0.62) -> F32:
    """How surely hair grows at points (N, 3): f32 (N,), 0 bare .. 1 hair."""
    side, up, front = head.coordinates(p)
    line = np.interp(
        front,
        [-1.2, -0.75, -0.30, -0.10, 0.10, 0.28, 0.50, 0.72, 0.95],
        [-0.62, -0.58, -0.30, 0.10, -0.02, 0.05, 0.52, hairline - 0.03, hairline],
    )
    line = line + 0.05 * fbm(np.ascontiguousarray(p, np.float32), 90, 2)
    # A widow's peak and rounded temples.
    line = line + 0.10 * np.exp(-(((np.abs(side) - 0.55) / 0.18) ** 2)) * (front > 0.3)
    return smoothstep(np.asarray(up - line, np.float32), -0.02, 0.10)


def roots(
    head: Head, density: Callable[[F32], F32], count: int, random: np.random.Generator
) -> tuple[F32, F32]:
    """``count`` points spread over the head's skin by density 0..1, and the normals there."""
    figure = head.figure
    faces = figure.faces
    chosen = (figure.bones("head", "neck02", "neck03") > 0.4) & (figure.masks["ears"] < 0.35)
    chosen &= figure.masks["mouth_cavity"] < 0.5
    faces = faces[chosen[faces].all(1)]
    p = figure.rest
    area = np.linalg.norm(
        np.cross(p[faces[:, 1]] - p[faces[:, 0]], p[faces[:, 2]] - p[faces[:, 0]]), axis=1
    )
    n = normals(figure.rest, figure.faces)
    # Faces that look inward (folds of lids and lips) grow none.
    area = area * density(p[faces].mean(1))
    pick = faces[random.choice(len(faces), count, p=area / area.sum())]
    u = np.sqrt(random.random((count, 1)))
    v = random.random((count, 1))
    w = np.stack([1 - u, u * (1 - v), u * v], 1).astype(np.float32)
    at = (p[pick] * w).sum(1)
    out = (n[pick] * w).sum(1)
    return at.astype(np.float32), (out / np.linalg.norm(out, axis=1, keepdims=True)).astype(
        np.float32
    )


@dataclass(frozen=True)
class Style:
    """How hair grows and falls.

    length: m at the crown, sides: at the sides and nape; lift: how long the root's direction
    lasts, 0..1; comb: direction (side, y, z) at the root, ``part`` mirrors it about x = part;
    weight: pull downwards; curl: radius in m and turns; clump: 0..1 towards neighbours; volume: m
    off the skin; rough: disorder; hairline: ``up`` of it at the forehead; silver: share of white.
    """

    colour: RGB
    tips: RGB
    length: float
    sides: float
    comb: tuple[float, float, float] = (0.0, 0.0, 0.0)
    part: float | None = None
    lift: float = 0.3
    weight: float = 0.3
    curl: tuple[float, float] = (0.0, 0.0)
    clump: float = 0.5
    volume: float = 0.010
    rough: float = 0.15
    count: int = 16000
    hairline: float = 0.62
    silver: float = 0.0
    width: float = 0.00016
    steps: int = 14


def grow(head: Head, style: Style, seed: int) -> Strands:
    """A head of hair."""
    random = np.random.default_rng(seed)
    at, out = roots(head, lambda p: scalp(head, p, style.hairline), style.count, random)
    side, up, front = head.coordinates(at)
    top = smoothstep(up, 0.15, 0.75)
    length = style.sides + (style.length - style.sides) * top
    length = length * random.uniform(0.80, 1.05, len(at))
    way = np.tile(np.array(style.comb, np.float32), (len(at), 1))
    # Hair at the forehead is combed back, off the face.
    way *= 1 + np.maximum(0, front)[:, None] * np.array([1.0, 0.0, 1.2], np.float32)
    if style.part is not None:
        way[:, 0] *= np.sign(side - style.part + 0.04 * random.standard_normal(len(at)))
    # Clumps: every hair leans to the nearest of a few leaders.
    leaders = random.choice(len(at), max(8, len(at) // 45), replace=False)
    leader = leaders[cKDTree(at[leaders]).query(at)[1]]
    wild = random.standard_normal((len(at), 3)).astype(np.float32)
    wild = style.rough * (0.45 * wild + 0.8 * wild[leader])
    phase = random.uniform(0, 2 * np.pi, len(at))
    phase = phase[leader] + 0.35 * random.standard_normal(len(at))
    layer = random.uniform(0.15, 1, len(at)).astype(np.float32)
    step = (length / (style.steps - 1))[:, None].astype(np.float32)
    points = np.empty((len(at), style.steps, 3), np.float32)
    p = at + out * 0.0005
    for k in range(style.steps):
        points[:, k] = p
        now = k / (style.steps - 1)
        keep = np.exp(-now / max(style.lift, 1e-3))
        pull = np.array([0, style.weight * (0.2 + 3.0 * now), 0], np.float32)
        go = out * keep + way * np.exp(-style.weight * 3 * now) + pull + wild * (0.5 + now)
        go /= np.linalg.norm(go, axis=1, keepdims=True) + 1e-6
        p = p + go * step
        margin = style.volume * layer * min(1.0, 0.25 + 2.2 * now)
        p = head.outside(p, margin)
    t = np.linspace(0, 1, style.steps, dtype=np.float32)
    if style.clump:
        pulled = points[leader] + (at - at[leader])[:, None] * (1 - t[None, :, None]) * 0.9
        points += style.clump * (t**0.8)[None, :, None] * (pulled - points)
    radius, turns = style.curl
    if radius:
        along = np.gradient(points, axis=1)
        along /= np.linalg.norm(along, axis=2, keepdims=True) + 1e-9
        first = np.cross(along, np.array([0.3, 0.2, 1.0], np.float32))
        first /= np.linalg.norm(first, axis=2, keepdims=True) + 1e-9
        second = np.cross(along, first)
        swing = phase[:, None] + t[None] * turns * 2 * np.pi * (length / style.length)[:, None]
        grow_in = radius * smoothstep(t, 0, 0.35)[None, :, None]
        points += grow_in * (np.cos(swing)[..., None] * first + np.sin(swing)[..., None] * second)
    flat = head.outside(points.reshape(-1, 3), np.full(points.size // 3, 0.001, np.float32))
    points = flat.reshape(points.shape)
    # No hair hangs over the face.
    side, up, front = head.coordinates(points)
    over = (front > 0.55) & (up < 0.42) & (np.abs(side) < 0.80 + 0.1 * phase[:, None] / np.pi)
    clear = ~over.any(1)
    points, leader, length = points[clear], leader[clear], length[clear]
    at = points[:, 0]
    colour = linear(style.colour) + t[None, :, None] * (linear(style.tips) - linear(style.colour))
    shade = np.exp(
        0.20 * random.standard_normal(len(at)) + 0.18 * random.standard_normal(style.count)[leader]
    )
    colour = colour * shade[:, None, None]
    grey = random.random(len(at)) < style.silver
    colour = np.where(grey[:, None, None], linear((196, 194, 190)), colour)
    width = np.tile(style.width * (1 - 0.6 * t**3), (len(at), 1))
    return Strands(
        points,
        width.astype(np.float32),
        colour.astype(np.float32),
        0.45,
        head.figure.bone_names.index("head"),
    )
