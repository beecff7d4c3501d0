from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engines.keypoints.detector import Detection
from engines.keypoints.landmarks import Reading
from engines.keypoints.region import Region
from engines.keypoints.tracker import DETECT_EVERY_S, PoseTracker
from engines.types import U8
from tests.engines.keypoints.fakes import reading

IMAGE = np.zeros((60, 80, 3), np.uint8)
HERE, THERE = Region(20, 30, 40, 0.0), Region(60, 30, 40, 0.0)


class Scene:
    """People by region, as detector and landmarker at once; notes who was asked."""

    def __init__(self, *people: Region) -> None:
        self.people = list(people)
        self.detections = 0
        self.regions: list[Region] = []
        self.closed = 0

    def detect(self, image: U8) -> list[Detection]:
        self.detections += 1
        return [Detection(0.9, region) for region in self.people]

    def read(self, image: U8, region: Region) -> Reading:
        self.regions.append(region)
        for person in self.people:
            if abs(person.x - region.x) < person.side / 2:
                return reading(0.95, region, person.x, person.y, next_region=person)
        return reading(0.1, region)

    def close(self) -> None:
        self.closed += 1


def tracker(scene: Scene) -> PoseTracker:
    return PoseTracker(detector=scene, landmarker=scene)


def test_detects_once_then_follows() -> None:
    scene = Scene(HERE)
    with tracker(scene) as pose:
        for i in range(10):
            found = pose.track(IMAGE, i / 30)
            assert found is not None
            assert found.xy[0].tolist() == [20, 30]
    assert scene.detections == 1
    assert scene.regions == [HERE] * 11  # twice in the first frame
    assert scene.closed == 2


def test_landmarks_that_are_no_numbers_are_nobody() -> None:
    class Broken(Scene):
        broken = False

        def read(self, image: U8, region: Region) -> Reading:
            found = super().read(image, region)
            if self.broken:
                found.keypoints.world[5] = np.nan
            return found

    scene = Broken(HERE)
    with tracker(scene) as pose:
        assert pose.track(IMAGE, 0) is not None
        scene.broken = True
        assert pose.track(IMAGE, 1) is None
        scene.broken = False
        assert pose.track(IMAGE, 2) is not None


def test_follows_a_walk() -> None:
    scene = Scene(HERE)
    pose = tracker(scene)
    for i in range(20):
        scene.people = [Region(20 + 2 * i, 30, 40, 0.0)]
        assert pose.track(IMAGE, i / 30) is not None
    assert scene.detections == 1


def test_finds_again_at_once_where_the_person_jumped() -> None:
    scene = Scene(HERE)
    pose = tracker(scene)
    assert pose.track(IMAGE, 0.0) is not None
    scene.people = [THERE]
    found = pose.track(IMAGE, 0.5)
    assert found is not None
    assert found.xy[0].tolist() == [60, 30]
    assert scene.detections == 2


def test_nobody_costs_a_detection_now_and_then() -> None:
    scene = Scene()
    pose = tracker(scene)
    for i in range(31):
        assert pose.track(IMAGE, i / 30) is None
    assert scene.detections == pytest.approx(1 / DETECT_EVERY_S, abs=2)
    assert scene.regions == []


def test_low_frame_rate_detects_every_frame() -> None:
    scene = Scene()
    pose = tracker(scene)
    for i in range(5):
        assert pose.track(IMAGE, i / 5) is None
    assert scene.detections == 5


def test_comes_back() -> None:
    scene = Scene(HERE)
    pose = tracker(scene)
    assert pose.track(IMAGE, 0.0) is not None
    scene.people = []
    assert pose.track(IMAGE, 0.2) is None
    assert pose.track(IMAGE, 0.25) is None
    scene.people = [THERE]
    assert pose.track(IMAGE, 0.4) is not None


def test_next_best_detection_when_the_first_is_nobody() -> None:
    scene = Scene(HERE)
    ghost = Region(500, 500, 40, 0.0)

    def detect(image: U8) -> list[Detection]:
        return [Detection(0.9, region) for region in (ghost, HERE)]

    scene.detect = detect  # type: ignore[method-assign]
    assert tracker(scene).track(IMAGE, 0.0) is not None
    assert scene.regions == [ghost, HERE, HERE]


def test_another_size_starts_anew() -> None:
    scene = Scene(HERE)
    pose = tracker(scene)
    pose.track(IMAGE, 0.0)
    pose.track(np.zeros((80, 60, 3), np.uint8), 0.03)
    assert scene.detections == 2


def test_reset_forgets() -> None:
    scene = Scene(HERE)
    pose = tracker(scene)
    pose.track(IMAGE, 5.0)
    pose.reset()
    pose.track(IMAGE, 5.01)
    assert scene.detections == 2


def test_clock_that_goes_back() -> None:
    scene = Scene()
    pose = tracker(scene)
    pose.track(IMAGE, 100.0)
    scene.people = [HERE]
    assert pose.track(IMAGE, 0.0) is not None


def test_region_is_held_on_a_leash() -> None:
    scene = Scene(HERE)
    pose = tracker(scene)
    pose.track(IMAGE, 0.0)
    scene.people = [Region(20.5, 30, 40, 0.0)]  # within the slack of 0.8 px
    pose.track(IMAGE, 0.03)
    pose.track(IMAGE, 0.06)
    assert scene.regions[-1] == HERE


def saying(score: float, face: float) -> Callable[[U8, Region], Reading]:
    """A landmarker that answers every region with this; 0.02 * 40 = 0.8 px is face enough."""
    return lambda image, region: reading(score, region, 20, 30, face=face, next_region=HERE)


@pytest.mark.parametrize(
    ("score", "face", "found"),
    [(0.95, 0.9, True), (0.85, 0.9, False), (0.95, 0.7, False)],
    ids=["sure", "faint", "no face"],
)
def test_somebody_new_must_be_sure_and_have_a_face(score: float, face: float, found: bool) -> None:
    scene = Scene(HERE)
    scene.read = saying(score, face)  # type: ignore[method-assign, assignment]
    assert (tracker(scene).track(IMAGE, 0.0) is not None) == found


@pytest.mark.parametrize(
    ("score", "face", "kept"),
    [(0.6, 0.9, True), (0.95, 0.1, True), (0.6, 0.7, False), (0.4, 0.9, False)],
    ids=["faint", "looking down", "a hand", "gone"],
)
def test_somebody_known_may_look_down(score: float, face: float, kept: bool) -> None:
    scene = Scene(HERE)
    pose = tracker(scene)
    assert pose.track(IMAGE, 0.0) is not None
    scene.people = []
    scene.read = saying(score, face)  # type: ignore[method-assign, assignment]
    assert (pose.track(IMAGE, 0.03) is not None) == kept
