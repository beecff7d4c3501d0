"""The straight line from a camera frame to an avatar frame."""

from __future__ import annotations

import numpy as np

from engines.backdrop import Backdrop
from engines.blazepose import SHOULDERS, middle
from engines.body.neutral import mirrored, scaled
from engines.body.solve import BodySolver
from engines.errors import InputError
from engines.keypoints.tracker import PoseTracker
from engines.render import Renderer, View
from engines.types import U8, Avatar, Frame, Keypoints
from realtime.puppet import Swap
from realtime.stats import StageTimes

SAME_SHAPE = 0.02  # a browser that sends smaller pictures rounds their sides
LASTING = 5  # frames: who is lost sooner after the neutral was nobody (a hand alone, a coat)


class Puppeteer:
    """One performer's avatar: landmarks, pose, picture. One thread at a time.

    size: (width, height) of the output. background: see ``engines.backdrop.Backdrop``. placement:
    ``photo`` frames the avatar as in its photo; ``performer`` puts it where the performer stood at
    the neutral, in a picture of the camera's proportions; view: a framing of one's own. times: the
    stages of ``process``; tracking: whether the last frame showed a performer. device: where
    the networks compute; background_start: they serve on the CPU until that is ready.
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
        background_start: bool = False,
    ) -> None:
        if placement not in ("photo", "performer"):
            raise InputError(f"placement: got {placement!r}", "wanted photo or performer")
        self.times = StageTimes()
        self.tracking = False
        self._size, self._placement, self._mirror = size, placement, mirror
        self._background, self._view = background, view
        self._tracker = PoseTracker(device=device, background=background_start)
        self._camera = (1, 1)  # width, height px: the neutral's picture
        self._calibrate = True
        self._followed = 0  # frames with a performer since the neutral
        self._avatar: Avatar
        self._renderer: Renderer
        self._solver: BodySolver
        self._backdrop: Backdrop
        self.prepare_avatar(avatar)()

    @property
    def backend(self) -> str:
        """What computes, in words."""
        return self._tracker.backend

    def prepare_avatar(self, avatar: Avatar) -> Swap:
        """Another avatar, performed from the swap on; the next frame is its neutral."""
        renderer = Renderer(avatar, self._size, self._view)
        backdrop = Backdrop(avatar, self._size, renderer.view, self._background)
        solver = BodySolver(avatar.body, avatar.reference, avatar.seen)

        def swap() -> None:
            self._avatar, self._renderer, self._backdrop = avatar, renderer, backdrop
            self._solver, self._calibrate = solver, True

        return swap

    def prepare_background(self, spec: str) -> Swap:
        """Something else behind; InputError if there is no such background."""
        backdrop = Backdrop(self._avatar, self._size, self._renderer.view, spec)

        def swap() -> None:
            self._backdrop, self._background = backdrop, spec

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
        return self._backdrop.under(self._renderer.render(self._avatar.reference)).copy()

    def process(self, frame: Frame) -> Frame:
        """The avatar at this instant, RGBA; the picture's buffer is reused by the next call."""
        with self.times.stage("keypoints"):
            keypoints = self._tracker.track(frame.image, frame.captured_s)
        self.tracking = keypoints is not None
        if keypoints is not None:
            keypoints = self._from_neutral(keypoints, frame.image.shape[1], frame.image.shape[0])
            self._followed += 1
        elif self._followed < LASTING:
            self._calibrate = True
        with self.times.stage("solve"):
            pose = self._solver.solve(keypoints, frame.captured_s)
        with self.times.stage("render"):
            person = self._renderer.render(pose)
        with self.times.stage("background"):
            image = self._backdrop.under(person)
        return frame.with_image(image)

    def close(self) -> None:
        """Let the networks go; every other buffer goes with the object."""
        self._tracker.close()

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
        view = View(scale, dx, dy)
        self._renderer = Renderer(self._avatar, self._size, view)
        self._backdrop = Backdrop(self._avatar, self._size, view, self._background)
