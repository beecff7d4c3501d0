"""The measurement of a card, on a card that is the CPU; no test asks how fast it is."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.base import TensorSpec
from engines.driver import ON_CPU
from engines.errors import DeviceError
from engines.kernels.cuda import Device
from engines.keypoints.carried import find_graph
from engines.ort import OrtOnCard
from realtime import bench, bench_card
from realtime.__main__ import main
from realtime.bandwidth import Timed
from realtime.bench_card import CardFigures, Session, drawn_by, measure_card
from tests.engines.kernels.host import HostDevice
from tests.realtime.sample import bundled

KERNELS = ["skin", "fade", "planes", "raster", "paint", "composite"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As little work as can be measured."""
    for name, value in (("SIZE", (64, 64)), ("REPEATS", 1), ("COUNT", 1), ("ROUNDS", 1)):
        monkeypatch.setattr(bench_card, name, value)


@pytest.fixture
def host(kernels_on_host: ctypes.CDLL) -> HostDevice:
    return HostDevice(kernels_on_host)


class Network:
    """Does nothing, on a card. ran: rows of its runs."""

    recordable = True

    def __init__(self, card: Device, rows: int = 1) -> None:
        self.ran: list[int] = []
        self.inputs = (TensorSpec("image", "float32", (rows, 8, 8, 3)),)
        self.outputs = (
            TensorSpec("xyz", "float32", (rows, 5)),
            TensorSpec("score", "float32", (rows, 1)),
        )
        self._arrays = {
            spec.name: card.array(np.zeros(spec.shape, spec.dtype))
            for spec in (*self.inputs, *self.outputs)
        }

    def array(self, name: str) -> Any:
        return self._arrays[name]

    def enqueue(self, card: Device, rows: int | None = None) -> None:
        card.call(lambda stream: self.ran.append(rows or 1))


def test_a_card_is_measured(host: HostDevice, quick: None) -> None:
    figures = measure_card(lambda: host, Network, bundled(), sessions=(1, 2), large=8, copy=64)
    assert [step.name for step in figures.steps] == [
        "upload", "upload", "look", "network", "download", "download", "upload", *KERNELS,
        "video", "download",
    ]  # fmt: skip
    assert {step.name for step in figures.steps if step.moved == 0} == {"network"}
    assert list(figures.fps) == [1, 2]
    assert [timed.moved for timed in figures.large] == [
        64 * (4 * 32 * 2 + 8 + 4), 64 * (2 * 32 * 2 + 8 + 4), 64 * 3 * 32,
    ]  # fmt: skip
    assert "whole frame, device time" in figures.table()
    assert not figures.turns
    json.dumps(figures.plain())


def test_sessions_in_turn_have_networks_each_or_one_run(host: HostDevice, quick: None) -> None:
    shared: list[Network] = []

    def open_batch(card: Device) -> Network:
        shared.append(Network(card, rows=2))
        return shared[0]

    figures = measure_card(
        lambda: host, Network, bundled(), sessions=(1, 3), large=8, copy=64, open_batch=open_batch
    )
    assert list(figures.turns) == [1, 3]
    assert "one run" in figures.table()
    assert set(figures.plain()["fps_in_turn"]) == {"1", "3"}
    made, one, three = [1, 2], [1], [2, 1]  # three sessions, two rows
    twice = 2 * bench_card.TURNS  # once to record, once to measure
    assert shared[0].ran == made + twice * one + twice * three


def test_without_a_network_only_the_kernels(host: HostDevice, quick: None) -> None:
    session = Session(host, bundled(), None)
    assert [s.name for s in session.steps] == ["upload", "upload", *KERNELS, "video", "download"]
    drawn = drawn_by(session)
    assert 0 < drawn.textured <= drawn.keys <= drawn.looked
    assert drawn_by(session) == drawn  # it leaves the rasters as they were


def test_kernels_together_are_neither_copies_nor_networks() -> None:
    steps = [Timed(name, 100.0, 1) for name in ("upload", "look", "network", "paint", "download")]
    figures = CardFigures(3000.0, (1.0, 2.0, 3.0), steps, [], {1: 500.0}, 58.0)
    assert figures.kernels_ms == pytest.approx(0.2)
    assert figures.plain()["frame_ms"] == {"p50": 1.0, "p95": 2.0, "p99": 3.0}


def test_the_command_saves_what_it_prints(
    host: HostDevice,
    quick: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def little(open_device: object, engine: object, avatar: object) -> CardFigures:
        rows = [Timed("paint", 10.0, 4_000_000)]
        return CardFigures(1000.0, (0.5, 0.6, 0.7), rows, rows, {1: 900.0, 8: 120.0}, 58.0)

    monkeypatch.setattr(bench, "card_name", lambda: "NVIDIA Fake 3060")
    monkeypatch.setattr(bench, "measure_card", little)
    assert main(["bench", "--kernels", "--save", str(tmp_path / "new")]) == 0
    printed = capsys.readouterr().out
    found = json.loads(printed.splitlines()[-1])
    assert found["card"]["kernels_ms"] == 0.01
    assert found["card"]["steps"][0]["gb_s"] == 400
    (saved,) = (tmp_path / "new").iterdir()
    assert saved.name.endswith("-nvidia-fake-3060-kernels.md")
    text = saved.read_text()
    assert all(line in text for line in printed.splitlines())


def test_without_a_card_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> None:
        raise DeviceError("no NVIDIA driver", f"install it; without a card {ON_CPU}")

    monkeypatch.setattr(bench, "driver", missing)
    assert main(["bench", "--kernels"]) == DeviceError.exit_code
    assert capsys.readouterr().err == (
        "error: no NVIDIA driver\n  install it; without a card leave --kernels out\n"
    )


def test_what_cannot_be_recorded_runs_between_recordings(host: HostDevice, quick: None) -> None:
    with OrtOnCard(find_graph("pose_landmark").path, host, "cpu") as network:
        session = Session(host, bundled(), network)
        assert [s.name for s in session.steps if not s.recordable] == ["network"]
        network.array("score")[...] = -1
        session.replay()
        assert network.array("score").ravel()[0] >= 0


@pytest.mark.gpu
def test_on_a_card(card: Device) -> None:
    figures = measure_card(lambda: card, None, bundled(), sessions=(1, 2), large=256, copy=1 << 26)
    assert figures.copy > 0
    assert np.isfinite([step.us for step in figures.steps]).all()
