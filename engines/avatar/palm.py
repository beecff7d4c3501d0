"""Palm: what a hand that the photo does not show looks like: its colour and its shade."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.avatar.figure import LIMBS, Figure
from engines.avatar.region import Mask
from engines.types import F32, U8, BodyMesh

_SKIN = 18.0  # CIELAB a, b: a hand's colour farther from the face's is a sleeve's or a thing's
_BEYOND = 0.01  # m beyond the wrist where cuffs end
_ENOUGH = 40  # px of a hand that tell its colour
_DARK = 0.6  # of the bright pixels' level: darker ones are watches, rings, gaps
_SIDES, _CREASES = 0.25, 0.25  # how much darker a finger's sides are, and the folds between
# Light that went through skin is red: shadows on it lose blue and green first.
_WARMTH = np.array([0.75, 1.1, 1.25], np.float32)


def like_skin(colour: F32, skin: F32) -> Mask:
    """Which colours f32 (N, 3) have the hue of ``skin`` f32 (3,), whatever the light."""
    both = np.concatenate([colour, skin[None]])[None] / 255
    lab = cv2.cvtColor(both.astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    return np.asarray(np.linalg.norm(lab[:-1, 1:] - lab[-1, 1:], axis=1) < _SKIN)


def palm_colour(image: U8, alpha: U8, labels: U8, figure: Figure, name: str, skin: F32) -> F32:
    """The colour f32 (3,) of an arm's bare hand as far as the photo shows it; else ``skin``."""
    _, _, wrist, tip = figure.limb_line(name)
    axis = (tip - wrist) / max(float(np.linalg.norm(tip - wrist)), 1e-6)
    rows, columns = np.nonzero((labels == LIMBS.index(name)) & (alpha > 250))
    along = np.stack([columns + 0.5 - wrist[0], rows + 0.5 - wrist[1]], 1) @ axis
    hand = along > _BEYOND * figure.metre
    colours = image[rows[hand], columns[hand]].astype(np.float32)
    if len(colours) < _ENOUGH:
        return skin
    bare = colours[like_skin(colours, skin)]
    if len(bare) < max(_ENOUGH, 0.4 * len(colours)):
        return skin
    level = bare.mean(1)
    return np.asarray(np.median(bare[level > _DARK * np.percentile(level, 90)], 0), np.float32)


def palm_shade(body: BodyMesh, hands: Mask) -> F32:
    """Light on the vertices ``hands`` (V,), f32 (V, 3) about 1 for red, green, blue; 1 elsewhere.

    Fingers are round: their sides are darker than palm and back, the folds between them darkest.
    """
    normal = _normals(body)
    light = np.ones(len(body.rest), np.float32)
    for side in (body.rest[:, 0] > 0, body.rest[:, 0] <= 0):
        own = hands & side
        if own.sum() < 4:
            continue
        points = body.rest[own] - body.rest[own].mean(0)
        flat = np.linalg.svd(points, full_matrices=False)[2][2]  # the palm's normal
        light[own] = 1 - _SIDES * (1 - np.abs(normal[own] @ flat))
    light -= _CREASES * np.clip(_hollow(body, normal), 0, 1) * hands
    light[hands] /= np.median(light[hands]) if hands.any() else 1
    return np.asarray(light[:, None] ** _WARMTH, np.float32)


def _normals(body: BodyMesh) -> F32:
    a, b, c = (body.rest[body.faces[:, k]] for k in range(3))
    total = np.zeros_like(body.rest)
    for k in range(3):
        np.add.at(total, body.faces[:, k], np.cross(b - a, c - a))
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1), 1e-12)[:, None], np.float32)


def _hollow(body: BodyMesh, normal: F32) -> NDArray[np.float32]:
    """How far the neighbours stand above a vertex, f32 (V,), in edge lengths; below 0: a bump."""
    edges = np.concatenate([body.faces[:, [0, 1]], body.faces[:, [1, 2]], body.faces[:, [2, 0]]])
    a, b = np.concatenate([edges, edges[:, ::-1]]).T
    step = body.rest[b] - body.rest[a]
    rise, length = np.zeros(len(normal)), np.zeros(len(normal))
    np.add.at(rise, a, (step * normal[a]).sum(1))
    np.add.at(length, a, np.linalg.norm(step, axis=1))
    return np.asarray(2 * rise / np.maximum(length, 1e-9), np.float32)
