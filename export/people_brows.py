"""Brows, lashes and beards of the rendered people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engines.types import F32
from export.people_body import Figure
from export.people_hair import Head, Strands, Style, anchors, roots
from export.people_piece import RGB, linear, smoothstep


def brows(head: Head, colour: RGB, seed: int, count: int = 900, heavy: float = 1.0) -> Strands:
    """Both eyebrows: short hairs along an arch above each eye."""
    random = np.random.default_rng(seed)
    figure = head.figure
    eye = figure.eyes[0]
    span = 2 * eye[0]
    u = random.random(count)
    across = random.uniform(-1, 1, count) * (1 - 0.75 * u**1.5) * 0.050 * span * heavy
    x = eye[0] + span * (-0.30 + 0.70 * u)
    y = (
        eye[1]
        - span
        * (
            0.315
            + 0.085 * np.sin(np.pi * np.minimum(1, u / 0.68 * 0.5 + 0.08))
            - 0.16 * np.maximum(0, u - 0.62)
        )
        + across
    )
    lean = np.stack(
        [0.9 + 0 * u, -0.75 + 1.1 * u + 0.25 * random.standard_normal(count), 0.25 + 0.5 * u], 1
    )
    return _laid(
        head, x, y, lean, 0.065 * span * random.uniform(0.6, 1.1, count), colour, 0.00020, random
    )


def lashes(head: Head, colour: RGB, seed: int, long: float = 1.0) -> Strands:
    """Upper lashes: short hairs that leave the lid's edge."""
    random = np.random.default_rng(seed)
    figure = head.figure
    rim = lid_edge(figure)
    pick = random.integers(0, len(rim), 220)
    u = (rim[pick, 0] - figure.eyes[0, 0]) / figure.eyes[0, 3]
    lean = np.stack([0.7 * u + 0.1, -0.55 + 0 * u, -0.9 + 0 * u], 1)
    length = 0.0062 * long * random.uniform(0.7, 1.1, len(pick))
    return _grown(head, rim[pick].astype(np.float32), lean, length, colour, 0.00022, random)


def lid_edge(figure: Figure) -> F32:
    """Points of the left upper lid's edge (N, 3): skin nearest the eyeball, above its middle."""
    eye = figure.eyes[0]
    p = figure.rest
    off = np.linalg.norm(p - eye[:3], axis=1) - eye[3]
    near = (np.abs(off) < 0.0022) & (p[:, 2] < eye[2]) & (np.abs(p[:, 0] - eye[0]) < 0.017)
    near &= figure.masks["head"] > 0.5
    candidates = p[near]
    bins = np.round((candidates[:, 0] - eye[0]) / 0.0016).astype(int)
    edge = []
    for b in np.unique(bins):
        column = candidates[bins == b]
        above = column[column[:, 1] < eye[1] + 0.001]
        if len(above):
            edge.append(above[above[:, 1].argmax()])
    return np.array(edge, np.float32)


def _laid(
    head: Head,
    x: F32,
    y: F32,
    lean: NDArray[np.float64],
    length: NDArray[np.float64],
    colour: RGB,
    width: float,
    random: np.random.Generator,
) -> Strands:
    """Hairs that start on the face's front at (x, y)."""
    figure = head.figure
    front = (figure.rest[:, 2] < head.skull[2]) & (figure.masks["head"] > 0.5)
    front &= np.abs(figure.rest[:, 1] - figure.eyes[0, 1]) < 0.25
    skin = figure.rest[front]
    d, i = cKDTree(skin[:, :2]).query(np.stack([x, y], 1), k=3)
    weight = 1 / (d + 1e-5)
    z = (skin[i, 2] * weight).sum(1) / weight.sum(1)
    return _grown(
        head, np.stack([x, y, z], 1).astype(np.float32), lean, length, colour, width, random
    )


