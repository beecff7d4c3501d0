"""BlazePose's detector: where people are and how they stand.

Source: Bazarevsky et al. 2020, BlazePose, section 3.1; MediaPipe pose_detection_cpu.pbtxt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.keypoints.eye import Eye, Look
from engines.keypoints.region import Region
from engines.types import F32, U8, size_of

SIZE = 224  # px, side of the network's input
LOOK = Look(SIZE, 2 / 255, -1.0, replicate=False)
GRIDS = ((28, 2), (14, 2), (7, 6))  # cells a side, anchors a cell (strides 8, 16, three of 32)
MIN_SCORE = 0.5
MIN_OVERLAP = 0.3  # IoU above which two boxes are one person


@dataclass(frozen=True, slots=True)
class Detection:
    """One person: score 0..1 and the region of the whole body, seen or not."""

    score: float
    region: Region


class Detector:
    """Finds people in an image. Owns ``eye``, whose look is LOOK; not thread safe."""

    def __init__(self, eye: Eye) -> None:
        self._eye = eye
        self._anchors = anchors()

    def detect(self, image: U8, min_score: float = MIN_SCORE) -> list[Detection]:
        """People in ``image``, a ``Frame.image``, best score first."""
        width, height = size_of(image)
        square = Region(width / 2, height / 2, max(height, width), 0.0)
        outputs = self._eye.look(image, square)
        boxes, scores = decode(outputs["boxes"][0], outputs["scores"][0, :, 0], self._anchors)
        seen = scores >= min_score
        boxes, scores = suppress(boxes[seen], scores[seen])
        found = []
        for points, score in zip(boxes.reshape(-1, 6, 2), scores, strict=True):
            placed = square.to_image(points)
            region = Region.from_points(placed[2], placed[3])
            if region.side > 1 and math.isfinite(region.side):
                found.append(Detection(float(score), region))
        return found

    def close(self) -> None:
        """Close the eye."""
        self._eye.close()


def anchors() -> F32:
    """f32 (2254, 2): centres of the cells that predict boxes, 0..1 (SsdAnchorsCalculator)."""
    rows = []
    for cells, each in GRIDS:
        centre = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        x, y = np.meshgrid(centre, centre)
        rows.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), each, axis=0))
    return np.concatenate(rows)


def decode(raw: F32, logits: F32, centres: F32) -> tuple[F32, F32]:
    """Network numbers to boxes: f32 (N, 12) of x0, y0, x1, y1 and four points, 0..1 in the crop;
    f32 (N,) scores 0..1.

    raw: f32 (N, 12) of centre, size and four points, px from the anchor. logits: f32 (N,).
    """
    offset = raw / np.float32(SIZE)
    middle, half = offset[:, :2] + centres, offset[:, 2:4] / 2
    points = offset[:, 4:].reshape(-1, 4, 2) + centres[:, None]
    boxes = np.concatenate([middle - half, middle + half, points.reshape(-1, 8)], axis=1)
    return boxes, sigmoid(logits)


def sigmoid(logits: F32) -> F32:
    """f32, of any shape: logits to 0..1."""
    return np.asarray(
        1 / (1 + np.exp(-np.clip(logits, np.float32(-80), np.float32(80)))), np.float32
    )


def suppress(boxes: F32, scores: F32) -> tuple[F32, F32]:
    """Weighted non-maximum suppression: each cluster's mean, weighted by score; best first.

    boxes: f32 (N, 12), first four x0, y0, x1, y1; the rest is averaged alike. A cluster is what
    overlaps its best box by an IoU over MIN_OVERLAP; it keeps the best score
    (NonMaxSuppressionCalculator, WEIGHTED).
    """
    rest = np.argsort(-scores, kind="stable")
    means, best = [], []
    while len(rest):
        same = overlap(boxes[rest[0]], boxes[rest]) > MIN_OVERLAP
        same[0] = True
        cluster = rest[same]
        means.append(np.average(boxes[cluster], axis=0, weights=scores[cluster]))
        best.append(scores[rest[0]])
        rest = rest[~same]
    return np.array(means, np.float32).reshape(-1, boxes.shape[1]), np.array(best, np.float32)


def overlap(box: F32, boxes: F32) -> NDArray[np.float32]:
    """f32 (N,): intersection over union of one box (4+,) with each of boxes (N, 4+)."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:4], boxes[:, 2:4])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(boxes[:, 2:4] - boxes[:, :2], axis=1)
    union = areas + np.prod(box[2:4] - box[:2]) - common
    return np.asarray(common / np.maximum(union, 1e-12), np.float32)
