"""Whether the card's H264 codecs are right here, and no slower than the CPU's: a dozen pictures
there and back."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

import av
import av.logging
import numpy as np
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from engines.errors import PuppetcamError
from engines.types import U8
from realtime.codec import (
    FAILURES,
    SMPTE170M,
    VIDEO_CLOCK_HZ,
    Codecs,
    OpenDecoder,
    OpenEncoder,
    nvdec,
    nvenc,
    software,
    x264,
)

T = TypeVar("T", OpenEncoder, OpenDecoder)

WIDTH, HEIGHT, BITRATE = 640, 480, 4_000_000
COUNT = 12
BEGUN = 3  # pictures until a codec has taken its memory: not timed
ASKED = 6  # the picture for which a key frame is asked
RIGHT_DB = 30.0  # x264 gives 40 at least
SPS, PPS, IDR = 7, 8, 5  # types of NAL units that a receiver can begin with


@dataclass(frozen=True, slots=True)
class Figures:
    """What a codec made of the pictures.

    late: pictures that did not come out when they went in. worst_db: PSNR of the worst, dB.
    marked: whether key frames came with all that a receiver needs, and colours as BT.601. took_ms:
    median for a picture.
    """

    late: int
    worst_db: float
    marked: bool
    took_ms: float


def verdict(card: Figures, cpu: Figures) -> tuple[bool, str]:
    """Whether the card's codec is taken, and why."""
    if card.late:
        return False, f"the card's holds back {card.late} of {COUNT} pictures"
    if not card.marked:
        return False, "the card's stream lacks key frames or colours"
    if card.worst_db < RIGHT_DB:
        return False, f"the card's pictures are wrong, {card.worst_db:.0f} dB"
    if card.took_ms > cpu.took_ms:
        return False, f"{cpu.took_ms:.1f} ms a picture, the card {card.took_ms:.1f}"
    return True, f"{card.took_ms:.1f} ms a picture, the CPU {cpu.took_ms:.1f}"


def choose(encoder: OpenEncoder = nvenc, decoder: OpenDecoder = nvdec) -> Codecs:
    """The card's codecs where the proof speaks for them, else the CPU's.

    encoder, decoder: the card's, to be tried.
    """
    pictures = moving_pictures()
    encodes, encoder_why = _judge(prove_encoder, encoder, x264, pictures)
    decodes, decoder_why = _judge(prove_decoder, decoder, software, pictures)
    return Codecs(
        encoder if encodes else None, decoder if decodes else None, encoder_why, decoder_why
    )


def _judge(
    prove: Callable[[T, list[U8]], Figures], card: T, cpu: T, pictures: list[U8]
) -> tuple[bool, str]:
    try:
        with _errors_heard():
            figures = prove(card, pictures)
    except FAILURES as error:
        return False, f"the card has none that works: {in_words(error)}"
    return verdict(figures, prove(cpu, pictures))


def in_words(error: Exception) -> str:
    """What a codec's failure is called: the library's last word, where it was heard."""
    if isinstance(error, PuppetcamError):
        return error.message
    heard: Any = error.log if isinstance(error, FFmpegError) else None
    return heard[2].strip() if heard else getattr(error, "strerror", None) or str(error)


def prove_encoder(open_encoder: OpenEncoder, pictures: list[U8]) -> Figures:
    """Encode the pictures, read them with the CPU. Raises one of FAILURES."""
    encoder, decoder = open_encoder(WIDTH, HEIGHT, BITRATE), software()
    shown: list[list[av.VideoFrame]] = []
    took, marked = [], True
    for k, picture in enumerate(pictures):
        began = time.perf_counter()
        data = _encode(encoder, picture, k)
        took.append(time.perf_counter() - began)
        if k in (0, ASKED):
            marked = marked and {SPS, PPS, IDR} <= nal_types(data)
        shown.append(_decode(decoder, data, k))
    marked = marked and all(f.colorspace == SMPTE170M for frames in shown for f in frames)
    return _figures(shown, pictures, marked, took)


def prove_decoder(open_decoder: OpenDecoder, pictures: list[U8]) -> Figures:
    """Read pictures that the CPU has encoded. Raises one of FAILURES."""
    encoder, decoder = x264(WIDTH, HEIGHT, BITRATE), open_decoder()
    stream = [_encode(encoder, picture, k) for k, picture in enumerate(pictures)]
    shown, took = [], []
    for k, data in enumerate(stream):
        began = time.perf_counter()
        shown.append(_decode(decoder, data, k))
        took.append(time.perf_counter() - began)
    return _figures(shown, pictures, True, took)


def _encode(encoder: VideoCodecContext, picture: U8, k: int) -> bytes:
    frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
    frame.pts, frame.time_base = k * VIDEO_CLOCK_HZ // 30, Fraction(1, VIDEO_CLOCK_HZ)
    frame.pict_type = PictureType.I if k == ASKED else PictureType.NONE
    return b"".join(bytes(packet) for packet in encoder.encode(frame))


def _decode(decoder: VideoCodecContext, data: bytes, k: int) -> list[av.VideoFrame]:
    if not data:
        return []
    packet = av.Packet(data)
    packet.pts, packet.time_base = k * VIDEO_CLOCK_HZ // 30, Fraction(1, VIDEO_CLOCK_HZ)
    return decoder.decode(packet)


def _figures(
    shown: list[list[av.VideoFrame]], pictures: list[U8], marked: bool, took: list[float]
) -> Figures:
    late = sum(len(frames) != 1 for frames in shown)
    both = zip(shown, pictures, strict=True)
    worst = min((psnr(frames[0], picture) for frames, picture in both if frames), default=0.0)
    return Figures(late, worst, marked, statistics.median(took[BEGUN:]) * 1000)


def psnr(frame: av.VideoFrame, picture: U8) -> float:
    """How near a frame is to planes of yuv420p, u8 (H * 3 / 2, W), dB; 0 for another size."""
    planes = frame.to_ndarray(format="yuv420p")
    if planes.shape != picture.shape:
        return 0.0
    error = np.square(planes.astype(np.float32) - picture).mean()
    return float(10 * np.log10(255**2 / max(float(error), 1e-9)))


def nal_types(data: bytes) -> set[int]:
    """The types of the NAL units in a stream with start codes."""
    return {part[0] & 0x1F for part in data.split(b"\0\0\1")[1:] if part}


def moving_pictures() -> list[U8]:
    """COUNT pictures of something that moves: planes of yuv420p, u8 (HEIGHT * 3 / 2, WIDTH)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    pictures = []
    for k in range(COUNT):
        x, y = columns - 6 * k, rows + 4 * k
        waves = [np.sin(x / 23) * np.cos(y / 31), np.sin(y / 41), np.cos(x / 37)]
        image = np.stack([128 + 90 * wave for wave in waves], -1).astype(np.uint8)
        image[200:280, 100 + 10 * k : 180 + 10 * k] = (230, 200, 40)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
        pictures.append(np.asarray(frame.to_ndarray(), np.uint8))
    return pictures


@contextlib.contextmanager
def _errors_heard() -> Iterator[None]:
    """FFmpeg says on its log alone why a card refuses; PyAV drops that unless told otherwise."""
    before = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture():
            yield
    finally:
        av.logging.set_level(before)
