"""A frame that stays on the card, through the real networks: its kernels and its memory are the
CPU's here, what it is asked for is what a card is asked for."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.device import ON_CARD, choose
from engines.errors import DeviceError
from engines.kernels.cuda import CudaDevice, Device
from engines.keypoints import carried
from engines.ort import OrtOnCard
from engines.standby import StandbyEye
from engines.types import U8, Frame
from realtime import puppeteer as module
from realtime.picture import Forms, planes_of
from realtime.puppeteer import Puppeteer
from realtime.track import Arrival
from tests.engines.kernels.host import FailingDevice
from tests.engines.test_render_cuda import WANTED_DB
from tests.realtime.sample import bundled, performance

SIZE = (96, 128)
PLAIN: Forms = frozenset(["plain"])
BOTH: Forms = frozenset(["plain", "packed"])


class Bus(FailingDevice):
    """Counts what crosses it."""

    up = down = 0

    def upload(self, host: NDArray[Any], array: Any) -> None:
        self.up += host.nbytes
        super().upload(host, array)

    def download(self, array: Any, host: NDArray[Any]) -> None:
        self.down += host.nbytes
        super().download(array, host)


class OnHost(OrtOnCard):
    """The network beside the kernels, called a card's."""

    def __init__(self, path: Path, card: Device, device: str, batch: int = 1) -> None:
        super().__init__(path, card, "cpu", batch)
        self.device = device


