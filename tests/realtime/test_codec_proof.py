"""The proof that decides who encodes and decodes H264; the card's are the CPU's with faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import av.logging
import pytest

from engines.kernels.cuda import CudaDevice
from realtime import codec_proof
from realtime.codec import FAILURES, nvdec, nvenc, software, x264
from realtime.codec_proof import (
    COUNT,
    Figures,
    choose,
    in_words,
    moving_pictures,
    nal_types,
    prove_decoder,
    prove_encoder,
    verdict,
)
from tests.realtime import cards

GOOD = Figures(late=0, worst_db=45.0, marked=True, took_ms=1.0)


class Clock:
    """Stands still but where it is told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def perf_counter(self) -> float:
        return self.now_s

    def slow(self, k: int, given: Any) -> Any:
        """A picture that takes 3 ms."""
        self.now_s += 0.003
        return given


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(codec_proof, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("card", "taken", "why"),
    [
        (GOOD, True, "1.0 ms a picture, the CPU 1.0"),
        (replace(GOOD, took_ms=0.4), True, "0.4 ms a picture, the CPU 1.0"),
        (replace(GOOD, took_ms=1.1), False, "1.0 ms a picture, the card 1.1"),
        (replace(GOOD, late=1), False, "the card's holds back 1 of 12 pictures"),
        (replace(GOOD, worst_db=29.0), False, "the card's pictures are wrong, 29 dB"),
        (replace(GOOD, marked=False), False, "the card's stream lacks key frames or colours"),
    ],
)
def test_the_verdict(card: Figures, taken: bool, why: str) -> None:
    assert verdict(card, GOOD) == (taken, why)


def test_what_the_cpu_does_would_pass() -> None:
    pictures = moving_pictures()
    assert len(pictures) == COUNT
    for figures in (prove_encoder(x264, pictures), prove_decoder(software, pictures)):
        assert (figures.late, figures.marked) == (0, True)
        assert figures.worst_db > 40
        assert figures.took_ms > 0


@pytest.mark.parametrize(
    ("encoder", "late", "marked", "right"),
    [
        (cards.faulty_encoder(cards.good), False, True, True),
        (cards.holding_back, True, False, False),
        (cards.plain, False, False, True),
        (cards.faulty_encoder(cards.never_key), False, False, True),
        (cards.faulty_encoder(cards.inverted), False, True, False),
        (cards.faulty_encoder(cards.wrong_once), False, True, False),
    ],
)
def test_a_faulty_encoder_is_found_out(encoder: Any, late: bool, marked: bool, right: bool) -> None:
    figures = prove_encoder(encoder, moving_pictures())
    assert (figures.late > 0, figures.marked) == (late, marked)
    assert (figures.worst_db > codec_proof.RIGHT_DB) == right


def test_what_a_codec_needs_to_begin_is_not_timed(clock: Clock) -> None:
    def warming(k: int, given: Any) -> Any:
        clock.now_s += 1.0 if k < codec_proof.BEGUN else 0.001 * (k - codec_proof.BEGUN + 1)
        return given

    figures = prove_encoder(cards.faulty_encoder(warming), moving_pictures())
    assert figures.took_ms == pytest.approx(5)


def test_a_card_that_is_right_and_not_slower_is_taken(clock: Clock) -> None:
    encoder, decoder = cards.faulty_encoder(cards.good), cards.faulty_decoder(cards.good)
    codecs = choose(encoder, decoder)
    assert (codecs.encoder, codecs.decoder) == (encoder, decoder)
    assert str(codecs) == "H264 by the card (0.0 ms a picture, the CPU 0.0)"


def test_a_slower_card_is_not_taken(clock: Clock) -> None:
    codecs = choose(cards.faulty_encoder(clock.slow), cards.faulty_decoder(clock.slow))
    assert (codecs.encoder, codecs.decoder) == (None, None)
    assert str(codecs) == "H264 by the CPU (0.0 ms a picture, the card 3.0)"


def test_encoder_and_decoder_are_judged_alone(clock: Clock) -> None:
    codecs = choose(cards.refuses, cards.faulty_decoder(cards.good))
    assert codecs.encoder is None
    assert codecs.decoder is not None
    # FFmpeg's own word, that PyAV drops outside of the proof:
    assert "[libx264]" not in codecs.encoder_why
    assert codecs.encoder_why.startswith("the card has none that works: ")
    assert "preset" in codecs.encoder_why


@pytest.mark.parametrize("before", [cards.failing_at(0), cards.failing_at(5)])
def test_a_card_that_fails_in_the_proof_is_not_taken(before: Callable[[int, Any], Any]) -> None:
    codecs = choose(cards.faulty_encoder(before), cards.faulty_decoder(before))
    assert (codecs.encoder, codecs.decoder) == (None, None)
    assert str(codecs) == "H264 by the CPU (the card has none that works: the card is gone)"


def test_the_log_is_as_deaf_after_the_proof_as_before() -> None:
    before = av.logging.get_level()
    choose(cards.refuses, cards.faulty_decoder(cards.good))
    assert av.logging.get_level() == before


def test_units_are_counted_by_type() -> None:
    assert nal_types(b"\0\0\0\1\x67a\0\0\1\x68b\0\0\1\x65c") == {7, 8, 5}
    assert nal_types(b"") == set()


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("prove", "codec"), [(prove_encoder, nvenc), (prove_decoder, nvdec)], ids=["nvenc", "nvdec"]
)
def test_what_the_card_has_is_right(card: CudaDevice, prove: Any, codec: Any) -> None:
    try:
        figures = prove(codec, moving_pictures())
    except FAILURES as error:
        pytest.skip(f"the card has none that works: {in_words(error)}")
    taken, why = verdict(replace(figures, took_ms=0.0), GOOD)  # how fast it is, is no test's affair
    assert taken, why
