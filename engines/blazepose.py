"""The 33 landmarks of BlazePose by name; pairs are the person's own left and right.

Source: Bazarevsky et al. 2020, "BlazePose: On-device real-time body pose tracking", figure 3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pair = tuple[int, int]

NOSE = 0
EYES, EARS, MOUTH = (2, 5), (7, 8), (9, 10)
EYE_CORNERS = ((1, 4), (3, 6))  # inner, outer
FACE = range(11)
SHOULDERS, ELBOWS, WRISTS = (11, 12), (13, 14), (15, 16)
LITTLES, FOREFINGERS, THUMBS = (17, 18), (19, 20), (21, 22)  # knuckles
HIPS, KNEES, ANKLES, HEELS, TOES = (23, 24), (25, 26), (27, 28), (29, 30), (31, 32)
_PAIRS = (
    *(EYES, EARS, MOUTH, *EYE_CORNERS),
    *(SHOULDERS, ELBOWS, WRISTS, LITTLES, FOREFINGERS, THUMBS, HIPS, KNEES, ANKLES, HEELS, TOES),
)


class Arm(NamedTuple):
    """The landmarks of one arm."""

    shoulder: int
    elbow: int
    wrist: int
    little: int
    forefinger: int
    thumb: int


class Leg(NamedTuple):
    """The landmarks of one leg."""

    hip: int
    knee: int
    ankle: int
    heel: int
    toe: int


ARMS = {
    side: Arm(SHOULDERS[k], ELBOWS[k], WRISTS[k], LITTLES[k], FOREFINGERS[k], THUMBS[k])
    for k, side in enumerate("LR")
}
LEGS = {side: Leg(HIPS[k], KNEES[k], ANKLES[k], HEELS[k], TOES[k]) for k, side in enumerate("LR")}
WORDS = {"L": "left", "R": "right"}


def _mirror() -> NDArray[np.int_]:
    out = np.arange(33)
    for left, right in _PAIRS:
        out[left], out[right] = right, left
    return out


MIRROR = _mirror()
"""Where each landmark is in the mirror image, (33,)."""


def middle(points: NDArray[np.floating], pair: Pair) -> NDArray[np.floating]:
    """The point between two points."""
    return np.asarray((points[pair[0]] + points[pair[1]]) / 2)
