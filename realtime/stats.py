"""How long each stage takes and how many frames pass, over the last few seconds."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

KEPT = 300  # samples per stage: ten seconds at 30 frames per second
RATE_SPAN_S = 2.0


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0..1) of the values do not exceed (nearest rank).

    Raises ValueError if there are no values.
    """
    if not values:
        raise ValueError("percentile: got no values, wanted at least one")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(frozen=True, slots=True)
class StageStats:
    """One stage's durations, ms."""

    p50: float
    p95: float
    p99: float


class StageTimes:
    """Durations of named stages, the newest ``kept`` of each. Any thread may write or read."""

    def __init__(self, kept: int = KEPT, clock: Callable[[], float] = time.perf_counter) -> None:
        self._kept, self._clock = kept, clock
        self._lock = threading.Lock()
        self._samples: dict[str, deque[float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body: ``with times.stage("warp"): ...``."""
        start = self._clock()
        try:
            yield
        finally:
            self.add(name, self._clock() - start)

    def add(self, name: str, duration_s: float) -> None:
        with self._lock:
            samples = self._samples.get(name)
            if samples is None:
                samples = self._samples[name] = deque(maxlen=self._kept)
            samples.append(duration_s)

    def clear(self) -> None:
        """Forget what was measured, such as a warm-up."""
        with self._lock:
            self._samples.clear()

    def stats(self) -> dict[str, StageStats]:
        """p50, p95 and p99 of each stage in ms, in the order in which the stages first ran."""
        with self._lock:
            samples = {name: list(values) for name, values in self._samples.items()}
        return {
            name: StageStats(*(1e3 * percentile(values, share) for share in (0.5, 0.95, 0.99)))
            for name, values in samples.items()
        }


class Rate:
    """Events per second over the last ``span_s``. Any thread may write or read."""

    def __init__(
        self, span_s: float = RATE_SPAN_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._span_s, self._clock = span_s, clock
        self._lock = threading.Lock()
        self._times: deque[float] = deque()

    def tick(self) -> None:
        now = self._clock()
        with self._lock:
            self._times.append(now)
            self._forget(now)

    def per_second(self) -> float:
        """Events divided by the time they took; 0 where fewer than two are recent."""
        now = self._clock()
        with self._lock:
            self._forget(now)
            if len(self._times) < 2:
                return 0.0
            return (len(self._times) - 1) / max(self._times[-1] - self._times[0], 1e-9)

    def _forget(self, now: float) -> None:
        while self._times and now - self._times[0] > self._span_s:
            self._times.popleft()


class Load:
    """The share of the last seconds that was spent working, 0..1. Any thread may write or read."""

    def __init__(self, span_s: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._span_s, self._clock = span_s, clock
        self._lock = threading.Lock()
        self._work: deque[tuple[float, float]] = deque()  # (end, duration), s
        self._since = clock()

    def add(self, duration_s: float) -> None:
        """Count work that ends now."""
        with self._lock:
            self._work.append((self._clock(), duration_s))

    def share(self) -> float:
        now = self._clock()
        with self._lock:
            while self._work and now - self._work[0][0] > self._span_s:
                self._work.popleft()
            span = min(self._span_s, now - self._since)
            return min(1.0, sum(duration for _, duration in self._work) / max(span, 1e-9))


@dataclass(frozen=True, slots=True)
class StatsSnapshot:
    """What the page shows about one performance. fps_in, fps_out: frames per second."""

    fps_in: float
    fps_out: float
    dropped: int
    failures: int
    stages: Mapping[str, StageStats]
    backend: str
    tracking: bool

    def message(self) -> dict[str, object]:
        """The control channel's ``stats`` message."""
        stages = {
            name: {"p50": round(s.p50, 2), "p95": round(s.p95, 2), "p99": round(s.p99, 2)}
            for name, s in self.stages.items()
        }
        return {
            "type": "stats",
            "fps_in": round(self.fps_in, 1),
            "fps_out": round(self.fps_out, 1),
            "dropped": self.dropped,
            "failures": self.failures,
            "stages": stages,
            "backend": self.backend,
            "tracking": self.tracking,
        }
