"""Changes built beside the frames: the newest of each kind, one at a time, not too often."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from realtime import changes
from realtime.changes import Build, Changes


class Bench:
    """Builds what it is given once it is let; keeps what was put in place."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.begun = threading.Event()
        self.placed: list[str] = []
        self.threads: set[int] = set()
        self.changes = Changes(self._make)

    def build(self, what: str) -> Build:
        def build() -> Callable[[], None]:
            self.begun.set()
            assert self.let.wait(10)
            return lambda: self.placed.append(what)

        return build

    def _make(self, build: Build) -> bool:
        self.threads.add(threading.get_ident())
        build()()
        return True


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(changes, "PAUSE_S", 0.0)
    return Bench()


def test_only_the_newest_of_a_kind_is_built(bench: Bench) -> None:
    first = bench.changes.ask("background", bench.build("a"))
    assert bench.begun.wait(10)  # too late to overtake it
    overtaken = [bench.changes.ask("background", bench.build(f"b{i}")) for i in range(50)]
    avatar = bench.changes.ask("avatar", bench.build("tom"))
    newest = bench.changes.ask("background", bench.build("c"))
    assert all(future.result(0) is False for future in overtaken)
    bench.let.set()
    assert first.result(10)
    assert avatar.result(10)
    assert newest.result(10)
    assert bench.placed == ["a", "c", "tom"]
    assert len(bench.threads) == 1
    assert threading.get_ident() not in bench.threads
    bench.changes.close()


def test_who_stops_waiting_stops_nothing(bench: Bench) -> None:
    first = bench.changes.ask("avatar", bench.build("a"))
    assert bench.begun.wait(10)
    left = [bench.changes.ask("avatar", bench.build("b"))]
    assert not left[0].cancel()
    newest = bench.changes.ask("avatar", bench.build("c"))
    left.append(bench.changes.ask("background", bench.build("d")))
    assert not left[1].cancel()
    bench.let.set()
    assert first.result(10)
    assert newest.result(10)
    assert left[0].result(10) is False
    assert left[1].result(10)
    bench.changes.close()


def test_a_pause_lies_between_two_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PAUSE_S", 60.0)
    bench = Bench()
    bench.let.set()
    assert bench.changes.ask("background", bench.build("a")).result(10)
    waiting = bench.changes.ask("background", bench.build("b"))
    assert not waiting.done()
    bench.changes.close()  # ends the pause too
    assert waiting.result(10) is False
    assert bench.changes.ask("background", bench.build("c")).result(10) is False
    assert bench.placed == ["a"]


def test_what_goes_wrong_is_told(bench: Bench) -> None:
    def fail() -> Callable[[], None]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bench.changes.ask("avatar", fail).result(10)
    bench.let.set()
    assert bench.changes.ask("avatar", bench.build("tom")).result(10)
    bench.changes.close()


def test_who_waits_may_give_up_without_harm(bench: Bench) -> None:
    first = bench.changes.ask("avatar", bench.build("a"))
    assert bench.begun.wait(10)
    waiting = bench.changes.ask("avatar", bench.build("b"))
    assert not first.cancel()
    assert not waiting.cancel()
    newest = bench.changes.ask("avatar", bench.build("c"))
    assert waiting.result(0) is False
    bench.changes.close()
    assert newest.result(0) is False
    bench.let.set()
    assert first.result(10)
