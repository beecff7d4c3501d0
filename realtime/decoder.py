"""The decoders of incoming video: what they give, and who goes on where a card's fails."""

from __future__ import annotations

from typing import Any

from aiortc.codecs.h264 import H264Decoder
from aiortc.jitterbuffer import JitterFrame
from av.error import FFmpegError
from av.frame import Frame
from av.video.reformatter import ColorRange, Colorspace

from realtime.codec import Fell, OpenDecoder, software

BT601 = (2, 5, 6)  # FFmpeg's numbers of colours: not said, and two names for the same
MAX_SIDE = 1280  # px: larger camera pictures are made smaller, but for a card, which takes planes


class FastH264Decoder(H264Decoder):
    """H264 by the card's decoder where there is one, else and after the first error by the CPU.

    A lost packet looks as a failing card does, and the CPU is no bad place to be. fell: called with
    that error.
    """

    def __init__(self, card: OpenDecoder | None, fell: Fell) -> None:
        self.codec = software()
        self._on_card, self._fell = False, fell
        if card is not None:
            try:
                self.codec, self._on_card = card(), True
            except Exception as error:  # whatever it was: the camera would freeze for good
                fell("decodes", error)

    def decode(self, encoded_frame: JitterFrame) -> list[Frame]:
        try:
            return super().decode(encoded_frame)
        except Exception as error:
            if not self._on_card:
                raise  # the library asks the sender for a key frame
            self.codec, self._on_card = software(), False
            self._fell("decodes", error)
            if isinstance(error, FFmpegError):
                raise
            return super().decode(encoded_frame)  # no picture unless it is a key frame: as above


def as_rgb(video: Any) -> Any:
    """An ``av.VideoFrame`` as packed RGB of the same instant, its longer side at most ``MAX_SIDE``.

    A frame that is so already is given back as it is.
    """
    shrink = min(1.0, MAX_SIDE / max(video.width, video.height))
    return video.reformat(
        format="rgb24",
        width=max(2, round(video.width * shrink)),
        height=max(2, round(video.height * shrink)),
    )


def as_planes(video: Any) -> Any:
    """An ``av.VideoFrame`` of even sides as the planes of a ``Frame`` of the same instant.

    One that is so already is given back as it is; one that says nothing of its colours is taken
    for that, as ``as_rgb`` takes it.
    """
    usual = video.colorspace in BT601 and video.color_range != ColorRange.JPEG
    if usual and video.format.name == "yuv420p":
        return video
    return video.reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.MPEG
    )
