"""The turned square of the image that a landmark network looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.types import F32, U8

SCALE = 1.25  # MediaPipe pose_detection_to_roi.pbtxt and pose_landmarks_to_roi.pbtxt: scale_x
SLACK = 0.02  # of the side: wider leashes (0.04, 0.08) hold no stiller and track worse
SLACK_TURN = 0.035  # rad


@dataclass(frozen=True, slots=True)
class Region:
    """Centre (px), side (px) and rotation (rad, clockwise on the screen) of a square."""

    x: float
    y: float
    side: float
    rotation: float

    @staticmethod
    def from_points(centre: NDArray[Any], end: NDArray[Any], scale: float = SCALE) -> Region:
        """The square about ``centre`` (2,) px around the circle through ``end`` (2,) px, grown.

        Rotated so that ``end`` lies straight up in it (AlignmentPointsRectsCalculator, target
        angle 90 degrees).
        """
        dx, dy = float(end[0] - centre[0]), float(end[1] - centre[1])
        side = 2 * math.hypot(dx, dy) * scale
        return Region(float(centre[0]), float(centre[1]), side, turn(math.atan2(dx, -dy)))

    def matrix(self, size: int) -> NDArray[np.float64]:
        """f64 (3, 3), homogeneous: from px of a (size, size) crop to px of the image."""
        step = self.side / size
        cos, sin = math.cos(self.rotation) * step, math.sin(self.rotation) * step
        half = size / 2
        return np.array(
            [
                [cos, -sin, self.x - half * (cos - sin)],
                [sin, cos, self.y - half * (sin + cos)],
                [0.0, 0.0, 1.0],
            ]
        )

    def crop(self, image: U8, out: U8, border: int) -> None:
        """Sample the square of ``image`` (H, W, 3) into ``out`` (S, S, 3); border: cv2.BORDER_*.

        The networks feel single grey levels (a float-exact sampler moved landmarks by 6 px on
        average): this is the very call that MediaPipe makes. cv2.warpAffine rounds otherwise.
        """
        size = out.shape[0]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpPerspective(
            image, self.matrix(size), (size, size), dst=out, flags=flags, borderMode=border
        )

    def to_image(self, points: NDArray[Any]) -> F32:
        """f32 (N, 2) px of the image from points (N, 2) in the crop, 0..1."""
        matrix = self.matrix(1)
        return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2], np.float32)

    def towards(self, goal: Region) -> Region:
        """This region moved, scaled and turned just enough to be within SLACK of ``goal``.

        The network answers a shift of half a pixel with landmarks 1 to 6 px away, and its
        landmarks make the next region: held on a slack leash, a person at rest keeps the region.
        """
        dx, dy = goal.x - self.x, goal.y - self.y
        distance = math.hypot(dx, dy)
        pull = max(0.0, 1 - SLACK * self.side / distance) if distance else 0.0
        growth = _beyond(math.log(goal.side / self.side), SLACK)
        angle = _beyond(turn(goal.rotation - self.rotation), SLACK_TURN)
        return Region(
            self.x + pull * dx,
            self.y + pull * dy,
            self.side * math.exp(growth),
            turn(self.rotation + angle),
        )


def _beyond(value: float, slack: float) -> float:
    """What of ``value`` goes beyond +-slack."""
    return math.copysign(max(0.0, abs(value) - slack), value)


def turn(angle: float) -> float:
    """The same angle in [-pi, pi)."""
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))
