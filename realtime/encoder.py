"""The encoders of outgoing video: fast, nothing held back, a bitrate that seldom changes."""

from __future__ import annotations

from collections.abc import Iterator

import av
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from engines.errors import DeviceError
from realtime.codec import Fell, OpenEncoder, new_encoder, x264

START_BITRATE = 1_500_000  # bits per second, until the receiver reports what it can take
MIN_BITRATE = 600_000
MAX_BITRATE = 6_000_000
# A reported bitrate is followed when it leaves this band around the present one: each change
# reopens the encoder, which costs a key frame.
STEADY_BAND = (0.75, 1.5)


def steady(current: int, wanted: int) -> bool:
    """Whether a wanted bitrate is near enough to the present one to keep the encoder open."""
    low, high = STEADY_BAND
    return low * current <= wanted <= high * current


class SteadyBitrate:
    """``target_bitrate`` that follows the receiver's reports in steps."""

    _bitrate = START_BITRATE

    @property
    def target_bitrate(self) -> int:
        return self._bitrate

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        # Whole kilobits, as encoders keep it: an odd one would never equal the codec's own, and
        # every frame would open a new encoder and be a key frame.
        bitrate = max(MIN_BITRATE, min(bitrate, MAX_BITRATE)) // 1000 * 1000
        if not steady(self._bitrate, bitrate):
            self._bitrate = bitrate


def _fits(codec: VideoCodecContext | None, frame: av.VideoFrame, bitrate: int) -> bool:
    return codec is not None and (codec.width, codec.height, codec.bit_rate) == (
        frame.width,
        frame.height,
        bitrate,
    )


class FastH264Encoder(SteadyBitrate, H264Encoder):
    """H264 by the card's encoder where there is one, else and after its first failure by x264.

    fell: called with that failure.
    """

    def __init__(self, card: OpenEncoder | None, fell: Fell) -> None:
        super().__init__()
        self._card, self._fell = card, fell
        self._opened: tuple[int, int, int] | None = None

    def _encode_frame(self, frame: av.VideoFrame, force_keyframe: bool) -> Iterator[bytes]:
        frame.pict_type = PictureType.I if force_keyframe else PictureType.NONE
        encoded = self._by_card(frame) or self._by(x264, frame)
        if encoded:
            yield from self._split_bitstream(encoded)

    def _by_card(self, frame: av.VideoFrame) -> bytes:
        """Nothing where the card does not encode; x264 then begins with a key frame."""
        if self._card is None:
            return b""
        try:
            encoded = self._by(self._card, frame)
            if not encoded:
                raise DeviceError("it holds pictures back")
        except Exception as error:  # whatever it was: the video would freeze for good
            self._card = self._opened = None
            self._fell("encodes", error)
            return b""
        return encoded

    def _by(self, open_encoder: OpenEncoder, frame: av.VideoFrame) -> bytes:
        wanted = (frame.width, frame.height, self.target_bitrate)
        if self._opened != wanted:
            self.codec, self._opened = open_encoder(*wanted), wanted
        assert self.codec is not None
        return b"".join(bytes(packet) for packet in self.codec.encode(frame))


class FastVp8Encoder(SteadyBitrate, Vp8Encoder):
    """libvpx at its fastest, one thread."""

    def encode(
        self, frame: av.frame.Frame, force_keyframe: bool = False
    ) -> tuple[list[bytes], int]:
        assert isinstance(frame, av.VideoFrame)
        bitrate = self.target_bitrate
        if not _fits(self.codec, frame, bitrate):
            self.codec = codec = new_encoder("libvpx", frame.width, frame.height, bitrate)
            codec.qmin, codec.qmax = 2, 56
            codec.options = {
                "bufsize": str(bitrate),
                "cpu-used": "-16",
                "deadline": "realtime",
                "lag-in-frames": "0",
                "maxrate": str(bitrate),
                "minrate": str(bitrate),
                "noise-sensitivity": "0",
                "overshoot-pct": "15",
                "static-thresh": "1",
                "undershoot-pct": "100",
            }
        frame.pict_type = PictureType.NONE
        return super().encode(frame, force_keyframe)
