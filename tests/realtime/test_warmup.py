"""The first start compiles, and says so only where it takes long."""

from __future__ import annotations

import io
import time

import pytest

from realtime import warmup
from realtime.warmup import warm_up
from tests.realtime.sample import bundled


def test_a_quick_start_needs_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmup, "SILENT_S", 1e9)
    out = io.StringIO()
    warm_up(bundled(), out)
    assert out.getvalue() == ""


def test_a_slow_one_says_what_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmup, "SILENT_S", -1.0)
    out = io.StringIO()
    warm_up(bundled(), out)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("first start: compiling kernels")
    steps = [line.split(":")[0].strip() for line in lines[1:-1]]
    assert steps == ["drawing kernels", "models and landmarks", "tracking and solve", "drawing"]
    assert lines[-1].startswith("ready after")


def test_the_word_comes_while_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    heard: list[str] = []

    def slow(progress: object) -> None:
        deadline = time.monotonic() + 10
        while not out.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        heard.append(out.getvalue())

    monkeypatch.setattr(warmup, "SILENT_S", 0.05)
    monkeypatch.setattr(warmup, "warm_up_kernels", slow)
    warm_up(bundled(), out)
    assert heard[0].startswith("first start: compiling kernels")
