"""Several eyes, one run of the network: each sees what it sees alone."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines import trt
from engines.base import TensorSpec
from engines.batch import Batch
from engines.camera_cuda import CudaCamera, CudaEye
from engines.engine_cache import EngineCache
from engines.errors import DeviceError
from engines.kernels import cuda
from engines.kernels.cuda import CudaDevice, Device
from engines.keypoints.carried import find_graph
from engines.keypoints.region import Region
from engines.ort import OrtOnCard
from tests.engines.fake_cupy import cubin_in, fake_cupy
from tests.engines.kernels.host import FailingDevice, HostDevice
from tests.engines.kernels.test_cuda_video import scene
from tests.engines.test_camera_cuda import planes

SIDE = 32
REGIONS = (Region(80, 60, 100, 0.3), Region(20, 40, 160, -1.0), Region(100, 30, 60, 2.0))


class Rows:
    """A network of several rows that adds one to what it sees, and its number of rows; it counts
    its runs. fails: what the next run raises."""

    recordable = True

    def __init__(self, card: Device, rows: int) -> None:
        shape = (rows, SIDE, SIDE, 3)
        self.inputs = (TensorSpec("image", "float32", shape),)
        self.outputs = (TensorSpec("seen", "float32", shape),)
        zeros = np.zeros(shape, np.float32)
        self._arrays = {name: card.array(zeros) for name in ("image", "seen")}
        self.ran: list[int] = []
        self.fails: Exception | None = None

    def array(self, name: str) -> Any:
        return self._arrays[name]

    def enqueue(self, card: Device, rows: int | None = None) -> None:
        card.call(partial(self._start, rows or len(self._arrays["image"])))

    def _start(self, rows: int, stream: int) -> None:
        if self.fails is not None:
            error, self.fails = self.fails, None
            raise error
        self.ran.append(rows)
        self._arrays["seen"][:rows] = self._arrays["image"][:rows] + 1


class Late(HostDevice):
    """A stream that does what it is asked for at the last moment: when it, or one that comes after
    it, is waited for."""

    def __init__(self, library: ctypes.CDLL) -> None:
        super().__init__(library)
        self._asked: list[Callable[[], None]] = []
        self._done = 0

    def upload(self, host: NDArray[Any], array: Any) -> None:
        self._asked.append(partial(super().upload, host, array))

    def download(self, array: Any, host: NDArray[Any]) -> None:
        self._asked.append(partial(super().download, array, host))

    def launch(self, kernel: str, threads: tuple[int, ...], *arguments: Any) -> None:
        self._asked.append(partial(super().launch, kernel, threads, *arguments))

    def call(self, start: Callable[[int], None], recordable: bool = True) -> None:
        self._asked.append(partial(super().call, start, recordable))

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        asked, self._asked = self._asked, []
        work()
        recorded, self._asked = self._asked, asked
        return lambda: self._asked.extend(recorded)

    def after(self, other: Device) -> None:
        assert isinstance(other, Late)
        self._asked.append(partial(other.run, len(other._asked)))

    def wait(self) -> None:
        self.run(len(self._asked))

    def run(self, end: int) -> None:
        while self._done < end:
            self._done += 1
            self._asked[self._done - 1]()


def eyes_on(
    devices: list[Any], network: Callable[[Device], Any], gain: float = 1.0
) -> list[CudaEye]:
    """One on each device, each before a picture of its own, of another size."""
    eyes = []
    for seed, device in enumerate(devices):
        camera = CudaCamera(device)
        eyes.append(CudaEye(device, camera, network(device), gain, 0.0, True))
        camera.show(planes(scene(120 + 8 * seed, 160, 3, seed))[0])
    return eyes


def alone(eyes: list[CudaEye]) -> list[dict[str, NDArray[Any]]]:
    """What each sees by itself."""
    answers = []
    for eye, region in zip(eyes, REGIONS, strict=True):
        answers.append({name: a.copy() for name, a in eye.look(region).items()})
    return answers


def one_row(card: Device) -> Rows:
    return Rows(card, 1)


@pytest.mark.parametrize(
    ("model", "gain"), [("pose_landmark", 1 / 255), ("pose_detection", 2 / 255)]
)
def test_together_each_sees_what_it_sees_alone(
    kernels_on_host: ctypes.CDLL, model: str, gain: float
) -> None:
    path, host = find_graph(model).path, HostDevice(kernels_on_host)

    def network(card: Device) -> OrtOnCard:
        return OrtOnCard(path, card, "cpu")

    eyes = eyes_on([host] * 3, network, gain)
    wanted = alone(eyes)
    with OrtOnCard(path, host, "cpu", batch=4) as engine:
        batch = Batch(host, engine)
        for some in ((0, 1, 2), (2, 0), (1,)):
            for k in some:
                batch.begin(eyes[k], REGIONS[k])
            for k in some:
                got = batch.finish(eyes[k])
                assert set(got) == set(wanted[k])
                for name, values in wanted[k].items():
                    scale = max(1.0, float(np.abs(values).max()))
                    np.testing.assert_allclose(got[name], values, atol=1e-6 * scale, err_msg=name)


def test_streams_wait_for_each_other(kernels_on_host: ctypes.CDLL) -> None:
    host = HostDevice(kernels_on_host)
    eyes = eyes_on([Late(kernels_on_host) for _ in REGIONS], one_row)
    wanted = alone(eyes)
    network, stream = Rows(host, 3), Late(kernels_on_host)
    batch = Batch(stream, network)
    for order in ((0, 1, 2), (2, 1, 0)):
        for k in order:
            batch.begin(eyes[k], REGIONS[k])
        for k in (1, 0, 2):
            np.testing.assert_array_equal(batch.finish(eyes[k])["seen"], wanted[k]["seen"])
    # Once for each number of rows when it was made, where it was also recorded, then twice.
    assert network.ran == [1, 2, 3, 3, 3]


def test_a_stream_of_a_card_waits(
    kernels_on_host: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cupy, cupyx, _ = fake_cupy(kernels_on_host)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "cupyx", cupyx)
    monkeypatch.setattr(cuda, "cubin", lambda target: cubin_in(tmp_path))
    one, other = CudaDevice(), CudaDevice()
    one.after(other)
    (event,) = one._stream.waited
    assert event.stream is other._stream
    assert not other._stream.waited


def test_one_that_fails_spoils_nobody_elses_frame(kernels_on_host: ctypes.CDLL) -> None:
    devices = [FailingDevice(kernels_on_host) for _ in REGIONS]
    eyes = eyes_on(devices, one_row)
    wanted = alone(eyes)
    batch = Batch(devices[0], Rows(devices[0], 3))
    batch.begin(eyes[0], REGIONS[0])
    devices[1].fails_at = 1
    with pytest.raises(DeviceError, match="memory is full"):
        batch.begin(eyes[1], REGIONS[1])
    batch.begin(eyes[2], REGIONS[2])
    for k in (0, 2):
        np.testing.assert_array_equal(batch.finish(eyes[k])["seen"], wanted[k]["seen"])
    with pytest.raises(ValueError, match="has not begun"):
        batch.finish(eyes[1])


@pytest.mark.parametrize("error", [DeviceError("the card is lost"), RuntimeError("a fault")])
def test_a_run_that_fails_is_told_to_each(kernels_on_host: ctypes.CDLL, error: Exception) -> None:
    host = HostDevice(kernels_on_host)
    eyes = eyes_on([host] * 3, one_row)
    wanted, network = alone(eyes), Rows(host, 3)
    batch = Batch(host, network)
    for k in (0, 1):
        batch.begin(eyes[k], REGIONS[k])
    network.fails = error
    with pytest.raises(type(error), match=str(error)):
        batch.finish(eyes[0])
    with pytest.raises(DeviceError, match=r"lost|several sessions failed"):
        batch.finish(eyes[1])
    batch.begin(eyes[2], REGIONS[2])
    np.testing.assert_array_equal(batch.finish(eyes[2])["seen"], wanted[2]["seen"])


def test_begun_twice_the_newest_counts_and_one_too_many_is_refused(
    kernels_on_host: ctypes.CDLL,
) -> None:
    host = HostDevice(kernels_on_host)
    eyes = eyes_on([host] * 3, one_row)
    wanted, network = alone(eyes), Rows(host, 2)
    batch = Batch(host, network)
    batch.begin(eyes[0], REGIONS[2])
    batch.begin(eyes[1], REGIONS[1])
    batch.begin(eyes[0], REGIONS[0])
    with pytest.raises(ValueError, match="wanted at most 2"):
        batch.begin(eyes[2], REGIONS[2])
    for k in (0, 1):
        np.testing.assert_array_equal(batch.finish(eyes[k])["seen"], wanted[k]["seen"])
    assert network.ran[2:] == [2]


@pytest.mark.gpu
@pytest.mark.parametrize("name", trt.EXTRAS)
def test_on_a_card(card: CudaDevice, name: str, tmp_path: Path) -> None:
    graph, cache = find_graph("pose_landmark", "fp16"), EngineCache(tmp_path)

    def network(batch: int) -> trt.TrtEngine:
        try:
            return trt.open_engine(name, graph.path, graph.digest, "fp16", cache, batch=batch)
        except DeviceError as error:
            pytest.skip(f"{error.message}: {error.hint}")

    eyes = eyes_on([CudaDevice() for _ in REGIONS], lambda device: network(1), 1 / 255)
    wanted = alone(eyes)
    batch = Batch(card, network(3))
    for some in ((0, 1, 2), (2, 0), (1,), (0, 1, 2)):
        for k in some:
            batch.begin(eyes[k], REGIONS[k])
        for k in some:
            for output, values in batch.finish(eyes[k]).items():
                scale = max(1.0, float(np.abs(wanted[k][output]).max()))
                assert np.abs(values - wanted[k][output]).max() / scale < 0.02, output
