"""Everybody in a photo, with masks: what enrolment looks at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from engines.keypoints.carried import open_model
from engines.keypoints.detector import Detector, sigmoid
from engines.keypoints.landmarks import SIZE as MASK_SIZE
from engines.keypoints.landmarks import Landmarker, Reading
from engines.keypoints.region import Region
from engines.types import F32, U8, Keypoints, check

MIN_SCORE = 0.5
SAME_PERSON = 0.5  # IoU of masks above which two readings are one person


@dataclass(frozen=True, slots=True)
class Person:
    """keypoints in image px; mask: f32 (H, W) 0..1; box: f32 (4,) x0, y0, x1, y1 px of the mask,
    inside the image; score 0..1."""

    keypoints: Keypoints
    mask: F32
    box: F32
    score: float

    def __post_init__(self) -> None:
        check("Person.mask", self.mask, np.float32, (None, None))
        check("Person.box", self.box, np.float32, (4,))


def find_people(image: U8, threads: int = 2) -> list[Person]:
    """People in ``image`` u8 (H, W, 3) RGB, largest mask first; empty where there is nobody.

    Where the whole image shows nobody, it is also looked at from farther off (a face that fills
    the frame) and in quarters (a small person).
    Raises ModelError when a model file is missing or altered.
    """
    check("image", image, np.uint8, (None, None, 3))
    with (
        open_model("pose_detection", threads=threads) as detection,
        open_model("pose_landmark_mask", threads=threads) as landmark,
    ):
        detector, landmarker = Detector(detection), Landmarker(landmark)
        for view in views(image.shape[0], image.shape[1]):
            people = _look(image, view, detector, landmarker)
            if people:
                return people
    return []


def views(height: int, width: int) -> Iterator[list[tuple[int, int, int, int]]]:
    """Groups of boxes (x0, y0, x1, y1 px, may reach out of the image) to look at, in turn."""
    yield [(0, 0, width, height)]
    yield [(-width // 2, -height // 2, width + width // 2, height + height // 2)]
    w, h = width * 5 // 8, height * 5 // 8
    yield [(x, y, x + w, y + h) for y in (0, height - h) for x in (0, width - w)]


def _look(
    image: U8, boxes: list[tuple[int, int, int, int]], detector: Detector, landmarker: Landmarker
) -> list[Person]:
    people: list[Person] = []
    for x0, y0, x1, y1 in boxes:
        for found in detector.detect(_cut(image, x0, y0, x1, y1)):
            region = found.region
            shifted = Region(region.x + x0, region.y + y0, region.side, region.rotation)
            reading = landmarker.read(image, shifted)
            if reading.score >= MIN_SCORE:
                people.append(_person(image, shifted, reading))
    people.sort(key=lambda person: -float(person.mask.sum()))
    kept: list[Person] = []
    for person in people:
        if all(_shared(person.mask, other.mask) < SAME_PERSON for other in kept):
            kept.append(person)
    return kept


def _cut(image: U8, x0: int, y0: int, x1: int, y1: int) -> U8:
    """The box out of the image, black where it reaches out."""
    height, width = image.shape[:2]
    out = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    out[top - y0 : bottom - y0, left - x0 : right - x0] = image[top:bottom, left:right]
    return out


def _person(image: U8, region: Region, reading: Reading) -> Person:
    height, width = image.shape[:2]
    assert reading.mask is not None
    seen = sigmoid(reading.mask)
    to_crop = cv2.invertAffineTransform(region.crop_to_image(MASK_SIZE))
    mask = cv2.warpAffine(
        seen, to_crop, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    rows, columns = np.nonzero(mask.max(axis=1) > 0.5)[0], np.nonzero(mask.max(axis=0) > 0.5)[0]
    if not len(rows):
        box = np.zeros(4, np.float32)
    else:
        box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
    return Person(reading.keypoints, np.asarray(mask, np.float32), box, reading.score)


def _shared(a: F32, b: F32) -> float:
    """IoU of two masks."""
    one, two = a > 0.5, b > 0.5
    union = int(np.count_nonzero(one | two))
    return int(np.count_nonzero(one & two)) / union if union else 0.0
