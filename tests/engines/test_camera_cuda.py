"""A frame that stays on the device: planes go up, landmarks and the encoder's planes come down."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines import trt
from engines.base import TensorSpec
from engines.camera_cuda import CudaCamera, CudaEye
from engines.engine_cache import EngineCache
from engines.errors import DeviceError
from engines.kernels import cuda
from engines.kernels.cuda import CudaDevice, Device
from engines.keypoints.carried import find_graph
from engines.keypoints.landmarks import SIZE
from engines.keypoints.refine import KERNEL, MIN_PEAK, refine
from engines.keypoints.region import Region
from engines.ort import OrtEngine, OrtOnCard
from engines.proof import NETWORK, prove_network
from engines.trt import TrtEngine
from engines.types import F32, U8
from engines.video_cuda import CudaVideo
from realtime.picture import Form, planes_of
from tests.engines.fake_card import PLAN, FakeLogger, fake_trt
from tests.engines.fake_cupy import cubin_in, fake_cupy
from tests.engines.kernels.host import FailingDevice, HostDevice
from tests.engines.kernels.test_cuda_video import scene


def planes(picture: U8) -> tuple[U8, U8]:
    """A picture as a camera sends it, and the RGB that PyAV makes of it."""
    video = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
    raw = np.asarray(video.to_ndarray(), np.uint8)
    return raw, np.asarray(video.to_ndarray(format="rgb24"), np.uint8)


class OnHost:
    """TensorRT's side of a network, computed by ONNX Runtime at the addresses that were set."""

    device_memory_size_v2 = 0

    def __init__(self, engine: OrtEngine) -> None:
        self._engine = engine
        self._specs = [*engine.inputs, *engine.outputs]
        self._at: dict[str, int] = {}
        self.num_io_tensors = len(self._specs)

    def get_tensor_name(self, index: int) -> str:
        return self._specs[index].name

    def _spec(self, name: str) -> TensorSpec:
        return next(spec for spec in self._specs if spec.name == name)

    def get_tensor_mode(self, name: str) -> str:
        return "in" if self._spec(name) in self._engine.inputs else "out"

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._spec(name).shape

    def get_tensor_dtype(self, name: str) -> Any:
        return SimpleNamespace(name="FLOAT")

    def create_execution_context(self) -> OnHost:
        return self

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._at[name] = address
        return True

    def _memory(self, spec: TensorSpec) -> Any:
        size = int(np.prod(spec.shape))
        memory = (ctypes.c_float * size).from_address(self._at[spec.name])
        return np.ctypeslib.as_array(memory).reshape(spec.shape)

    def execute_async_v3(self, stream: int) -> bool:
        feeds = {spec.name: self._memory(spec) for spec in self._engine.inputs}
        for name, values in self._engine.run(feeds).items():
            self._memory(self._spec(name))[...] = values
        return True


