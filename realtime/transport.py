"""Every change we make to aiortc and aioice, and nothing else. ``apply`` makes them, once.

Measured with 640x480 at 30 fps through Chromium: stock 73..87 ms from glass to glass, with all of
this 20..39 ms. Each change is one function with a test of its own. They reach into private names,
so the versions are pinned and checked.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any, TypeVar

import aioice.ice
import aiortc.codecs
import aiortc.rtcrtpreceiver
import aiortc.rtcrtpsender
import av
import av.codec.context
from aiortc import RTCRtpSender, RTCRtpTransceiver
from aiortc.codecs.base import Decoder, Encoder
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpParameters,
)
from aiortc.rtp import (
    HeaderExtensions,
    HeaderExtensionsMap,
    pack_header_extensions,
    unpack_header_extensions,
)
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from engines.errors import DeviceError

T = TypeVar("T")

VERSIONS = {"aiortc": "1.16.0", "av": "18.1.0"}
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
VIDEO_CLOCK_HZ = 90_000

START_BITRATE = 1_500_000  # bits per second, until the receiver reports what it can take
MIN_BITRATE = 600_000
MAX_BITRATE = 6_000_000
MIN_UPLINK = 1_000_000
# A reported bitrate is followed when it leaves this band around the present one: each change
# reopens the encoder, which costs a key frame.
STEADY_BAND = (0.75, 1.5)
# Our pictures are BT.601; Chromium takes H264 that does not say so for BT.709 (VP8 always is 601).
QUALITY = "18"  # x264's constant rate factor: 52 dB, and no bits spent beyond that
BT601 = "colormatrix=smpte170m:colorprim=bt709:transfer=bt709:range=tv"
KEYFRAME_INTERVAL = 3000  # frames; lost pictures are asked for by the receiver

MAX_SIDE = 1280  # px: larger camera pictures are made smaller before anything looks at them

CONSENT_INTERVAL_S = 1
CONSENT_FAILURES = 3

_applied = _planes = False
_pool: ThreadPoolExecutor | None = None


def apply(planes: bool = False) -> None:
    """Change aiortc and aioice for this process. Raises DeviceError for other versions of them.

    planes: decoded frames are left as they are: a card takes them so.
    """
    global _applied, _planes
    check_versions()
    _planes = planes
    if _applied:
        return
    _applied = True
    release_on_marker()
    ask_for_no_playout_delay()
    replace_encoders()
    keep_uplink_usable()
    replace_decoders()
    encode_in_own_pool()
    notice_silence_early()
    offer_loopback()


def check_versions(installed: Callable[[str], str] = importlib.metadata.version) -> None:
    """Raise DeviceError unless the libraries are the ones these changes were written for."""
    for name, wanted in VERSIONS.items():
        got = installed(name)
        if got != wanted:
            pins = " ".join(f"{n}=={v}" for n, v in VERSIONS.items())
            raise DeviceError(f"{name} {got} is installed, wanted {wanted}", f"pip install {pins}")


# --- receiving ------------------------------------------------------------------------------


def release_on_marker() -> None:
    """Give out a video frame with its last packet, not with the next frame's first (33 ms)."""
    stock = JitterBuffer._remove_frame

    def remove_frame(self: JitterBuffer, sequence_number: int) -> JitterFrame | None:
        if not self._is_video or self._origin is None:
            return stock(self, sequence_number)
        packets: list[Any] = []
        for count in range(self.capacity):
            packet = self._packets[(self._origin + count) % self.capacity]
            if packet is None:
                return None
            if packets and packet.timestamp != packets[0].timestamp:
                return _release(self, packets, count)  # a sender without markers
            packets.append(packet)
            if packet.marker:
                return _release(self, packets, count + 1)
        return None

    JitterBuffer._remove_frame = remove_frame  # type: ignore[method-assign]


def _release(buffer: JitterBuffer, packets: list[Any], count: int) -> JitterFrame:
    buffer.remove(count)
    return JitterFrame(b"".join(packet._data for packet in packets), packets[0].timestamp)


