"""A camera's picture on a CUDA device as it was decoded, and what a network sees of it there."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.base import TensorSpec
from engines.kernels.cuda import Device
from engines.keypoints.region import Region
from engines.types import U8


class OnCard(Protocol):
    """A network on a device: a TrtEngine or an OrtOnCard. recordable: see ``Device.call``."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def recordable(self) -> bool: ...

    def array(self, name: str) -> Any: ...
    def enqueue(self, card: Device) -> None: ...


class CudaCamera:
    """YUV420 planes (BT.601, video range) of one even size (width, height) on a device."""

    def __init__(self, device: Device, size: tuple[int, int]) -> None:
        width, height = size
        if width % 2 or height % 2:
            raise ValueError(f"size: got {size}, wanted even sides")
        self.size = size
        self._device = device
        self._staged: U8 = device.staging((3 * height // 2, width), np.uint8)
        self._array = device.array(self._staged)
        flat, area = self._array.reshape(-1), width * height
        self.luma, self.blue, self.red = (
            flat[:area],
            flat[area : area * 5 // 4],
            flat[area * 5 // 4 :],
        )

    def put(self, luma: U8, blue: U8, red: U8) -> None:
        """Take a picture's planes: u8 (height, width), and twice (height / 2, width / 2)."""
        width, height = self.size
        flat, area = self._staged.reshape(-1), width * height
        flat[:area].reshape(height, width)[...] = luma
        chroma = flat[area:].reshape(2, height // 2, width // 2)
        chroma[0], chroma[1] = blue, red

    def upload(self) -> None:
        """Send what was put, in one piece; it is there before what is launched next."""
        self._device.upload(self._staged, self._array)


class CudaEye:
    """A network that looks at turned squares of a camera's picture: on the device the kernel
    ``look`` writes into the network's own input, and only its outputs come down.

    The input is f32 (1, S, S, 3), gain * RGB + bias. replicate: the picture's edge goes on beyond
    it, else black. The CPU's twin is ``Region.crop`` and ``Engine.run``.
    """

    def __init__(
        self,
        device: Device,
        camera: CudaCamera,
        engine: OnCard,
        gain: float,
        bias: float,
        replicate: bool,
    ) -> None:
        self._device, self._camera, self._engine = device, camera, engine
        self._gain, self._bias, self._replicate = gain, bias, replicate
        (spec,) = engine.inputs
        self._name, self._side = spec.name, spec.shape[1]
        self._matrix: NDArray[np.float64] = device.staging((6,), np.float64)
        self._matrix_there = device.array(self._matrix)
        self._results = {
            spec.name: device.staging(spec.shape, np.dtype(spec.dtype).type)
            for spec in engine.outputs
        }
        self._replay = None if engine.recordable else self.frame

    def place(self, region: Region) -> None:
        """Where the next ``frame`` looks."""
        self._matrix[:] = region.matrix(self._side)[:2].ravel()

    def look(self, region: Region) -> dict[str, NDArray[Any]]:
        """What the network says about a square of the picture that was uploaded last.

        By name, valid until the next call. Raises DeviceError when the card fails.
        """
        self.place(region)
        if self._replay is None:
            self.frame()  # loads what the libraries load late, which a recording must not
            self._device.wait()
            self._replay = self._device.record(self.frame)
        self._replay()
        self._device.wait()
        return self._results

    def frame(self) -> None:
        """All of it, to be recorded: one upload of 48 bytes, a kernel, the network, downloads."""
        camera, device = self._camera, self._device
        width, height = camera.size
        device.upload(self._matrix, self._matrix_there)
        device.launch(
            "look", (self._side, self._side), self._side, camera.luma, width, camera.blue,
            camera.red, width // 2, 1, width, height, self._matrix_there, int(self._replicate),
            float(self._gain), float(self._bias), self._engine.array(self._name),
        )  # fmt: skip
        self._engine.enqueue(device)
        for name, staged in self._results.items():
            device.download(self._engine.array(name), staged)
