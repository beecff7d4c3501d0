"""What performs behind the server, and what it says before anything has computed."""

from __future__ import annotations

import argparse

import cv2
import pytest

from engines.device import Choice
from engines.errors import DeviceError
from engines.kernels.budget import GB, Budget
from realtime import backstage, codec_proof
from realtime.backstage import codecs_beside, open_backstage, to_come
from realtime.codec import Codecs


def test_a_card_is_not_named_as_what_computes_before_it_does() -> None:
    assert to_come("cpu") == "CPU: ONNX Runtime, numba"
    assert to_come("tensorrt-rtx") == (
        "CPU: ONNX Runtime, numba, until TensorRT for RTX (tensorrt-rtx) is ready"
    )


def test_a_device_that_does_not_compute_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(asked: str) -> None:
        raise DeviceError(f"{asked}: its libraries cannot be loaded", "pip install them")

    monkeypatch.setattr(backstage, "choose", refuse)
    with pytest.raises(DeviceError, match="cuda: its libraries cannot be loaded"):
        open_backstage(argparse.Namespace(device="cuda", avatars=None))


@pytest.mark.parametrize("device", ["cpu", "tensorrt-rtx"])
def test_the_cards_codecs_are_tried_beside_a_card_only(
    device: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = []

    def try_them() -> Codecs:
        tried.append(device)
        return Codecs(None, None, "slower", "slower")

    monkeypatch.setattr(backstage, "choose", lambda asked: Choice(asked, "asked for"))
    monkeypatch.setattr(backstage, "warm_up", lambda avatar, out: None)
    monkeypatch.setattr(cv2, "setNumThreads", lambda count: None)
    monkeypatch.setattr(codec_proof, "choose", try_them)
    open_backstage(argparse.Namespace(device=device, avatars=None))
    assert tried == [device] * (device != "cpu")
    assert ("video H264 by the CPU (slower)" in capsys.readouterr().err) == (device != "cpu")


def test_codecs_that_cannot_be_limited_stay_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backstage, "budget", Budget(2 * GB))
    codecs = codecs_beside("tensorrt-rtx")
    assert (codecs.encoder, codecs.decoder) == (None, None)
    assert str(codecs) == "H264 by the CPU (what the card's codecs take of it cannot be limited)"


def test_a_limit_for_a_card_that_does_not_compute_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(backstage, "budget", Budget(2 * GB))
    monkeypatch.setattr(backstage, "choose", lambda asked: Choice("cpu", "no NVIDIA driver"))
    monkeypatch.setattr(backstage, "warm_up", lambda avatar, out: None)
    monkeypatch.setattr(cv2, "setNumThreads", lambda count: None)
    open_backstage(argparse.Namespace(device="auto", avatars=None))
    assert "\n--card-memory limits nothing: the CPU computes\n" in capsys.readouterr().err
