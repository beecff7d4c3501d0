"""A drawn performer before a drawn wall: a camera for tests."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from engines.types import U8


def scene(frames: int, width: int = 640, height: int = 480) -> Iterator[U8]:
    """Pictures, u8 (height, width, 3) RGB: a figure that waves once in ``frames``."""
    y, x = np.mgrid[0:height, 0:width]
    wall = np.stack((60 + 60 * x / width, 70 + 50 * y / height, np.full(x.shape, 110.0)), axis=2)
    unit = height // 12
    for k in range(frames):
        picture = wall.astype(np.uint8)
        swing = np.sin(2 * np.pi * k / frames)
        centre = (width // 2 + round(unit * swing), height // 2)
        hand = (centre[0] + 3 * unit, centre[1] + round(2 * unit * swing))
        cv2.ellipse(picture, (centre[0], height), (3 * unit, 5 * unit), 0, 0, 360, (40, 60, 90), -1)
        cv2.line(picture, (centre[0] + 2 * unit, height - 3 * unit), hand, (40, 60, 90), unit)
        cv2.circle(picture, hand, unit // 2, (224, 172, 140), -1)
        cv2.circle(picture, centre, 3 * unit // 2, (224, 172, 140), -1)
        yield picture
