"""Draws poses of one avatar over one background: on the CPU, or on a card while that works."""

from __future__ import annotations

import contextlib
import logging
import traceback

from engines.backdrop import Backdrop
from engines.errors import DeviceError
from engines.kernels.cuda import Device
from engines.render import Renderer, View
from engines.render_cuda import CudaRenderer
from engines.scene import Scene
from engines.standby import Tell, goes_on
from engines.types import Avatar, Pose
from realtime.picture import Drawn, Forms
from realtime.puppet import Swap
from realtime.stats import StageTimes

log = logging.getLogger(__name__)


class Painter:
    """A renderer and a backdrop, and their twin on ``card`` between ``enter`` and ``leave``.

    It is made on any thread; the card is touched by ``enter`` and by the thread that paints. When
    it fails the CPU draws, the same frame too, and ``tell`` is told once; with tell None that is a
    DeviceError instead.
    """

    def __init__(
        self,
        avatar: Avatar,
        size: tuple[int, int],
        view: View | None,
        background: str,
        card: Device | None = None,
        tell: Tell | None = None,
    ) -> None:
        self._renderer = Renderer(avatar, size, view)
        self.view = self._renderer.view
        self._backdrop = Backdrop(avatar, size, self.view, background)
        self._card, self._tell = card, tell
        self._scene = None if card is None else Scene.of(self._renderer)
        self._cuda: CudaRenderer | None = None

    @property
    def device(self) -> str:
        """Where the next frame is drawn: "cpu" or "cuda"."""
        return "cpu" if self._cuda is None else "cuda"

    def enter(self) -> None:
        """Draw on the card from now on, if there is one: its memory is taken here."""
        if self._card is None or self._scene is None:
            return
        try:
            self._cuda = CudaRenderer(self._card, self._renderer, self._scene, self._backdrop)
        except Exception as error:
            self._fail(error)

    def leave(self) -> None:
        """Give the card's memory back; the CPU draws from now on."""
        if self._cuda is not None:
            self._cuda = None
            self._tidy()

    def paint(self, pose: Pose, times: StageTimes, forms: Forms = frozenset()) -> Drawn:
        """The finished frame in buffers that the next call reuses: RGBA, or where the card draws
        and ``forms`` are asked for, these.

        times: gets the stages render and, on the CPU, background. Raises ValueError as
        ``Renderer.stance`` does.
        """
        if self._cuda is not None:
            with times.stage("render"):
                self._cuda.place(pose)  # raises what is the pose's own fault
                try:
                    return self._cuda.take(forms)
                except Exception as error:
                    self._fail(error)
        with times.stage("render"):
            person = self._renderer.render(pose)
        with times.stage("background"):
            return {"rgba": self._backdrop.under(person)}

    def prepare_background(self, avatar: Avatar, spec: str) -> Swap:
        """Something else behind, from the swap on; InputError if there is no such background."""
        backdrop = Backdrop(avatar, self._renderer.size, self.view, spec)

        def swap() -> None:
            self._backdrop = backdrop
            if self._cuda is not None:
                try:
                    self._cuda.set_backdrop(backdrop)
                except Exception as error:
                    self._fail(error)

        return swap

    def _fail(self, error: Exception) -> None:
        """The CPU goes on. Whatever it was: a card must never freeze the picture."""
        self._cuda = None
        if self._tell is None:
            raise error
        traceback.clear_frames(error.__traceback__)  # they hold what was taken until it failed
        self._tidy()
        if not isinstance(error, DeviceError):
            log.error("drawing on the card failed", exc_info=error)
            error = DeviceError("an error of ours", "the server's log says more")
        self._tell(goes_on("drawing on the card", error))

    def _tidy(self) -> None:
        if self._card is not None:
            with contextlib.suppress(DeviceError):  # a lost card cannot take its memory back
                self._card.tidy()
