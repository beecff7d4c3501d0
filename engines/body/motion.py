"""How the performer has moved away from the neutral: filtered, predicted, held, eased to idle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.blazepose import ARMS, EARS, FACE, HIPS, KNEES, LEGS, SHOULDERS, middle
from engines.body.filter import OneEuro, smoothing
from engines.body.neutral import Neutral
from engines.types import F32, Keypoints

PREDICT_S, HOLD_S, EASE_S = 0.12, 0.6, 0.5
# The avatar's size is locked: a performer who comes nearer is measured smaller again. Slowly, and
# not within 12 %, so that a nod or a lean never makes it breathe.
SIZE_HZ, SIZE_ZONE = 0.3, 0.12
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


@dataclass(frozen=True, slots=True)
class Motion:
    """offset: f32 (33, 2) torso lengths from the neutral; world: f32 (33, 3) m; conf: f32 (33,).

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
            self._conf = self._conf + smoothing(4.0, dt) * (keypoints.conf - self._conf)
        xy = self._at_neutral_size(keypoints, neutral, dt)
        offset = (xy - neutral.xy) / np.float32(neutral.unit)
        trust = np.clip(keypoints.conf / 0.8, 0.15, 1.0).astype(np.float32)[:, None]
        self._offset.update(offset, dt, trust)
        self._world.update(keypoints.world, dt, trust)
        # A performer who comes back is picked up within a fifth of a second, not in one jump.
        self._presence = 1.0 if first else min(1.0, self._presence + dt / 0.2)
        return self._now()

    def _at_neutral_size(self, keypoints: Keypoints, neutral: Neutral, dt: float) -> F32:
        """The landmarks as if the performer stood as far away as at the neutral, f32 (33, 2) px."""
        xy = keypoints.xy
        below = list(HIPS + KNEES)
        whole = float(min(keypoints.conf[below].min(), neutral.conf[below].min())) > 0.6
        shoulders = _ratio(xy, neutral.xy, *SHOULDERS)
        if whole:  # turning narrows the shoulders, bending shortens the torso: the larger is right
            torso = middle(xy, SHOULDERS) - middle(xy, HIPS)
            size = max(shoulders, float(np.linalg.norm(torso)) / neutral.unit)
        else:  # hips at the picture's edge wander: believe what shoulders and head agree on
            low, high = sorted((shoulders, _ratio(xy, neutral.xy, *EARS)))
            size = low if low > 1 else min(high, 1.0)
        goal = float(np.clip(np.log(max(size, 1e-3)), -1.2, 1.2))
        self._size += float(smoothing(SIZE_HZ, dt)) * (goal - self._size)
        beyond = np.sign(self._size) * max(0.0, abs(self._size) - SIZE_ZONE)
        centre = middle(xy, HIPS if whole else SHOULDERS)
        return np.asarray(centre + (xy - centre) * np.exp(-beyond), np.float32)

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


def _ratio(points: F32, before: F32, a: int, b: int) -> float:
    """How much longer the line from a to b has become."""
    length = float(np.linalg.norm(before[a] - before[b]))
    return float(np.linalg.norm(points[a] - points[b])) / max(length, 1.0)
