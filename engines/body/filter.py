"""One-Euro filter: steady when still, quick when fast (Casiez et al., CHI 2012, section 3)."""

from __future__ import annotations

import math

import numpy as np

from engines.types import F32


def smoothing(cutoff_hz: F32 | float, dt_s: float) -> F32:
    """Weight of the new sample in a one-pole low-pass: 1 / (1 + 1 / (2 pi cutoff dt))."""
    rate = np.asarray(cutoff_hz, np.float32) * np.float32(2 * math.pi * dt_s)
    return np.asarray(rate / (1 + rate), np.float32)


def ramp(value: float, low: float, high: float) -> float:
    """0 up to ``low``, 1 from ``high`` on."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


class OneEuro:
    """Filters points, f32 (N, D): the D coordinates of a point share one speed and one cutoff.

    min_cutoff_hz: f32 (N, 1) or one number, the cutoff at rest; beta: how much of the speed (units
    per second) is added to it. ``trust`` (N, 1), 0..1, scales the cutoff of a sample, so that an
    uncertain point moves less.
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
            return self.value
        dt_s = max(dt_s, 1e-3)
        velocity = (sample - self.value) / np.float32(dt_s)
        self.speed = self.speed + smoothing(self.speed_cutoff_hz, dt_s) * (velocity - self.speed)
        pace = np.linalg.norm(self.speed, axis=1, keepdims=True)
        cutoff = (self.min_cutoff_hz + self.beta * pace) * trust
        self.value = (self.value + smoothing(cutoff, dt_s) * (sample - self.value)).astype(
            np.float32
        )
        return self.value
