"""Clothes of the rendered people, as shells around the body.

A garment is the body's own surface moved outward, smoothed until it hangs, with a signed distance
to its hem as cut-out: the renderer draws it only where that is positive, so edges are clean curves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.spatial import ConvexHull, cKDTree

from engines.types import F32, I32
from export.people_body import Figure
from export.people_piece import RGB, Piece, Relief, fbm, linear, smoothstep, tube
from export.people_raster import CLOTH, LEATHER, normals


def averaging(faces: I32, count: int) -> csr_matrix:
    """The matrix that replaces each vertex by the mean of itself and its neighbours."""
    i, j = faces[:, [0, 1, 2, 1, 2, 0]].ravel(), faces[:, [1, 2, 0, 0, 1, 2]].ravel()
    near = coo_matrix((np.ones(len(i)), (i, j)), shape=(count, count)).tocsr()
    near.data[:] = 1
    near = near + diags(np.ones(count))
    return diags(1 / np.asarray(near.sum(1)).ravel()) @ near


@dataclass(frozen=True)
class Measures:
    """Where on the body each vertex lies, all f32 (V,) m: along = down the arm or the leg."""

    arm: F32
    along_arm: F32
    arm_length: float
    along_leg: F32
    leg_length: float

    @staticmethod
    def of(figure: Figure) -> Measures:
        """Measure a figure at rest."""

        def along(joints: tuple[str, str, str]) -> tuple[F32, float]:
            out = np.zeros(len(figure.rest), np.float32)
            total = 0.0
            for sign, side in ((1, "L"), (-1, "R")):
                a, b, c = (figure.head(f"{name}.{side}") for name in joints)
                first, second = np.linalg.norm(b - a), np.linalg.norm(c - b)
                total = float(first + second)
                t = (figure.rest - a) @ (b - a) / first
                u = (figure.rest - b) @ (c - b) / second
                mine = figure.rest[:, 0] * sign > 0
                out[mine] = np.where(u > 0, first + u, np.minimum(t, first))[mine]
            return out, total

        along_arm, arm_length = along(("upperarm01", "lowerarm01", "wrist"))
        along_leg, leg_length = along(("upperleg01", "lowerleg01", "foot"))
        return Measures(
            arm=figure.bones("upperarm", "lowerarm", "wrist", "finger", "metacarpal"),
            along_arm=along_arm,
            arm_length=arm_length,
            along_leg=along_leg,
            leg_length=leg_length,
        )


@dataclass(frozen=True)
class Top:
    """A shirt or jumper. sleeve: share of the arm that it covers; hem: m below the hips (y)."""

    colour: RGB
    trim: RGB
    sleeve: float = 0.3
    hem: float = 0.06
    collar: float = 0.0
    slack: float = 0.012
    fold: float = 1.0
    knit: float = 0.0
    band: float = 0.02
    stripe: tuple[RGB, float] | None = None


@dataclass(frozen=True)
class Bottom:
    """Trousers. leg: share of the leg that they cover; waist: m, y."""

    colour: RGB
    leg: float = 1.02
    waist: float = -0.08
    slack: float = 0.010


def shell(
    figure: Figure,
    cover: F32,
    slack: F32,
    rounds: int,
    fold: F32,
    seed: float,
    under: Piece | None = None,
) -> F32:
    """The body's surface moved out by ``slack`` (V,) m, smoothed and folded, over ``under``."""
    mean = averaging(figure.faces, len(figure.rest))
    hang = figure.rest.astype(np.float64)
    for _ in range(rounds):
        hang = mean @ hang
    # Cloth spans the body's small hollows and knobs, which a short smoothing removes.
    body = figure.rest.astype(np.float64)
    for _ in range(10):
        body = mean @ body
    weight = smoothstep(cover, 0.0, 0.05)[:, None]
    body = figure.rest + weight * (body - figure.rest)
    base = figure.rest + weight * (hang - figure.rest)
    outward = normals(np.ascontiguousarray(base, np.float32), figure.faces)
    # Never inside the body: lift by what smoothing sank, then by the slack.
    sunk = np.maximum(0, ((body - base) * outward).sum(1))
    for _ in range(3):
        sunk = np.asarray(np.maximum(sunk, mean @ sunk))
    # Creases: ridges of noise, bent by noise, longer down than across.
    bent = figure.rest + 0.03 * np.stack(
        [fbm(figure.rest + np.float32(k), 7, 2) for k in range(3)], 1
    )
    crease = fbm((bent + np.float32(seed)).astype(np.float32), 13, 3, (1.0, 0.55, 1.0))
    ridge = 1 - 2.4 * np.abs(crease)
    lift = sunk + slack + np.maximum(fold * ridge, -0.6 * slack)
    if under is not None:
        below = ((under.rest - base) * outward).sum(1) * smoothstep(under.cut, -0.03, 0.0) + 0.006
        for _ in range(4):
            below = np.maximum(below, mean @ below)
        lift = np.maximum(lift, below)
    points = base + outward * lift[:, None]
    for _ in range(2):
        points = mean @ points
    return np.ascontiguousarray(points, np.float32)


