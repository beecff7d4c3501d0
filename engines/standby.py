"""An engine that serves at once, and better once the better one is ready."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Self

from numpy.typing import NDArray

from engines.base import Arrays, Engine
from engines.errors import DeviceError, PuppetcamError

log = logging.getLogger(__name__)

Make = Callable[[Callable[[float], None]], Engine]
"""Makes an engine; tells its argument the share that is done, 0..1."""
Tell = Callable[[PuppetcamError], None]
"""Told what failed and was survived; any thread."""


class StandbyEngine:
    """Runs on ``fallback`` until ``make`` has made the ``wanted`` device's engine, then on that.

    Goes back to ``fallback`` for good when the other cannot be made or fails while it runs (a full
    card, a lost one): the frame is computed all the same, and ``tell`` is told once. Both engines
    have the same inputs and outputs. One thread at a time; ``make`` runs on a thread of its own.
    """

    def __init__(self, fallback: Engine, make: Make, wanted: str, tell: Tell) -> None:
        self._fallback, self._wanted, self._tell = fallback, wanted, tell
        self._engine = fallback
        self._made: Engine | None = None
        self._lock = threading.Lock()  # over _made and _closed
        self._closed = False
        self._share = 0.0
        self.waiting = f"{wanted} is being made"
        self._thread = threading.Thread(
            target=self._make, args=(make,), name=f"make {wanted}", daemon=True
        )
        self._thread.start()

    @property
    def inputs(self) -> tuple[Any, ...]:
        return self._fallback.inputs

    @property
    def outputs(self) -> tuple[Any, ...]:
        return self._fallback.outputs

    @property
    def device(self) -> str:
        """Where the last ``run`` computed."""
        return self._engine.device

    def run(self, feeds: Arrays) -> dict[str, NDArray[Any]]:
        """See ``Engine.run``."""
        with self._lock:
            if self._made is not None:
                self._engine, self._made = self._made, None
        if self._engine is not self._fallback:
            try:
                return self._engine.run(feeds)
            except PuppetcamError as error:
                self._fail(error)
                self._abandon()
        return self._fallback.run(feeds)

    def wait(self) -> None:
        """Until the other engine has been made, or has failed to be."""
        self._thread.join()

    def close(self) -> None:
        """Close both; one that is still being made is closed when it is."""
        with self._lock:
            self._closed = True
            made, self._made = self._made, None
        for engine in (made, self._engine, self._fallback):
            if engine is not None:
                engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _make(self, make: Make) -> None:
        try:
            engine = make(self._report)
        except PuppetcamError as error:
            self._fail(error)
            return
        except Exception:  # a thread has nobody to raise to
            log.exception("%s could not be made", self._wanted)
            self._fail(DeviceError("its engine could not be made", "the server's log says why"))
            return
        with self._lock:
            if not self._closed:
                self._made, self.waiting = engine, ""
                return
        _close(engine, self._wanted)

    def _report(self, share: float) -> None:
        self.waiting = f"{self._wanted} is being made, {share:.0%}"

    def _fail(self, error: PuppetcamError) -> None:
        self.waiting = f"{self._wanted} failed"
        self._tell(goes_on(self._wanted, error))

    def _abandon(self) -> None:
        failed, self._engine = self._engine, self._fallback
        _close(failed, self._wanted)


def _close(engine: Engine, wanted: str) -> None:
    try:
        engine.close()
    except PuppetcamError as error:  # a lost card cannot take its memory back
        log.debug("%s: %s", wanted, error)


def goes_on(wanted: str, error: PuppetcamError) -> DeviceError:
    """What people are told when ``wanted`` failed and the CPU does its work from now on."""
    said = error.message.removeprefix(f"{wanted}: ")
    return DeviceError(f"{wanted} failed, the CPU goes on: {said}", error.hint)
