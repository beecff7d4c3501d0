"""An eye that serves at once, and better once the better one is ready."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from engines.base import Arrays
from engines.errors import DeviceError, PuppetcamError
from engines.keypoints.eye import Eye
from engines.keypoints.region import Region
from engines.types import U8

log = logging.getLogger(__name__)

Make = Callable[[Callable[[float], None]], Eye]
"""Makes an eye; tells its argument the share that is done, 0..1."""
Tell = Callable[[PuppetcamError], None]
"""Told what failed and was survived; any thread."""


class StandbyEye:
    """Looks with ``fallback`` until ``make`` has made the ``wanted`` device's eye, then with that.

    Goes back to ``fallback`` for good when the other cannot be made or fails while it looks (a full
    card, a lost one): the frame is computed all the same, and ``tell`` is told once. One thread at
    a time; ``make`` runs on a thread of its own.
    """

    def __init__(self, fallback: Eye, make: Make, wanted: str, tell: Tell) -> None:
        self._fallback, self._wanted, self._tell = fallback, wanted, tell
        self._eye = fallback
        self._made: Eye | None = None
        self._lock = threading.Lock()  # over _made and _closed
        self._closed = False
        self.waiting = f"{wanted} is being made"
        self._thread = threading.Thread(
            target=self._make, args=(make,), name=f"make {wanted}", daemon=True
        )
        self._thread.start()

    @property
    def device(self) -> str:
        """Where the last ``look`` was computed."""
        return self._eye.device

    def look(self, image: U8, region: Region) -> Arrays:
        """See ``Eye.look``."""
        with self._lock:
            if self._made is not None:
                self._eye, self._made = self._made, None
        if self._eye is not self._fallback:
            try:
                return self._eye.look(image, region)
            except PuppetcamError as error:
                self._abandon(error)
            except Exception:  # whatever it was: a card must never freeze the picture
                log.exception("%s failed", self._wanted)
                self._abandon(DeviceError("an error of ours", "the server's log says more"))
        return self._fallback.look(image, region)

    def wait(self) -> None:
        """Until the other eye has been made, or has failed to be."""
        self._thread.join()

    def close(self) -> None:
        """Close both; one that is still being made is closed when it is."""
        with self._lock:
            self._closed = True
            made, self._made = self._made, None
        for eye in (made, self._eye):
            if eye is not None and eye is not self._fallback:
                _close(eye, self._wanted)
        self._fallback.close()

    def _make(self, make: Make) -> None:
        try:
            eye = make(self._report)
        except PuppetcamError as error:
            self._fail(error)
            return
        except Exception:  # a thread has nobody to raise to
            log.exception("%s could not be made", self._wanted)
            self._fail(DeviceError("its engine could not be made", "the server's log says why"))
            return
        with self._lock:
            if not self._closed:
                self._made, self.waiting = eye, ""
                return
        _close(eye, self._wanted)

    def _report(self, share: float) -> None:
        self.waiting = f"{self._wanted} is being made, {share:.0%}"

    def _fail(self, error: PuppetcamError) -> None:
        self.waiting = f"{self._wanted} failed"
        self._tell(goes_on(self._wanted, error))

    def _abandon(self, error: PuppetcamError) -> None:
        self._fail(error)
        failed, self._eye = self._eye, self._fallback
        _close(failed, self._wanted)


def _close(eye: Eye, wanted: str) -> None:
    try:
        eye.close()
    except Exception:  # a lost card cannot take its memory back, in whosever words it says so
        log.debug("%s could not be closed", wanted, exc_info=True)


def goes_on(wanted: str, error: PuppetcamError) -> DeviceError:
    """What people are told when ``wanted`` failed and the CPU does its work from now on."""
    said = error.message.removeprefix(f"{wanted}: ")
    return DeviceError(f"{wanted} failed, the CPU goes on: {said}", error.hint)
