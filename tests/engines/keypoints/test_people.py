from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from engines.keypoints import people
from engines.keypoints.people import PeopleFinder, find_people, quality, quarters, to_person, whole
from engines.keypoints.region import Region
from engines.keypoints.tracker import PoseTracker
from engines.types import U8
from export.keypoints_cases import cases, halved, on_canvas
from tests.engines.keypoints.fakes import reading

REGION = Region(50, 50, 100, 0.0)


@pytest.fixture(scope="module")
def pictures() -> dict[str, U8]:
    return cases()


@pytest.fixture(scope="module")
def finder() -> Iterator[PeopleFinder]:
    with PeopleFinder(threads=1) as open_finder:
        yield open_finder


def test_views() -> None:
    assert whole(100, 40) == [(0, 0, 40, 100), (-20, -50, 60, 150)]
    assert quarters(80, 160) == [
        (0, 0, 100, 50), (60, 0, 160, 50), (0, 30, 100, 80), (60, 30, 160, 80)
    ]  # fmt: skip
    assert quarters(1, 1) == [(0, 0, 1, 1)] * 4


def test_cut_reaches_out() -> None:
    image = np.full((4, 6, 3), 9, np.uint8)
    cut = people._cut(image, -2, 1, 4, 6)
    assert cut.shape == (5, 6, 3)
    assert cut[:3, 2:].min() == 9
    assert cut[3:].max() == cut[:, :2].max() == 0


def test_distinct_keeps_the_best_of_a_face() -> None:
    # Side 100: faces nearer than 8 px are one.
    poor = reading(0.8, REGION, 50, 20)
    good = reading(0.9, REGION, 55, 20)
    other = reading(0.6, REGION, 70, 20)
    kept = people._distinct([(REGION, poor), (REGION, good), (REGION, other)])
    assert [one for _, one in kept] == [good, other]


def test_quality() -> None:
    assert quality(REGION, reading(0.8, REGION, conf=1.0)) == pytest.approx(0.8)
    assert quality(REGION, reading(0.8, REGION, conf=0.5)) == pytest.approx(0.8 * 0.85)
    # Eyes 2 px above the mouth want a side of 54 px.
    face = reading(1.0, REGION)
    face.keypoints.xy[[9, 10], 1] += 2
    assert quality(Region(0, 0, 60, 0.0), face) == pytest.approx(1)
    assert quality(Region(0, 0, 27, 0.0), face) == pytest.approx(0.5)


def test_a_reading_without_mask() -> None:
    with pytest.raises(ValueError, match="no mask"):
        to_person(np.zeros((9, 9, 3), np.uint8), REGION, reading(1, REGION))


def test_the_astronaut(pictures: dict[str, U8]) -> None:
    found = find_people(pictures["astronaut"])
    assert len(found) == 1
    person = found[0]
    assert person.mask.shape == (512, 512)
    assert person.score > 0.9
    nose, left_shoulder, right_shoulder = person.keypoints.xy[[0, 11, 12]]
    np.testing.assert_allclose(nose, [224, 124], atol=15)
    assert left_shoulder[0] > nose[0] > right_shoulder[0]
    assert person.mask[300, 220] > 0.9  # the suit
    assert person.mask[30, 480] < 0.1  # the wall
    assert person.box[0] < 100
    assert person.box[2] > 340
    assert person.box[3] == 512


def test_two_people_largest_first(finder: PeopleFinder, pictures: dict[str, U8]) -> None:
    image = np.concatenate(
        [on_canvas(halved(pictures["astronaut"]), 512, 256), pictures["astronaut"]], axis=1
    )
    found = finder.find(image)
    assert len(found) == 2
    assert found[0].mask.sum() > found[1].mask.sum()
    assert found[0].keypoints.xy[0, 0] > 256 > found[1].keypoints.xy[0, 0]


@pytest.mark.parametrize(
    "shape", [(16, 16), (1, 1), (480, 640), (3, 500)], ids=lambda s: f"{s[0]}x{s[1]}"
)
def test_nobody(finder: PeopleFinder, shape: tuple[int, int]) -> None:
    assert finder.find(np.full((*shape, 3), 128, np.uint8)) == []


def test_tracker_on_the_real_networks(pictures: dict[str, U8]) -> None:
    image = pictures["astronaut"]
    with PoseTracker() as tracker:
        for shift in range(0, 40, 8):
            moved = np.roll(image, shift, axis=1)
            found = tracker.track(moved, shift / 100)
            assert found is not None
            np.testing.assert_allclose(found.xy[0], [224 + shift, 124], atol=15)
        portrait = np.ascontiguousarray(image[:, 100:380])
        assert tracker.track(portrait, 1.0) is not None
        assert tracker.track(np.zeros((16, 16, 3), np.uint8), 1.1) is None
        assert tracker.track(np.zeros((480, 640, 3), np.uint8), 1.2) is None
        back = tracker.track(image, 1.3)
        assert back is not None
        # Body axes: her left shoulder at larger x, the head above, the nose nearer than the ears.
        assert back.world[11, 0] > back.world[12, 0]
        assert back.world[0, 1] < back.world[11, 1]
        assert back.world[0, 2] < back.world[[7, 8], 2].mean()
        assert math.isfinite(float(back.z.sum()))
