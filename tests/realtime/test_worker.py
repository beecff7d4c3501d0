"""The compute thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from realtime.worker import Worker


class Steps:
    """Has a number of frames and notes the order in which they are worked on."""

    def __init__(self, name: str, frames: int, log: list[str]) -> None:
        self.name, self.frames, self.log = name, frames, log
        self.threads: set[str] = set()

    def step(self) -> bool:
        if self.frames == 0:
            return False
        self.frames -= 1
        self.log.append(self.name)
        self.threads.add(threading.current_thread().name)
        return True


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.close()


def test_steppers_take_turns(worker: Worker) -> None:
    log: list[str] = []
    a, b = Steps("a", 3, log), Steps("b", 3, log)

    def add_both() -> None:
        worker.add(a)
        worker.add(b)

    worker.submit(add_both).result(2)
    while a.frames or b.frames:
        worker.submit(lambda: None).result(2)
    assert log == ["a", "b", "a", "b", "a", "b"]
    assert a.threads == b.threads == {"compute"}


def test_a_removed_stepper_is_not_stepped(worker: Worker) -> None:
    log: list[str] = []
    a = Steps("a", 0, log)
    worker.add(a)
    worker.remove(a)
    worker.remove(a)
    a.frames = 1
    worker.wake()
    worker.submit(lambda: None).result(2)
    worker.submit(lambda: None).result(2)
    assert log == []


def test_calls_run_on_the_thread_and_return(worker: Worker) -> None:
    assert worker.submit(lambda: threading.current_thread().name).result(2) == "compute"
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 // 0).result(2)
    assert worker.submit(lambda: 5).result(2) == 5


def test_close_runs_what_was_submitted() -> None:
    worker = Worker()
    gate = threading.Event()
    worker.submit(lambda: gate.wait(2))
    last = worker.submit(lambda: "done")
    gate.set()
    worker.close()
    assert last.result(0) == "done"
    with pytest.raises(RuntimeError):
        worker.submit(lambda: None)


def test_work_counts_as_load(worker: Worker) -> None:
    assert worker.load.share() == 0.0
    a = Steps("a", 2, [])
    worker.add(a)
    while a.frames:
        worker.submit(lambda: None).result(2)
    worker.submit(lambda: None).result(2)
    assert worker.load.share() > 0.0