def keep_uplink_usable() -> None:
    """Never ask the camera for less than ``MIN_UPLINK``: a busy machine looks like a slow network.

    With both on one machine the stock estimate fell to 0.3 Mbit/s and the camera to 480 pixels; a
    network that is slow indeed loses packets, and the browser reacts to that by itself.
    """
    stock = RemoteBitrateEstimator.add

    def add(self: RemoteBitrateEstimator, **packet: int) -> tuple[int, list[int]] | None:
        estimate = stock(self, **packet)
        return None if estimate is None else (max(estimate[0], MIN_UPLINK), estimate[1])

    RemoteBitrateEstimator.add = add  # type: ignore[assignment, method-assign]


def replace_decoders() -> None:
    """Decode each frame when it comes: frame threads and reordering would hold frames back.

    Frames leave the decoder's thread as RGB (``as_rgb``). On the compute thread the conversion of a
    frame took 1.9 ms, 1.0 of them waiting for the interpreter lock.
    """
    stock = aiortc.codecs.get_decoder

    def get_decoder(codec: RTCRtpCodecParameters) -> Decoder:
        decoder = stock(codec)
        context = getattr(decoder, "codec", None)
        if isinstance(context, VideoCodecContext):
            context.thread_count = 1
            context.flags |= av.codec.context.Flags.low_delay
            decode = decoder.decode
            decoder.decode = lambda encoded_frame: [  # type: ignore[method-assign]
                frame if _planes else as_rgb(frame) for frame in decode(encoded_frame)
            ]
        return decoder

    aiortc.rtcrtpreceiver.get_decoder = get_decoder  # type: ignore[attr-defined]


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


# --- sending --------------------------------------------------------------------------------


def ask_for_no_playout_delay() -> None:
    """Send the playout-delay extension, min = max = 0: Chromium shows frames at once (30 ms)."""
    extensions = aiortc.codecs.HEADER_EXTENSIONS["video"]
    unused = 1 + max(e.id for kind in aiortc.codecs.HEADER_EXTENSIONS.values() for e in kind)
    extensions.append(RTCRtpHeaderExtensionParameters(id=unused, uri=PLAYOUT_DELAY))
    stock_configure, stock_set = HeaderExtensionsMap.configure, HeaderExtensionsMap.set

    def configure(self: HeaderExtensionsMap, parameters: RTCRtpParameters) -> None:
        stock_configure(self, parameters)
        ids = [e.id for e in parameters.headerExtensions if e.uri == PLAYOUT_DELAY]
        self._playout_delay_id = ids[0] if ids else None  # type: ignore[attr-defined]

    def set_(self: HeaderExtensionsMap, values: HeaderExtensions) -> tuple[int, bytes]:
        profile, packed = stock_set(self, values)
        extension = getattr(self, "_playout_delay_id", None)
        if extension is None:
            return profile, packed
        present = unpack_header_extensions(profile, packed) if packed else []
        return pack_header_extensions([*present, (extension, bytes(3))])

    HeaderExtensionsMap.configure = configure  # type: ignore[method-assign]
    HeaderExtensionsMap.set = set_  # type: ignore[method-assign]


def steady(current: int, wanted: int) -> bool:
    """Whether a wanted bitrate is near enough to the present one to keep the encoder open."""
    low, high = STEADY_BAND
    return low * current <= wanted <= high * current


class _SteadyBitrate:
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


