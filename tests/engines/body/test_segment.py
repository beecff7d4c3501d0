from __future__ import annotations

import math

import numpy as np
import pytest

from engines.body.rotation import F64
from engines.body.segment import carried, lift, mix, still_share

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


def test_a_still_offset_counts_by_half_at_the_zones_edge() -> None:
    assert still_share(3.0, 4.0, 5.0) == pytest.approx(0.5)
    assert still_share(0.0, 0.0, 5.0) == 0
    assert still_share(0.0, 50.0, 5.0) == pytest.approx(100 / 101)
