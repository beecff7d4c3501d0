"""Hand: the pixels of a bare hand, by its colour."""

from __future__ import annotations

import cv2
import numpy as np

from engines.avatar.colours import skin_colour
from engines.avatar.figure import Figure
from engines.avatar.region import Mask, close, dilate, disc
from engines.types import F32, U8

_ABOUT = 0.09  # m, how far fingers are sought about the hand's axis
_PALM = 0.05  # m, width of the strip in which its colour is taken
_START = 0.3  # of the way from the wrist to the tip: before it are cuffs and watches
_HUE = 14.0  # CIELAB a, b from the face's: skin
_BARE = 0.4  # share of the strip that must be skin
_CLOSE = 0.012  # m, rings and shadows between fingers


def with_hand(
    image: U8, alpha: U8, arm: Mask, free: Mask, figure: Figure, name: str, shadow: int
) -> Mask:
    """The arm's pixels (H, W) with its hand cut by colour instead of by anatomy.

    free: pixels that no nearer limb has. A hand that has not the face's hue (a glove, a shadow)
    is left as anatomy has it. shadow: px that an outline grows, as the arm's own.
    """
    _, _, wrist, tip = figure.limb_line(name)
    start = wrist + _START * (tip - wrist)
    about = _line(arm.shape, start, tip, 2 * _ABOUT * figure.metre)
    palm = _line(arm.shape, start, wrist + 0.6 * (tip - wrist), _PALM * figure.metre) & free
    palm &= alpha > 200
    if palm.sum() < 30:
        return arm
    lab = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2LAB), np.float32)
    face = np.rint(skin_colour(image, alpha, figure)).astype(np.uint8)[None, None]
    skin = np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2LAB), np.float32)[0, 0]
    bare = palm & (np.linalg.norm(lab[..., 1:] - skin[1:], axis=-1) < _HUE)
    if bare.sum() < _BARE * palm.sum():
        return arm
    typical = np.median(lab[bare], 0)
    spread = np.maximum(np.median(np.abs(lab[bare] - typical), 0) * 1.5, (18.0, 3.5, 3.5))
    alike = (np.abs(lab - typical) / spread).max(-1) < 2
    found = (alike & free & about).astype(np.uint8)
    found = np.asarray(cv2.morphologyEx(found, cv2.MORPH_OPEN, disc(1)), np.uint8)
    _, pieces = cv2.connectedComponents(np.maximum(found, bare.astype(np.uint8)))
    touching = np.unique(pieces[bare])
    hand = np.isin(pieces, touching[touching > 0])
    hand = dilate(close(hand, max(1, round(_CLOSE * figure.metre))), shadow) & free
    # what anatomy gave beyond the wrist and is no hand goes back
    axis = (tip - start) / max(float(np.linalg.norm(tip - start)), 1e-6)
    rows, columns = np.nonzero(arm & about & ~hand)
    beyond = np.stack([columns - start[0], rows - start[1]], 1) @ axis > 0
    out = arm | hand
    out[rows[beyond], columns[beyond]] = False
    return out


def _line(shape: tuple[int, ...], a: F32, b: F32, width: float) -> Mask:
    canvas: U8 = np.zeros(shape, np.uint8)
    ends = [(round(float(x)), round(float(y))) for x, y in (a, b)]
    cv2.line(canvas, ends[0], ends[1], 1, max(1, int(width)))
    return np.asarray(canvas > 0)
