from __future__ import annotations

import math

import numpy as np

from engines.body.filter import OneEuro, clip, ramp, smoothing


def test_smoothing_by_hand() -> None:
    # cutoff 1 Hz, dt 1 / (2 pi) s: half of the new sample
    assert abs(float(smoothing(1.0, 1 / (2 * math.pi))) - 0.5) < 1e-6


def test_ramp_and_clip_by_hand() -> None:
    assert [ramp(v, 0.2, 0.6) for v in (0.0, 0.2, 0.6, 1.0)] == [0, 0, 1, 1]
    assert abs(ramp(0.3, 0.2, 0.6) - 0.25) < 1e-12
    assert [clip(v, -1.0, 2.0) for v in (-3.0, 0.5, 3.0)] == [-1, 0.5, 2]


def test_one_step_by_hand() -> None:
    # dt 1 / (2 pi) s and 1 Hz: half of the new speed and, at beta 0, half of the new sample
    filter_ = OneEuro(1.0, 0.0, speed_cutoff_hz=1.0)
    filter_.update(np.zeros((1, 2), np.float32), 0.1)
    out = filter_.update(np.array([[2.0, -4.0]], np.float32), 1 / (2 * math.pi))
    np.testing.assert_allclose(out, [[1, -2]], rtol=1e-6)
    assert filter_.speed is not None
    np.testing.assert_allclose(filter_.speed, [[2 * math.pi, -4 * math.pi]], rtol=1e-6)


def test_first_sample_passes() -> None:
    sample = np.array([[3.0, 4.0]], np.float32)
    np.testing.assert_array_equal(OneEuro(1.0, 0.0).update(sample, 1 / 30), sample)


def test_noise_shrinks_and_fast_motion_is_followed() -> None:
    rng = np.random.default_rng(0)
    still = OneEuro(1.0, 5.0)
    out = np.array(
        [still.update(rng.normal(0, 0.003, (1, 2)).astype(np.float32), 1 / 30) for _ in range(200)]
    )
    assert out[50:].std() < 0.5 * 0.003
    fast = OneEuro(1.0, 5.0)
    for i in range(20):
        value = fast.update(np.array([[i * 0.1, 0]], np.float32), 1 / 30)
    assert value[0, 0] > 1.9 - 0.15  # less than two frames behind at 3 units per second


def test_both_coordinates_share_the_cutoff() -> None:
    filter_ = OneEuro(0.5, 20.0)
    filter_.update(np.zeros((1, 2), np.float32), 1 / 30)
    out = filter_.update(np.array([[1.0, 0.1]], np.float32), 1 / 30)
    assert abs(out[0, 1] / out[0, 0] - 0.1) < 1e-6


def test_a_distrusted_sample_moves_less() -> None:
    def step(trust: float) -> float:
        filter_ = OneEuro(1.0, 0.0)
        filter_.update(np.zeros((1, 2), np.float32), 1 / 30)
        return float(filter_.update(np.ones((1, 2), np.float32), 1 / 30, trust)[0, 0])

    assert step(0.2) < 0.4 * step(1.0)
