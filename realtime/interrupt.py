"""Ctrl-C and SIGTERM, not to be lost.

Both raise KeyboardInterrupt wherever the main thread happens to be. Inside an import of compiled
code that becomes an ImportError, inside a callback of one it vanishes: so it is remembered too.
"""

from __future__ import annotations

import signal
from types import FrameType

_told = False


def listen() -> None:
    """From now on both signals raise KeyboardInterrupt, and are remembered. Main thread only."""
    global _told
    _told = False
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def told() -> bool:
    """Whether one of them came since ``listen``."""
    return _told


def check() -> None:
    """Raises KeyboardInterrupt if one of them came; loops over frames call it."""
    if _told:
        raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _told
    _told = True
    raise KeyboardInterrupt
