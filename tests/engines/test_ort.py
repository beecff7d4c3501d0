"""OrtEngine over tiny networks: y = x + 1."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from engines import ort
from engines.base import Engine, TensorSpec
from engines.errors import DeviceError, ModelError
from engines.kernels.budget import Budget
from engines.kernels.cuda import CudaDevice
from engines.keypoints.carried import find_graph, manifest
from engines.ort import INSTALL, PROVIDERS, ROOM, OrtEngine, OrtOnCard


@pytest.fixture
def plus_one(tmp_path: Path) -> Path:
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "one"], ["y"])],
        "plus_one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    path = tmp_path / "plus_one.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_says_what_it_wants_and_gives(plus_one: Path) -> None:
    with OrtEngine(plus_one) as engine:
        as_protocol: Engine = engine
        assert as_protocol.inputs == (TensorSpec("x", "float32", (-1, 3)),)
        assert as_protocol.outputs == (TensorSpec("y", "float32", (-1, 3)),)
        assert as_protocol.device == "cpu"


def test_a_batch_is_fixed_or_open(plus_one: Path) -> None:
    model = onnx.load(plus_one)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(model, plus_one)
    for batch, first in ((1, 1), (4, 4), (None, -1)):
        with OrtEngine(plus_one, batch=batch) as engine:
            assert (engine.inputs[0].shape, engine.outputs[0].shape) == ((first, 3), (first, 3))
            x = np.zeros((batch or 2, 3), np.float32)
            np.testing.assert_array_equal(engine.run({"x": x})["y"], x + 1)


def test_runs_by_name(plus_one: Path) -> None:
    with OrtEngine(plus_one) as engine:
        answer = engine.run({"x": np.array([[1, 2, 3]], np.float32)})
    np.testing.assert_array_equal(answer["y"], [[2, 3, 4]])


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, r"got \[\], wanted \['x'\]"),
        ({"z": np.zeros((1, 3), np.float32)}, r"got \['z'\], wanted \['x'\]"),
        ({"x": np.zeros((1, 3))}, "got float64"),
        ({"x": np.zeros((1, 4), np.float32)}, r"got float32 \(1, 4\), wanted float32 \(-1, 3\)"),
        ({"x": np.zeros(3, np.float32)}, r"got float32 \(3,\)"),
    ],
)
def test_wrong_feeds(plus_one: Path, feeds: dict[str, Any], message: str) -> None:
    with OrtEngine(plus_one) as engine, pytest.raises(ValueError, match=message):
        engine.run(feeds)


def test_closed(plus_one: Path) -> None:
    engine = OrtEngine(plus_one)
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="closed"):
        engine.run({"x": np.zeros((1, 3), np.float32)})


def test_a_run_that_fails(plus_one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def run(self, names: Any, feeds: Any) -> None:
            raise RuntimeError("bad allocation")

    with OrtEngine(plus_one) as engine:
        monkeypatch.setattr(engine, "_session", Full())
        with pytest.raises(
            DeviceError, match=r"cpu: the engine failed \(bad allocation\)"
        ) as caught:
            engine.run({"x": np.zeros((1, 3), np.float32)})
    assert "doctor" in caught.value.hint


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not there") as caught:
        OrtEngine(tmp_path / "none.onnx")
    assert "puppetcam-export keypoints" in caught.value.hint


@pytest.mark.parametrize("keep", [0, 40])
def test_corrupt_file(plus_one: Path, keep: int) -> None:
    plus_one.write_bytes(plus_one.read_bytes()[:keep] + b"\x00\xff" * 20)
    with pytest.raises(ModelError, match="no valid network"):
        OrtEngine(plus_one)


def test_unknown_device(plus_one: Path) -> None:
    with pytest.raises(DeviceError, match=r"'tpu': wanted one of \['cpu', 'cuda'\]"):
        OrtEngine(plus_one, device="tpu")


def test_provider_that_is_not_installed(plus_one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match="wanted CUDAExecutionProvider") as caught:
        OrtEngine(plus_one, device="cuda")
    assert "onnxruntime-gpu" in caught.value.hint


def test_provider_that_silently_falls_back(plus_one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = onnxruntime.InferenceSession

    def on_cpu(path: str, options: Any, providers: list[str], enable_fallback: int) -> Any:
        return real(path, options, providers=["CPUExecutionProvider"])

    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    monkeypatch.setattr(onnxruntime, "InferenceSession", on_cpu)
    with pytest.raises(DeviceError, match=r"got .*CPUExecutionProvider.*, wanted CUDA") as caught:
        OrtEngine(plus_one, device="cuda")
    assert "onnxruntime-gpu[cuda,cudnn]" in caught.value.hint


def test_a_card_without_room(plus_one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str, options: Any, providers: list[Any], enable_fallback: int) -> Any:
        assert providers == [("CUDAExecutionProvider", {"use_tf32": "0"})]
        raise RuntimeError("CUDA failure 2: out of memory")

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [PROVIDERS["cuda"]])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda directory: print("not found"))
    monkeypatch.setattr(onnxruntime, "InferenceSession", full)
    with pytest.raises(DeviceError, match=r"cannot be opened .*out of memory"):
        OrtEngine(plus_one, "cuda")


def test_stays_within_the_budget(plus_one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, str]] = []

    def session(path: str, options: Any, providers: list[Any], enable_fallback: int) -> Any:
        given.append(providers[0][1])
        names = SimpleNamespace(get_inputs=list, get_outputs=list)
        names.get_providers = lambda: [providers[0][0]]
        return names

    budget = Budget(allowed=ROOM)
    monkeypatch.setattr(ort, "budget", budget)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(PROVIDERS.values()))
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda directory: None)
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    with OrtEngine(plus_one, "cuda"), OrtEngine(plus_one):
        assert budget.used() == int(given[0]["gpu_mem_limit"]) == ROOM
        assert given[0]["use_tf32"] == "0"
        assert given[1] == {}
        with pytest.raises(DeviceError, match="that --card-memory allows are too little"):
            OrtEngine(plus_one, "cuda")
    assert budget.used() == 0


def test_two_that_are_opened_at_once_leave_stdout_as_it_was(
    plus_one: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one preloads while the first is still at it, and ends after it."""
    before, second_waits = sys.stdout, threading.Event()
    inside: list[str] = []

    def preload(directory: str) -> None:
        inside.append(threading.current_thread().name)
        if len(inside) == 1:
            second.start()
            second_waits.wait(0.2)  # set by the second only if it gets in beside the first
        else:
            second_waits.set()
            first_left.wait(5)

    def no_session(*_: Any, **__: Any) -> None:
        first_left.set()
        raise RuntimeError("no card")

    def opened() -> None:
        with pytest.raises(DeviceError):
            OrtEngine(plus_one, "cuda")

    first_left, second = threading.Event(), threading.Thread(target=opened)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [PROVIDERS["cuda"]])
    monkeypatch.setattr(onnxruntime, "preload_dlls", preload)
    monkeypatch.setattr(onnxruntime, "InferenceSession", no_session)
    opened()
    second.join()
    assert len(inside) == 2
    assert sys.stdout is before


