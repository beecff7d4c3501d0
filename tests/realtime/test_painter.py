"""The puppeteer with a card: its picture is the CPU's, and a card that fails stops nothing."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from engines.errors import DeviceError, InputError
from engines.types import U8
from realtime import puppeteer as module
from realtime.puppeteer import Puppeteer
from tests.engines.kernels.host import FailingDevice
from tests.engines.test_render_cuda import WANTED_DB, psnr
from tests.realtime.sample import bundled, frame_of
from tests.realtime.test_puppeteer import SIZE, Scripted, moved, shown

CAMERA = np.zeros((1024, 768, 3), np.uint8)
CPU, CARD = "CPU: ONNX Runtime, numba", "GPU: CUDA kernels; CPU: ONNX Runtime"


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    scripted = Scripted()
    monkeypatch.setattr(module, "PoseTracker", lambda **options: scripted)
    return scripted


@pytest.fixture
def fake(kernels_on_host: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> FailingDevice:
    """The card that every puppeteer draws on."""
    device = FailingDevice(kernels_on_host)
    monkeypatch.setattr(module, "CudaDevice", lambda: device)
    return device


def both(**options: Any) -> tuple[Puppeteer, Puppeteer]:
    """The same puppeteer on the CPU and on the card."""
    size = options.pop("size", SIZE)
    on_card = Puppeteer(bundled(), size, device="cuda", live=True, **options)
    return Puppeteer(bundled(), size, **options), on_card


def wave(tracker: Scripted, step: int) -> None:
    tracker.sees = moved(bundled().keypoints, [13, 15, 17, 19, 21], (25.0 * step, -30.0 * step))


def assert_same(a: U8, b: U8) -> None:
    assert psnr(a, b) >= WANTED_DB


@pytest.mark.parametrize(
    "options",
    [
        {"background": "photo"},
        {"background": "none", "mirror": True},
        {"background": "blur", "size": (101, 77)},
        {"background": "#204060", "placement": "performer"},
    ],
    ids=str,
)
def test_the_live_picture_is_the_cpus(
    tracker: Scripted, fake: FailingDevice, options: dict[str, Any]
) -> None:
    cpu, on_card = both(**options)
    assert_same(on_card.still(), cpu.still())
    for i in range(5):
        wave(tracker, i)
        assert_same(shown(on_card, CAMERA, i), shown(cpu, CAMERA, i))
    assert (cpu.backend, on_card.backend) == (CPU, CARD)
    assert on_card.troubles() == []
    assert list(on_card.times.stats()) == ["keypoints", "solve", "render"]


@pytest.mark.gpu
def test_on_a_card_the_live_picture_is_the_cpus(
    tracker: Scripted, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("card")  # the real one, or a reason to skip
    cpu, on_card = both(background="photo", size=(512, 512))
    for i in range(20):
        wave(tracker, i % 5)
        assert_same(shown(on_card, CAMERA, i), shown(cpu, CAMERA, i))
    on_card.prepare_avatar(bundled("tom"))()
    cpu.prepare_avatar(bundled("tom"))()
    assert_same(on_card.still(), cpu.still())
    assert (on_card.backend, on_card.troubles()) == (CARD, [])


def test_changes_reach_the_card_between_two_frames(tracker: Scripted, fake: FailingDevice) -> None:
    cpu, on_card = both()
    for i, background in enumerate(("none", "#600000", "photo")):
        cpu.prepare_background(background)()
        on_card.prepare_background(background)()
        assert_same(shown(on_card, CAMERA, i), shown(cpu, CAMERA, i))
    with pytest.raises(InputError):
        on_card.prepare_background("beach")
    calls = fake.calls
    swap = on_card.prepare_avatar(bundled("tom"))
    assert fake.calls == calls  # built beside the frames: the card is not touched
    swap()
    assert fake.calls > calls
    cpu.prepare_avatar(bundled("tom"))()
    assert_same(on_card.still(), cpu.still())
    assert on_card.backend == CARD
    assert on_card.troubles() == []


@pytest.mark.parametrize("launch", [1, 4, 9])
def test_a_card_that_fails_in_mid_stream_stops_nothing(
    tracker: Scripted, fake: FailingDevice, launch: int
) -> None:
    cpu, on_card = both()
    for i in range(4):
        if i == 1:
            fake.fails_at = launch
        wave(tracker, i)
        assert_same(shown(on_card, CAMERA, i), shown(cpu, CAMERA, i))
    assert on_card.backend == CPU
    (trouble,) = on_card.troubles()
    assert trouble.message.startswith("drawing on the card failed, the CPU goes on: ")
    assert "memory is full" in trouble.message
    assert trouble.hint == "close games"
    assert on_card.troubles() == []  # told once
    fake.fails_at = 0
    on_card.prepare_avatar(bundled("tom"))()  # another avatar tries again
    assert on_card.backend == CARD
    on_card.close()


def test_a_card_that_fails_at_a_change(tracker: Scripted, fake: FailingDevice) -> None:
    cpu, on_card = both()
    fake.fails_at = 1
    cpu.prepare_background("none")()
    on_card.prepare_background("none")()
    assert on_card.backend == CPU
    np.testing.assert_array_equal(on_card.still(), cpu.still())
    on_card.prepare_avatar(bundled("tom"))()
    cpu.prepare_avatar(bundled("tom"))()
    np.testing.assert_array_equal(on_card.still(), cpu.still())
    assert len(on_card.troubles()) == 2


def test_a_card_that_is_lost_while_nobody_performs(
    tracker: Scripted, fake: FailingDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu, on_card = both()

    def lost() -> None:
        raise DeviceError("CUDA: the card is lost")

    monkeypatch.setattr(fake, "tidy", lost)
    fake.fails_at = 1
    on_card.prepare_avatar(bundled("tom"))()
    cpu.prepare_avatar(bundled("tom"))()
    np.testing.assert_array_equal(on_card.still(), cpu.still())
    assert on_card.backend == CPU
    assert len(on_card.troubles()) == 1
    on_card.close()


def test_a_card_gets_its_memory_back(
    tracker: Scripted, fake: FailingDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidied: list[bool] = []
    _, on_card = both()
    painter = on_card._painter
    monkeypatch.setattr(fake, "tidy", lambda: tidied.append(painter.device == "cpu"))
    on_card.prepare_avatar(bundled("tom"))()
    assert tidied == [True]  # when the last avatar has left, before the next one enters
    on_card.close()
    assert len(tidied) == 2


def test_an_error_of_ours_freezes_nothing(
    tracker: Scripted, fake: FailingDevice, caplog: pytest.LogCaptureFixture
) -> None:
    _, on_card = both()
    fake.error, fake.fails_at = TypeError("a bug"), 1
    on_card.process(frame_of(CAMERA, 0))
    assert "a bug" in caplog.text
    assert "an error of ours" in on_card.troubles()[0].message


def test_a_card_that_is_gone_at_the_start(
    tracker: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise DeviceError("CUDA: the card's memory is full")

    monkeypatch.setattr(module, "CudaDevice", full)
    puppeteer = Puppeteer(bundled(), SIZE, device="tensorrt", live=True)
    assert puppeteer.backend == CPU
    (trouble,) = puppeteer.troubles()
    assert trouble.message.startswith("the card failed, the CPU goes on: ")  # for networks too
    with pytest.raises(DeviceError):
        Puppeteer(bundled(), SIZE, device="tensorrt")


def test_figures_belong_to_one_device(tracker: Scripted, fake: FailingDevice) -> None:
    """Where it is not live, nothing takes the card's place."""
    strict = Puppeteer(bundled(), SIZE, device="cuda")
    fake.fails_at = 3
    with pytest.raises(DeviceError):
        strict.process(frame_of(CAMERA, 0))


def test_a_card_that_is_lost_between_two_frames_stops_no_change(
    tracker: Scripted, fake: FailingDevice
) -> None:
    _, on_card = both()
    on_card.still()
    swap = on_card.prepare_avatar(bundled())
    fake.fails_at = 1
    swap()
    assert on_card.still().any()
    assert on_card.backend == CPU
    on_card.close()
