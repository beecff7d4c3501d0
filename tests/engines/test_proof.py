"""The proof of a device, with the kernels on the CPU and engines that lie."""

from __future__ import annotations

import ctypes
import sys
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from engines import ort, proof, trt
from engines.base import Arrays, TensorSpec
from engines.device import ON_CARD
from engines.driver import driver
from engines.errors import DeviceError, ModelError
from engines.kernels.cuda import CudaDevice, Device
from engines.ort import OrtEngine
from engines.proof import NETWORK, SIDE, prove, prove_kernels, prove_network
from export import probe
from tests.engines.kernels.host import HostDevice


class Constant:
    """An engine that gives ``value`` everywhere."""

    device = "cuda"
    inputs = outputs = (TensorSpec("x", "float32", (1, 1, SIDE, SIDE)),)

    def __init__(self, value: float) -> None:
        self._value = value

    def run(self, feeds: Arrays) -> dict[str, NDArray[Any]]:
        return {"y": np.full((1, 1, SIDE, SIDE), self._value, np.float32)}

    def close(self) -> None: ...
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...


def test_the_network_is_what_export_makes() -> None:
    assert NETWORK.read_bytes() == probe.model()


def test_a_device_that_computes(device: Device) -> None:
    prove_kernels(device)
    with OrtEngine(NETWORK) as engine:
        prove_network(engine)


@pytest.mark.parametrize("value", [0.0, 9.0, np.nan])
def test_networks_that_compute_wrongly(value: float) -> None:
    with pytest.raises(DeviceError, match="cuda: networks compute wrongly"):
        prove_network(Constant(value))


@pytest.mark.gpu
@pytest.mark.parametrize("name", ON_CARD)
def test_a_card_that_computes(card: CudaDevice, name: str) -> None:
    prove_kernels(card)
    try:
        if name in trt.EXTRAS:
            library = trt.library(name)
            known = trt.targets(library)
            if known and driver().card.target not in known:
                pytest.skip(f"{name} does not know {driver().card.target}")
        elif ort.PROVIDERS[name] not in ort.available_providers():
            pytest.skip(f"this onnxruntime has no {ort.PROVIDERS[name]}: {ort.INSTALL}")
    except DeviceError as error:
        pytest.skip(f"{error.message}: {error.hint}")
    prove(name)  # installed: what fails now is a failure


def test_kernels_that_do_nothing(kernels_on_host: ctypes.CDLL) -> None:
    class Idle(HostDevice):
        def launch(self, kernel: str, threads: tuple[int, ...], *arguments: Any) -> None: ...

    with pytest.raises(DeviceError, match="kernels compute wrongly"):
        prove_kernels(Idle(kernels_on_host))


def test_what_cannot_be_compiled_is_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(device: str) -> Constant:
        raise ModelError("TensorRT cannot compile it", "another version")

    monkeypatch.setattr(proof, "CudaDevice", lambda: None)
    monkeypatch.setattr(proof, "prove_kernels", lambda device: None)
    monkeypatch.setattr(proof, "_open", refused)
    with pytest.raises(DeviceError, match="tensorrt: TensorRT cannot compile it") as caught:
        prove("tensorrt")
    assert caught.value.hint == "another version"


def test_without_cupy_there_is_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match="no usable CuPy"):
        prove("cuda")
