"""The proof that a device computes: a tiny network and a tiny kernel, really run on it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from engines import trt
from engines.base import Engine
from engines.driver import ON_CPU
from engines.engine_cache import EngineCache
from engines.errors import DeviceError, PuppetcamError
from engines.kernels.cuda import CudaDevice, Device
from engines.ort import OrtEngine

NETWORK = Path(__file__).with_name("probe.onnx")  # puppetcam-export probe makes it
SIDE = 8  # of the network's input f32 (1, 1, 8, 8)


def prove(device: str) -> None:
    """Raise DeviceError unless ``device`` ("cuda", "tensorrt", "tensorrt-rtx") computes what is
    right: kernels and networks."""
    prove_kernels(CudaDevice())
    try:
        with _open(device) as engine:
            prove_network(engine)
    except PuppetcamError as error:
        if isinstance(error, DeviceError):
            raise
        raise DeviceError(f"{device}: {error.message}", error.hint or ON_CPU) from error


def prove_kernels(device: Device) -> None:
    """Raise DeviceError unless a kernel gives what it must."""
    person = np.array([[[10, 20, 40, 128], [0, 0, 0, 0]]], np.uint8)
    out: np.ndarray = device.staging((1, 2, 4), np.uint8)
    array = device.array(out)
    device.launch("straighten", (1,), 2, device.array(person), array)
    device.download(array, out)
    device.wait()
    if out.tolist() != [[[20, 40, 80, 128], [0, 0, 0, 0]]]:
        raise DeviceError(f"the CUDA kernels compute wrongly: got {out.tolist()}", ON_CPU)


def prove_network(engine: Engine) -> None:
    """Raise DeviceError unless the engine sums each pixel's 3x3 neighbours, as NETWORK does."""
    got = engine.run({"x": np.ones((1, 1, SIDE, SIDE), np.float32)})["y"]
    inside = np.pad(np.full(SIDE - 2, 3), 1, constant_values=2)
    if not np.allclose(got[0, 0], np.outer(inside, inside), atol=1e-2):
        raise DeviceError(f"{engine.device}: networks compute wrongly: got {got.tolist()}", ON_CPU)


def _open(device: str) -> Engine:
    if device not in trt.EXTRAS:
        return OrtEngine(NETWORK, device)
    digest = hashlib.sha256(NETWORK.read_bytes()).hexdigest()
    return trt.open_engine(device, NETWORK, digest, "fp32", EngineCache())
