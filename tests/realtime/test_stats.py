"""Percentiles, rates and loads from plain numbers and a clock that we turn."""

from __future__ import annotations

import pytest

from realtime.stats import Load, Rate, StageStats, StageTimes, StatsSnapshot, percentile


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_percentile_is_the_nearest_rank() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert percentile(values, 0.5) == 3.0
    assert percentile(values, 0.95) == 5.0
    assert percentile(values, 0.2) == 1.0
    assert percentile(values, 0.0) == 1.0
    assert percentile([7.0], 0.99) == 7.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_stage_times_keep_the_newest() -> None:
    clock = Clock()
    times = StageTimes(kept=2, clock=clock)
    for duration in (9.0, 0.001, 0.003):
        with times.stage("warp"):
            clock.now += duration
    stats = times.stats()["warp"]
    assert stats.p50 == pytest.approx(1.0)
    assert stats.p99 == pytest.approx(3.0)
    times.clear()
    assert times.stats() == {}


def test_a_failing_stage_is_timed_too() -> None:
    times = StageTimes(clock=Clock())
    with pytest.raises(KeyError), times.stage("solve"):
        raise KeyError
    assert list(times.stats()) == ["solve"]


def test_rate_counts_recent_events() -> None:
    clock = Clock()
    rate = Rate(span_s=2.0, clock=clock)
    assert rate.per_second() == 0.0
    for _ in range(31):
        rate.tick()
        clock.now += 1 / 30
    assert rate.per_second() == pytest.approx(30.0)
    clock.now += 3.0
    assert rate.per_second() == 0.0


def test_load_is_the_share_of_the_span() -> None:
    clock = Clock()
    load = Load(span_s=5.0, clock=clock)
    clock.now += 1.0
    load.add(0.25)
    assert load.share() == pytest.approx(0.25)
    clock.now += 9.0
    load.add(2.0)
    assert load.share() == pytest.approx(0.4)
    load.add(5.0)
    assert load.share() == 1.0


def test_snapshot_as_a_message() -> None:
    snapshot = StatsSnapshot(
        29.97, 30.02, 3, 0, {"warp": StageStats(1.234, 2.0, 3.0)}, "cpu", tracking=False
    )
    assert snapshot.message() == {
        "type": "stats",
        "fps_in": 30.0,
        "fps_out": 30.0,
        "dropped": 3,
        "failures": 0,
        "stages": {"warp": {"p50": 1.23, "p95": 2.0, "p99": 3.0}},
        "backend": "cpu",
        "tracking": False,
    }
