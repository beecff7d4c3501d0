"""The proof of a device, with the kernels on the CPU and engines that lie."""

from __future__ import annotations

import ctypes
import sys
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from engines import proof
from engines.base import Arrays, TensorSpec
from engines.errors import DeviceError, ModelError
from engines.kernels.cuda import Device
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
