"""The landmarks' names and groups."""

from __future__ import annotations

import numpy as np

from engines.blazepose import ARMS, EARS, FACE, LEGS, MIRROR, NOSE, SHOULDERS, middle
from tests.stick import standing


def test_each_landmark_is_named_once_in_face_arms_and_legs() -> None:
    named = [*FACE, *ARMS["L"], *ARMS["R"], *LEGS["L"], *LEGS["R"]]
    assert sorted(named) == list(range(33))
    assert ARMS["L"] == (11, 13, 15, 17, 19, 21)
    assert ARMS["R"].wrist == 16
    assert LEGS["L"].knee == 25
    assert LEGS["R"] == (24, 26, 28, 30, 32)


def test_left_and_right_are_the_persons_own() -> None:
    xy = standing().xy  # faces the camera: the left is at larger x
    for left, right in (EARS, SHOULDERS, *zip(ARMS["L"], ARMS["R"], strict=True)):
        assert xy[left, 0] > xy[right, 0]
    mirrored = xy[MIRROR]
    np.testing.assert_allclose(mirrored[:, 0] + xy[:, 0], 2 * xy[NOSE, 0], atol=1e-4)


def test_the_middle_of_a_pair() -> None:
    points = np.zeros((33, 2), np.float32)
    points[SHOULDERS[0]], points[SHOULDERS[1]] = (4, 2), (2, 6)
    assert middle(points, SHOULDERS).tolist() == [3, 4]
