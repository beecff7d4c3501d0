"""Keeps recordings and libraries that wait for the whole card apart."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Apart:
    """A library that waits for the whole card on any thread spoils every recording under way, and
    gets an error itself, whatever the recording's mode (CUDA Programming Guide, Stream Capture,
    Prohibited and Unhandled Operations). TensorRT and ONNX Runtime do while they open a network.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._libraries = self._recordings = 0

    @contextlib.contextmanager
    def library(self) -> Iterator[None]:
        """It may wait for the whole card; begins after recordings that are under way."""
        with self._changed:
            self._changed.wait_for(lambda: not self._recordings)
            self._libraries += 1
        try:
            yield
        finally:
            with self._changed:
                self._libraries -= 1

    @contextlib.contextmanager
    def recording(self) -> Iterator[bool]:
        """Whether something may be recorded now; never waits: networks take seconds to open."""
        with self._changed:
            allowed = not self._libraries
            self._recordings += allowed
        try:
            yield allowed
        finally:
            with self._changed:
                self._recordings -= allowed
                self._changed.notify_all()


apart = Apart()
"""This process's."""
