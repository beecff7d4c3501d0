"""Cards that fail in mid-stream: the video goes on, through the real packetiser and decoder."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import aiortc.rtcrtpreceiver
import aiortc.rtcrtpsender
import av
import numpy as np
import pytest
from aiortc.codecs import CODECS
from aiortc.jitterbuffer import JitterFrame
from av.error import FFmpegError

from engines.types import U8
from realtime import transport
from realtime.codec import Codecs, OpenDecoder, OpenEncoder, x264
from realtime.codec_proof import moving_pictures, nal_types, psnr
from tests.realtime import cards

TIME_BASE = Fraction(1, 90_000)
H264 = next(c for c in CODECS["video"] if c.mimeType == "video/H264")
PICTURES = moving_pictures()


class Line:
    """From an encoder to a decoder, packet by packet."""

    def __init__(
        self, encoder: OpenEncoder | None = None, decoder: OpenDecoder | None = None
    ) -> None:
        self.told: list[str] = []
        transport.apply(codecs=Codecs(encoder, decoder), tell=self.told.append)
        self.encoder: Any = aiortc.rtcrtpsender.get_encoder(H264)  # type: ignore[attr-defined]
        self.decoder: Any = aiortc.rtcrtpreceiver.get_decoder(H264)  # type: ignore[attr-defined]

    def send(self, k: int, ask: bool = False, picture: U8 | None = None) -> bytes:
        """Picture k as H264."""
        planes = PICTURES[k % len(PICTURES)] if picture is None else picture
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = 3000 * k, TIME_BASE
        payloads, timestamp = self.encoder.encode(frame, force_keyframe=ask)
        assert timestamp == 3000 * k
        assert max(map(len, payloads)) < 1500
        depayload = aiortc.rtcrtpreceiver.depayload  # type: ignore[attr-defined]
        return b"".join(depayload(H264, payload) for payload in payloads)

    def show(self, k: int, data: bytes) -> float:
        """How near the decoded picture is to picture k, dB."""
        (frame,) = self.decoder.decode(JitterFrame(data, 3000 * k))
        sent = av.VideoFrame.from_ndarray(PICTURES[k % len(PICTURES)], format="yuv420p")
        return psnr(frame, np.asarray(sent.to_ndarray()))


@pytest.fixture(autouse=True)
def cpu_again() -> Any:
    yield
    transport.apply()


def key(data: bytes) -> bool:
    return {7, 8, 5} <= nal_types(data)


def test_without_a_card_the_stream_is_x264s_own() -> None:
    line, alone = Line(), x264(640, 480, 1_500_000)
    for k in range(6):
        sent = line.send(k, ask=k == 3)
        frame = av.VideoFrame.from_ndarray(PICTURES[k], format="yuv420p")
        frame.pts, frame.time_base = 3000 * k, TIME_BASE
        frame.pict_type = av.video.frame.PictureType.I if k == 3 else 0
        own = b"".join(bytes(packet) for packet in alone.encode(frame))
        assert sent == own.replace(b"\0\0\0\1", b"\0\0\1").replace(b"\0\0\1", b"\0\0\0\1")
    assert line.told == []


def test_a_card_encodes_and_decodes() -> None:
    made: list[Any] = []
    line = Line(cards.faulty_encoder(cards.good, made), cards.faulty_decoder(cards.good))
    for k in range(6):
        data = line.send(k, ask=k == 4)
        assert key(data) == (k in (0, 4))
        assert line.show(k, data) > 30
    assert [codec.count for codec in made] == [6]
    assert line.decoder.codec.count == 6
    line.encoder.target_bitrate = 4_000_000
    assert key(line.send(6))
    assert [codec.bit_rate for codec in made] == [1_500_000, 4_000_000]
    assert line.told == []


@pytest.mark.parametrize(
    ("encoder", "broken"),
    [
        (cards.refuses, 0),
        (cards.faulty_encoder(cards.failing_at(0)), 0),
        (cards.faulty_encoder(cards.failing_at(4)), 4),
        (cards.faulty_encoder(cards.failing_at(4, RuntimeError("a bug"))), 4),
        (cards.holding_back, 0),
    ],
)
def test_where_the_card_stops_encoding_the_cpu_goes_on(encoder: OpenEncoder, broken: int) -> None:
    line = Line(encoder)
    for k in range(8):
        data = line.send(k)
        assert key(data) == (k in (0, broken))
        assert line.show(k, data) > 30
    assert line.told == ["The card no longer encodes one of the videos."]
    assert line.encoder.codec.name == "libx264"


def test_a_failed_card_is_not_tried_again() -> None:
    made: list[Any] = []
    line = Line(cards.faulty_encoder(cards.failing_at(2), made))
    for k in range(4):
        line.send(k)
    line.encoder.target_bitrate = 4_000_000
    line.send(4)
    assert len(made) == 1
    assert len(line.told) == 1


def test_one_encoder_that_fails_leaves_the_others_on_the_card() -> None:
    one = Line(cards.faulty_encoder(cards.failing_at(1)))
    other: Any = aiortc.rtcrtpsender.get_encoder(H264)  # type: ignore[attr-defined]
    one.send(0)
    one.send(1)
    frame = av.VideoFrame.from_ndarray(PICTURES[0], format="yuv420p")
    frame.pts, frame.time_base = 0, TIME_BASE
    other.encode(frame)
    assert isinstance(other.codec, cards.Faulty)
    assert not isinstance(one.encoder.codec, cards.Faulty)


@pytest.mark.parametrize("error", [cards.BROKEN, RuntimeError("a bug")], ids=str)
def test_where_the_card_stops_decoding_the_cpu_goes_on_from_the_next_key_frame(
    error: Exception,
) -> None:
    line = Line(decoder=cards.faulty_decoder(cards.failing_at(3, error)))
    for k in range(3):
        assert line.show(k, line.send(k)) > 30
    with pytest.raises(FFmpegError):  # for which the library asks for a key frame
        line.show(3, line.send(3))
    for k in range(4, 8):
        assert line.show(k, line.send(k, ask=k == 4)) > 30
    assert line.told == ["The card no longer decodes one of the videos."]
    assert line.decoder.codec.name == "h264"
    assert not isinstance(line.decoder.codec, cards.Faulty)


def test_a_decoder_that_does_not_open_is_the_cpus_at_once() -> None:
    line = Line(decoder=cards.refuses)
    assert line.show(0, line.send(0)) > 30
    assert len(line.told) == 1
