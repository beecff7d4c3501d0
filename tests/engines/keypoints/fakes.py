"""Engines and readers that answer what a test tells them to."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engines.base import Arrays, TensorSpec
from engines.keypoints.landmarks import Reading
from engines.keypoints.region import Region
from engines.types import Keypoints


class FakeEngine:
    """Answers each run with the same arrays and keeps the last feeds."""

    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    device = "cpu"

    def __init__(self, answer: dict[str, NDArray[Any]]) -> None:
        self.answer = answer
        self.fed: dict[str, NDArray[Any]] = {}
        self.closed = False

    def run(self, feeds: Arrays) -> dict[str, NDArray[Any]]:
        self.fed = {name: array.copy() for name, array in feeds.items()}
        return self.answer

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def landmark_answer(score: float = 1.0) -> dict[str, NDArray[Any]]:
    """The landmark network's outputs: all points in the middle, cold heat maps, nothing seen."""
    return {
        "landmarks": np.full((1, 195), 128, np.float32),
        "score": np.full((1, 1), score, np.float32),
        "heatmap": np.full((1, 39, 64, 64), -20, np.float32),
        "world": np.zeros((1, 117), np.float32),
        "mask": np.full((1, 1, 256, 256), -20, np.float32),
    }


def keypoints(x: float = 0.0, y: float = 0.0, conf: float = 1.0) -> Keypoints:
    """All points in one place."""
    return Keypoints(
        np.tile(np.array([[x, y]], np.float32), (33, 1)),
        np.zeros(33, np.float32),
        np.full(33, conf, np.float32),
        np.zeros((33, 3), np.float32),
    )


def reading(
    score: float,
    region: Region,
    x: float = 0.0,
    y: float = 0.0,
    conf: float = 1.0,
    face: float = 1.0,
    next_region: Region | None = None,
) -> Reading:
    """All points in one place but the mouth, ``face`` px below."""
    points = keypoints(x, y, conf)
    points.xy[[9, 10], 1] += face
    return Reading(points, score, region, next_region or region)
