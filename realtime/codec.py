"""H264 encoders and decoders for live video: the CPU's and the card's, and who was chosen.

What they have in common: one picture in, one out, at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import av.codec.context
from av.codec.hwaccel import HWAccel
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from engines.errors import DeviceError
from engines.kernels.cuda import CudaDevice

VIDEO_CLOCK_HZ = 90_000
KEYFRAME_INTERVAL = 3000  # frames; lost pictures are asked for by the receiver
QUALITY = "18"  # x264's constant rate factor: 52 dB, and no bits spent beyond that
# Our pictures are BT.601; Chromium takes H264 that does not say so for BT.709 (VP8 always is 601).
BT601 = "colormatrix=smpte170m:colorprim=bt709:transfer=bt709:range=tv"
SMPTE170M, BT709, TV = 6, 1, 1  # FFmpeg's numbers for the same

# What a codec of the card raises: when the card or its driver refuses, or this FFmpeg has it not.
FAILURES = (FFmpegError, DeviceError, MemoryError, NotImplementedError, ValueError)

OpenEncoder = Callable[[int, int, int], VideoCodecContext]
"""Makes an H264 encoder for pictures of width, height px at bits per second."""

OpenDecoder = Callable[[], VideoCodecContext]
"""Makes an H264 decoder."""

Fell = Callable[[str, Exception], None]
"""Hears that the card no longer "encodes" or "decodes" a video, and why. Any thread."""


@dataclass(frozen=True, slots=True)
class Codecs:
    """Who encodes and decodes H264, and why.

    encoder, decoder: the card's, None where the CPU does it.
    """

    encoder: OpenEncoder | None = None
    decoder: OpenDecoder | None = None
    encoder_why: str = "no card is used"
    decoder_why: str = "no card is used"

    def __str__(self) -> str:
        who = ["CPU" if card is None else "card" for card in (self.encoder, self.decoder)]
        if who[0] == who[1] and self.encoder_why == self.decoder_why:
            return f"H264 by the {who[0]} ({self.encoder_why})"
        return (
            f"H264 encoded by the {who[0]} ({self.encoder_why}), "
            f"decoded by the {who[1]} ({self.decoder_why})"
        )


def new_encoder(
    name: str, width: int, height: int, bitrate: int, card: HWAccel | None = None
) -> VideoCodecContext:
    """FFmpeg's encoder ``name``, still to be given its options."""
    codec = av.CodecContext.create(name, "w", card)
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.bit_rate = bitrate
    codec.framerate = Fraction(30, 1)
    codec.time_base = Fraction(1, VIDEO_CLOCK_HZ)
    codec.gop_size = KEYFRAME_INTERVAL
    codec.thread_count = 1  # more threads mean more delay: 14 ms against 1.3 ms at 640x480
    return codec


def x264(width: int, height: int, bitrate: int) -> VideoCodecContext:
    """x264, ultrafast, zero latency, one thread."""
    codec = new_encoder("libx264", width, height, bitrate)
    codec.options = {
        "level": "31",
        "preset": "ultrafast",
        "tune": "zerolatency",
        "crf": QUALITY,
        "maxrate": str(bitrate),
        "bufsize": str(bitrate // 5),
        "x264-params": BT601,
    }
    codec.profile = "Baseline"
    return codec


def nvenc(width: int, height: int, bitrate: int) -> VideoCodecContext:
    """NVENC, fastest, ultra low latency, without B frames. Raises one of FAILURES.

    Bounded as x264 is: no bits beyond a quantiser of ``QUALITY``, none beyond the bitrate. (NVENC's
    own constant quality, ``cq``, would drop the buffer's bound and the codec's ``bit_rate``.) The
    level is left to NVENC, which refuses pictures above one that is given.
    """
    codec = new_encoder("h264_nvenc", width, height, bitrate, cuda())
    codec.max_b_frames = 0
    codec.colorspace, codec.color_range = SMPTE170M, TV
    codec.color_primaries = codec.color_trc = BT709
    codec.options = {
        "preset": "p1",
        "tune": "ull",
        "profile": "baseline",
        "delay": "0",
        "zerolatency": "1",
        "forced-idr": "1",  # else a key frame that is asked for is one that nobody can begin with
        "rc": "vbr",
        "qmin": QUALITY,
        "maxrate": str(bitrate),
        "bufsize": str(bitrate // 5),
    }
    return codec


def software() -> VideoCodecContext:
    """FFmpeg's own decoder."""
    return at_once(av.CodecContext.create("h264", "r"))


def nvdec() -> VideoCodecContext:
    """FFmpeg's decoder with the card's; pictures come down as NV12. Raises one of FAILURES."""
    codec = at_once(av.CodecContext.create("h264", "r", cuda()))
    if not codec.is_hwaccel:
        raise NotImplementedError("this FFmpeg has no NVDEC")
    return codec


def at_once(codec: av.CodecContext) -> VideoCodecContext:
    """A decoder made to give out each frame when it comes: frame threads and reordering hold some
    back."""
    assert isinstance(codec, VideoCodecContext)
    codec.thread_count = 1
    codec.flags |= av.codec.context.Flags.low_delay
    return codec


def cuda() -> HWAccel:
    """The card for FFmpeg, in the context that CuPy and all else here use (docs/adr/0004).

    By default each codec makes a context of its own, with its memory and a thread that polls.
    FFmpeg's ``primary_ctx`` refuses a context that CuPy has begun. Raises DeviceError.
    """
    _card().free()  # any call of CUDA's runtime makes its context the calling thread's
    return HWAccel("cuda", allow_software_fallback=False, options={"current_ctx": "1"})


@functools.cache
def _card() -> CudaDevice:
    return CudaDevice()
