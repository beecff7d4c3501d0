"""How the encoders and decoders are set up."""

from __future__ import annotations

from typing import Any

import av
import pytest

from engines.errors import DeviceError
from realtime import codec
from realtime.codec import Codecs
from tests.realtime.cards import good


def test_x264_is_set_up_as_it_was_before_there_were_cards() -> None:
    encoder = codec.x264(640, 480, 1_500_000)
    assert encoder.name == "libx264"
    assert encoder.options == {
        "level": "31",
        "preset": "ultrafast",
        "tune": "zerolatency",
        "crf": "18",
        "maxrate": "1500000",
        "bufsize": "300000",
        "x264-params": "colormatrix=smpte170m:colorprim=bt709:transfer=bt709:range=tv",
    }
    assert (encoder.profile, encoder.pix_fmt, encoder.thread_count) == ("Baseline", "yuv420p", 1)
    assert (encoder.gop_size, encoder.bit_rate) == (3000, 1_500_000)


@pytest.fixture
def without_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codecs are made, but told of no card."""
    monkeypatch.setattr(codec, "cuda", lambda: None)


@pytest.fixture
def nvenc(without_a_card: None) -> Any:
    if "h264_nvenc" not in av.codecs_available:
        pytest.skip("this PyAV has no NVENC")
    return codec.nvenc(640, 480, 1_500_000)


def test_nvenc_knows_every_option_that_it_is_given(nvenc: Any) -> None:
    known = {o.name: o for o in nvenc.supported_options.private}
    general = {o.name: o for o in nvenc.supported_options.generic}
    for name, value in nvenc.options.items():
        option = known.get(name) or general[name]
        assert option.flags & av.codec.context.OptionFlags.ENCODING_PARAM
        names = [choice.name for choice in option.choices]
        assert value in names or (not names and option.min <= int(value) <= option.max), name
    # What is left to NVENC by its defaults, and is wanted so.
    assert known["level"].default == "0"  # auto
    assert known["rc-lookahead"].default == "0"
    assert known["multipass"].default == "0"
    assert known["aud"].default == "false"
    assert general["flags"].default == "0x00000000"  # no global header: SPS and PPS at key frames


def test_nvenc_is_bounded_as_x264_is(nvenc: Any) -> None:
    x264 = codec.x264(640, 480, 1_500_000)
    assert {n: nvenc.options[n] for n in ("maxrate", "bufsize")} == {
        n: x264.options[n] for n in ("maxrate", "bufsize")
    }
    assert nvenc.options["qmin"] == x264.options["crf"]
    for name in ("gop_size", "bit_rate", "framerate", "time_base", "pix_fmt"):
        assert getattr(nvenc, name) == getattr(x264, name), name
    assert nvenc.max_b_frames == 0  # x264 has none in its baseline profile
    numbers = (nvenc.colorspace, nvenc.color_primaries, nvenc.color_trc, nvenc.color_range)
    assert numbers == (6, 1, 1, 1)  # SMPTE 170M, BT.709 twice, video range: as in codec.BT601


def test_ffmpeg_without_nvdec_is_an_error(without_a_card: None) -> None:
    with pytest.raises(NotImplementedError, match="this FFmpeg has no NVDEC"):
        codec.nvdec()


@pytest.mark.parametrize("make", [lambda: codec.nvenc(640, 480, 1_000_000), codec.nvdec])
def test_without_a_driver_the_codecs_of_a_card_are_refused(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_card() -> None:
        raise DeviceError("no NVIDIA driver")

    monkeypatch.setattr(codec, "_card", no_card)
    with pytest.raises(codec.FAILURES, match="no NVIDIA driver"):
        make()


def test_the_card_is_bound_before_ffmpeg_looks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = []

    class Card:
        def free(self) -> int:
            bound.append("bound")
            return 1

    class Accel:
        def __init__(self, kind: str, **options: Any) -> None:
            bound.append(kind)
            self.options = options

    monkeypatch.setattr(codec, "_card", Card)
    monkeypatch.setattr(codec, "HWAccel", Accel)
    accel: Any = codec.cuda()
    assert bound == ["bound", "cuda"]
    assert accel.options == {"allow_software_fallback": False, "options": {"current_ctx": "1"}}


def test_decoders_hold_nothing_back() -> None:
    decoder = codec.software()
    assert decoder.thread_count == 1
    assert decoder.flags & av.codec.context.Flags.low_delay


def test_who_computes_is_said_with_the_reason() -> None:
    assert str(Codecs()) == "H264 by the CPU (no card is used)"
    encoder: Any = good
    assert str(Codecs(encoder, None, "1.0 ms", "0.3 ms")) == (
        "H264 encoded by the card (1.0 ms), decoded by the CPU (0.3 ms)"
    )