def knitted(rib: float) -> Relief:
    """Stocking stitch: rows and columns of ``rib`` stitches per metre."""

    def height(p: F32) -> F32:
        column = np.sin(p[:, 0] * rib * 2 * np.pi)
        row = np.sin((p[:, 1] * rib * 1.2 + 0.25 * np.abs(column)) * 2 * np.pi)
        return np.asarray(0.00030 * (np.abs(column) + 0.5 * row), np.float32)

    return height


def woven(p: F32) -> F32:
    """Cloth seen close: fine noise."""
    return np.asarray(0.00018 * fbm(p, 420, 2), np.float32)


def top(figure: Figure, at: Measures, want: Top, under: Piece) -> tuple[Piece, Piece]:
    """A T-shirt or jumper, and its cuffs and waistband."""
    p = figure.rest
    neck = figure.head("neck01")
    collar = (p[:, 1] - neck[1] - 0.002 - want.collar) + 0.62 * (p[:, 2] - neck[2])
    head = figure.bones("head", "neck02", "neck03")
    collar = np.where(head > 0.6, -0.05, collar)
    hem = want.hem - p[:, 1] + np.where(at.arm > 0.3, 1.0, 0.0)
    sleeve = want.sleeve * at.arm_length - at.along_arm + 1 - smoothstep(at.arm, 0.05, 0.4)
    cover = np.minimum(np.minimum(collar, hem), sleeve).astype(np.float32)
    joints = np.exp(-(((at.along_arm - 0.5 * at.arm_length) / 0.10) ** 2)) * at.arm
    low = smoothstep(p[:, 1], -0.30, 0.02) * (1 - at.arm)
    fold = want.fold * (0.0030 + 0.005 * joints + 0.006 * low)
    loose = (
        want.slack * (1 + 0.7 * low + 0.25 * at.arm) * (0.25 + 0.75 * smoothstep(cover, 0, 0.03))
    )
    points = shell(figure, cover, loose.astype(np.float32), 45, fold.astype(np.float32), 1.7, under)
    # The cloth has slid while it was smoothed: cut the hem where it hangs now.
    hem = want.hem - points[:, 1] + np.where(at.arm > 0.3, 1.0, 0.0)
    cover = np.minimum(np.minimum(collar, hem), sleeve).astype(np.float32)
    albedo = np.tile(linear(want.colour), (len(p), 1))
    if want.stripe is not None:
        colour, per_metre = want.stripe
        band = smoothstep(np.sin(p[:, 1] * per_metre * 2 * np.pi).astype(np.float32), 0.1, 0.35)
        albedo = albedo + band[:, None] * (linear(colour) - albedo)
    mottle = (1 + 0.05 * fbm(p, 20))[:, None]
    relief = knitted(want.knit) if want.knit else woven
    dull = np.zeros(len(p), np.float32)
    shirt = Piece(
        points,
        figure.faces,
        figure.bone_index,
        figure.bone_weight,
        (albedo * mottle).astype(np.float32),
        dull,
        cover,
        CLOTH,
        relief,
    )
    # Bands ride on the shirt so that their edges are cut as cleanly as its own.
    band = np.minimum(cover, want.band - np.minimum(hem, sleeve)).astype(np.float32)
    raised = points + np.float32(0.0022) * normals(points, figure.faces)
    trim = np.tile(linear(want.trim), (len(p), 1)) * mottle
    bands = Piece(
        raised,
        figure.faces,
        figure.bone_index,
        figure.bone_weight,
        trim.astype(np.float32),
        dull,
        band,
        CLOTH,
        relief,
    )
    return shirt, bands


def bottom(figure: Figure, at: Measures, want: Bottom) -> Piece:
    """Trousers."""
    p = figure.rest
    cover = np.minimum(p[:, 1] - want.waist, want.leg * at.leg_length - at.along_leg)
    cover = np.where(at.arm > 0.2, -0.05, cover).astype(np.float32)
    knee = np.exp(-(((at.along_leg - 0.5 * at.leg_length) / 0.09) ** 2))
    ankle = smoothstep(at.along_leg, 0.7 * at.leg_length, at.leg_length)
    slack = want.slack * (1 + 1.3 * ankle + 0.2 * knee) * (0.4 + 0.6 * smoothstep(cover, 0, 0.02))
    fold = 0.002 + 0.004 * knee + 0.006 * ankle
    points = shell(figure, cover, slack.astype(np.float32), 20, fold.astype(np.float32), 4.1)
    cover = np.minimum(cover, points[:, 1] - want.waist).astype(np.float32)
    albedo = np.tile(linear(want.colour), (len(p), 1)) * (1 + 0.08 * fbm(p, 25))[:, None]
    return Piece(
        points,
        figure.faces,
        figure.bone_index,
        figure.bone_weight,
        albedo.astype(np.float32),
        np.full(len(p), 0.0, np.float32),
        cover,
        CLOTH,
        woven,
    )


