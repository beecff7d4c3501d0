"""One performer followed from frame to frame."""

from __future__ import annotations

import math
from typing import Protocol, Self

from engines.camera_cuda import CudaCamera
from engines.kernels.cuda import Device
from engines.kernels.finite import finite
from engines.keypoints.carried import open_eye
from engines.keypoints.detector import LOOK as DETECTOR_LOOK
from engines.keypoints.detector import Detection, Detector
from engines.keypoints.eye import Eye, Look
from engines.keypoints.landmarks import LOOK as LANDMARKER_LOOK
from engines.keypoints.landmarks import Landmarker, Reading
from engines.keypoints.region import Region
from engines.standby import Tell
from engines.types import U8, Keypoints, size_of

MIN_SCORE = 0.5  # of the landmark network
SURE_SCORE = 0.9  # somebody new needs it, and somebody tracked whose face is tiny
MIN_FACE = 0.02  # of the region: a bare hand passes for a body, mostly with a tiny face
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
    threads: of each network; with two the first spins while the second waits for a core.
    device, standby: see ``open_eye``; card: what a device other than "cpu" computes on, used by
    nobody else. eyes: what computes. Raises ModelError when a model file is missing or altered,
    DeviceError when the device is not there.
    """

    def __init__(
        self,
        threads: int = 1,
        detector: Finds | None = None,
        landmarker: Reads | None = None,
        device: str = "cpu",
        card: Device | None = None,
        standby: Tell | None = None,
    ) -> None:
        camera = None if card is None else CudaCamera(card)

        def eye(name: str, look: Look) -> Eye:
            self.eyes.append(open_eye(name, look, device, threads, camera, standby))
            return self.eyes[-1]

        self.eyes: list[Eye] = []
        self._detector = detector or Detector(eye("pose_detection", DETECTOR_LOOK))
        self._landmarker = landmarker or Landmarker(eye("pose_landmark", LANDMARKER_LOOK))
        self.reset()

    @property
    def takes_planes(self) -> bool:
        """Whether frames are best given as planes: the landmark network computes on a card."""
        return any(eye.device != "cpu" for eye in self.eyes[-1:])

    def reset(self) -> None:
        """Forget the person, as at a cut or for another performer."""
        self._region: Region | None = None
        self._size = (0, 0)
        self._detected_s = -math.inf

    def track(self, image: U8, time_s: float) -> Keypoints | None:
        """Landmarks in ``image``, a ``Frame.image``, of time ``time_s``; None: nobody is found."""
        size = size_of(image)
        if size != self._size:
            self.reset()
            self._size = size
        if self._region is not None:
            reading = self._landmarker.read(image, self._region)
            if _finite(reading) and (reading.score >= SURE_SCORE or _person(reading)):
                self._region = self._region.towards(reading.next_region)
                return reading.keypoints
            self._region = None
        # A clock that went back is another clip: look at once.
        if 0 <= time_s - self._detected_s < DETECT_EVERY_S:
            return None
        self._detected_s = time_s
        found = self._find(image)
        if found is None:
            return None
        self._region = found.next_region
        return found.keypoints

    def _find(self, image: U8) -> Reading | None:
        """The first detection that looks like a person, read where its landmarks say it is."""
        for detection in self._detector.detect(image):
            first = self._landmarker.read(image, detection.region)
            if not _finite(first) or not _person(first):
                continue
            again = self._landmarker.read(image, first.next_region)
            if _finite(again) and again.score >= SURE_SCORE and again.face >= MIN_FACE:
                return again
        return None

    def close(self) -> None:
        """Close both eyes."""
        self._detector.close()
        self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _finite(reading: Reading) -> bool:
    """Whether there are numbers to follow: one that is none would stay in every filter after us."""
    points, region = reading.keypoints, reading.next_region
    return (
        finite(points.xy, points.z, points.conf, points.world)
        and math.isfinite(region.x + region.y + region.rotation)
        and 0 < region.side < math.inf
    )


def _person(reading: Reading) -> bool:
    return reading.score >= MIN_SCORE and reading.face >= MIN_FACE
