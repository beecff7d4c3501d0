"""Changes to what is performed: built beside the running picture, put in place between frames."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from realtime.puppet import Swap

PAUSE_S = 0.1  # from one build to the next: a page that asks without end must not take a core

Build = Callable[[], Swap]


class Changes:
    """Builds one change at a time on a thread of its own: of each kind only the newest.

    make: called on that thread with what builds a change; puts it in place and says whether it did.
    """

    def __init__(self, make: Callable[[Build], bool]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._wanted: dict[str, tuple[Future[bool], Build]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="build")
        self._closed = threading.Event()

    def ask(self, kind: str, build: Build) -> Future[bool]:
        """Whether it will have been put in place: not if a newer one of its kind came before."""
        future: Future[bool] = Future()
        future.set_running_or_notify_cancel()  # who stops waiting must not cancel it under us
        with self._lock:
            closed = self._closed.is_set()
            earlier = self._wanted.get(kind)
            if not closed:
                self._wanted[kind] = future, build
                if earlier is None:
                    self._thread.submit(self._next, kind)
        if closed:
            future.set_result(False)
        elif earlier is not None:
            earlier[0].set_result(False)
        return future

    def close(self) -> None:
        """Build no more; returns at once."""
        with self._lock:
            self._closed.set()
            left, self._wanted = self._wanted, {}
        self._thread.shutdown(wait=False)
        for future, _ in left.values():
            future.set_result(False)

    def _next(self, kind: str) -> None:
        with self._lock:
            wanted = self._wanted.pop(kind, None)
        if wanted is None:  # closed
            return
        future, build = wanted
        began = time.monotonic()
        try:
            future.set_result(self._make(build))
        except BaseException as error:
            future.set_exception(error)
        self._closed.wait(max(0.0, PAUSE_S - (time.monotonic() - began)))