def answer(outputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A network's outputs, with its landmarks refined in place of the heatmap."""
    wanted = {name: values.copy() for name, values in outputs.items()}
    if "heatmap" in wanted:
        raw = wanted["landmarks"].reshape(-1, 5)
        refined: F32 = np.divide(raw[:, :3], SIZE, dtype=np.float32)
        refine(refined, wanted.pop("heatmap")[0], KERNEL, MIN_PEAK)
        wanted["refined"] = refined
    return wanted


class Echo:
    """A network on a card that says what it is given."""

    recordable = True

    def __init__(self, card: Device) -> None:
        self.inputs = (TensorSpec("image", "float32", (1, 32, 32, 3)),)
        self.outputs = (TensorSpec("seen", "float32", (1, 32, 32, 3)),)
        self._arrays = {
            name: card.array(np.zeros((1, 32, 32, 3), np.float32)) for name in ("image", "seen")
        }

    def array(self, name: str) -> Any:
        return self._arrays[name]

    def enqueue(self, card: Device) -> None:
        card.copy(self._arrays["image"], self._arrays["seen"])


@pytest.fixture
def counted(
    kernels_on_host: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Counter[str]:
    """How often a CudaDevice records and uploads pictures; its recordings hold addresses."""
    cupy, cupyx, _ = fake_cupy(kernels_on_host)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "cupyx", cupyx)
    monkeypatch.setattr(cuda, "cubin", lambda target: cubin_in(tmp_path))
    counts: Counter[str] = Counter()
    record, upload = CudaDevice.record, CudaDevice.upload

    def counting_record(self: CudaDevice, work: Callable[[], None]) -> Callable[[], None]:
        counts["record"] += 1
        return record(self, work)

    def counting_upload(self: CudaDevice, host: NDArray[Any], array: Any) -> None:
        if host.dtype == np.uint8:
            counts["pictures"] += 1
        upload(self, host, array)

    monkeypatch.setattr(CudaDevice, "record", counting_record)
    monkeypatch.setattr(CudaDevice, "upload", counting_upload)
    return counts


def test_a_camera_that_changes_its_size_in_mid_stream(counted: Counter[str]) -> None:
    card = CudaDevice()
    camera = CudaCamera(card)
    eyes = [CudaEye(card, camera, Echo(card), 1.0, 0.0, replicate) for replicate in (True, False)]
    borders = (cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT)
    sizes = ((48, 64), (48, 64), (90, 50), (90, 50), (48, 64))
    for seed, (height, width) in enumerate(sizes):
        decoded, rgb = planes(scene(height, width, 3, seed))
        for eye, border in zip(eyes, borders, strict=True):
            for region in (Region(20, 30, 40, 0.3), Region(width, 0, 70, -1)):
                camera.show(decoded)
                want: U8 = np.empty((32, 32, 3), np.uint8)
                region.crop(rgb, want, border)
                levels = np.rint(eye.look(region)["seen"][0]) - want
                # swscale's arithmetic is another one on other processors
                exact = platform.machine() in ("x86_64", "AMD64")
                assert np.abs(levels).max() <= (0 if exact else 3)
    assert counted == {"record": 6, "pictures": 5}  # by each eye at each size; once a picture


def test_what_may_not_be_recorded_is_not(counted: Counter[str]) -> None:
    card = CudaDevice()
    camera, engine = CudaCamera(card), Echo(card)
    engine.recordable = False
    eye = CudaEye(card, camera, engine, 1.0, 0.0, True)
    for level in (60, 120):
        picture = np.full((72, 64), level, np.uint8)
        picture[48:] = 128  # grey
        camera.show(picture)
        seen = eye.look(Region(32, 24, 30, 0))["seen"]
        np.testing.assert_allclose(seen, (level - 16) * 255 / 219, atol=1)
    assert counted["record"] == 0


def test_a_size_that_comes_back_unseen_is_not_the_old_memory(counted: Counter[str]) -> None:
    card = CudaDevice()
    camera = CudaCamera(card)
    eye = CudaEye(card, camera, Echo(card), 1.0, 0.0, True)
    pictures = [np.full((72, 64), level, np.uint8) for level in (60, 90, 120)]
    for picture in (pictures[0], np.zeros((30, 20), np.uint8), pictures[1], pictures[2]):
        picture[picture.shape[0] * 2 // 3 :] = 128  # grey
        camera.show(picture)
        if picture.shape == (72, 64):
            seen = eye.look(Region(32, 24, 30, 0))["seen"]
            level = (int(picture[0, 0]) - 16) * 255 / 219
            np.testing.assert_allclose(seen, level, atol=1)
    assert counted["record"] == 2


@pytest.fixture
def host_card(kernels_on_host: ctypes.CDLL) -> FailingDevice:
    return FailingDevice(kernels_on_host)


def open_on(card: Device, network: OrtEngine) -> TrtEngine:
    library = fake_trt(capabilities=())
    library.Runtime = lambda logger: SimpleNamespace(
        deserialize_cuda_engine=lambda plan: OnHost(network)
    )
    assert library.ILogger is FakeLogger
    return TrtEngine(PLAN, "tensorrt", library, card)


@pytest.mark.parametrize("by", ["tensorrt", "onnxruntime"])
@pytest.mark.parametrize(
    ("model", "gain", "bias", "replicate"),
    [("pose_landmark", 1 / 255, 0.0, True), ("pose_detection", 2 / 255, -1.0, False)],
)
def test_what_the_network_sees_never_leaves_the_device(
    host_card: FailingDevice, model: str, gain: float, bias: float, replicate: bool, by: str
) -> None:
    decoded, rgb = planes(scene(120, 160, 3))
    path = find_graph(model).path
    with OrtEngine(path) as network:
        camera = CudaCamera(host_card)
        on_card = (
            open_on(host_card, network) if by == "tensorrt" else OrtOnCard(path, host_card, "cpu")
        )
        with on_card as engine:
            eye = CudaEye(host_card, camera, engine, gain, bias, replicate)
            side = network.inputs[0].shape[1]
            camera.show(decoded)
            for region in (Region(80, 60, 100, 0.3), Region(20, 40, 160, -1.0)):
                seen: U8 = np.empty((side, side, 3), np.uint8)
                border = cv2.BORDER_REPLICATE if replicate else cv2.BORDER_CONSTANT
                region.crop(rgb, seen, border)
                feed = seen[None] * np.float32(gain) + np.float32(bias)
                wanted = answer(network.run({"image": feed}))
                got = eye.look(region)
                assert set(got) == set(wanted)
                for name, values in wanted.items():
                    scale = max(1.0, float(np.abs(values).max()))
                    np.testing.assert_allclose(got[name] / scale, values / scale, atol=2e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("name", trt.EXTRAS)
def test_on_a_card_it_is_what_the_engine_says_of_the_crop(
    card: CudaDevice, name: str, tmp_path: Path
) -> None:
    graph = find_graph("pose_landmark", "fp16")
    try:
        trt.library(name)
        engine = trt.open_engine(name, graph.path, graph.digest, "fp16", EngineCache(tmp_path))
    except DeviceError as error:
        pytest.skip(f"{error.message}: {error.hint}")
    decoded, rgb = planes(scene(120, 160, 3))
    camera, region = CudaCamera(card), Region(80, 60, 100, 0.3)
    with engine:
        eye = CudaEye(card, camera, engine, 1 / 255, 0.0, True)
        camera.show(decoded)
        crop: U8 = np.empty((256, 256, 3), np.uint8)
        region.crop(rgb, crop, cv2.BORDER_REPLICATE)
        feed = crop[None] * np.float32(1 / 255)
        wanted = answer(engine.run({"image": feed}))
        for _ in range(3):  # the first is not recorded, the others are
            for output, values in eye.look(region).items():
                scale = max(1.0, float(np.abs(wanted[output]).max()))
                assert np.abs(values - wanted[output]).max() / scale < 0.02, output


def test_a_network_on_the_stream_it_was_made_for(host_card: FailingDevice) -> None:
    class Other(HostDevice):
        def call(self, start: Callable[[int], None], recordable: bool = True) -> None:
            start(100)

    with OrtOnCard(NETWORK, host_card, "cpu") as engine:
        engine.array("x")[...] = 1
        engine.enqueue(host_card)
        assert engine.array("y")[0, 0, 1, 1] == 9
        prove_network(engine)  # still an engine like the others
        with pytest.raises(ValueError, match="another stream"):
            engine.enqueue(Other())


@pytest.mark.parametrize(
    "planes",
    [
        np.zeros((180, 161), np.uint8),
        np.zeros((181, 160), np.uint8),
        np.zeros((0, 160), np.uint8),
        np.zeros((180, 160), np.float32),
        np.zeros((120, 160, 3), np.uint8),
    ],
    ids=lambda planes: f"{planes.dtype} {planes.shape}",
)
def test_planes_of_another_kind_are_refused(host_card: FailingDevice, planes: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        CudaCamera(host_card).show(planes)


@pytest.mark.parametrize("form", ["plain", "packed"])
@pytest.mark.parametrize(("height", "width"), [(64, 96), (51, 71), (2, 3)])
def test_the_encoder_gets_its_planes(device: Device, height: int, width: int, form: Form) -> None:
    rgba = scene(height, width, 4)
    rgba[:, : width // 2, 3] = 0
    video = CudaVideo(device, device.array(rgba), form == "packed")
    video.frame()
    device.wait()
    want = planes_of(rgba, form)
    assert video.out.shape == want.shape
    # packed: OpenCV rounds the continued colours in several places
    assert np.abs(video.out - want.astype(int)).max() <= (form == "packed")
