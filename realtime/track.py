"""Where WebRTC's video frames become our frames and ours become theirs, and nowhere else.

The picture that goes out is made from the renderer's RGBA alone; a camera frame ends in ``Frame``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import av
import cv2
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from engines.packed import bleed
from engines.types import U8, Frame
from realtime.mailbox import Mailbox, MailboxClosed
from realtime.mark import write_mark
from realtime.transport import VIDEO_CLOCK_HZ, as_rgb, encoder_pool

Form = Literal["plain", "packed"]
"""plain: on black where transparent; packed: colours above alpha, twice as high."""

REPEAT_S = 0.25  # with nothing new, the last picture is sent again: late and lossy viewers see it
TIME_BASE = Fraction(1, VIDEO_CLOCK_HZ)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A camera frame as it came."""

    video: Any  # av.VideoFrame, RGB when it comes from one of our decoders
    captured_s: float
    index: int

    def frame(self) -> Frame:
        """The frame as RGB, its longer side at most ``MAX_SIDE`` px."""
        video = as_rgb(self.video)
        image: U8 = np.asarray(video.to_ndarray(), np.uint8)
        return Frame(
            image, video.pts or 0, video.time_base or TIME_BASE, self.captured_s, self.index
        )


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture on its way out, RGBA, and the mark of the camera frame it shows."""

    frame: Frame
    mark: int | None = None


async def read_camera(track: MediaStreamTrack, arrived: Callable[[Arrival], None]) -> None:
    """Hand on each frame of a remote track until the track ends."""
    index = 0
    while True:
        try:
            video = await track.recv()
        except MediaStreamError:
            return
        arrived(Arrival(video, time.monotonic(), index))
        index += 1


def to_video(image: U8, form: Form, mark: int | None = None) -> av.VideoFrame:
    """An RGBA picture as yuv420p (BT.601, as browsers take it), cropped to even sizes.

    image: u8 (H, W, 4), straight alpha.
    """
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    image = np.ascontiguousarray(image[:height, :width])
    if mark is not None:
        image = image.copy()
        write_mark(image, mark)
    if form == "plain":
        on_black = cv2.cvtColor(image, cv2.COLOR_RGBA2mRGBA)
        yuv: U8 = np.asarray(cv2.cvtColor(on_black, cv2.COLOR_RGBA2YUV_I420), np.uint8)
        return av.VideoFrame.from_ndarray(yuv, format="yuv420p")
    colours = cv2.cvtColor(bleed(image), cv2.COLOR_RGBA2YUV_I420)
    packed = np.full((3 * height, width), 128, np.uint8)  # Y (2H, W), then U and V (H/2, W) each
    packed[:height] = colours[:height]
    packed[height : 2 * height] = cv2.LUT(image[:, :, 3], _LUMA)
    chroma = colours[height:].reshape(2, height // 2, width // 2)
    planes = packed[2 * height :].reshape(2, height, width // 2)
    planes[:, : height // 2] = chroma
    return av.VideoFrame.from_ndarray(packed, format="yuv420p")


_LUMA: U8 = np.rint(16 + np.arange(256) * (219 / 255)).astype(np.uint8)  # full to video range


class PuppetTrack(MediaStreamTrack):
    """What one peer is sent: the newest picture of a performance.

    Put pictures into ``outbox``. first: what is shown until then. marked: whether marks are drawn.
    """

    kind = "video"

    def __init__(self, first: Picture, form: Form = "plain", marked: bool = False) -> None:
        super().__init__()
        self.outbox: Mailbox[Picture] = Mailbox()
        self.outbox.put(first)
        self._last, self._form, self._marked = first, form, marked
        self._start_s = time.monotonic()
        self._pts = -1

    async def recv(self) -> av.VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        try:
            async with asyncio.timeout(REPEAT_S):
                self._last = await self.outbox.take()
            shown_s, mark = self._last.frame.captured_s, self._last.mark
        except TimeoutError:
            shown_s, mark = time.monotonic(), None
        except MailboxClosed:
            self.stop()
            raise MediaStreamError from None
        video = await asyncio.get_running_loop().run_in_executor(
            encoder_pool(),
            to_video,
            self._last.frame.image,
            self._form,
            mark if self._marked else None,
        )
        # The camera's clock, continued over pauses and new cameras: it never runs backwards.
        pts = round((shown_s - self._start_s) * VIDEO_CLOCK_HZ)
        self._pts = max(pts, self._pts + VIDEO_CLOCK_HZ // 1000)
        video.pts, video.time_base = self._pts, TIME_BASE
        return video

    def stop(self) -> None:
        super().stop()
        self.outbox.close()
