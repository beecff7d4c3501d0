"""The straight line from a camera frame to an avatar frame."""

from __future__ import annotations

from collections import deque

import numpy as np

from engines.blazepose import SHOULDERS, middle
from engines.body.neutral import mirrored, scaled
from engines.body.solve import BodySolver
from engines.device import in_words
from engines.errors import DeviceError, InputError, PuppetcamError
from engines.kernels.cuda import CudaDevice, Device
from engines.keypoints.tracker import PoseTracker
from engines.render import View
from engines.standby import goes_on
from engines.types import U8, Avatar, Frame, Keypoints
from realtime.painter import Painter
from realtime.picture import Drawn, Forms
from realtime.puppet import Swap
from realtime.stats import StageTimes

SAME_SHAPE = 0.02  # a browser that sends smaller pictures rounds their sides
LASTING = 5  # frames: who is lost sooner after the neutral was nobody (a hand alone, a coat)


class Puppeteer:
    """One performer's avatar: landmarks, pose, picture. One thread at a time.

    size: (width, height) of the output. background: see ``engines.backdrop.Backdrop``. placement:
    ``photo`` frames the avatar as in its photo; ``performer`` puts it where the performer stood at
    the neutral, in a picture of the camera's proportions; view: a framing of one's own. times: the
    stages of ``process``; tracking: whether the last frame showed a performer. device: what
    ``engines.device.choose`` gave. live: the CPU computes until the device is ready and again when
    it fails, see ``troubles``; else a start waits and a failure is a DeviceError.
    """

    def __init__(
        self,
        avatar: Avatar,
        size: tuple[int, int] = (512, 512),
        background: str = "photo",
        placement: str = "photo",
        mirror: bool = False,
        view: View | None = None,
        device: str = "cpu",
        live: bool = False,
    ) -> None:
        if placement not in ("photo", "performer"):
            raise InputError(f"placement: got {placement!r}", "wanted photo or performer")
        self.times = StageTimes()
        self.tracking = False
        self._size, self._placement, self._mirror = size, placement, mirror
        self._background, self._view = background, view
        self._troubles: deque[PuppetcamError] = deque()
        self._tell = self._troubles.append if live else None
        self._card = self._open_card() if device != "cpu" else None
        # What looks has a stream of its own: what draws may be recording while an eye is made.
        eyes_card = self._open_card() if self._card is not None else None
        self._tracker = PoseTracker(
            device=device if eyes_card is not None else "cpu", card=eyes_card, standby=self._tell
        )
        self._camera = (1, 1)  # width, height px: the neutral's picture
        self._calibrate = True
        self._followed = 0  # frames with a performer since the neutral
        self._avatar = avatar
        self._solver = BodySolver(avatar.body, avatar.reference, avatar.seen)
        self._painter = self._painter_of(avatar, view)
        self._painter.enter()

    @property
    def backend(self) -> str:
        """What computes, in words."""
        return in_words(self._tracker.eyes, self._painter.device)

    @property
    def takes_planes(self) -> bool:
        """See ``Puppet``."""
        return self._tracker.takes_planes

    def troubles(self) -> list[PuppetcamError]:
        """See ``Puppet``."""
        return [self._troubles.popleft() for _ in range(len(self._troubles))]

    def prepare_avatar(self, avatar: Avatar) -> Swap:
        """Another avatar, performed from the swap on; the next frame is its neutral."""
        painter = self._painter_of(avatar, self._view)
        solver = BodySolver(avatar.body, avatar.reference, avatar.seen)

        def swap() -> None:
            self._avatar, self._solver, self._calibrate = avatar, solver, True
            self._take(painter)

        return swap

    def prepare_background(self, spec: str) -> Swap:
        """Something else behind; InputError if there is no such background."""
        change = self._painter.prepare_background(self._avatar, spec)

        def swap() -> None:
            change()
            self._background = spec

        return swap

    def set_mirror(self, on: bool) -> None:
        """Move like the performer's mirror image; the next frame is the neutral again."""
        self._calibrate = self._calibrate or on != self._mirror
        self._mirror = on

    def calibrate(self) -> None:
        """Take the next frame with a performer as the neutral."""
        self._calibrate = True

    def still(self) -> U8:
        """The avatar as in its photo, u8 (H, W, 4): what is shown before any frame."""
        return self._painter.paint(self._avatar.reference, StageTimes())["rgba"].copy()

    def process(self, frame: Frame, forms: Forms = frozenset()) -> Drawn:
        """The avatar at this instant; the picture's buffers are reused by the next call.

        RGBA, or where a card draws and ``forms`` are asked for, these.
        """
        with self.times.stage("keypoints"):
            keypoints = self._tracker.track(frame.image, frame.captured_s)
        self.tracking = keypoints is not None
        if keypoints is not None:
            keypoints = self._from_neutral(keypoints, *frame.size)
            self._followed += 1
        elif self._followed < LASTING:
            self._calibrate = True
        with self.times.stage("solve"):
            pose = self._solver.solve(keypoints, frame.captured_s)
        return self._painter.paint(pose, self.times, forms)

    def close(self) -> None:
        """Let the networks and the card's memory go; every other buffer goes with the object."""
        self._tracker.close()
        self._painter.leave()

    def _open_card(self) -> Device | None:
        try:
            return CudaDevice()
        except DeviceError as error:
            if self._tell is None:
                raise
            self._tell(goes_on("the card", error))
            return None

    def _painter_of(self, avatar: Avatar, view: View | None) -> Painter:
        return Painter(avatar, self._size, view, self._background, self._card, self._tell)

    def _take(self, painter: Painter) -> None:
        """Paint with this one. The last one leaves first: a card need not hold both."""
        self._painter.leave()
        self._painter = painter
        painter.enter()

    def _from_neutral(self, keypoints: Keypoints, width: int, height: int) -> Keypoints:
        """Mirrored if asked for, in px of the neutral's picture.

        That is this one if there is none yet or if it has another shape. A browser that is short of
        bandwidth sends smaller pictures of the same shape.
        """
        if self._mirror:
            keypoints = mirrored(keypoints, width)
        shape = width * self._camera[1] / (height * self._camera[0])
        if not self._calibrate and abs(shape - 1) <= SAME_SHAPE:
            same = width == self._camera[0]
            return keypoints if same else scaled(keypoints, self._camera[0] / width)
        self._camera, self._calibrate, self._followed = (width, height), False, 0
        self._solver.calibrate(keypoints)
        if self._placement == "performer":
            self._stand_at_performer(width)
        return keypoints

    def _stand_at_performer(self, camera_width: int) -> None:
        """View the photo so that the avatar's shoulders lie on the performer's."""
        neutral = self._solver.neutral
        assert neutral is not None
        out = self._size[0] / camera_width  # output px per camera px
        scale = out / neutral.scale
        there = middle(neutral.xy, SHOULDERS) * out
        here = middle(self._solver.photo, SHOULDERS) * scale
        dx, dy = (float(v) for v in np.asarray(there - here))
        self._take(self._painter_of(self._avatar, View(scale, dx, dy)))
