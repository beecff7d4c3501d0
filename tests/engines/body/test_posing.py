from __future__ import annotations

import numpy as np

from engines.body.posing import place, posing_of, turn_of
from engines.body.rest import rest_of
from engines.body.rotation import about
from tests.stick import standing, stick_body

BODY, REFERENCE = stick_body(standing())


def test_nothing_placed_is_the_photos_pose() -> None:
    rest = rest_of(BODY, REFERENCE)
    posing = posing_of(rest)
    pose = posing.pose(REFERENCE.camera, 0.5)
    np.testing.assert_array_equal(pose.rotations, REFERENCE.rotations)
    np.testing.assert_array_equal(pose.stretch, REFERENCE.stretch)
    np.testing.assert_array_equal(pose.root, REFERENCE.root)
    np.testing.assert_array_equal(pose.conf, np.float32(0.5))
    assert not posing.known.any()
    assert not np.shares_memory(posing.rotations, rest.rotations)


def test_place_and_turn_of_agree_with_the_chain_by_hand() -> None:
    parents = np.array([-1, 0, 1, 2], np.int32)
    rng = np.random.default_rng(0)
    local = np.stack([about(rng.normal(size=3)) for _ in range(4)])
    reference = np.stack([about(rng.normal(size=3)) for _ in range(4)])
    turns, known = np.zeros((4, 3, 3)), np.zeros(4, np.bool_)
    rotations = local.copy()
    relative = about(np.array([0.1, 0.2, 0.3]))
    place(2, relative, parents, reference, rotations, turns, known)
    above = local[0] @ local[1]
    np.testing.assert_allclose(turns[2], relative @ reference[2], atol=1e-12)
    np.testing.assert_allclose(above @ rotations[2], relative @ reference[2], atol=1e-12)
    last = turn_of(3, parents, rotations, turns, known)
    np.testing.assert_allclose(last, relative @ reference[2] @ local[3], atol=1e-12)
