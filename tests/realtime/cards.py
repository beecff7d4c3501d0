"""Codecs of a card that are really the CPU's, most with a fault; what they give is H264."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import av
import numpy as np
from av.error import ExternalError
from av.video.codeccontext import VideoCodecContext

from realtime.codec import OpenDecoder, OpenEncoder, new_encoder, software, x264

BROKEN = ExternalError(0x20545845, "the card is gone")


def refuses(*arguments: object) -> VideoCodecContext:
    """A real refusal: an encoder that FFmpeg does not open."""
    codec = new_encoder("libx264", 640, 480, 1_000_000)
    codec.options = {"preset": "no such preset"}
    codec.open()
    return codec


def holding_back(width: int, height: int, bitrate: int) -> VideoCodecContext:
    """Gives a picture when later ones have come: B frames."""
    codec = new_encoder("libx264", width, height, bitrate)
    codec.max_b_frames = 2
    return codec


def plain(width: int, height: int, bitrate: int) -> VideoCodecContext:
    """Says nothing about colours."""
    codec = x264(width, height, bitrate)
    codec.options = {k: v for k, v in codec.options.items() if k != "x264-params"}
    return codec


class Faulty:
    """A codec with something done before each picture."""

    is_hwaccel = True

    def __init__(self, codec: VideoCodecContext, before: Callable[[int, Any], Any]) -> None:
        self._codec, self._before, self.count = codec, before, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codec, name)

    def encode(self, frame: av.VideoFrame) -> list[Any]:
        return self._codec.encode(self._next(frame))

    def decode(self, packet: Any) -> list[av.VideoFrame]:
        return self._codec.decode(self._next(packet))

    def _next(self, given: Any) -> Any:
        self.count += 1
        return self._before(self.count - 1, given)


def faulty_encoder(before: Callable[[int, Any], Any], made: list[Any] | None = None) -> OpenEncoder:
    """made: gets every encoder that is opened."""

    def open_encoder(width: int, height: int, bitrate: int) -> VideoCodecContext:
        codec = Faulty(x264(width, height, bitrate), before)
        if made is not None:
            made.append(codec)
        return cast(VideoCodecContext, codec)

    return open_encoder


def faulty_decoder(before: Callable[[int, Any], Any]) -> OpenDecoder:
    return lambda: cast(VideoCodecContext, Faulty(software(), before))


def good(k: int, given: Any) -> Any:
    return given


def failing_at(broken: int, error: Exception = BROKEN) -> Callable[[int, Any], Any]:
    """Works until picture number ``broken``."""

    def before(k: int, given: Any) -> Any:
        if k >= broken:
            raise error
        return given

    return before


def inverted(k: int, frame: av.VideoFrame) -> av.VideoFrame:
    planes = np.asarray(frame.to_ndarray(), np.uint8)
    wrong = av.VideoFrame.from_ndarray(255 - planes, format="yuv420p")
    wrong.pts, wrong.time_base, wrong.pict_type = frame.pts, frame.time_base, frame.pict_type
    return wrong


def wrong_once(k: int, frame: av.VideoFrame) -> av.VideoFrame:
    return inverted(k, frame) if k == 7 else frame


def never_key(k: int, frame: av.VideoFrame) -> av.VideoFrame:
    frame.pict_type = av.video.frame.PictureType.NONE
    return frame
