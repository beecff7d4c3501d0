"""The compute thread: the one thread that turns frames into pictures, for every session."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from realtime import priority
from realtime.stats import Load

T = TypeVar("T")
log = logging.getLogger(__name__)


class Stepper(Protocol):
    """Has frames to work on now and then."""

    def step(self) -> bool:
        """Work on one frame; False if there is none. Must not raise."""


class Worker:
    """One thread that steps its steppers in turn, each at most one frame at a time.

    ``wake`` tells it that a stepper has a frame. ``submit`` runs a call between two frames.
    """

    def __init__(self) -> None:
        self.load = Load()
        self._condition = threading.Condition()
        self._steppers: list[Stepper] = []
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._awake = False
        self._closed = False
        self._next = 0
        self._thread = threading.Thread(target=self._run, name="compute", daemon=True)
        self._thread.start()

    def add(self, stepper: Stepper) -> None:
        with self._condition:
            self._steppers.append(stepper)
        self.wake()

    def remove(self, stepper: Stepper) -> None:
        """Never step it again, but for a step that is running now (``submit`` waits that out)."""
        with self._condition:
            if stepper in self._steppers:
                self._steppers.remove(stepper)

    def wake(self) -> None:
        """There is something to do. Any thread."""
        with self._condition:
            self._awake = True
            self._condition.notify()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Run a call on the compute thread between two frames. Any thread."""
        future: Future[T] = Future()
        with self._condition:
            if self._closed:
                raise RuntimeError("the compute thread is closed")
            self._calls.append((future, call))
        self.wake()
        return future

    def close(self) -> None:
        """Finish the frame and the calls at hand, then end the thread."""
        with self._condition:
            self._closed = True
        self.wake()
        self._thread.join()

    def _run(self) -> None:
        if not priority.ask():
            log.info("the system grants no priority: a busy browser will cost frames (doctor)")
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._awake)
                self._awake = False
                closed = self._closed
            while self._call() or (not closed and self._step()):
                pass
            if closed:
                return

    def _call(self) -> bool:
        with self._condition:
            if not self._calls:
                return False
            future, call = self._calls.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)
        return True

    def _step(self) -> bool:
        """Step the next stepper that has a frame; False if none has."""
        with self._condition:
            steppers, first = list(self._steppers), self._next
        for k in range(len(steppers)):
            index = (first + k) % len(steppers)
            start = time.perf_counter()
            if steppers[index].step():
                self.load.add(time.perf_counter() - start)
                self._next = index + 1
                return True
        return False
