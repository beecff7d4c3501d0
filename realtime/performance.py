"""One performance: camera frames in, a puppet, finished pictures out to whoever watches.

The compute thread calls ``step``; the event loop calls the rest. It fails closed: what goes out
is what the puppet drew, and where it could not, what it drew last.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

from engines.errors import PuppetcamError
from engines.types import U8, Avatar
from realtime.changes import Build, Changes
from realtime.log import named_session
from realtime.mailbox import Mailbox
from realtime.mark import read_mark
from realtime.picture import Drawn, Form, Picture
from realtime.puppet import Puppet, Swap
from realtime.stats import Rate, StatsSnapshot
from realtime.track import Arrival
from realtime.worker import Worker

log = logging.getLogger(__name__)

QUIET_S = 10.0  # between two messages about failing frames
UNCHANGED = "Everything stays as it was."

Tell = Callable[[str, str, str], None]
"""Tells the performer something: level (info, warning, error), text, hint. Any thread."""


class Performance:
    """A puppet behind a mailbox, in front of any number of mailboxes.

    name: the session's. still: the puppet's, u8 (H, W, 4). tell: called, on any thread, with what
    the performer must know.
    """

    def __init__(self, name: str, puppet: Puppet, still: U8, worker: Worker, tell: Tell) -> None:
        self.name = name
        self.inbox: Mailbox[Arrival] = Mailbox(on_put=worker.wake)
        self.marking = False
        self.failures = 0
        self._puppet, self._worker, self._tell = puppet, worker, tell
        self._in, self._out = Rate(), Rate()
        self._watchers: tuple[tuple[Form, Mailbox[Picture]], ...] = ()
        self._lock = threading.Lock()
        self._changes = Changes(self._make)
        self._told_s = -QUIET_S
        self._last = self._still = Picture({"rgba": still.copy()}, time.monotonic())
        self._changed = False  # since the still was drawn
        worker.add(self)

    # --- event loop ---------------------------------------------------------------------------

    def last(self, form: Form) -> Picture:
        """The newest good picture in this form: at first the avatar's still."""
        last = self._last  # read once: the compute thread replaces it
        return last if last.serves(form) else self._still

    def watch(self, form: Form, outbox: Mailbox[Picture]) -> None:
        """Send every picture to this mailbox too, in this form."""
        with self._lock:
            self._watchers = (*self._watchers, (form, outbox))

    def unwatch(self, outbox: Mailbox[Picture]) -> None:
        with self._lock:
            self._watchers = tuple(one for one in self._watchers if one[1] is not outbox)

    def arrived(self, arrival: Arrival) -> None:
        """A camera frame came."""
        self._in.tick()
        self.inbox.put(arrival)

    # Each of these returns at once; the future says whether the change was made.

    def calibrate(self) -> Future[bool]:
        return self._between_frames(self._puppet.calibrate)

    def set_mirror(self, on: bool) -> Future[bool]:
        return self._between_frames(lambda: self._puppet.set_mirror(on))

    def set_background(self, spec: str) -> Future[bool]:
        return self._changes.ask("background", lambda: self._puppet.prepare_background(spec))

    def set_avatar(self, avatar: Avatar) -> Future[bool]:
        return self._changes.ask("avatar", lambda: self._puppet.prepare_avatar(avatar))

    @property
    def backend(self) -> str:
        """What computes now, in words."""
        return self._puppet.backend

    def snapshot(self) -> StatsSnapshot:
        return StatsSnapshot(
            self._in.per_second(),
            self._out.per_second(),
            self.inbox.dropped,
            self.failures,
            self._puppet.times.stats(),
            self._puppet.backend,
            self._puppet.tracking,
        )

    def close(self) -> None:
        """End it; returns at once, the puppet is closed after the frame at hand."""
        self.inbox.close()
        self._changes.close()
        self._worker.remove(self)
        self._between_frames(self._puppet.close)

    # --- the thread of the changes ------------------------------------------------------------

    def _make(self, build: Build) -> bool:
        """Build a change while frames go on, and put it in place between two of them."""
        with named_session(self.name):
            try:
                swap = build()
            except Exception as error:
                self._failed(error, UNCHANGED)
                return False
        return self._between_frames(lambda: self._change(swap)).result()

    # --- compute thread -----------------------------------------------------------------------

    def step(self) -> bool:
        """Work on the newest camera frame; False if there is none."""
        arrival = self.inbox.poll()
        if arrival is None:
            return False
        with named_session(self.name):
            try:
                self._perform(arrival)
            except Exception as error:
                self._failed(error, "The last picture stays until the next frame works.", QUIET_S)
                self._show(Picture(self._last.drawn, arrival.captured_s))
            self._tell_troubles()
        return True

    def _tell_troubles(self) -> None:
        """The first of those that come together is told, all count: one lost card fails twice."""
        troubles = self._puppet.troubles()
        for trouble in troubles[:1]:
            self._failed(trouble, UNCHANGED)
        for trouble in troubles[1:]:
            self.failures += 1
            log.warning("%s", trouble)

    def _perform(self, arrival: Arrival) -> None:
        frame = arrival.frame(self._puppet.takes_planes)
        drawn = self._puppet.process(frame, frozenset(form for form, _ in self._watchers))
        if any(np.may_share_memory(array, frame.image) for array in drawn.values()):
            raise ValueError("the puppet gave the camera's picture back")
        mark = read_mark(frame.image) if self.marking else None
        picture = Picture(kept(drawn), arrival.captured_s, mark)
        if self._changed and "rgba" not in drawn:
            self._draw_still()  # with which begins who wants a form that is not drawn yet
        self._show(picture)

    def _show(self, picture: Picture) -> None:
        self._last = picture
        self._out.tick()
        for form, outbox in self._watchers:
            if picture.serves(form):  # else one began to watch while this was drawn
                outbox.put(picture)

    def _change(self, swap: Swap) -> None:
        """Change what is seen; with no camera running, show it at once."""
        if self.inbox.closed:
            return
        swap()
        self._changed = True
        if self._in.per_second() == 0.0:
            self._draw_still()
            self._show(self._still)
        self._tell_troubles()

    def _draw_still(self) -> None:
        self._changed = False
        self._still = Picture(kept({"rgba": self._puppet.still()}), time.monotonic())

    def _between_frames(self, call: Callable[[], None]) -> Future[bool]:
        def guarded() -> bool:
            with named_session(self.name):
                try:
                    call()
                except Exception as error:
                    self._failed(error, UNCHANGED)
                    return False
            return True

        return self._worker.submit(guarded)

    def _failed(self, error: Exception, consequence: str, quiet_s: float = 0.0) -> None:
        """Count, log and tell the performer, unless something was told within ``quiet_s``."""
        self.failures += 1
        now = time.monotonic()
        if now - self._told_s < quiet_s:
            return
        self._told_s = now
        if isinstance(error, PuppetcamError):
            log.warning("%s", error)
            self._tell("error", error.message, error.hint or consequence)
        else:
            log.error("a frame or a change failed", exc_info=error)
            self._tell("error", "The avatar could not be drawn.", consequence)


def kept(drawn: Drawn) -> Drawn:
    """Copies: the puppet draws the next frame into the same buffers while this one is encoded."""
    return {form: array.copy() for form, array in drawn.items()}
