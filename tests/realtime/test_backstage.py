"""What performs behind the server, and what it says before anything has computed."""

from __future__ import annotations

import argparse

import pytest

from engines.errors import DeviceError
from realtime import backstage
from realtime.backstage import open_backstage, to_come


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
