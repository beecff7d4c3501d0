"""Where WebRTC's video frames become our frames and ours become theirs, and nowhere else.

The picture that goes out is made of what the puppet drew alone; a camera frame ends in ``Frame``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from engines.types import U8, Frame
from realtime.codec import VIDEO_CLOCK_HZ
from realtime.decoder import as_planes, as_rgb
from realtime.mailbox import Mailbox, MailboxClosed
from realtime.picture import Form, Picture
from realtime.transport import encoder_pool

REPEAT_S = 0.25  # with nothing new, the last picture is sent again: late and lossy viewers see it
TIME_BASE = Fraction(1, VIDEO_CLOCK_HZ)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A camera frame as it came."""

    video: Any  # av.VideoFrame as our decoders give it: RGB or YUV
    captured_s: float
    index: int

    def frame(self, planes: bool = False) -> Frame:
        """The frame as RGB, its longer side at most ``MAX_SIDE`` px; planes: as YUV420, of the
        camera's size, where its sides are even.
        """
        video = self.video
        if planes and video.width % 2 == video.height % 2 == 0:
            video = as_planes(video)
        else:
            video = as_rgb(video)
        image: U8 = np.asarray(video.to_ndarray(), np.uint8)
        return Frame(
            image, video.pts or 0, video.time_base or TIME_BASE, self.captured_s, self.index
        )


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


def to_video(picture: Picture, form: Form, marked: bool = False) -> av.VideoFrame:
    """What an encoder takes of a picture in this form; marked: with its mark, which is plain."""
    planes = picture.marked() if marked else picture.planes(form)
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


class PuppetTrack(MediaStreamTrack):
    """What one peer is sent: the newest picture of a performance, in one form.

    Put pictures that serve the form into ``outbox``. first: what is shown until then. marked:
    whether marks are drawn, in plain pictures only.
    """

    kind = "video"

    def __init__(self, first: Picture, form: Form = "plain", marked: bool = False) -> None:
        super().__init__()
        if marked and form != "plain":
            raise ValueError(f"form: got {form}, wanted plain where marks are drawn")
        self.outbox: Mailbox[Picture] = Mailbox()
        self.outbox.put(first)
        self.form = form
        self._last, self._marked = first, marked
        self._start_s = time.monotonic()
        self._pts = -1

    async def recv(self) -> av.VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        marked = self._marked
        try:
            async with asyncio.timeout(REPEAT_S):
                self._last = await self.outbox.take()
            shown_s = self._last.captured_s
        except TimeoutError:
            shown_s, marked = time.monotonic(), False
        except MailboxClosed:
            self.stop()
            raise MediaStreamError from None
        video = await asyncio.get_running_loop().run_in_executor(
            encoder_pool(), to_video, self._last, self.form, marked
        )
        # The camera's clock, continued over pauses and new cameras: it never runs backwards.
        pts = round((shown_s - self._start_s) * VIDEO_CLOCK_HZ)
        self._pts = max(pts, self._pts + VIDEO_CLOCK_HZ // 1000)
        video.pts, video.time_base = self._pts, TIME_BASE
        return video

    def stop(self) -> None:
        super().stop()
        self.outbox.close()
