"""TensorRT: the engine over a fake library, the builder over the real one where it is installed."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from engines import driver, trt
from engines.base import Engine, TensorSpec
from engines.camera_cuda import CudaCamera
from engines.driver import Driver
from engines.engine_cache import EngineCache, EngineKey
from engines.errors import DeviceError, ModelError, PuppetcamError
from engines.kernels.budget import Budget
from engines.kernels.cuda import CudaDevice
from engines.keypoints.carried import Precision, find_graph, manifest, open_eye, open_model
from engines.keypoints.detector import LOOK
from engines.keypoints.region import Region
from engines.ort import OrtEngine
from engines.standby import StandbyEye
from engines.trt import TrtEngine
from export.keypoints_cases import cases
from tests.engines.fake_card import PLAN, FakeBatchEngine, FakeEngine, FakeLibrary, fake_trt
from tests.engines.kernels.host import HostDevice
from tests.engines.keypoints.test_half import BOUNDS, probabilities

FEED = {"x": np.array([[1, 2, 3]], np.float32)}


@pytest.fixture
def engine() -> Iterator[TrtEngine]:
    with TrtEngine(PLAN, "tensorrt", fake_trt(), HostDevice()) as opened:
        yield opened


def test_says_what_it_wants_and_gives(engine: TrtEngine) -> None:
    as_protocol: Engine = engine
    assert as_protocol.inputs == (TensorSpec("x", "float32", (1, 3)),)
    assert as_protocol.outputs == (TensorSpec("y", "float32", (1, 3)),)
    assert as_protocol.device == "tensorrt"


def test_runs_by_name(engine: TrtEngine) -> None:
    np.testing.assert_array_equal(engine.run(FEED)["y"], [[2, 3, 4]])
    turned = np.array([[5], [6], [7]], np.float32).T[:, ::-1]  # not contiguous
    np.testing.assert_array_equal(engine.run({"x": turned})["y"], [[8, 7, 6]])
    with pytest.raises(ValueError, match=r"got \[\], wanted \['x'\]"):
        engine.run({})


def test_tensors_that_stay_on_the_card(engine: TrtEngine) -> None:
    class Session(HostDevice):
        """Copies nothing and does not wait."""

        def upload(self, host: Any, array: Any) -> None:
            raise AssertionError

        def download(self, array: Any, host: Any) -> None:
            raise AssertionError

        def wait(self) -> None:
            raise AssertionError

    engine.array("x")[:] = FEED["x"]
    engine.enqueue(Session())
    np.testing.assert_array_equal(engine.array("y"), [[2, 3, 4]])
    np.testing.assert_array_equal(engine.run({"x": engine.array("y")})["y"], [[3, 4, 5]])


@pytest.mark.parametrize("capabilities", [("SM86",), ()], ids=["rtx", "classic"])
def test_as_many_rows_as_are_wanted(capabilities: tuple[str, ...]) -> None:
    network, card = FakeBatchEngine(4), HostDevice()
    with TrtEngine(PLAN, "tensorrt", fake_trt(network, capabilities), card) as engine:
        assert engine.inputs == (TensorSpec("x", "float32", (4, 3)),)
        assert engine.outputs == (TensorSpec("y", "float32", (4, 3)),)
        engine.array("x")[:] = np.arange(12).reshape(4, 3)
        for rows in (2, 3, 2):
            engine.array("y")[:] = 0
            engine.enqueue(card, rows)
            wanted = np.where(np.arange(12) < 3 * rows, np.arange(12) + 1, 0).reshape(4, 3)
            np.testing.assert_array_equal(engine.array("y"), wanted)
        # One of each size, and all of them over the same memory: none runs beside another.
        assert [context.rows for context, _ in network.contexts] == [4, 2, 3]
        assert len({context.scratch for context, _ in network.contexts}) == 1
        assert network.contexts[0][0].scratch[1] == 1024
        for _, how in network.contexts:
            if capabilities:
                assert how.memory == "ours"
                assert how.dynamic_shapes_kernel_specialization_strategy == "eager"
            else:
                assert how == "ours"
        for rows in (0, 5):
            with pytest.raises(ValueError, match=f"rows: got {rows}, wanted 1 to 4"):
                engine.enqueue(card, rows)


def test_gives_everything_back() -> None:
    class Counted(HostDevice):
        tidied = 0

        def tidy(self) -> None:
            self.tidied += 1

    card = Counted()
    engine = TrtEngine(PLAN, "tensorrt", fake_trt(), card)
    array = weakref.ref(engine.array("x"))
    engine.close()
    engine.close()
    assert array() is None
    assert card.tidied
    with pytest.raises(ValueError, match="closed"):
        engine.run(FEED)


@pytest.mark.parametrize("capturable", [True, False])
def test_rtx_says_whether_it_can_be_recorded(capturable: bool) -> None:
    network = FakeEngine()
    assert network.context is not None
    network.context.capturable = capturable
    for capabilities, wanted in ((("SM86",), capturable), ((), True)):
        with TrtEngine(PLAN, "tensorrt", fake_trt(network, capabilities), HostDevice()) as engine:
            assert engine.recordable == wanted


def test_a_refused_plan() -> None:
    with pytest.raises(ModelError, match=r"tensorrt: the engine is refused \(bad magic number\)"):
        TrtEngine(b"junk", "tensorrt", fake_trt(), HostDevice())


def test_a_full_card() -> None:
    class Full(HostDevice):
        def array(self, host: Any) -> Any:
            raise DeviceError("CUDA: the card's memory is full")

    crowded = fake_trt(FakeEngine(room=False))
    with pytest.raises(DeviceError, match="memory is full"):
        TrtEngine(PLAN, "tensorrt", crowded, HostDevice())
    with pytest.raises(DeviceError, match="memory is full"):
        TrtEngine(PLAN, "tensorrt", fake_trt(), Full())


def test_a_run_that_fails() -> None:
    network = FakeEngine()
    with TrtEngine(PLAN, "tensorrt", fake_trt(network), HostDevice()) as engine:
        assert network.context is not None
        network.context.works = False
        with pytest.raises(DeviceError, match=r"tensorrt: the engine failed") as caught:
            engine.run(FEED)
    assert "--device cpu" in caught.value.hint


def test_a_module_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", ModuleType("tensorrt_rtx"))
    with pytest.raises(DeviceError) as caught:
        trt.library("tensorrt")
    assert caught.value.hint == "pip install -e '.[gpu]'"
    with pytest.raises(DeviceError, match="installed package is empty") as caught:
        trt.library("tensorrt-rtx")
    assert caught.value.hint == "pip install -e '.[gpu-rtx]'"


def test_bindings_without_their_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorrt.py").write_text("raise ImportError('libnvinfer.so.10: no such file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    with pytest.raises(DeviceError, match=r"cannot be loaded \(libnvinfer") as caught:
        trt.library("tensorrt")
    assert "--force-reinstall" in caught.value.hint


def test_an_engine_of_classic_tensorrt_belongs_to_one_card() -> None:
    def key(device: str, card: str, batch: int = 1) -> EngineKey:
        return trt.engine_key(fake_trt(), device, "pose", "d", "fp16", card, "sm_86", batch)

    assert key("tensorrt", "RTX 3060") != key("tensorrt", "RTX 3090")
    assert key("tensorrt-rtx", "RTX 3060") == key("tensorrt-rtx", "RTX 3090")
    one, many = key("tensorrt", "RTX 3060"), key("tensorrt", "RTX 3060", 8)
    assert one.file_name != many.file_name
    assert not many.replaces(one)  # both are kept


def test_opens_from_the_cache_or_builds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    builds: list[str | None] = []

    def build(module: Any, graph: Path, target: str | None, report: Any, batch: int) -> bytes:
        builds.append(target)
        return PLAN

    monkeypatch.setattr(trt, "library", lambda device: fake_trt())
    monkeypatch.setattr(trt, "driver", lambda: Driver(FakeLibrary()))
    monkeypatch.setattr(trt, "CudaDevice", HostDevice)
    monkeypatch.setattr(trt, "build", build)
    for _ in range(2):
        cache = EngineCache(tmp_path)
        with trt.open_engine("tensorrt-rtx", Path("plus.onnx"), "d", "fp16", cache) as engine:
            np.testing.assert_array_equal(engine.run(FEED)["y"], [[2, 3, 4]])
    assert builds == ["sm_86"]


def test_what_the_card_compiled_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    network, cache = FakeEngine(), EngineCache(tmp_path)
    monkeypatch.setattr(trt, "library", lambda device: fake_trt(network))
    monkeypatch.setattr(trt, "driver", lambda: Driver(FakeLibrary()))
    monkeypatch.setattr(trt, "CudaDevice", HostDevice)
    monkeypatch.setattr(trt, "build", lambda *_: PLAN)

    def start() -> int:
        """How often the card has compiled then."""
        with trt.open_engine("tensorrt-rtx", Path("plus.onnx"), "d", "fp16", cache) as engine:
            np.testing.assert_array_equal(engine.run(FEED)["y"], [[2, 3, 4]])
        return network.compiled

    assert start() == 1
    kept = next(tmp_path.glob("plus.on-card.*"))
    whole, written = kept.read_bytes(), kept.stat().st_ino
    assert start() == 1
    assert kept.stat().st_ino == written  # nothing new, nothing written
    kept.write_bytes(whole[:-1])  # cut off
    assert [start(), start()] == [2, 2]
    assert kept.read_bytes() == whole
    network.card = b"a 3060 of another driver "
    assert [start(), start()] == [3, 3]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".engine", ".engine", ".lock"]

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    network.card = b"4090 "
    monkeypatch.setattr(EngineCache, "store", refuse)
    assert [start(), start()] == [4, 5]
    assert "cannot be written to (Permission denied)" in caplog.text


def test_stays_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(PLAN) + FakeEngine.device_memory_size_v2
    budget = Budget(allowed=size + 1)
    monkeypatch.setattr(trt, "budget", budget)
    with TrtEngine(PLAN, "tensorrt", fake_trt(), HostDevice()):
        assert budget.used() == size
        with pytest.raises(DeviceError, match="that --card-memory allows are too little"):
            TrtEngine(PLAN, "tensorrt", fake_trt(), HostDevice())
        assert budget.used() == size
    assert budget.used() == 0
    with pytest.raises(ModelError):
        TrtEngine(b"junk", "tensorrt", fake_trt(), HostDevice())
    assert budget.used() == 0


def test_a_card_without_a_driver_serves_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing() -> Driver:
        raise DeviceError("no NVIDIA driver")

    monkeypatch.setattr(trt, "library", lambda device: fake_trt())
    monkeypatch.setattr(trt, "driver", missing)
    with pytest.raises(DeviceError, match="no NVIDIA driver"):
        open_model("selfie_segmentation", "tensorrt")
    told: list[PuppetcamError] = []
    camera = CudaCamera(HostDevice())
    eye = open_eye("pose_detection", LOOK, "tensorrt", 1, camera, told.append)
    assert isinstance(eye, StandbyEye)
    eye.wait()
    seen = eye.look(np.zeros((60, 80, 3), np.uint8), Region(40, 30, 80, 0))
    assert seen["boxes"].shape == (1, 2254, 12)
    assert (eye.device, eye.waiting) == ("cpu", "tensorrt failed")
    eye.close()
    assert [error.message for error in told] == [
        "tensorrt failed, the CPU goes on: no NVIDIA driver"
    ]


@pytest.fixture(scope="module")
def rtx() -> Any:
    """The real TensorRT for RTX: it compiles without a card."""
    try:
        return trt.library("tensorrt-rtx")
    except DeviceError as error:
        pytest.skip(f"{error.message}: {error.hint}")


def test_reports_how_far_a_build_is(rtx: Any) -> None:
    told: list[float] = []
    graph = find_graph("selfie_segmentation", "fp16").path
    assert len(trt.build(rtx, graph, "sm_86", told.append)) > 100_000
    assert told == sorted(told)
    assert len(told) > 2
    assert told[-1] == 1


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_several_sessions_in_one_run_compile(rtx: Any, precision: Precision) -> None:
    for name in ("pose_landmark", "pose_detection"):
        for target in ("sm_75", "sm_120"):  # the oldest and the newest
            assert len(trt.build(rtx, find_graph(name, precision).path, target, batch=8)) > 1e6


def test_a_file_that_is_no_network(rtx: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"bad\.onnx: TensorRT cannot read it"):
        trt.build(rtx, tmp_path / "bad.onnx", "sm_86")


def test_a_target_that_rtx_does_not_know(rtx: Any) -> None:
    assert {"sm_75", "sm_86", "sm_89", "sm_120"} <= set(trt.targets(rtx))
    graph = find_graph("selfie_segmentation", "fp16").path
    with pytest.raises(DeviceError, match=r"'sm_90': tensorrt_rtx .* compiles for"):
        trt.build(rtx, graph, "sm_90")


@pytest.fixture(params=trt.EXTRAS)
def device(request: pytest.FixtureRequest) -> str:
    """Each TensorRT that is installed, on a machine with a card."""
    name: str = request.param
    try:
        driver.driver()
        trt.library(name)
    except DeviceError as error:
        pytest.skip(f"{error.message}: {error.hint}")
    return name


@pytest.mark.gpu
@pytest.mark.parametrize("name", sorted(manifest()))
def test_on_a_card_it_agrees_with_the_cpu(name: str, device: str, tmp_path: Path) -> None:
    cache, graph = EngineCache(tmp_path), find_graph(name, "fp16")
    largest, mean = BOUNDS[name]
    with (
        OrtEngine(find_graph(name).path) as cpu,
        trt.open_engine(device, graph.path, graph.digest, "fp16", cache) as card,
    ):
        assert {spec.name for spec in card.outputs} == {spec.name for spec in cpu.outputs}
        _, height, width, _ = cpu.inputs[0].shape
        pixels = cv2.resize(cases()["astronaut"], (width, height), interpolation=cv2.INTER_AREA)
        feed = {"image": np.multiply(pixels[None], np.float32(1 / 255))}
        got = card.run(feed)
        for output, values in cpu.run(feed).items():
            a = probabilities(name, output, values)
            b = probabilities(name, output, got[output])
            error = np.abs(a - b) / max(1.0, float(np.abs(a).max()))
            # Cards sum in other orders than ORT: twice the bound of rounding alone.
            assert error.mean() <= 2 * mean, output
            if (name, output) != ("pose_landmark_mask", "mask"):
                assert error.max() <= 2 * largest, output


@pytest.mark.gpu
def test_ten_thousand_runs_do_not_grow(device: str, card: CudaDevice, tmp_path: Path) -> None:
    graph = find_graph("pose_landmark", "fp16")
    feed = {"image": np.zeros((1, 256, 256, 3), np.float32)}
    with trt.open_engine(device, graph.path, graph.digest, "fp16", EngineCache(tmp_path)) as engine:
        engine.run(feed)
        before = card.free()
        for _ in range(10_000):
            engine.run(feed)
        assert before - card.free() <= 2 << 20  # others may use the card too
