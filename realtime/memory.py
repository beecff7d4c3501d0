"""Memory that an ended performance leaves: back to the system, or every visit would keep its own.

Connections are cycles of objects that hold megabytes, which the collector does not count; and the
C library keeps what many threads freed (measured: 14 MB a visit, without an end).
"""

from __future__ import annotations

import ctypes
import gc
import sys


def keep() -> None:
    """All that is there now stays: later collections skip it and take milliseconds."""
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Collect what is left behind; on Linux also hand free memory back. Any thread."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl has not
        if trim is not None:
            trim(0)
