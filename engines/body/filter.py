"""One-Euro filter: steady when still, quick when fast (Casiez et al., CHI 2012, section 3)."""

from __future__ import annotations

import math

import numba
import numpy as np

from engines.types import F32


@numba.njit(cache=True, error_model="numpy")
def smoothing(cutoff_hz: float, dt_s: float) -> float:
    """Weight of the new sample in a one-pole low-pass: 1 / (1 + 1 / (2 pi cutoff dt))."""
    rate = cutoff_hz * (2 * math.pi * dt_s)
    return rate / (1 + rate)


@numba.njit(cache=True, error_model="numpy")
def ramp(value: float, low: float, high: float) -> float:
    """0 up to ``low``, 1 from ``high`` on."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


@numba.njit(cache=True, error_model="numpy")
def clip(value: float, low: float, high: float) -> float:
    """The nearest number within low..high."""
    return min(high, max(low, value))


class OneEuro:
    """Filters points, f32 (N, D): the D coordinates of a point share one speed and one cutoff.

    min_cutoff_hz: f32 (N, 1) or one number, the cutoff at rest; beta: how much of the speed (units
    per second) is added to it. ``trust`` f32 (N, 1), 0..1, scales the cutoff of a sample, so that
    an uncertain point moves less.
    """

    def __init__(
        self, min_cutoff_hz: F32 | float, beta: F32 | float, speed_cutoff_hz: float = 4.0
    ) -> None:
        self.min_cutoff_hz = np.asarray(min_cutoff_hz, np.float32)
        self.beta = np.asarray(beta, np.float32)
        self.speed_cutoff_hz = speed_cutoff_hz
        self.value: F32 | None = None
        self.speed: F32 | None = None

    def reset(self) -> None:
        """Forget the past: the next sample passes unchanged."""
        self.value = self.speed = None

    def update(self, sample: F32, dt_s: float, trust: F32 | float = 1.0) -> F32:
        """The filtered sample; ``dt_s`` is the time since the last one, s."""
        if self.value is None or self.speed is None:
            self.value, self.speed = sample.astype(np.float32), np.zeros_like(sample, np.float32)
            self.min_cutoff_hz = _each(self.min_cutoff_hz, len(sample))
            self.beta = _each(self.beta, len(sample))
            return self.value
        if not isinstance(trust, np.ndarray):
            trust = _each(np.asarray(trust, np.float32), len(sample))
        value, speed = np.empty_like(self.value), np.empty_like(self.value)
        _step(
            sample, max(dt_s, 1e-3), trust, self.min_cutoff_hz, self.beta, self.speed_cutoff_hz,
            self.value, self.speed, value, speed,
        )  # fmt: skip
        self.value, self.speed = value, speed
        return value


def _each(setting: F32, points: int) -> F32:
    """One setting for all points, or one for each, as one for each: f32 (N, 1)."""
    return np.array(np.broadcast_to(setting, (points, 1)))


@numba.njit(cache=True, error_model="numpy")
def _step(sample, dt, trust, min_cutoff, beta, speed_cutoff, value, speed, new, new_speed):  # type: ignore[no-untyped-def]
    """One sample through the filter; writes new and new_speed, f32 (N, D) as value and speed."""
    follow = smoothing(speed_cutoff, dt)
    for i in range(sample.shape[0]):
        pace = 0.0
        for k in range(sample.shape[1]):
            velocity = (sample[i, k] - value[i, k]) / dt
            eased = speed[i, k] + follow * (velocity - speed[i, k])
            new_speed[i, k] = eased
            pace += eased * eased
        cutoff = (min_cutoff[i, 0] + beta[i, 0] * math.sqrt(pace)) * trust[i, 0]
        share = smoothing(cutoff, dt)
        for k in range(sample.shape[1]):
            new[i, k] = value[i, k] + share * (sample[i, k] - value[i, k])