def test_one_thread_without_spinning(plus_one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    real = onnxruntime.InferenceSession

    def spy(path: str, options: Any, providers: list[str], enable_fallback: int) -> Any:
        seen.append(options)
        return real(path, options, providers=providers, enable_fallback=enable_fallback)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spy)
    engine = OrtEngine(plus_one)
    assert not engine._session._enable_fallback  # with it a card's failure is silent
    engine.close()
    assert (seen[0].intra_op_num_threads, seen[0].inter_op_num_threads) == (1, 1)
    assert seen[0].get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.gpu
@pytest.mark.parametrize("name", sorted(manifest()))
def test_on_a_card_it_agrees_with_the_cpu(name: str, card: CudaDevice) -> None:
    if PROVIDERS["cuda"] not in onnxruntime.get_available_providers():
        pytest.skip(f"this onnxruntime has no {PROVIDERS['cuda']}: {INSTALL}")
    path = find_graph(name).path
    with (
        OrtEngine(path) as cpu,
        OrtEngine(path, "cuda") as cuda,
        OrtOnCard(path, card) as on_card,
    ):
        shape = cpu.inputs[0].shape
        feed = np.random.default_rng(0).random(shape, np.float32)
        wanted = {output: a.copy() for output, a in cpu.run({"image": feed}).items()}
        staged = card.staging(shape, np.float32)
        staged[:] = feed
        card.upload(staged, on_card.array("image"))
        on_card.enqueue(card)
        for output, values in cuda.run({"image": feed}).items():
            there = card.staging(values.shape, values.dtype.type)
            card.download(on_card.array(output), there)
            card.wait()
            scale = max(1.0, float(np.abs(wanted[output]).max()))
            for got in (values, there):
                assert np.abs(got - wanted[output]).max() <= 2e-3 * scale, output


def test_the_library_reports_to_nobody(plus_one: Path, tmp_path: Path) -> None:
    """It would leave a queue in the user's cache and a session's number in the temporary folder."""
    home = tmp_path / "home"
    home.mkdir()
    places = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "TMPDIR", "TMP", "TEMP"), str(home))
    code = f"from engines.ort import OrtEngine; from pathlib import Path\n\
OrtEngine(Path({str(plus_one)!r})).close()"
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    subprocess.run(
        [sys.executable, "-B", "-c", code],
        env=environment | places | {"NUMBA_CACHE_DIR": str(tmp_path / "numba")},
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert list(home.rglob("*")) == []