def _open(name: str, frame: av.VideoFrame, bitrate: int) -> VideoCodecContext:
    codec = av.CodecContext.create(name, "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "yuv420p"
    codec.bit_rate = bitrate
    codec.framerate = Fraction(30, 1)
    codec.time_base = Fraction(1, VIDEO_CLOCK_HZ)
    codec.gop_size = KEYFRAME_INTERVAL
    codec.thread_count = 1  # more threads mean more delay: 14 ms against 1.3 ms at 640x480
    return codec


class FastH264Encoder(_SteadyBitrate, H264Encoder):
    """x264, ultrafast, zero latency, one thread."""

    def _encode_frame(self, frame: av.VideoFrame, force_keyframe: bool) -> Iterator[bytes]:
        bitrate = self.target_bitrate
        if not _fits(self.codec, frame, bitrate):
            self.codec = codec = _open("libx264", frame, bitrate)
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
        assert self.codec is not None
        frame.pict_type = PictureType.I if force_keyframe else PictureType.NONE
        encoded = b"".join(bytes(packet) for packet in self.codec.encode(frame))
        if encoded:
            yield from self._split_bitstream(encoded)


class FastVp8Encoder(_SteadyBitrate, Vp8Encoder):
    """libvpx at its fastest, one thread."""

    def encode(
        self, frame: av.frame.Frame, force_keyframe: bool = False
    ) -> tuple[list[bytes], int]:
        assert isinstance(frame, av.VideoFrame)
        bitrate = self.target_bitrate
        if not _fits(self.codec, frame, bitrate):
            self.codec = codec = _open("libvpx", frame, bitrate)
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


def replace_encoders() -> None:
    """Encode video with the fast encoders."""
    stock = aiortc.codecs.get_encoder

    def get_encoder(codec: RTCRtpCodecParameters) -> Encoder:
        kind = codec.mimeType.lower()
        if kind == "video/h264":
            return FastH264Encoder()
        return FastVp8Encoder() if kind == "video/vp8" else stock(codec)

    aiortc.rtcrtpsender.get_encoder = get_encoder  # type: ignore[attr-defined]


def encoder_pool() -> ThreadPoolExecutor:
    """The threads that convert and encode outgoing pictures, and do nothing else."""
    global _pool
    if _pool is None:
        threads = max(2, (os.cpu_count() or 2) // 2)
        _pool = ThreadPoolExecutor(threads, thread_name_prefix="encode")
    return _pool


class _EncoderLoop:
    """Stands in for the event loop in a sender, which uses it to encode in the default pool."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def run_in_executor(self, _: None, call: Callable[..., T], *arguments: Any) -> Any:
        return self._loop.run_in_executor(encoder_pool(), call, *arguments)


def encode_in_own_pool() -> None:
    """Keep encoding off the default pool, where a slow file or name look-up would delay it."""
    stock = RTCRtpSender.__init__

    def init(self: RTCRtpSender, *arguments: Any, **options: Any) -> None:
        stock(self, *arguments, **options)
        self._RTCRtpSender__loop = _EncoderLoop(  # type: ignore[attr-defined]
            asyncio.get_running_loop()
        )

    RTCRtpSender.__init__ = init  # type: ignore[method-assign]


# --- connecting -----------------------------------------------------------------------------


def notice_silence_early() -> None:
    """Notice a vanished peer after 5 s; stock needs half a minute."""
    aioice.ice.CONSENT_INTERVAL = CONSENT_INTERVAL_S
    aioice.ice.CONSENT_FAILURES = CONSENT_FAILURES


def offer_loopback() -> None:
    """Be reachable at 127.0.0.1 too: the page mostly runs on this machine, perhaps offline."""
    stock = aioice.ice.get_host_addresses

    def get_host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        addresses: list[str] = stock(use_ipv4, use_ipv6)
        return [*addresses, "127.0.0.1"] if use_ipv4 else addresses

    aioice.ice.get_host_addresses = get_host_addresses


def prefer_h264(transceiver: RTCRtpTransceiver) -> None:
    """Negotiate H264 where the peer has it, else VP8."""
    codecs = RTCRtpSender.getCapabilities("video").codecs
    rank = {"video/h264": 0, "video/vp8": 1, "video/rtx": 2}
    usable = [codec for codec in codecs if codec.mimeType.lower() in rank]
    transceiver.setCodecPreferences(sorted(usable, key=lambda c: rank[c.mimeType.lower()]))


def with_start_bitrate(sdp: str, kbps: int) -> str:
    """An answer that lets the browser begin at this bitrate instead of 300 kbit/s."""
    option = f"x-google-start-bitrate={kbps}"
    types = re.findall(r"^a=rtpmap:(\d+) (?:H264|VP8)/90000\r?$", sdp, re.MULTILINE)
    for payload_type in types:
        fmtp = re.compile(rf"^(a=fmtp:{payload_type} [^\r\n]*)", re.MULTILINE)
        sdp, found = fmtp.subn(rf"\g<1>;{option}", sdp)
        if not found:
            rtpmap = re.compile(rf"^(a=rtpmap:{payload_type} [^\r\n]*\r?\n)", re.MULTILINE)
            sdp = rtpmap.sub(rf"\g<1>a=fmtp:{payload_type} {option}\r\n", sdp)
    return sdp
