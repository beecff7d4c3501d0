"""How much of the card this process may take, and how much it has."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from engines.errors import DeviceError

GB, MB = 10**9, 10**6


class Budget:
    """Arrays come out of CuPy's pool; libraries that allocate by themselves say so beforehand, and
    the pool's limit is lowered by as much.

    allowed: bytes, None: all that the card has. What CUDA itself takes for a process, kernels'
    machine code and the libraries' own handles is not counted: nobody can limit that.
    """

    def __init__(self, allowed: int | None = None) -> None:
        self.allowed = allowed
        self._pool: Any = None
        self._reserved = 0
        self._lock = threading.RLock()  # garbage that is collected meanwhile may give back

    def govern(self, pool: Any) -> None:
        """Limit CuPy's pool; the first one that is given stays."""
        with self._lock:
            if self._pool is None:
                self._pool = pool
                self._limit()

    def used(self) -> int:
        """Bytes of the card that are taken."""
        return self._reserved + self._arrays()

    @contextlib.contextmanager
    def reserved(self, size: int) -> Iterator[None]:
        """``size`` bytes are a library's. Raises DeviceError where they do not fit."""
        with self._lock:
            self._reserved += size
            self._limit()
            if self.exceeded() and self._pool is not None:
                self._pool.free_all_blocks()
            if self.exceeded():
                self._reserved -= size
                self._limit()
                raise self.error(size)
        try:
            yield
        finally:
            with self._lock:
                self._reserved -= size
                self._limit()

    def exceeded(self, size: int = 0) -> bool:
        """Whether ``size`` bytes more are more than allowed."""
        return self.allowed is not None and self.used() + size > self.allowed

    def error(self, size: int) -> DeviceError:
        """What is told when ``size`` bytes more do not fit."""
        return DeviceError(
            f"the {_words(self.allowed or 0)} that --card-memory allows are too little: "
            f"{_words(self.used())} are taken, another {_words(size)} do not fit",
            "a larger --card-memory, fewer performances, or --device cpu",
        )

    def _arrays(self) -> int:
        try:
            return 0 if self._pool is None else int(self._pool.total_bytes())
        except RuntimeError:  # CuPy asks for the present card: of a lost one nothing is ours
            return 0

    def _limit(self) -> None:
        if self.allowed is not None and self._pool is not None:
            self._pool.set_limit(size=max(1, self.allowed - self._reserved))  # 0: no limit


budget = Budget()
"""This process's, as CuPy's pool is."""


def _words(size: int) -> str:
    return f"{size / GB:.1f} GB" if size >= GB else f"{-(-size // MB)} MB"
