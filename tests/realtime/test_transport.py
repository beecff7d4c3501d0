"""Each change to the WebRTC library does what it says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import aioice.ice
import aiortc.rtcrtpreceiver
import aiortc.rtcrtpsender
import av
import av.codec.context
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.codecs import CODECS, HEADER_EXTENSIONS
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket, unpack_header_extensions

from engines.errors import DeviceError
from realtime import encoder as sending
from realtime import transport


@pytest.fixture(autouse=True)
def applied() -> None:
    transport.apply()
    transport.apply()  # a second time changes nothing


@pytest.fixture
async def connection() -> AsyncIterator[RTCPeerConnection]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    yield connection
    await connection.close()


def codec(kind: str) -> Any:
    return next(c for c in CODECS["video"] if c.mimeType == kind)


def picture(k: int = 0, width: int = 320, height: int = 240) -> av.VideoFrame:
    rng = np.random.default_rng(k)
    image = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8).repeat(8, 0)
    frame = av.VideoFrame.from_ndarray(image.repeat(8, 1), format="rgb24").reformat(
        format="yuv420p"
    )
    frame.pts, frame.time_base = k * 3000, Fraction(1, 90_000)
    return frame


def packet(sequence: int, timestamp: int, marker: int) -> RtpPacket:
    packet = RtpPacket(sequence_number=sequence, timestamp=timestamp, marker=marker)
    packet._data = bytes([sequence])  # type: ignore[attr-defined]
    return packet


def add(buffer: JitterBuffer, sequence: int, timestamp: int, marker: int) -> bytes | None:
    frame = buffer.add(packet(sequence, timestamp, marker))[1]
    return None if frame is None else frame.data


def test_other_versions_are_refused() -> None:
    transport.check_versions()
    with pytest.raises(DeviceError, match=r"aiortc 2\.0 is installed, wanted 1\.16\.0") as refused:
        transport.check_versions(lambda name: "2.0")
    assert refused.value.hint == "pip install aiortc==1.16.0 av==18.1.0"


def test_a_frame_is_released_with_its_last_packet() -> None:
    buffer = JitterBuffer(capacity=16, is_video=True)
    assert add(buffer, 1, 100, 0) is None
    assert add(buffer, 2, 100, 1) == b"\1\2"
    assert add(buffer, 3, 200, 1) == b"\3"
    assert add(buffer, 5, 300, 1) is None  # 4 is missing
    assert add(buffer, 4, 300, 0) == b"\4\5"


def test_without_markers_the_next_frame_releases() -> None:
    buffer = JitterBuffer(capacity=16, is_video=True)
    assert add(buffer, 1, 100, 0) is None
    assert add(buffer, 2, 200, 0) == b"\1"


def test_sound_is_buffered_as_before() -> None:
    buffer = JitterBuffer(capacity=16, prefetch=4)
    assert [add(buffer, k, 100 * k, 1) for k in range(1, 7)] == [
        None,
        None,
        None,
        None,
        b"\1",
        b"\2",
    ]


def test_no_playout_delay_is_asked_for() -> None:
    assert transport.PLAYOUT_DELAY in [e.uri for e in HEADER_EXTENSIONS["video"]]
    ids = [e.id for kind in ("audio", "video") for e in HEADER_EXTENSIONS[kind][1:]]
    assert len(set(ids)) == len(ids)
    extensions = HeaderExtensionsMap()
    extensions.configure(
        RTCRtpParameters(
            headerExtensions=[
                RTCRtpHeaderExtensionParameters(id=1, uri="urn:ietf:params:rtp-hdrext:sdes:mid"),
                RTCRtpHeaderExtensionParameters(id=9, uri=transport.PLAYOUT_DELAY),
            ]
        )
    )
    sent = RtpPacket(payload_type=96)
    sent.extensions.mid = "0"
    profile, packed = extensions.set(sent.extensions)
    assert unpack_header_extensions(profile, packed) == [(1, b"0"), (9, b"\0\0\0")]
    assert RtpPacket.parse(sent.serialize(extensions), extensions).extensions.mid == "0"


def test_no_playout_delay_where_it_was_not_negotiated() -> None:
    extensions = HeaderExtensionsMap()
    extensions.configure(RTCRtpParameters())
    assert extensions.set(RtpPacket().extensions) == (0, b"")


@pytest.mark.parametrize("kind", ["video/H264", "video/VP8"])
def test_for_a_card_pictures_stay_as_they_were_decoded(kind: str) -> None:
    encoder: Any = aiortc.rtcrtpsender.get_encoder(codec(kind))  # type: ignore[attr-defined]
    payloads, timestamp = encoder.encode(picture())
    data = b"".join(aiortc.rtcrtpreceiver.depayload(codec(kind), p) for p in payloads)  # type: ignore[attr-defined]
    for planes, name in ((True, "yuv420p"), (False, "rgb24")):
        transport.apply(planes)
        decoder: Any = aiortc.rtcrtpreceiver.get_decoder(codec(kind))  # type: ignore[attr-defined]
        (frame,) = decoder.decode(JitterFrame(data, timestamp))
        assert frame.format.name == name


@pytest.mark.parametrize("kind", ["video/H264", "video/VP8"])
def test_encoders_and_decoders_hold_nothing_back(kind: str) -> None:
    encoder: Any = aiortc.rtcrtpsender.get_encoder(codec(kind))  # type: ignore[attr-defined]
    decoder: Any = aiortc.rtcrtpreceiver.get_decoder(codec(kind))  # type: ignore[attr-defined]
    assert decoder.codec.thread_count == 1
    assert decoder.codec.flags & av.codec.context.Flags.low_delay
    for k in range(5):
        payloads, timestamp = encoder.encode(picture(k), force_keyframe=k == 3)
        assert timestamp == 3000 * k
        data = b"".join(aiortc.rtcrtpreceiver.depayload(codec(kind), p) for p in payloads)  # type: ignore[attr-defined]
        (frame,) = decoder.decode(JitterFrame(data, timestamp))
        assert (frame.width, frame.height, frame.format.name) == (320, 240, "rgb24")
        if kind == "video/H264":
            assert frame.colorspace == 6  # SMPTE 170M: BT.601
        key = not data[0] & 1 if kind.endswith("VP8") else b"\0\0\1\x65" in data  # frame tag, IDR
        assert key == (k in (0, 3))
    assert encoder.codec.thread_count == 1
    assert encoder.codec.bit_rate == sending.START_BITRATE


@pytest.mark.parametrize("kind", ["video/H264", "video/VP8"])
def test_the_encoder_is_reopened_for_large_changes_only(kind: str) -> None:
    encoder: Any = aiortc.rtcrtpsender.get_encoder(codec(kind))  # type: ignore[attr-defined]
    encoder.encode(picture(0))
    first = encoder.codec
    encoder.target_bitrate = round(sending.START_BITRATE * 1.4)
    encoder.encode(picture(1))
    encoder.target_bitrate = round(sending.START_BITRATE * 0.8)
    encoder.encode(picture(2))
    assert encoder.codec is first
    encoder.target_bitrate = 1_000_000_000
    encoder.encode(picture(3))
    assert encoder.codec is not first
    assert encoder.codec.bit_rate == sending.MAX_BITRATE
    encoder.target_bitrate = 1
    encoder.encode(picture(4))
    assert encoder.codec.bit_rate == sending.MIN_BITRATE
    encoder.target_bitrate = 2_345_678
    encoder.encode(picture(5))
    second = encoder.codec
    encoder.encode(picture(6))
    assert encoder.codec is second
    encoder.encode(picture(7, width=160))
    assert encoder.codec is not second


def test_the_camera_is_never_asked_for_too_little() -> None:
    estimator = RemoteBitrateEstimator()
    asked = [
        estimator.add(
            arrival_time_ms=1000 + 40 * k,  # 100 bytes each 20 ms, later and later
            abs_send_time=(int(0.02 * k * (1 << 18))) & 0xFFFFFF,
            payload_size=100,
            ssrc=7,
        )
        for k in range(200)
    ]
    told = [bitrate for estimate in asked if estimate is not None for bitrate in estimate[:1]]
    assert set(told) == {transport.MIN_UPLINK}


async def test_encoding_has_threads_of_its_own(connection: RTCPeerConnection) -> None:
    sender: Any = connection.addTransceiver("video").sender
    loop = sender._RTCRtpSender__loop
    name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
    assert name.startswith("encode")
    stock = await asyncio.to_thread(lambda: threading.current_thread().name)
    assert not stock.startswith("encode")


def test_silence_is_noticed_early() -> None:
    assert (aioice.ice.CONSENT_INTERVAL, aioice.ice.CONSENT_FAILURES) == (1, 3)


async def test_we_can_be_reached_at_loopback(connection: RTCPeerConnection) -> None:
    connection.createDataChannel("x")
    await connection.setLocalDescription()
    assert " 127.0.0.1 " in connection.localDescription.sdp


async def test_h264_comes_first_and_vp8_second(connection: RTCPeerConnection) -> None:
    transport.prefer_h264(connection.addTransceiver("video"))
    sdp = (await connection.createOffer()).sdp
    names = [line.split()[1] for line in sdp.splitlines() if line.startswith("a=rtpmap")]
    assert [name for name in names if "rtx" not in name] == ["H264/90000"] * 2 + ["VP8/90000"]


def test_the_uplink_begins_fast() -> None:
    sdp = (
        "m=video 9 UDP/TLS/RTP/SAVPF 96 102 103\r\n"
        "a=rtpmap:96 VP8/90000\r\n"
        "a=rtpmap:102 H264/90000\r\n"
        "a=fmtp:102 packetization-mode=1\r\n"
        "a=rtpmap:103 rtx/90000\r\n"
        "a=fmtp:103 apt=102\r\n"
    )
    assert transport.with_start_bitrate(sdp, 1500) == (
        "m=video 9 UDP/TLS/RTP/SAVPF 96 102 103\r\n"
        "a=rtpmap:96 VP8/90000\r\n"
        "a=fmtp:96 x-google-start-bitrate=1500\r\n"
        "a=rtpmap:102 H264/90000\r\n"
        "a=fmtp:102 packetization-mode=1;x-google-start-bitrate=1500\r\n"
        "a=rtpmap:103 rtx/90000\r\n"
        "a=fmtp:103 apt=102\r\n"
    )
