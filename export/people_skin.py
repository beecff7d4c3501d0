"""Skin and eyes of the rendered people: colours by where a point lies on the body at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.types import F32
from export.people_body import Figure
from export.people_piece import RGB, Piece, fbm, linear, smoothstep, tube
from export.people_raster import EYE, SKIN


@dataclass(frozen=True)
class Face:
    """Colours of the skin and the eyes; age 0..1 mottles the skin; scalp tints below the hair."""

    skin: RGB
    lips: RGB
    iris: RGB
    scalp: RGB
    age: float = 0.0


def pores(p: F32) -> F32:
    """Skin seen close."""
    return np.asarray(0.00010 * fbm(p, 700, 2), np.float32)


def skin(figure: Figure, want: Face, hidden: F32, stubble: F32) -> Piece:
    """The body; ``hidden`` (V,) m is how deep under clothes it lies, ``stubble`` (V,) 0..1 hair."""
    p = figure.rest
    albedo = np.tile(linear(want.skin), (len(p), 1))
    albedo *= (1 + (0.05 + 0.05 * want.age) * fbm(p, 60, 3))[:, None]
    # Blood near the surface: cheeks, nose, ears, knuckles and elbows are redder.
    left, right = figure.eyes[0, :3], figure.eyes[1, :3]
    span = left[0] - right[0]
    warm = figure.masks["ears"] * 0.7 + 0.5 * figure.bones("finger")
    for x in (left[0] * 1.25, -left[0] * 1.25):
        spot = np.array([x, left[1] + 0.62 * span, left[2] + 0.15 * span])
        warm = warm + np.exp(-(((p - spot) / (0.42 * span)) ** 2).sum(1))
    nose = np.array([0, left[1] + 0.62 * span, left[2] - 0.55 * span])
    warm = warm + 0.8 * np.exp(-(((p - nose) / (0.28 * span)) ** 2).sum(1))
    albedo *= 1 - np.clip(warm, 0, 1)[:, None] * np.array([-0.02, 0.20, 0.22])
    lips = smoothstep(figure.masks["lips"], 0.25, 0.75)[:, None]
    albedo += 0.85 * lips * (linear(want.lips) - albedo)
    nails = smoothstep(figure.masks["fingernails"], 0.4, 0.7)[:, None]
    albedo += 0.5 * nails * (np.minimum(1, albedo * 1.25 + 0.03) - albedo)
    albedo += stubble[:, None] * (linear(want.scalp) - albedo)
    mouth = figure.masks["mouth_cavity"][:, None] > 0.9
    albedo = np.where(mouth, np.array([0.12, 0.02, 0.02]), albedo)
    gloss = 0.42 + 0.2 * lips[:, 0] - 0.2 * stubble
    head = figure.bones("head", "neck", "eye")
    cut = np.where(head > 0.5, 1, 0.035 - hidden)
    ankles = (figure.head("foot.L")[1] + figure.head("foot.R")[1]) / 2
    cut = np.where(p[:, 1] > ankles - 0.01, -1, cut)
    return Piece(
        p,
        figure.faces,
        figure.bone_index,
        figure.bone_weight,
        albedo.astype(np.float32),
        gloss.astype(np.float32),
        cut.astype(np.float32),
        SKIN,
        pores,
        moved=True,
    )


def eyeball(figure: Figure, side: str, iris: RGB) -> Piece:
    """One eye: a sphere whose colours are rings about the line of sight."""
    x, y, z, radius = figure.eyes["LR".index(side)].astype(np.float64)
    rings, turns = 72, 64
    polar = np.linspace(0, np.pi * 0.6, rings)[:, None]
    around = np.linspace(0, 2 * np.pi, turns, endpoint=False)[None]
    directions = np.stack(
        np.broadcast_arrays(
            np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), -np.cos(polar)
        ),
        -1,
    )
    rest = (np.array([x, y, z]) + directions.reshape(-1, 3) * radius * 0.985).astype(np.float32)
    faces = tube(rings, turns, closed=False)
    t = np.broadcast_to(polar, (rings, turns)).ravel() * radius
    outer = 0.0062 * radius / 0.0165 * 1.12
    rays = 1 + 0.35 * np.sin(np.tile(around.ravel(), rings) * 23) * np.sin(
        np.tile(around.ravel(), rings) * 9
    )
    colour = np.tile(linear((236, 230, 224)), (len(rest), 1))
    ring = linear(iris)[None] * (0.75 + 0.9 * ((t / outer) ** 2)[:, None]) * rays[:, None]
    inside = 1 - smoothstep(t, outer * 0.96, outer * 1.06)[:, None]
    colour = colour + inside * (ring - colour)
    rim = np.exp(-((t / outer - 1) ** 2) / 0.006)[:, None]
    colour *= 1 - 0.75 * rim
    pupil = 1 - smoothstep(t, outer * 0.40, outer * 0.46)[:, None]
    colour *= 1 - 0.985 * pupil
    # The upper lid shades the eye.
    colour *= (0.72 + 0.28 * smoothstep(rest[:, 1], y - 0.0075, y - 0.002))[:, None]
    count = len(rest)
    index = np.zeros((count, 4), np.int32)
    index[:, 0] = figure.bone_names.index(f"eye.{side}")
    weight = np.zeros((count, 4), np.float32)
    weight[:, 0] = 1
    return Piece(
        rest,
        faces.astype(np.int32),
        index,
        weight,
        colour.astype(np.float32),
        np.full(count, 0.9, np.float32),
        np.ones(count, np.float32),
        EYE,
    )
