"""A frame that stays on the device: planes go up, landmarks and the encoder's planes come down."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest

from engines import trt
from engines.base import TensorSpec
from engines.camera_cuda import CudaCamera, CudaEye
from engines.engine_cache import EngineCache
from engines.errors import DeviceError
from engines.kernels.cuda import CudaDevice, Device
from engines.keypoints.carried import find_graph
from engines.keypoints.region import Region
from engines.ort import OrtEngine, OrtOnCard
from engines.proof import NETWORK, prove_network
from engines.trt import TrtEngine
from engines.types import U8
from engines.video_cuda import CudaVideo
from realtime.track import to_video
from tests.engines.fake_card import PLAN, FakeLogger, fake_trt
from tests.engines.kernels.host import FailingDevice, HostDevice
from tests.engines.kernels.test_cuda_video import scene


def planes(picture: U8) -> tuple[tuple[U8, U8, U8], U8]:
    """Luma, blue, red of a picture as a camera sends it, and the RGB that PyAV makes of it."""
    height, width = picture.shape[:2]
    video = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
    raw = np.asarray(video.to_ndarray(), np.uint8).ravel()
    luma, chroma = raw[: height * width], raw[height * width :]
    blue, red = chroma.reshape(2, height // 2, width // 2)
    rgb = np.asarray(video.to_ndarray(format="rgb24"), np.uint8)
    return (luma.reshape(height, width), blue, red), rgb


class OnHost:
    """TensorRT's side of a network, computed by ONNX Runtime at the addresses that were set."""

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


@pytest.fixture
def host_card(kernels_on_host: ctypes.CDLL) -> FailingDevice:
    return FailingDevice(kernels_on_host)


def open_on(card: Device, network: OrtEngine) -> TrtEngine:
    library = fake_trt()
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
        camera = CudaCamera(host_card, (160, 120))
        on_card = (
            open_on(host_card, network) if by == "tensorrt" else OrtOnCard(path, host_card, "cpu")
        )
        with on_card as engine:
            eye = CudaEye(host_card, camera, engine, gain, bias, replicate)
            side = network.inputs[0].shape[1]
            camera.put(*decoded)
            camera.upload()
            for region in (Region(80, 60, 100, 0.3), Region(20, 40, 160, -1.0)):
                seen: U8 = np.empty((side, side, 3), np.uint8)
                border = cv2.BORDER_REPLICATE if replicate else cv2.BORDER_CONSTANT
                region.crop(rgb, seen, border)
                feed = seen[None] * np.float32(gain) + np.float32(bias)
                wanted = {name: a.copy() for name, a in network.run({"image": feed}).items()}
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
    camera, region = CudaCamera(card, (160, 120)), Region(80, 60, 100, 0.3)
    with engine:
        eye = CudaEye(card, camera, engine, 1 / 255, 0.0, True)
        camera.put(*decoded)
        camera.upload()
        crop: U8 = np.empty((256, 256, 3), np.uint8)
        region.crop(rgb, crop, cv2.BORDER_REPLICATE)
        feed = crop[None] * np.float32(1 / 255)
        wanted = {output: a.copy() for output, a in engine.run({"image": feed}).items()}
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


def test_a_camera_of_odd_size_is_refused(host_card: FailingDevice) -> None:
    with pytest.raises(ValueError, match=r"got \(161, 120\), wanted even"):
        CudaCamera(host_card, (161, 120))


@pytest.mark.parametrize(("height", "width"), [(64, 96), (51, 71)])
def test_the_encoder_gets_its_planes(device: Device, height: int, width: int) -> None:
    rgba = scene(height, width, 4)
    video = CudaVideo(device, device.array(rgba))
    video.frame()
    device.wait()
    np.testing.assert_array_equal(video.out, to_video(rgba, "plain").to_ndarray())
