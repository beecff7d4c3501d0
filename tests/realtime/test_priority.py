"""The compute thread's share of the processor."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from realtime import priority
from realtime import worker as worker_module
from realtime.worker import Worker

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has classes instead")


def test_the_calling_thread_alone_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, int]] = []
    monkeypatch.setattr(os, "setpriority", lambda *what: asked.append(what))
    worker = Worker()
    thread = worker.submit(threading.get_native_id).result()
    worker.close()
    who = thread if sys.platform == "linux" else 0
    assert asked == [(os.PRIO_PROCESS, who, priority.NICE)]


def test_refusal_is_said_and_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*what: int) -> None:
        raise PermissionError("not allowed")

    monkeypatch.setattr(os, "setpriority", refuse)
    said: list[str] = []
    monkeypatch.setattr(worker_module.log, "info", said.append)
    assert not priority.granted()
    worker = Worker()
    assert worker.submit(lambda: 7).result() == 7
    worker.close()
    assert ["no priority" in line for line in said] == [True]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps it by thread")
def test_trying_leaves_the_asker_as_it_was() -> None:
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    priority.granted()
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
