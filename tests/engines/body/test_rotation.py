from __future__ import annotations

import math

import numpy as np
import pytest

from engines.body.rotation import (
    about,
    dot,
    facing,
    image,
    length,
    limited,
    line,
    part,
    product,
    swing,
    times,
    vector_of,
)


def test_quarter_turn_about_z_takes_x_to_y() -> None:
    turn = about(np.array([0, 0, math.pi / 2]))
    np.testing.assert_allclose(turn @ [1, 0, 0], [0, 1, 0], atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 1e-7, 0.3, 3.0, math.pi - 1e-5, math.pi])
def test_vector_of_inverts_about(angle: float) -> None:
    vector = np.array([2.0, -1.0, 0.5])
    vector *= angle / np.linalg.norm(vector)
    back = about(vector_of(about(vector)))
    np.testing.assert_allclose(back, about(vector), atol=1e-6)


def test_half_a_part_done_twice_is_the_whole() -> None:
    turn = about(np.array([0.4, -1.1, 0.7]))
    np.testing.assert_allclose(part(turn, 0.5) @ part(turn, 0.5), turn, atol=1e-12)


@pytest.mark.parametrize("b", [[0, 1.0, 0], [2.0, 0, 0], [-3.0, 0, 0], [1.0, 2.0, -0.5]])
def test_swing_takes_direction_to_direction(b: list[float]) -> None:
    a, goal = np.array([1.5, 0, 0]), np.array(b)
    got = swing(a, goal) @ a
    np.testing.assert_allclose(got / np.linalg.norm(got), goal / np.linalg.norm(goal), atol=1e-9)


def test_facing_is_a_rotation_that_keeps_the_front_in_front() -> None:
    before, after = np.array([0.1, 1.0, 0.2]), np.array([-1.0, -0.4, -0.6])
    frame = facing(after)
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(frame) > 0.999
    turn = facing(after) @ facing(before).T
    got = turn @ before
    np.testing.assert_allclose(got / np.linalg.norm(got), after / np.linalg.norm(after), atol=1e-9)
    # the side that looked at the camera (-z, made perpendicular to the limb) still does
    normal = facing(before)[:, 2]
    assert (turn @ normal)[2] > 0


def test_products_are_numpys() -> None:
    a, b = np.arange(9.0).reshape(3, 3), np.array([[2.0, 0, 1], [0, 1, 0], [-1, 3, 0]])
    np.testing.assert_array_equal(product(a, b), a @ b)
    np.testing.assert_array_equal(product(a.T, b), a.T @ b)
    np.testing.assert_array_equal(image(a, np.array([1.0, 2.0, 3.0])), [8, 26, 44])


def test_vectors_by_hand() -> None:
    assert length(np.array([3.0, 4.0])) == 5
    assert length(np.array([2.0, -3.0, 6.0])) == 7
    assert dot(np.array([1.0, 2.0, 3.0]), np.array([4.0, -5.0, 6.0])) == 12
    np.testing.assert_array_equal(times(np.array([1.0, -2.0, 3.0]), 2.0), [2, -4, 6])
    points = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [4.0, 3.0, 1.0]])
    np.testing.assert_array_equal(line(points, 0, 2), [3, 2, 0])


def test_a_turn_is_cut_short_only_beyond_its_limit() -> None:
    quarter = np.array([0.0, 0.0, math.pi / 2])
    np.testing.assert_allclose(limited(quarter, 2.0), about(quarter), atol=1e-12)
    np.testing.assert_allclose(limited(quarter, 0.5), about(np.array([0, 0, 0.5])), atol=1e-12)
    np.testing.assert_array_equal(limited(np.zeros(3), 0.5), np.eye(3))
