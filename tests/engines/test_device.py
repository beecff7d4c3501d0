"""The choice of a device: asked for and got, or chosen with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from engines import device as module
from engines import ort, trt
from engines.device import ON_CARD, choose, words
from engines.driver import Driver
from engines.errors import DeviceError
from tests.engines.fake_card import FakeLibrary, fake_trt


def machine(
    monkeypatch: pytest.MonkeyPatch,
    library: FakeLibrary | None,
    has: tuple[str, ...] = (),
    cuda: int | None = 13,
    broken: tuple[str, ...] = (),
) -> None:
    """A machine with this card (None: no driver) and these of ON_CARD installed; broken: those that
    look well until they compute."""

    def driver() -> Driver:
        if library is None:
            raise DeviceError("no NVIDIA driver: libcuda.so.1 cannot be loaded", "install it")
        return Driver(library)

    def find(name: str) -> Any:
        if name not in has:
            raise DeviceError(f"{name}: not installed", f"pip install {name}")
        return fake_trt(capabilities=("NONE", "CURRENT", "SM86") if name == "tensorrt-rtx" else ())

    def prove(device: str) -> None:
        if device in broken:
            raise DeviceError(f"{device}: its libraries cannot be loaded", "pip install them")

    providers = ["CUDAExecutionProvider"] * ("cuda" in has) + ["CPUExecutionProvider"]
    monkeypatch.setattr(module, "driver", driver)
    monkeypatch.setattr(trt, "library", find)
    monkeypatch.setattr(trt, "cuda_of", lambda device: cuda)
    monkeypatch.setattr(ort, "available_providers", lambda: providers)
    monkeypatch.setattr(module, "prove", prove)


def test_the_cpu_is_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, None)
    assert str(choose("cpu")) == "device cpu (asked for)"
    choice = choose("auto")
    assert (choice.device, choice.card) == ("cpu", None)
    assert "no NVIDIA driver" in str(choice)


@pytest.mark.parametrize("asked", ON_CARD)
def test_what_was_asked_for_is_what_you_get(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    machine(monkeypatch, FakeLibrary(), has=ON_CARD)
    assert str(choose(asked)) == f"device {asked} on NVIDIA Fake 3060 (asked for)"


@pytest.mark.parametrize("asked", ON_CARD)
def test_never_another_device(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    others = tuple(device for device in ON_CARD if device != asked)
    machine(monkeypatch, FakeLibrary(), has=others)
    with pytest.raises(DeviceError) as caught:
        choose(asked)
    assert "pip install" in caught.value.hint
    machine(monkeypatch, None, has=ON_CARD)
    with pytest.raises(DeviceError, match="no NVIDIA driver"):
        choose(asked)


def test_unknown_device() -> None:
    with pytest.raises(DeviceError, match="got 'tpu', wanted one of auto, cpu, cuda, tensorrt"):
        choose("tpu")


def test_auto_takes_the_first_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, FakeLibrary(), has=("tensorrt", "cuda"))
    choice = choose("auto")
    assert choice.device == "tensorrt"
    assert choice.why == "the first that computes; tensorrt-rtx: not installed"
    machine(monkeypatch, FakeLibrary(), has=())
    assert choose("auto").device == "cpu"
    assert "tensorrt: not installed" in choose("auto").why


def test_only_what_has_computed_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime-gpu without CUDA's libraries looks well until it computes."""
    machine(monkeypatch, FakeLibrary(), has=("tensorrt", "cuda"), broken=("cuda",))
    assert choose("auto").device == "tensorrt"
    with pytest.raises(DeviceError, match="cuda: its libraries cannot be loaded"):
        choose("cuda")
    machine(monkeypatch, FakeLibrary(), has=("cuda",), broken=("cuda",))
    choice = choose("auto")
    assert (choice.device, choice.card) == ("cpu", None)
    assert "cuda: its libraries cannot be loaded" in str(choice)


@pytest.mark.parametrize(
    ("networks", "picture", "said"),
    [
        ("cpu", "cpu", "CPU: ONNX Runtime, numba"),
        ("cuda", "cuda", "GPU: ONNX Runtime, CUDA kernels"),
        ("tensorrt", "cpu", "GPU: TensorRT; CPU: numba"),
        ("cpu", "cuda", "GPU: CUDA kernels; CPU: ONNX Runtime"),
    ],
)
def test_says_what_computes_what(networks: str, picture: str, said: str) -> None:
    assert words(networks, picture) == said


def test_a_card_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, FakeLibrary("GTX 1080", (6, 1)), has=ON_CARD)
    with pytest.raises(DeviceError, match=r"GTX 1080 .* capability 6\.1, wanted 7\.5"):
        choose("tensorrt")
    assert choose("auto").device == "cpu"
    assert choose("auto").why.count("GTX 1080") == 1


def test_a_card_that_rtx_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, FakeLibrary("NVIDIA H200", (9, 0)), has=ON_CARD)
    with pytest.raises(DeviceError, match="NVIDIA H200 is sm_90, wanted one of sm_86") as caught:
        choose("tensorrt-rtx")
    assert "--device tensorrt" in caught.value.hint
    assert choose("auto").device == "tensorrt"


def test_an_old_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, FakeLibrary(cuda=12040), has=ON_CARD)
    with pytest.raises(DeviceError, match=r"too old, got CUDA 12\.4, wanted 13\.0"):
        choose("tensorrt")
    assert choose("auto").device == "cuda"