@pytest.fixture
def cards(kernels_on_host: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> list[Bus]:
    """Of the puppeteers made: what one draws on, then what it sees with."""
    made: list[Bus] = []

    def open_card() -> Bus:
        made.append(Bus(kernels_on_host))
        return made[-1]

    monkeypatch.setattr(module, "CudaDevice", open_card)
    monkeypatch.setattr(carried, "OrtOnCard", OnHost)
    return made


def ready(live: bool = True) -> Puppeteer:
    """A puppeteer whose networks are on the card."""
    puppeteer = Puppeteer(bundled(), SIZE, device="cuda", live=live)
    for eye in puppeteer._tracker.eyes:
        if isinstance(eye, StandbyEye):
            eye.wait()
    return puppeteer


def frame(index: int, planes: bool, scale: float = 1.0) -> Frame:
    """Of the performance, as it comes out of a decoder."""
    picture = np.asarray(cv2.resize(performance()[index], None, fx=scale, fy=scale), np.uint8)
    video = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
    return Arrival(video, index / 10, index).frame(planes)


def assert_same(a: U8, b: U8, least_db: float = WANTED_DB) -> None:
    """To the proof's PSNR."""
    assert a.shape == b.shape
    error = float(np.mean((a.astype(np.float32) - b) ** 2))
    assert 10 * np.log10(255**2 / max(error, 1e-9)) >= least_db


def test_it_is_the_cpus_picture(cards: list[Bus]) -> None:
    cpu, on_card = Puppeteer(bundled(), SIZE), ready()
    for i in range(12):
        wanted = cpu.process(frame(i, False))["rgba"]
        drawn = on_card.process(frame(i, on_card.takes_planes), BOTH)
        assert set(drawn) == BOTH
        assert on_card.takes_planes  # from the second frame on: the first took the networks over
        assert cpu.tracking == on_card.tracking
        for form in BOTH:
            assert_same(drawn[form], planes_of(wanted, form))
    assert on_card.backend == "GPU: ONNX Runtime, CUDA kernels"
    assert on_card.troubles() == []
    on_card.close()


def test_nothing_but_the_planes_crosses_the_bus(cards: list[Bus]) -> None:
    on_card = ready()
    for i in range(6):
        on_card.process(frame(i, on_card.takes_planes), PLAIN)
    draws, sees = cards
    for card in cards:
        card.up = card.down = 0
    drawn = on_card.process(frame(6, True), PLAIN)
    assert on_card.tracking
    camera = frame(6, True).image.nbytes
    assert camera <= sees.up < camera + 100  # and where to look
    assert sees.down < 3000  # landmarks, and no heat map
    assert draws.up < 16000  # the bones' maps
    assert draws.down == drawn["plain"].nbytes
    on_card.close()


def test_a_camera_that_changes_its_size(cards: list[Bus]) -> None:
    cpu, on_card = Puppeteer(bundled(), SIZE), ready()
    for i in range(15):
        scale = 2.0 if 5 <= i < 10 else 1.0
        wanted = cpu.process(frame(i, False, scale))["rgba"]
        drawn = on_card.process(frame(i, on_card.takes_planes, scale))["rgba"]
        assert_same(drawn, wanted)
    assert on_card.troubles() == []
    on_card.close()


@pytest.mark.parametrize("launch", [1, 2])
def test_eyes_that_fail_in_mid_stream_stop_nothing(cards: list[Bus], launch: int) -> None:
    cpu, on_card = Puppeteer(bundled(), SIZE), ready()
    for i in range(8):
        if i == 4:
            cards[1].fails_at = launch
        wanted = cpu.process(frame(i, False))["rgba"]
        drawn = on_card.process(frame(i, on_card.takes_planes))["rgba"]
        assert_same(drawn, wanted)
        assert on_card.takes_planes == (i < 4)
    assert on_card.backend == "GPU: CUDA kernels; CPU: ONNX Runtime (cuda failed)"
    (trouble,) = on_card.troubles()
    assert trouble.message.startswith("cuda failed, the CPU goes on: ")
    assert trouble.hint == "close games"
    on_card.close()


def test_both_fail(cards: list[Bus]) -> None:
    on_card = ready()
    on_card.process(frame(0, False), PLAIN)
    on_card.process(frame(1, True), PLAIN)
    for card in cards:
        card.fails_at = 1
    drawn = on_card.process(frame(2, True), PLAIN)
    assert set(drawn) == {"rgba"}  # of which the form can be made
    assert on_card.backend.startswith("CPU: ONNX Runtime, numba")
    assert len(on_card.troubles()) == 2
    on_card.close()


def test_figures_belong_to_one_device(cards: list[Bus]) -> None:
    strict = ready(live=False)
    assert strict.takes_planes
    strict.process(frame(0, True), PLAIN)
    cards[1].fails_at = 1
    with pytest.raises(DeviceError):
        strict.process(frame(1, True), PLAIN)
    strict.close()


@pytest.fixture(params=ON_CARD)
def real(card: CudaDevice, request: pytest.FixtureRequest) -> str:
    """A device of the card that is here."""
    try:
        return choose(request.param).device
    except DeviceError as error:
        pytest.skip(f"{error.message}: {error.hint}")


@pytest.mark.gpu
def test_on_a_card_it_performs_as_the_cpu(real: str) -> None:
    cpu, on_card = Puppeteer(bundled(), SIZE), Puppeteer(bundled(), SIZE, device=real)
    assert on_card.takes_planes
    for i in range(20):
        wanted = cpu.process(frame(i, False))["rgba"]
        drawn = on_card.process(frame(i, True), BOTH)
        assert (cpu.tracking, on_card.tracking) == (True, True)
        for form in BOTH:  # half precision moves landmarks by a tenth of a pixel
            assert_same(drawn[form], planes_of(wanted, form), 30)
    assert on_card.backend.startswith("GPU: ")
    assert "CPU" not in on_card.backend
    on_card.close()


@pytest.mark.gpu
@pytest.mark.slow
def test_ten_thousand_live_frames_take_no_more_memory_than_some(
    real: str, card: CudaDevice
) -> None:
    on_card = Puppeteer(bundled(), (512, 512), device=real)
    frames = [frame(i, True, 4.0) for i in range(20)]
    for i in range(10_100):
        if i == 100:
            before = card.free()
        picture = frames[i % 20]
        on_card.process(Frame(picture.image, captured_s=i / 30), PLAIN if i % 2 else BOTH)
    assert before - card.free() < 2**21  # others may use the card too
    on_card.close()
