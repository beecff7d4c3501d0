"""The turned square of the image that a landmark network looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALE = 1.25  # MediaPipe pose_detection_to_roi.pbtxt and pose_landmarks_to_roi.pbtxt: scale_x


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

    def crop_to_image(self, size: int) -> NDArray[np.float64]:
        """f64 (2, 3): from px of a (size, size) crop to px of the image."""
        step = self.side / size
        cos, sin = math.cos(self.rotation) * step, math.sin(self.rotation) * step
        half = size / 2
        return np.array(
            [
                [cos, -sin, self.x - half * (cos - sin)],
                [sin, cos, self.y - half * (sin + cos)],
            ]
        )

    def apart(self, other: Region) -> tuple[float, float, float]:
        """How far ``other`` is: shift in sides, |log| of the size ratio, turn in rad."""
        shift = math.hypot(other.x - self.x, other.y - self.y) / self.side
        ratio = abs(math.log(other.side / self.side))
        return shift, ratio, abs(turn(other.rotation - self.rotation))


def turn(angle: float) -> float:
    """The same angle in [-pi, pi)."""
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))