def _grown(
    head: Head,
    at: F32,
    lean: NDArray[np.float64],
    length: NDArray[np.float64],
    colour: RGB,
    width: float,
    random: np.random.Generator,
) -> Strands:
    """Short hairs on the left half, mirrored to the right."""
    steps = 5
    way = lean / np.linalg.norm(lean, axis=1, keepdims=True)
    t = np.linspace(0, 1, steps)
    points = at[:, None] + way[:, None] * (t[None, :, None] * length[:, None, None])
    points[..., 1] -= 0.25 * length[:, None] * t[None] ** 2 * 0.4
    flat = points.reshape(-1, 3).astype(np.float32)
    flat = head.outside(flat, np.full(len(flat), 0.0006, np.float32))
    left = flat.reshape(points.shape)
    both = np.concatenate([left, left * np.array([-1, 1, 1], np.float32)])
    shade = np.exp(0.15 * random.standard_normal(len(both)))[:, None, None]
    hue = np.tile(linear(colour), (len(both), steps, 1)) * shade
    thin = np.tile(width * (1 - 0.7 * t**2), (len(both), 1))
    return Strands(
        both,
        thin.astype(np.float32),
        hue.astype(np.float32),
        0.15,
        head.figure.bone_names.index("head"),
        anchors(head.figure, both[:, 0]),
    )


def beard_area(head: Head, p: F32) -> F32:
    """Where a beard grows, f32 (N,) 0..1."""
    figure = head.figure
    _, _, front = head.coordinates(p)
    lips = cKDTree(figure.rest[figure.masks["lips"] > 0.4]).query(p)[0]
    mouth = figure.rest[figure.masks["lips"] > 0.4].mean(0)
    span = 2 * figure.eyes[0, 0]
    across = np.abs(p[:, 0]) / span
    top = mouth[1] - 0.29 * span + 0.16 * span * np.exp(-(((across - 0.5) / 0.14) ** 2))
    top = top - 0.75 * span * smoothstep(across, 0.62, 1.05)
    below = smoothstep((p[:, 1] - top).astype(np.float32), -0.004, 0.006)
    chin = figure.rest[(figure.bones("head") > 0.5), 1].max()
    above = 1 - smoothstep(p[:, 1], chin - 0.004, chin + 0.016)
    ahead = smoothstep(front.astype(np.float32), -0.06, 0.10)
    clear = smoothstep(lips.astype(np.float32), 0.002, 0.005)
    return np.asarray(below * above * ahead * clear, np.float32)


def beard(head: Head, style: Style, seed: int) -> Strands:
    """A short full beard with moustache."""
    random = np.random.default_rng(seed)
    at, out = roots(head, lambda p: beard_area(head, p.astype(np.float32)), style.count, random)
    length = style.length * random.uniform(0.6, 1.1, len(at))
    steps = 7
    points = np.empty((len(at), steps, 3), np.float32)
    p = at.copy()
    side = np.sign(at[:, 0]) * np.minimum(1, np.abs(at[:, 0]) / 0.02)
    wild = style.rough * random.standard_normal((len(at), 3))
    for k in range(steps):
        points[:, k] = p
        now = k / (steps - 1)
        go = (
            out * 0.55
            + np.stack([0.25 * side, 0.75 + 0.5 * now + 0 * side, -0.05 + 0 * side], 1)
            + wild
        )
        go /= np.linalg.norm(go, axis=1, keepdims=True)
        p = head.outside(
            (p + go * (length / (steps - 1))[:, None]).astype(np.float32),
            np.full(len(at), 0.0008, np.float32),
        )
    t = np.linspace(0, 1, steps, dtype=np.float32)
    colour = linear(style.colour) + t[None, :, None] * (linear(style.tips) - linear(style.colour))
    colour = colour * np.exp(0.25 * random.standard_normal(len(at)))[:, None, None]
    width = np.tile(style.width * (1 - 0.6 * t**2), (len(at), 1))
    return Strands(
        points,
        width.astype(np.float32),
        colour.astype(np.float32),
        0.30,
        head.figure.bone_names.index("head"),
        anchors(head.figure, at),
    )
