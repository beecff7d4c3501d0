from __future__ import annotations

import math

import numpy as np
import pytest

from engines.body.rotation import about, facing, part, swing, vector_of


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
