"""What the live loop asks of whatever turns camera frames into avatar frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from engines.errors import PuppetcamError
from engines.types import U8, Avatar, Frame
from realtime.picture import Drawn, Forms
from realtime.stats import StageTimes

Swap = Callable[[], None]
"""Puts what was built in place; called between two frames."""


class Puppet(Protocol):
    """One performer's avatar.

    Every method is called on the compute thread, one at a time; only ``prepare_...`` is called
    beside that, on another thread, one at a time, and the first ``still`` on a helper thread, while
    nobody else knows it.

    times: the stages of ``process``. backend: what computes, in words ("onnxruntime 1.24 CPU").
    tracking: whether the last frame showed a performer. takes_planes: whether camera frames are
    best given as planes. Attributes may be read from any thread.
    """

    times: StageTimes
    tracking: bool

    @property
    def backend(self) -> str: ...

    @property
    def takes_planes(self) -> bool: ...

    def process(self, frame: Frame, forms: Forms = frozenset()) -> Drawn:
        """Camera frame in, avatar out, of the same instant: in all of ``forms``, or as RGBA, of
        which they can be made.

        The picture is read before the next call: its buffers may be used again.
        """

    def still(self) -> U8:
        """The avatar at rest on its background, u8 (H, W, 4): what is shown before any frame."""

    def troubles(self) -> list[PuppetcamError]:
        """What has failed since the last call and stopped nothing: a card, with the CPU behind."""

    def calibrate(self) -> None:
        """Take the next frame with a performer as the neutral pose."""

    def prepare_avatar(self, avatar: Avatar) -> Swap:
        """Another avatar, performed from the frame after the swap on."""

    def prepare_background(self, spec: str) -> Swap:
        """photo, blur, none, #rrggbb or a picture's path. Raises InputError for anything else."""

    def set_mirror(self, on: bool) -> None:
        """Move like a mirror image of the performer."""

    def close(self) -> None:
        """Release everything; nothing is called afterwards."""


PuppetMaker = Callable[[Avatar], Puppet]
"""Makes a puppet; called on a helper thread, as it may take seconds."""
