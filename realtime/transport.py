"""Every change we make to aiortc and aioice, and nothing else. ``apply`` makes them, once.

Measured with 640x480 at 30 fps through Chromium: stock 73..87 ms from glass to glass, with all of
this 20..39 ms. Each change is one function with a test of its own. They reach into private names,
so the versions are pinned and checked.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import aioice.ice
import aiortc.codecs
import aiortc.rtcrtpreceiver
import aiortc.rtcrtpsender
from aiortc import RTCRtpSender, RTCRtpTransceiver
from aiortc.codecs.base import Decoder, Encoder
from aiortc.codecs.h264 import H264Decoder
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

from engines.errors import DeviceError
from realtime.codec import Codecs, at_once
from realtime.decoder import FastH264Decoder, as_rgb
from realtime.encoder import FastH264Encoder, FastVp8Encoder

T = TypeVar("T")
Tell = Callable[[str], None]
"""Tells the performers something. Any thread."""

log = logging.getLogger(__name__)

VERSIONS = {"aiortc": "1.16.0", "av": "18.1.0"}
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

MIN_UPLINK = 1_000_000

CONSENT_INTERVAL_S = 1
CONSENT_FAILURES = 3

_applied = _planes = False
_pool: ThreadPoolExecutor | None = None
_codecs = Codecs()
_tell: Tell = log.debug


def apply(planes: bool = False, codecs: Codecs | None = None, tell: Tell = log.debug) -> None:
    """Change aiortc and aioice for this process. Raises DeviceError for other versions of them.

    planes: decoded frames are left as they are: a card takes them so. codecs: who encodes and
    decodes H264, by default the CPU. tell: called when the card's codecs fail.
    """
    global _applied, _planes, _codecs, _tell
    check_versions()
    _planes, _codecs, _tell = planes, codecs or Codecs(), tell
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


def _fell(does: str, error: Exception) -> None:
    text = f"The card no longer {does} one of the videos."
    log.warning("%s (%s)", text, error)
    _tell(text)


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

    Frames leave the decoder's thread as RGB (``as_rgb``), or for a card as they are. On the compute
    thread the conversion of a frame took 1.9 ms, 1.0 of them waiting for the interpreter lock.
    """
    stock = aiortc.codecs.get_decoder

    def get_decoder(codec: RTCRtpCodecParameters) -> Decoder:
        decoder = stock(codec)
        if isinstance(decoder, H264Decoder):
            decoder = FastH264Decoder(_codecs.decoder, _fell)
        context = getattr(decoder, "codec", None)
        if isinstance(context, VideoCodecContext):
            at_once(context)
            decode = decoder.decode
            decoder.decode = lambda encoded_frame: [  # type: ignore[method-assign]
                frame if _planes else as_rgb(frame) for frame in decode(encoded_frame)
            ]
        return decoder

    aiortc.rtcrtpreceiver.get_decoder = get_decoder  # type: ignore[attr-defined]


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


def replace_encoders() -> None:
    """Encode video with the fast encoders."""
    stock = aiortc.codecs.get_encoder

    def get_encoder(codec: RTCRtpCodecParameters) -> Encoder:
        kind = codec.mimeType.lower()
        if kind == "video/h264":
            return FastH264Encoder(_codecs.encoder, _fell)
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
