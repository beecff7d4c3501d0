"""How many performances fit: declared by the user, or measured while they run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engines.errors import BusyError

BUSY = 0.9  # share of the compute thread's time that may be given away
MOST = 12  # one process carries no more at 30 frames per second, however small the work
RETRY_AFTER_S = 5


def capacity(declared: int | None, running: int, load: float) -> int:
    """How many performances fit.

    declared: the user's number, or None to measure. running: how many are running. load: the share
    (0..1) of the compute thread's time that they take together.
    """
    if declared is not None:
        return declared
    if running == 0 or load <= 0.0:
        return max(1, running + 1 if running < MOST else MOST)
    return max(1, min(MOST, math.floor(BUSY * running / load + 1e-9)))


@dataclass(slots=True)
class Admission:
    """Counts the performances. declared: how many may run, None to measure."""

    declared: int | None = None
    running: int = 0

    def places(self, load: float) -> int:
        """How many performances fit while the compute thread is busy for this share (0..1)."""
        return capacity(self.declared, self.running, load)

    def enter(self, load: float) -> None:
        """Take a place. Raises BusyError if there is none."""
        places = self.places(load)
        if self.running >= places:
            some = "performance" if places == 1 else "performances"
            raise BusyError(
                f"The server is full: it has room for {places} {some}.",
                "Try again when one has ended, or start the server with a larger --capacity "
                "(frames are then dropped).",
            )
        self.running += 1

    def leave(self) -> None:
        self.running -= 1