def shoe(figure: Figure, side: str, colour: RGB, sole: RGB) -> Piece:
    """A sneaker: the hull of the foot, rounded, with a sole."""
    mine = figure.rest[:, 0] * (1 if side == "L" else -1) > 0
    mine &= figure.rest[:, 1] > figure.head(f"foot.{side}")[1] + 0.005
    points = figure.rest[mine]
    middle = (points.min(0) + points.max(0)) / 2
    planes = ConvexHull(points - middle).equations
    # A ball whose rays end on the hull, its poles at heel and toe.
    rings, turns = 90, 72
    polar = np.linspace(0, np.pi, rings)[:, None]
    around = np.linspace(0, 2 * np.pi, turns, endpoint=False)[None]
    rays = np.stack(
        np.broadcast_arrays(
            np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), -np.cos(polar)
        ),
        -1,
    )
    # Stretched along the foot, so that the rays are even over it.
    size = np.ptp(points, axis=0)
    rays = rays * size
    rays /= np.linalg.norm(rays, axis=2, keepdims=True)
    slope = rays.reshape(-1, 3) @ planes[:, :3].T
    reach = np.where(slope > 1e-6, -planes[None, :, 3] / np.maximum(slope, 1e-6), np.inf).min(1)
    reach = gaussian_filter(reach.reshape(rings, turns), (2.0, 2.0), mode=("nearest", "wrap"))
    corners = middle + (rays * reach[..., None]).reshape(-1, 3) * [1.12, 1.05, 1.05]
    faces = tube(rings, turns, closed=False)
    floor = points[:, 1].max() + 0.008
    corners[:, 1] = np.minimum(corners[:, 1], floor)
    rest = np.ascontiguousarray(corners, np.float32)
    low = smoothstep(rest[:, 1], floor - 0.026, floor - 0.024)[:, None]
    albedo = linear(colour) * (1 - low) + linear(sole) * low
    count = len(rest)
    index = np.zeros((count, 4), np.int32)
    index[:, 0] = figure.bone_names.index(f"foot.{side}")
    weight = np.zeros((count, 4), np.float32)
    weight[:, 0] = 1
    return Piece(
        rest,
        np.ascontiguousarray(faces, np.int32),
        index,
        weight,
        albedo.astype(np.float32),
        np.full(count, 0.25, np.float32),
        np.ones(count, np.float32),
        LEATHER,
    )


def roll(figure: Figure, garment: Piece, colour: RGB, radius: float, behind: float) -> Piece:
    """A rolled collar along the neckline, ``radius`` m thick, ``behind`` m at the nape (a hood)."""
    neck = figure.head("neck01")
    near = np.abs(garment.cut) < 0.012
    near &= np.linalg.norm((garment.rest - neck) * [1, 1, 1], axis=1) < 0.16
    near &= garment.rest[:, 1] < neck[1] + 0.12
    p, cut = garment.rest[near].astype(np.float64), garment.cut[near]
    around = np.arctan2(p[:, 0] - neck[0], -(p[:, 2] - neck[2]))
    turns, ring = 96, 20
    theta = np.linspace(-np.pi, np.pi, turns, endpoint=False)
    line = np.empty((turns, 3))
    for k, angle in enumerate(theta):
        gap = np.abs((around - angle + np.pi) % (2 * np.pi) - np.pi)
        weight = np.exp(-((gap / 0.13) ** 2) - (cut / 0.006) ** 2) + 1e-12
        line[k] = (p * weight[:, None]).sum(0) / weight.sum()
    for _ in range(3):
        line = 0.25 * np.roll(line, 1, 0) + 0.5 * line + 0.25 * np.roll(line, -1, 0)
    out = line - [neck[0], 0, neck[2]]
    out[:, 1] = 0
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    back = smoothstep((-np.cos(theta)).astype(np.float32), -0.5, 0.9)
    thick = radius + (behind - radius) * back
    line = line + out * (0.35 * thick)[:, None] + np.array([0, -0.25, 0]) * thick[:, None]
    phi = np.linspace(0, 2 * np.pi, ring, endpoint=False)
    rest = (
        (
            line[:, None]
            + thick[:, None, None]
            * (
                np.cos(phi)[None, :, None] * out[:, None] * 0.75
                + np.sin(phi)[None, :, None] * np.array([0, 1, 0])
            )
        )
        .reshape(-1, 3)
        .astype(np.float32)
    )
    faces = tube(turns, ring, closed=True)
    nearest = cKDTree(figure.rest[near]).query(rest)[1]
    owner = np.flatnonzero(near)[nearest]
    count = len(rest)
    albedo = np.tile(linear(colour), (count, 1)) * (1 + 0.06 * fbm(rest, 30))[:, None]
    return Piece(
        rest,
        faces.astype(np.int32),
        figure.bone_index[owner],
        figure.bone_weight[owner],
        albedo.astype(np.float32),
        np.zeros(count, np.float32),
        np.ones(count, np.float32),
        CLOTH,
        garment.relief,
    )
