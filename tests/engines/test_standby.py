"""StandbyEye: the fallback serves until the other is ready, and again when it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing

import numpy as np
import pytest

from engines.base import Arrays
from engines.device import in_words
from engines.errors import DeviceError, ModelError, PuppetcamError
from engines.keypoints.eye import Eye
from engines.keypoints.region import Region
from engines.standby import StandbyEye
from engines.types import U8

IMAGE, HERE = np.zeros((4, 4, 3), np.uint8), Region(2, 2, 4, 0)


def nobody(error: PuppetcamError) -> None:
    """Is told nothing: nothing may fail."""
    raise AssertionError(error)


class Says:
    """An eye that sees ``value`` everywhere, on a device by name."""

    def __init__(self, device: str, value: float) -> None:
        self.device, self._value = device, value
        self.closed = False
        self.error: Exception | None = None

    def look(self, image: U8, region: Region) -> Arrays:
        if self.error:
            raise self.error
        return {"y": np.array([self._value])}

    def close(self) -> None:
        self.closed = True
        if isinstance(self.error, DeviceError):
            raise self.error


def value(eye: Eye) -> float:
    return float(eye.look(IMAGE, HERE)["y"][0])


def test_serves_at_once_and_better_later() -> None:
    go, cpu, card = threading.Event(), Says("cpu", 1), Says("tensorrt-rtx", 2)

    def make(report: Callable[[float], None]) -> Eye:
        report(0.5)
        go.wait()
        return card

    with closing(StandbyEye(cpu, make, "tensorrt-rtx", nobody)) as eye:
        while "50%" not in eye.waiting:
            assert "being made" in eye.waiting
        assert (value(eye), eye.device) == (1, "cpu")
        assert in_words([eye]) == ("CPU: ONNX Runtime, numba (tensorrt-rtx is being made, 50%)")
        go.set()
        eye.wait()
        assert (value(eye), eye.device, eye.waiting) == (2, "tensorrt-rtx", "")
        assert in_words([eye]) == "GPU: TensorRT for RTX; CPU: numba"
    assert cpu.closed
    assert card.closed


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModelError("cannot compile", "another card"), "cannot compile"),
        (RuntimeError("a bug"), "its engine could not be made"),
    ],
)
def test_an_engine_that_cannot_be_made(
    error: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[PuppetcamError] = []

    def make(report: Callable[[float], None]) -> Eye:
        raise error

    with closing(StandbyEye(Says("cpu", 1), make, "tensorrt", told.append)) as eye:
        eye.wait()
        assert (value(eye), eye.device) == (1, "cpu")
        assert eye.waiting == "tensorrt failed"
    assert [failure.message for failure in told] == [f"tensorrt failed, the CPU goes on: {said}"]
    assert told[0].hint
    assert ("a bug" in caplog.text) == isinstance(error, RuntimeError)


def test_a_card_lost_in_mid_stream() -> None:
    card = Says("tensorrt", 2)
    told: list[PuppetcamError] = []
    with closing(StandbyEye(Says("cpu", 1), lambda report: card, "tensorrt", told.append)) as eye:
        eye.wait()
        assert value(eye) == 2
        card.error = DeviceError("tensorrt: its memory is full", "close other programs")
        assert (value(eye), eye.device) == (1, "cpu")  # the same frame, no gap
        assert card.closed
        card.error = None
        assert value(eye) == 1  # for good
        assert eye.waiting == "tensorrt failed"
    assert [(failure.message, failure.hint) for failure in told] == [
        ("tensorrt failed, the CPU goes on: its memory is full", "close other programs")
    ]


def test_closed_while_the_other_is_being_made() -> None:
    go, cpu, card = threading.Event(), Says("cpu", 1), Says("tensorrt", 2)

    def make(report: Callable[[float], None]) -> Eye:
        go.wait()
        return card

    eye = StandbyEye(cpu, make, "tensorrt", nobody)
    eye.close()
    assert cpu.closed
    assert not card.closed
    go.set()
    eye.wait()
    assert card.closed


def test_closed_before_the_other_has_looked() -> None:
    cpu, card = Says("cpu", 1), Says("tensorrt", 2)
    eye = StandbyEye(cpu, lambda report: card, "tensorrt", nobody)
    eye.wait()
    eye.close()
    assert cpu.closed
    assert card.closed


def test_a_lost_card_does_not_keep_the_other_open() -> None:
    cpu, card = Says("cpu", 1), Says("tensorrt", 2)
    eye = StandbyEye(cpu, lambda report: card, "tensorrt", nobody)
    eye.wait()
    assert value(eye) == 2
    card.error = DeviceError("CUDA: the card is lost")
    eye.close()
    assert card.closed
    assert cpu.closed


def test_an_error_of_ours_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    card, told = Says("tensorrt", 2), list[PuppetcamError]()
    with closing(StandbyEye(Says("cpu", 1), lambda report: card, "tensorrt", told.append)) as eye:
        eye.wait()
        card.error = TypeError("a bug")
        assert (value(eye), eye.device) == (1, "cpu")
        assert card.closed
    assert "a bug" in caplog.text
    assert "an error of ours" in told[0].message


def test_a_lost_card_that_cannot_be_closed_stops_nothing() -> None:
    class Lost(Says):
        def close(self) -> None:
            raise RuntimeError("cudaErrorIllegalAddress")

    cpu, card = Says("cpu", 1), Lost("cuda", 2)
    told: list[PuppetcamError] = []
    eye = StandbyEye(cpu, lambda report: card, "cuda", told.append)
    eye.wait()
    assert value(eye) == 2
    card.error = DeviceError("CUDA: cudaErrorIllegalAddress")
    assert (value(eye), eye.device, len(told)) == (1, "cpu", 1)
    eye.close()
    assert cpu.closed
    another = StandbyEye(Says("cpu", 1), lambda report: Lost("cuda", 2), "cuda", nobody)
    another.wait()
    assert value(another) == 2
    another.close()
