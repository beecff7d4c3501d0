"""A camera's picture on a CUDA device as it was decoded, and what a network sees of it there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.base import TensorSpec
from engines.kernels.cuda import Device
from engines.keypoints.refine import MIN_PEAK
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
    """The picture that a camera gave last, on a device.

    size: its (width, height); planes: there, luma, blue and red, u8, each in one row; version:
    another one whenever the planes lie elsewhere. What was recorded on those of an earlier version
    reads memory that is no more.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.size = (0, 0)
        self.planes: tuple[Any, ...] = ()
        self.version = 0
        self._shown: U8 | None = None

    def show(self, planes: U8) -> None:
        """Send a picture, in one piece, unless it is the very array that was shown last.

        planes: u8 (H * 3 / 2, W), YUV420 planes one after the other (BT.601, video range), as
        PyAV's ``to_ndarray`` gives them; it is there before what is launched next, and must not be
        written to after. Not while a ``CudaEye.look`` is under way, which waits for the device: the
        memory that the device fetches the last picture from is written to. Raises ValueError for
        other arrays and odd sides, DeviceError.
        """
        if planes is self._shown:
            return
        if planes.dtype != np.uint8 or planes.ndim != 2:
            raise ValueError(f"planes: got {planes.dtype} {planes.shape}, wanted uint8 (H*3/2, W)")
        rows, width = planes.shape
        if rows % 3 or width % 2 or not planes.size:
            raise ValueError(f"planes: got {planes.shape}, wanted (H * 3 / 2, W) of even sides")
        self._shown = None
        if self.size != (width, rows // 3 * 2):
            self._make_room(width, rows // 3 * 2)
        self._staged[:] = planes
        self.device.upload(self._staged, self._array)
        self._shown = planes

    def _make_room(self, width: int, height: int) -> None:
        self.size = (0, 0)  # should the card be full
        self._staged: U8 = self.device.staging((height * 3 // 2, width), np.uint8)
        self._array = self.device.array(self._staged)
        flat, area = self._array.reshape(-1), width * height
        self.planes = (flat[:area], flat[area : area * 5 // 4], flat[area * 5 // 4 :])
        self.version += 1
        self.size = (width, height)


class CudaEye:
    """A network that looks at turned squares of a camera's picture: on the device the kernel
    ``look`` writes into the network's own input, and only its outputs come down.

    The input is f32 (1, S, S, 3), gain * RGB + bias. replicate: the picture's edge goes on beyond
    it, else black. Where the network has a heatmap f32 (1, K, H, W) and landmarks (K, 5), the
    heatmap stays on the device and moves the landmarks there (kernel ``refine``). The CPU's twins
    are ``Region.crop``, ``Engine.run`` and ``refine``. results: what it said last.
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
        self.device, self._camera, self._engine = device, camera, engine
        self._gain, self._bias, self._replicate = gain, bias, replicate
        (spec,) = engine.inputs
        self._name, self._side = spec.name, spec.shape[1]
        self._matrix: NDArray[np.float64] = device.staging((6,), np.float64)
        self._matrix_there = device.array(self._matrix)
        outputs = {spec.name: spec for spec in engine.outputs}
        heat = outputs.pop("heatmap", None)
        self.results = {
            name: device.staging(spec.shape, np.dtype(spec.dtype).type)
            for name, spec in outputs.items()
        }
        self._heat = None if heat is None else heat.shape
        if self._heat is not None:
            self.results["refined"] = device.staging((self._heat[1], 3), np.float32)
            self._refined = device.array(self.results["refined"])
        self._replay: Callable[[], None] | None = None
        self._version = -1  # of the camera's planes that were looked at last

    def place(self, region: Region) -> None:
        """Where the next ``frame`` looks."""
        self._matrix[:] = region.matrix(self._side)[:2].ravel()

    def look(self, region: Region) -> dict[str, NDArray[Any]]:
        """What the network says about a square of the picture that was shown last.

        By name, valid until the next call; instead of "heatmap" there is "refined" f32 (K, 3), x,
        y, z of the landmarks as shares of the square's side. DeviceError when the card fails.
        """
        self.place(region)
        if self._version == self._camera.version:
            (self._replay or self.frame)()
            self.device.wait()
            return self.results
        self.frame()  # loads what the libraries load late, which a recording must not
        self.device.wait()
        if self._engine.recordable:
            self._replay = self.device.record(self.frame)
        self._version = self._camera.version
        return self.results

    def frame(self) -> None:
        """All of it, to be recorded: one upload of 48 bytes, a kernel, the network, a kernel where
        it has a heatmap, downloads."""
        self.see(self._engine.array(self._name))
        self._engine.enqueue(self.device)
        self.take(self._engine.array)

    def see(self, target: Any) -> None:
        """The square of the picture into ``target``: the network's input or a row of it."""
        device, (width, height) = self.device, self._camera.size
        luma, blue, red = self._camera.planes
        device.upload(self._matrix, self._matrix_there)
        device.launch(
            "look", (self._side, self._side), self._side, luma, width, blue, red, width // 2, 1,
            width, height, self._matrix_there, int(self._replicate), float(self._gain),
            float(self._bias), target,
        )  # fmt: skip

    def take(self, outputs: Callable[[str], Any]) -> None:
        """The network's outputs, or a row of each, given by name, into ``results``."""
        device = self.device
        if self._heat is not None:
            _, count, rows, columns = self._heat
            device.launch(
                "refine", (count,), count, outputs("landmarks"), float(self._side),
                outputs("heatmap"), columns, rows, MIN_PEAK, self._refined,
            )  # fmt: skip
        for name, staged in self.results.items():
            device.download(self._refined if name == "refined" else outputs(name), staged)
