from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from engines.keypoints.region import SLACK, SLACK_TURN, Region, turn


def test_upright_region_from_points() -> None:
    # The end lies 40 px straight up: side 2 * 40 * 1.25, not turned.
    region = Region.from_points(np.array([100.0, 80.0]), np.array([100.0, 40.0]))
    assert (region.x, region.y) == (100, 80)
    assert region.side == pytest.approx(100)
    assert region.rotation == pytest.approx(0)


@pytest.mark.parametrize(
    ("end", "rotation"),
    [((140, 80), math.pi / 2), ((60, 80), -math.pi / 2), ((128, 52), math.pi / 4)],
)
def test_rotation_is_clockwise_from_up(end: tuple[float, float], rotation: float) -> None:
    region = Region.from_points(np.array([100.0, 80.0]), np.array(end))
    assert region.rotation == pytest.approx(rotation)


def test_head_down_is_half_a_turn() -> None:
    region = Region.from_points(np.array([0.0, 0.0]), np.array([0.0, 5.0]))
    assert abs(region.rotation) == pytest.approx(math.pi)


def test_to_image_upright() -> None:
    corners = np.array([[0, 0], [1, 0], [0.5, 0.5], [1, 1]])
    np.testing.assert_allclose(
        Region(50, 60, 20, 0).to_image(corners), [[40, 50], [60, 50], [50, 60], [60, 70]]
    )


def test_to_image_turned_right() -> None:
    # A quarter turn clockwise: the crop's top middle is the square's right middle.
    points = Region(50, 60, 20, math.pi / 2).to_image(np.array([[0.5, 0.0], [0.0, 0.5]]))
    np.testing.assert_allclose(points, [[60, 60], [50, 50]], atol=1e-5)


def test_the_end_point_comes_to_the_crop_s_upper_middle() -> None:
    centre, end = np.array([30.0, 40.0]), np.array([47.0, 21.0])
    region = Region.from_points(centre, end)
    # Half a side is 1.25 times the distance: the end lies 0.4 of the side above the middle.
    np.testing.assert_allclose(region.to_image(np.array([[0.5, 0.1]])), [end], rtol=1e-5)


def test_crop_copies_an_aligned_square() -> None:
    image = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    out = np.empty((4, 4, 3), np.uint8)
    Region(4, 4, 4, 0).crop(image, out, cv2.BORDER_CONSTANT)
    np.testing.assert_array_equal(out, image[2:6, 2:6])


def test_crop_borders() -> None:
    image = np.full((4, 4, 3), 200, np.uint8)
    black, repeated = np.empty((2, 8, 8, 3), np.uint8)
    Region(0, 0, 8, 0).crop(image, black, cv2.BORDER_CONSTANT)
    Region(0, 0, 8, 0).crop(image, repeated, cv2.BORDER_REPLICATE)
    assert black[:4, :4].max() == 0
    assert black[4:, 4:].min() == 200
    assert repeated.min() == 200


@pytest.mark.parametrize(
    ("angle", "same"),
    [(0, 0), (math.pi, -math.pi), (3.5 * math.pi, -0.5 * math.pi), (-7, -7 + 2 * math.pi)],
)
def test_turn(angle: float, same: float) -> None:
    assert turn(angle) == pytest.approx(same)


def test_leash_holds_still_within_the_slack() -> None:
    region = Region(100, 100, 200, 0.1)
    near = Region(102, 98, 203, 0.12)
    assert region.towards(near) == region


def test_leash_follows_beyond_the_slack() -> None:
    region = Region(100, 100, 200, 0.0)
    # 30 px to the right with a slack of 0.02 * 200 = 4 px.
    moved = region.towards(Region(130, 100, 200, 0.0))
    assert moved.x == pytest.approx(130 - 200 * SLACK)
    assert moved.y == 100
    grown = region.towards(Region(100, 100, 400, 0.0))
    assert grown.side == pytest.approx(400 * math.exp(-SLACK))
    turned = region.towards(Region(100, 100, 200, -0.5))
    assert turned.rotation == pytest.approx(-0.5 + SLACK_TURN)


def test_leash_turns_the_short_way() -> None:
    turned = Region(0, 0, 10, 3.1).towards(Region(0, 0, 10, -3.1))
    assert turned.rotation == pytest.approx(turn(-3.1 - SLACK_TURN))
