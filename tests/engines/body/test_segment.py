from __future__ import annotations

import math

import numpy as np
import pytest

from engines.body.posing import place, turn_of
from engines.body.rotation import F64, about
from engines.body.segment import carried, lift, mix

REST = np.eye(3)


def follow(
    reference: list[float],
    before: list[float],
    now: list[float],
    depths: tuple[float, float] = (0.0, 0.0),
    believed: float = 1.0,
    weight: float = 1.0,
    reach: float = 100.0,
) -> F64:
    ref, a, b = (np.array(v, np.float64) for v in (reference, before, now))
    return np.asarray(carried(ref, REST, a, b, depths, reach, believed, weight))


def test_lift_keeps_the_picture_and_takes_depth_from_the_length() -> None:
    np.testing.assert_allclose(lift(0.6, 0.0, 1.0), [0.6, 0, 0.8])
    np.testing.assert_allclose(lift(0.6, 0.0, -1.0), [0.6, 0, -0.8])
    np.testing.assert_allclose(lift(0.6, 0.0, 0.0), [0.6, 0, 0])
    np.testing.assert_allclose(lift(3.0, 4.0, 1.0), [0.6, 0.8, 0])


@pytest.mark.parametrize("reference", [[0.0, 90.0, 0.0], [60.0, 50.0, -30.0], [10.0, -80.0, 40.0]])
def test_at_the_neutral_the_photo_comes_back(reference: list[float]) -> None:
    before = [20.0, 90.0]
    np.testing.assert_allclose(
        follow(reference, before, before, (0.02, 0.02)), reference, atol=1e-9
    )


def test_near_the_neutral_a_longer_drawn_segment_is_drawn_longer() -> None:
    # the performer's neutral was foreshortened (90 of 100), the photo's arm was not
    out = follow([0.0, 90.0, 0.0], [0.0, 90.0], [0.0, 96.0])
    assert out[1] == pytest.approx(96.0, abs=0.5)


def test_far_from_the_neutral_the_performers_direction_is_copied() -> None:
    out = follow([0.0, 50.0, 0.0], [30.0, 90.0], [0.0, -100.0])
    np.testing.assert_allclose(out, [0, -50, 0], atol=1e-6)


def test_weight_zero_rests() -> None:
    np.testing.assert_allclose(
        follow([0.0, 50.0, 5.0], [0.0, 90.0], [90.0, 0.0], weight=0.0), [0, 50, 5]
    )


def test_mix_turns_instead_of_cutting_through() -> None:
    half = mix(np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), 0.5)
    np.testing.assert_allclose(half, [math.sqrt(0.5), math.sqrt(0.5), 0])


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
