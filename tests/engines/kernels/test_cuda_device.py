"""CudaDevice's own lines, over a CuPy that is none: order, recordings, errors in words."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.backdrop import Backdrop
from engines.errors import DeviceError, PuppetcamError
from engines.kernels import cuda
from engines.kernels.apart import Apart
from engines.kernels.budget import MB, Budget
from engines.kernels.cuda import CudaDevice
from engines.proof import prove_kernels
from engines.render import Renderer
from realtime import bench_card
from realtime.bench_card import measure_card
from realtime.painter import Painter
from realtime.picture import planes_of
from realtime.stats import StageTimes
from tests.engines.fake_cupy import CODE, Card, CudaError, cubin_in, fake_cupy
from tests.engines.figures import SIZE, with_hand
from tests.engines.test_render_cuda import WANTED_DB, poses, psnr, twins
from tests.realtime.sample import bundled


@pytest.fixture
def card(kernels_on_host: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Card:
    cupy, cupyx, card = fake_cupy(kernels_on_host)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "cupyx", cupyx)
    monkeypatch.setattr(cuda, "cubin", lambda target: cubin_in(tmp_path))
    monkeypatch.setattr(cuda, "budget", Budget())
    return card


@pytest.fixture
def budget(card: Card, monkeypatch: pytest.MonkeyPatch) -> Budget:
    """10 MB of that card."""
    allowed = Budget(10 * MB)
    monkeypatch.setattr(cuda, "budget", allowed)
    return allowed


def test_a_kernel_runs(card: Card) -> None:
    device = CudaDevice()
    prove_kernels(device)
    assert not card.streams
    assert device.free() == card.free
    device.tidy()
    assert card.pool.tidied == card.pinned_pool.tidied == 1


def test_arrays_are_in_c_order_or_filled(card: Card) -> None:
    device = CudaDevice()
    columns = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    assert device.array(columns).host.tobytes() == np.ascontiguousarray(columns).tobytes()
    assert (device.filled((2, 3), np.uint64, 255).host == 2**64 - 1).all()
    assert device.filled((0, 4), np.float32).host.shape == (0, 4)
    card.free = 8
    with pytest.raises(DeviceError, match="the card's memory is full"):
        device.filled((3,), np.float32)


def test_the_recorded_frame_is_the_cpus(card: Card) -> None:
    figure, _ = with_hand((0, 0))
    renderer, backdrop, on_card = twins(figure, CudaDevice(), "photo")
    assert isinstance(renderer, Renderer)
    for pose in poses(figure):
        want = backdrop.under(renderer.render(pose))
        assert psnr(on_card.render(pose), want) >= WANTED_DB


def test_a_set_of_forms_is_recorded_once_until_the_background_comes_or_goes(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[Callable[[], None]] = []
    record = CudaDevice.record

    def listing(self: CudaDevice, work: Callable[[], None]) -> Callable[[], None]:
        recorded.append(work)
        return record(self, work)

    monkeypatch.setattr(CudaDevice, "record", listing)
    figure, _ = with_hand((0, 0))
    renderer, backdrop, on_card = twins(figure, CudaDevice(), "photo")
    counts = []
    for spec in ("photo", "#204060", "blur", "none", "none", "#600000", "photo"):
        backdrop = Backdrop(figure, renderer.size, renderer.view, spec)
        on_card.set_backdrop(backdrop)
        for pose in poses(figure)[:2]:
            want = backdrop.under(renderer.render(pose))
            assert psnr(on_card.render(pose), want) >= WANTED_DB
            planes = on_card.take(frozenset({"plain"}))["plain"]
            assert np.abs(planes - planes_of(want, "plain").astype(int)).mean() < 0.5
        counts.append(len(recorded))
    assert counts == [2, 2, 2, 4, 6, 8, 8]


def test_what_is_recorded_happens_at_each_replay_only(card: Card) -> None:
    device = CudaDevice()
    host, array = device.staging((3,), np.float32), device.array(np.zeros(3, np.float32))
    back = device.staging((3,), np.float32)
    streams: list[int] = []

    def work() -> None:
        device.upload(host, array)
        device.call(streams.append)
        device.download(array, back)

    replay = device.record(work)
    for value in (5, 6):
        host[:] = value
        assert (back != value).all()
        replay()
        device.wait()
        assert (back == value).all()
    assert len(streams) == 1
    assert device.address(array) == array.data.ptr
    copy = device.array(np.zeros(3, np.float32))
    device.copy(array, copy)
    assert copy.host.tolist() == [6, 6, 6]
    assert len(device.measure(replay, 3)) == 3
    with pytest.raises(ValueError, match="got 12 and 8 bytes"):
        device.upload(host, device.array(np.zeros(2, np.float32)))


def test_a_recording_waits_while_a_library_opens_a_network(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = Apart()
    monkeypatch.setattr(cuda, "apart", apart)
    device = CudaDevice()
    array, host = device.array(np.zeros(1, np.float32)), device.staging((1,), np.float32)
    asked: list[None] = []

    def work() -> None:
        asked.append(None)
        device.upload(host, array)

    with apart.library():
        replay = device.record(work)
        assert not asked
        host[:] = 1
        replay()
        assert (len(asked), array.host[0]) == (1, 1)
    for value in (2, 3):
        host[:] = value
        replay()
        assert (len(asked), array.host[0]) == (2, value)


def test_a_recording_that_was_spoilt_is_made_again(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = CudaDevice()
    array, host = device.array(np.zeros(1, np.float32)), device.staging((1,), np.float32)
    spoilers = 2

    def work() -> None:
        nonlocal spoilers
        if device_records() and spoilers:
            spoilers -= 1
            with pytest.raises(CudaError):
                card.synchronize()
        device.upload(host, array)

    def device_records() -> bool:
        return any(stream.recording is not None for stream in card.streams)

    replay = device.record(work)
    for value in (1, 2):
        host[:] = value
        replay()
        assert array.host[0] == value
    assert spoilers == 0
    spoilers = cuda.SPOILT
    again = device.record(work)
    again()
    with pytest.raises(DeviceError, match="cudaErrorStreamCaptureInvalidated"):
        again()
    assert not card.streams


def test_errors_are_ours(card: Card) -> None:
    device = CudaDevice()
    array, host = device.array(np.zeros(3, np.float32)), device.staging((3,), np.float32)
    card.fails = CudaError("cudaErrorIllegalAddress: an illegal memory access")
    with pytest.raises(DeviceError, match="an illegal memory access"):
        device.upload(host, array)
    with pytest.raises(DeviceError, match="an illegal memory access"):
        device.record(lambda: device.launch("straighten", (2,), 2, array, array))
    card.free = 8
    with pytest.raises(DeviceError, match="the card's memory is full") as caught:
        device.array(np.zeros(3, np.float32))
    assert "--device cpu" in caught.value.hint
    assert not card.streams


def test_arrays_stay_within_the_budget(card: Card, budget: Budget) -> None:
    one, other = CudaDevice(), CudaDevice()
    large = np.zeros(6 * MB, np.uint8)
    array = one.array(large)
    with pytest.raises(DeviceError) as caught:
        other.array(large)
    assert caught.value.message == (
        "the 10 MB that --card-memory allows are too little: 7 MB are taken, "
        "another 6 MB do not fit"
    )
    del array
    kept = [other.array(large)]  # what the first one's stream has left is given back for it
    with budget.reserved(3 * MB), pytest.raises(DeviceError, match="--card-memory"):
        one.array(large[: 2 * MB])
    kept.append(one.array(large[: 2 * MB]))
    card.free = 8
    with pytest.raises(DeviceError, match="the card's memory is full"):
        one.array(large[:MB])


def test_of_a_lost_card_nothing_is_taken(
    card: Card, budget: Budget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost() -> int:
        raise CudaError("cudaErrorIllegalAddress")

    CudaDevice()
    monkeypatch.setattr(card.pool, "total_bytes", lost)
    assert budget.used() == 0


def test_libraries_and_arrays_share_the_budget(card: Card, budget: Budget) -> None:
    with pytest.raises(DeviceError, match="0 MB are taken, another 11 MB do not fit"):
        budget.reserved(11 * MB).__enter__()
    with budget.reserved(4 * MB):  # before any device
        device = CudaDevice()
        array = device.array(np.zeros(5 * MB, np.uint8))
        assert budget.used() >= 9 * MB
        with pytest.raises(DeviceError, match="--card-memory"):
            budget.reserved(2 * MB).__enter__()
        del array  # CuPy keeps it
        with budget.reserved(6 * MB):
            assert (budget.used(), card.pool.limit) == (10 * MB, 1)
    assert (budget.used(), card.pool.limit) == (0, 10 * MB)


def test_a_picture_that_does_not_fit_is_drawn_on_the_cpu(card: Card, budget: Budget) -> None:
    budget.allowed = MB
    figure, _ = with_hand((0, 0))
    told: list[PuppetcamError] = []
    painter = Painter(figure, SIZE, None, "photo", CudaDevice(), told.append)
    painter.enter()
    assert painter.device == "cpu"
    assert painter.paint(figure.reference, StageTimes())["rgba"].any()
    (error,) = told
    assert error.message.startswith(
        "drawing on the card failed, the CPU goes on: the 1 MB that --card-memory allows are too"
    )
    assert budget.used() == 0


def test_a_driver_that_is_too_old(card: Card) -> None:
    device = CudaDevice()
    array, host = device.array(np.zeros(3, np.float32)), device.staging((3,), np.float32)
    card.fails = CudaError("cudaErrorInsufficientDriver: CUDA driver version is insufficient")
    with pytest.raises(DeviceError, match="CUDA: cudaErrorInsufficientDriver") as caught:
        device.upload(host, array)
    assert caught.value.hint.startswith("install a newer NVIDIA driver")


def test_damaged_kernels_are_compiled_again(
    card: Card, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.cubin"
    damaged.write_bytes(CODE[:-1])
    monkeypatch.setattr(cuda, "compiled", lambda target: cubin_in(tmp_path))
    monkeypatch.setattr(cuda, "cubin", lambda target: damaged)
    prove_kernels(CudaDevice())
    assert "CUDA_ERROR_INVALID_IMAGE): they are compiled again" in caplog.text


def test_the_bench_speaks_to_it(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SIZE", (64, 64)), ("REPEATS", 1), ("COUNT", 1), ("ROUNDS", 1)):
        monkeypatch.setattr(bench_card, name, value)

    figures = measure_card(CudaDevice, None, bundled(), sessions=(1, 2), large=8, copy=64)
    assert figures.steps[-1].name == "download"
    assert list(figures.fps) == [1, 2]
