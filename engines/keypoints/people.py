"""Everybody in a photo, with masks: what enrolment looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from engines.blazepose import FACE
from engines.keypoints.carried import open_eye
from engines.keypoints.detector import LOOK as DETECTOR_LOOK
from engines.keypoints.detector import Detector, sigmoid
from engines.keypoints.landmarks import LOOK as LANDMARKER_LOOK
from engines.keypoints.landmarks import SIZE, Landmarker, Reading
from engines.keypoints.region import Region
from engines.types import F32, U8, Keypoints, check

MIN_SCORE = 0.5
FAINT_SCORE = 0.3  # of a detection that the landmarks must confirm: people in a group score low
SAME_FACE = 0.08  # of the region's side: nearer faces are one person's
FACE_SHARE = 1 / 27  # Reading.face of a good region
Box = tuple[int, int, int, int]  # x0, y0, x1, y1 px; may reach out of the image


@dataclass(frozen=True, slots=True)
class Person:
    """keypoints in image px; mask: f32 (H, W) 0..1; box: f32 (4,) x0, y0, x1, y1 px around
    the mask, inside the image; score: 0..1, how surely this is a person."""

    keypoints: Keypoints
    mask: F32
    box: F32
    score: float

    def __post_init__(self) -> None:
        check("Person.mask", self.mask, np.float32, (None, None))
        check("Person.box", self.box, np.float32, (4,))


class PeopleFinder:
    """Finds people in one picture after another; holds its networks until closed.

    Raises ModelError when a model file is missing or altered.
    """

    def __init__(self, threads: int = 2) -> None:
        self._detector = Detector(open_eye("pose_detection", DETECTOR_LOOK, threads=threads))
        self._landmarker = Landmarker(
            open_eye("pose_landmark_mask", LANDMARKER_LOOK, threads=threads)
        )

    def find(self, image: U8) -> list[Person]:
        """People in ``image`` u8 (H, W, 3) RGB, largest mask first; empty where there is nobody.

        The image is looked at as it is and from twice as far (a face may fill it), and where that
        shows nobody, in overlapping quarters (a person may be small in it).
        """
        check("image", image, np.uint8, (None, None, 3))
        height, width = image.shape[:2]
        detector, landmarker = self._detector, self._landmarker
        found = (
            _look(image, whole(height, width), FAINT_SCORE, detector, landmarker)
            or _look(image, quarters(height, width), MIN_SCORE, detector, landmarker)
        )  # fmt: skip
        people = [to_person(image, reading) for reading in _distinct(found)]
        people = [person for person in people if person.mask.max() > 0.5]
        return sorted(people, key=lambda person: -float(person.mask.sum()))

    def close(self) -> None:
        """Let the networks go."""
        self._detector.close()
        self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def find_people(image: U8) -> list[Person]:
    """People in one picture; see ``PeopleFinder.find``."""
    with PeopleFinder() as finder:
        return finder.find(image)


def whole(height: int, width: int) -> list[Box]:
    """The image, and the image from twice as far."""
    return [
        (0, 0, width, height),
        (-width // 2, -height // 2, width + width // 2, height + height // 2),
    ]


def quarters(height: int, width: int) -> list[Box]:
    """Four corners of the image, each 5/8 of its size."""
    w, h = max(1, width * 5 // 8), max(1, height * 5 // 8)
    return [(x, y, x + w, y + h) for y in (0, height - h) for x in (0, width - w)]


def _look(
    image: U8, boxes: list[Box], min_score: float, detector: Detector, landmarker: Landmarker
) -> list[Reading]:
    """Readings of all that the detector sees in ``boxes``; one person may have several."""
    found = []
    for x0, y0, x1, y1 in boxes:
        for detection in detector.detect(_cut(image, x0, y0, x1, y1), min_score):
            seen = detection.region
            region = Region(seen.x + x0, seen.y + y0, seen.side, seen.rotation)
            for _ in range(2):  # again where the landmarks say the person is
                reading = landmarker.read(image, region)
                if reading.score < MIN_SCORE:
                    break
                found.append(reading)
                region = reading.next_region
    return found


def _distinct(found: list[Reading]) -> list[Reading]:
    """The best reading of each face."""
    kept: list[Reading] = []
    for one in sorted(found, key=quality, reverse=True):
        face = one.keypoints.xy[list(FACE)].mean(axis=0)
        if all(
            math.dist(face, other.keypoints.xy[list(FACE)].mean(axis=0))
            > SAME_FACE * max(one.region.side, other.region.side)
            for other in kept
        ):
            kept.append(one)
    return kept


def quality(reading: Reading) -> float:
    """0..1: the score, less where points are unsure, and where the region is small for the face.

    Where the hips are outside the picture the network may take a collar for the shoulders, and be
    as sure of it; its region is then too small, and agrees with itself.
    """
    seen = 0.7 + 0.3 * float(reading.keypoints.conf.mean())
    return reading.score * seen * min(1.0, FACE_SHARE / max(reading.face, 1e-6))


def _cut(image: U8, x0: int, y0: int, x1: int, y1: int) -> U8:
    """The box out of the image, black where it reaches out."""
    height, width = image.shape[:2]
    out = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    out[top - y0 : bottom - y0, left - x0 : right - x0] = image[top:bottom, left:right]
    return out


def to_person(image: U8, reading: Reading) -> Person:
    """A reading with its mask laid over the image; ValueError if it has none."""
    if reading.mask is None:
        raise ValueError("reading: got no mask, wanted the network with a mask")
    height, width = image.shape[:2]
    mask = cv2.warpPerspective(sigmoid(reading.mask), reading.region.matrix(SIZE), (width, height))
    box = cv2.boundingRect((mask > 0.5).astype(np.uint8))  # x, y, width, height
    corners = np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]], np.float32)
    return Person(reading.keypoints, np.asarray(mask, np.float32), corners, reading.score)
