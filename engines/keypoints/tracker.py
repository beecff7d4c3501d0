"""One performer followed from frame to frame."""

from __future__ import annotations

import math
from typing import Protocol, Self

from engines.keypoints.carried import open_model
from engines.keypoints.detector import Detection, Detector
from engines.keypoints.landmarks import Landmarker, Reading
from engines.keypoints.region import Region
from engines.types import U8, Keypoints

MIN_SCORE = 0.5  # of the landmark network, below it the person is lost
DETECT_EVERY_S = 0.1  # while nobody is there: the detector costs more than the landmarks


class Finds(Protocol):
    """What the tracker needs of a Detector."""

    def detect(self, image: U8) -> list[Detection]: ...
    def close(self) -> None: ...


class Reads(Protocol):
    """What the tracker needs of a Landmarker."""

    def read(self, image: U8, region: Region) -> Reading: ...
    def close(self) -> None: ...


class PoseTracker:
    """Landmarks of one person in a stream of frames.

    The person is looked for where the last landmarks were, so that the detector runs only when
    the person is lost: at once, and then every DETECT_EVERY_S. Not thread safe.
    Raises ModelError when a model file is missing or altered.
    """

    def __init__(
        self, threads: int = 1, detector: Finds | None = None, landmarker: Reads | None = None
    ) -> None:
        self._detector = detector or Detector(open_model("pose_detection", threads=threads))
        self._landmarker = landmarker or Landmarker(open_model("pose_landmark", threads=threads))
        self.reset()

    def reset(self) -> None:
        """Forget the person, as at a cut or for another performer."""
        self._region: Region | None = None
        self._size = (0, 0)
        self._detected_s = -math.inf

    def track(self, image: U8, time_s: float) -> Keypoints | None:
        """Landmarks in ``image`` u8 (H, W, 3) RGB of time ``time_s``; None: nobody is found."""
        if image.shape[:2] != self._size:
            self.reset()
            self._size = image.shape[:2]
        if self._region is not None:
            keypoints = self._read(image, self._region, following=True)
            if keypoints is not None:
                return keypoints
        # A clock that went back is another clip: look at once.
        if 0 <= time_s - self._detected_s < DETECT_EVERY_S:
            return None
        self._detected_s = time_s
        for detection in self._detector.detect(image):
            keypoints = self._read(image, detection.region, following=False)
            if keypoints is not None:
                return keypoints
        return None

    def _read(self, image: U8, region: Region, following: bool) -> Keypoints | None:
        reading = self._landmarker.read(image, region)
        if reading.score < MIN_SCORE:
            self._region = None
            return None
        self._region = region.towards(reading.next_region) if following else reading.next_region
        return reading.keypoints

    def close(self) -> None:
        """Close both engines."""
        self._detector.close()
        self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
