"""How the performer has moved away from the neutral: filtered, predicted, held, eased to idle."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from engines.blazepose import ARMS, EARS, FACE, HIPS, KNEES, LEGS, SHOULDERS
from engines.body.filter import OneEuro, smoothing
from engines.body.neutral import Neutral
from engines.types import F32, Keypoints

PREDICT_S, HOLD_S, EASE_S = 0.12, 0.6, 0.5
# The avatar's size is locked: a performer who comes nearer is measured smaller again. Slowly, and
# not within 12 %, so that a nod or a lean never makes it breathe.
SIZE_HZ, SIZE_ZONE = 0.3, 0.12
LARGEST = math.exp(1.2)  # times as large or as small: beyond it is a mistake
BELOW = HIPS + KNEES
WHOLE_CONF = 0.6  # surer than this of hips and knees: the whole performer is in the picture
TRUSTED_CONF, LEAST_TRUST = 0.8, 0.15  # from here on wholly trusted; never less than that
CONF_HZ = 4.0
# Head, torso, arm and hand, leg points: cutoff at rest (Hz) and beta (Hz per torso length / s).
# The trunk is pinned hard: a still torso that trembles looks worse than one that lags a little.
GROUPS = (
    (FACE, 0.8, 6.0),
    ((*SHOULDERS, *HIPS), 0.5, 5.0),
    ([*ARMS["L"][1:], *ARMS["R"][1:]], 1.5, 8.0),
    ([*LEGS["L"][1:], *LEGS["R"][1:]], 1.0, 6.0),
)


def _settings() -> tuple[F32, F32]:
    cutoff, beta = np.zeros((33, 1), np.float32), np.zeros((33, 1), np.float32)
    for group, rest_hz, gain in GROUPS:
        cutoff[list(group)], beta[list(group)] = rest_hz, gain
    return cutoff, beta


class Motion(NamedTuple):
    """How far the performer is from the neutral, as the compiled steps take it.

    offset: f32 (33, 2) torso lengths from the neutral; world: f32 (33, 3) m; conf: f32 (33,).

    presence: 0..1, how much of it counts: 1 while tracked, falling to 0 when tracking stays lost.
    """

    offset: F32
    world: F32
    conf: F32
    presence: float


class MotionFilter:
    """Causal filter of the landmarks; bridges short losses, lets go of long ones."""

    def __init__(self) -> None:
        cutoff, beta = _settings()
        self._offset = OneEuro(cutoff, beta)
        self._world = OneEuro(2.0, 6.0)
        self._conf: F32 = np.zeros(33, np.float32)
        self._time_s: float | None = None
        self._seen_s = 0.0
        self._presence = 0.0
        self._size = 0.0  # log of the performer's size against the neutral

    def reset(self) -> None:
        """Forget everything: the next keypoints pass unfiltered."""
        self.__init__()  # type: ignore[misc]

    def update(self, keypoints: Keypoints | None, neutral: Neutral, time_s: float) -> Motion:
        """One instant; ``keypoints`` None = nobody found in this frame."""
        dt = 1 / 30 if self._time_s is None else min(max(time_s - self._time_s, 1e-3), 0.5)
        first = self._time_s is None
        self._time_s = time_s
        if keypoints is None:
            return self._lost(dt, time_s)
        self._seen_s = time_s
        if first:
            self._conf = keypoints.conf.copy()
        else:
            self._conf = self._conf + np.float32(smoothing(CONF_HZ, dt)) * (
                keypoints.conf - self._conf
            )
        offset, trust = np.empty_like(keypoints.xy), np.empty((len(keypoints.xy), 1), np.float32)
        self._size = _measure(
            keypoints.xy, keypoints.conf, neutral, self._size, smoothing(SIZE_HZ, dt), offset, trust
        )
        self._offset.update(offset, dt, trust)
        self._world.update(keypoints.world, dt, trust)
        # A performer who comes back is picked up within a fifth of a second, not in one jump.
        self._presence = 1.0 if first else min(1.0, self._presence + dt / 0.2)
        return self._now()

    def _lost(self, dt: float, time_s: float) -> Motion:
        gone = time_s - self._seen_s
        offset = self._offset
        if offset.value is not None and offset.speed is not None and gone < PREDICT_S:
            offset.value = offset.value + offset.speed * np.float32(dt)
            offset.speed = offset.speed * np.float32(0.7)
        elif gone > HOLD_S:
            self._presence *= float(np.exp(-dt / EASE_S))
        return self._now()

    def _now(self) -> Motion:
        offset, world = self._offset.value, self._world.value
        return Motion(
            np.zeros((33, 2), np.float32) if offset is None else offset,
            np.zeros((33, 3), np.float32) if world is None else world,
            self._conf,
            self._presence,
        )


@numba.njit(cache=True, error_model="numpy")
def _measure(xy, conf, neutral, size, rate, offset, trust):  # type: ignore[no-untyped-def]
    """Offsets as if the performer stood as far away as at the neutral; returns the new size.

    size: log of the performer's size, eased by ``rate`` (0..1) to what is seen now. Writes offset,
    f32 (33, 2) torso lengths, and trust, f32 (33, 1).
    """
    sure = 1.0
    for point in BELOW:
        sure = min(sure, min(conf[point], neutral.conf[point]))
    whole = sure > WHOLE_CONF
    size += rate * (math.log(_growth(xy, neutral, whole)) - size)
    beyond = math.copysign(max(0.0, abs(size) - SIZE_ZONE), size)
    shrink = math.exp(-beyond)
    a, b = HIPS if whole else SHOULDERS
    for k in range(2):
        centre = (xy[a, k] + xy[b, k]) / 2
        for i in range(len(xy)):
            now = centre + (xy[i, k] - centre) * shrink
            offset[i, k] = (now - neutral.xy[i, k]) / neutral.unit
    for i in range(len(conf)):
        trust[i, 0] = min(1.0, max(LEAST_TRUST, conf[i] / TRUSTED_CONF))
    return size


@numba.njit(cache=True, error_model="numpy")
def _growth(xy, neutral, whole):  # type: ignore[no-untyped-def]
    """How many times as large as at the neutral the performer is in the picture."""
    shoulders = _ratio(xy, neutral.xy, SHOULDERS)
    if whole:  # turning narrows the shoulders, bending shortens the torso: the larger is right
        torso = 0.0
        for k in range(2):
            top = xy[SHOULDERS[0], k] + xy[SHOULDERS[1], k]
            torso += ((top - xy[HIPS[0], k] - xy[HIPS[1], k]) / 2) ** 2
        size = max(shoulders, math.sqrt(torso) / neutral.unit)
    else:  # hips at the picture's edge wander: believe what shoulders and head agree on
        ears = _ratio(xy, neutral.xy, EARS)
        low, high = min(shoulders, ears), max(shoulders, ears)
        size = low if low > 1 else min(high, 1.0)
    return min(LARGEST, max(1 / LARGEST, size))


@numba.njit(cache=True, error_model="numpy")
def _ratio(points, before, pair):  # type: ignore[no-untyped-def]
    """How much longer the line between a pair has become."""
    a, b = pair
    now = math.hypot(points[a, 0] - points[b, 0], points[a, 1] - points[b, 1])
    return now / max(math.hypot(before[a, 0] - before[b, 0], before[a, 1] - before[b, 1]), 1.0)
