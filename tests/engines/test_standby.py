"""StandbyEngine: the fallback serves until the other is ready, and again when it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.base import Arrays, Engine, TensorSpec
from engines.device import in_words
from engines.errors import DeviceError, ModelError, PuppetcamError
from engines.standby import StandbyEngine

FEED = {"x": np.zeros((1, 1), np.float32)}


def nobody(error: PuppetcamError) -> None:
    """Is told nothing: nothing may fail."""
    raise AssertionError(error)


class Plus:
    """y = x + amount on a device by name."""

    def __init__(self, device: str, amount: float) -> None:
        self.device, self._amount = device, amount
        self.closed = False
        self.error: DeviceError | None = None
        self.inputs = (TensorSpec("x", "float32", (1, 1)),)
        self.outputs = (TensorSpec("y", "float32", (1, 1)),)

    def run(self, feeds: Arrays) -> dict[str, NDArray[Any]]:
        if self.error:
            raise self.error
        return {"y": feeds["x"] + self._amount}

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def value(engine: Engine) -> float:
    return float(engine.run(FEED)["y"][0, 0])


def test_serves_at_once_and_better_later() -> None:
    go, cpu, card = threading.Event(), Plus("cpu", 1), Plus("tensorrt-rtx", 2)

    def make(report: Callable[[float], None]) -> Engine:
        report(0.5)
        go.wait()
        return card

    with StandbyEngine(cpu, make, "tensorrt-rtx", nobody) as engine:
        while "50%" not in engine.waiting:
            assert "being made" in engine.waiting
        assert (value(engine), engine.device) == (1, "cpu")
        assert in_words([engine]) == ("CPU: ONNX Runtime, numba (tensorrt-rtx is being made, 50%)")
        go.set()
        engine.wait()
        assert (value(engine), engine.device, engine.waiting) == (2, "tensorrt-rtx", "")
        assert in_words([engine]) == "GPU: TensorRT for RTX; CPU: numba"
        assert engine.inputs == cpu.inputs
        assert engine.outputs == cpu.outputs
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

    def make(report: Callable[[float], None]) -> Engine:
        raise error

    with StandbyEngine(Plus("cpu", 1), make, "tensorrt", told.append) as engine:
        engine.wait()
        assert (value(engine), engine.device) == (1, "cpu")
        assert engine.waiting == "tensorrt failed"
    assert [failure.message for failure in told] == [f"tensorrt failed, the CPU goes on: {said}"]
    assert told[0].hint
    assert ("a bug" in caplog.text) == isinstance(error, RuntimeError)


def test_a_card_lost_in_mid_stream() -> None:
    card = Plus("tensorrt", 2)
    told: list[PuppetcamError] = []
    with StandbyEngine(Plus("cpu", 1), lambda report: card, "tensorrt", told.append) as engine:
        engine.wait()
        assert value(engine) == 2
        card.error = DeviceError("tensorrt: its memory is full", "close other programs")
        assert (value(engine), engine.device) == (1, "cpu")  # the same frame, no gap
        assert card.closed
        card.error = None
        assert value(engine) == 1  # for good
        assert engine.waiting == "tensorrt failed"
    assert [(failure.message, failure.hint) for failure in told] == [
        ("tensorrt failed, the CPU goes on: its memory is full", "close other programs")
    ]


def test_closed_while_the_other_is_being_made() -> None:
    go, cpu, card = threading.Event(), Plus("cpu", 1), Plus("tensorrt", 2)

    def make(report: Callable[[float], None]) -> Engine:
        go.wait()
        return card

    engine = StandbyEngine(cpu, make, "tensorrt", nobody)
    engine.close()
    assert cpu.closed
    assert not card.closed
    go.set()
    engine.wait()
    assert card.closed


def test_wrong_feeds_are_the_callers() -> None:
    class Picky(Plus):
        def run(self, feeds: Arrays) -> dict[str, NDArray[Any]]:
            raise ValueError("inputs: got []")

    picky = Picky("tensorrt", 2)
    with StandbyEngine(Plus("cpu", 1), lambda report: picky, "tensorrt", nobody) as engine:
        engine.wait()
        with pytest.raises(ValueError, match="inputs"):
            engine.run({})
        assert engine.device == "tensorrt"
