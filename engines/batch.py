"""A network that several eyes share: one run for all that look at the same time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from numpy.typing import NDArray

from engines.camera_cuda import CudaEye, OnCard
from engines.driver import ON_CPU
from engines.errors import DeviceError
from engines.kernels.cuda import Device
from engines.keypoints.region import Region


class OfRows(OnCard, Protocol):
    """A network whose inputs and outputs have several rows, of which a run takes the first."""

    def enqueue(self, card: Device, rows: int | None = None) -> None: ...


class Batch:
    """The network of many eyes. Those that begin before the first of them finishes are one run.

    Each eye is on the stream of its own device; the network runs on ``device``'s. ``engine`` is of
    the model that the eyes' own engines are of; an eye that looks alone goes on with those.
    rows: how many may have begun. One thread at a time. Raises DeviceError.
    """

    def __init__(self, device: Device, engine: OfRows) -> None:
        self._device, self._engine = device, engine
        (spec,) = engine.inputs
        self._input, self.rows = engine.array(spec.name), spec.shape[0]
        self._begun: list[CudaEye] = []
        self._ran: dict[CudaEye, int] = {}  # and its row
        self._failed: DeviceError | None = None
        self._runs = [self._run_of(rows) for rows in range(1, self.rows + 1)]

    def begin(self, eye: CudaEye, region: Region) -> None:
        """Let ``eye`` look at a square of the picture that its camera showed last; does not wait.

        An eye that has begun already looks anew instead. The camera shows no other picture before
        ``finish``. Raises ValueError when ``rows`` others have begun, DeviceError when the eye's
        device fails: then only this one has not begun.
        """
        row = self._begun.index(eye) if eye in self._begun else len(self._begun)
        if row == self.rows:
            raise ValueError(f"batch: got one more eye, wanted at most {self.rows}")
        eye.place(region)
        eye.see(self._input[row : row + 1])
        self._device.after(eye.device)
        if row == len(self._begun):
            self._begun.append(eye)

    def finish(self, eye: CudaEye) -> dict[str, NDArray[Any]]:
        """What the network says, as ``CudaEye.look``; runs it for all that have begun.

        DeviceError when the run or the eye's device fails; a failed run is told to each eye of it.
        """
        if eye in self._begun:
            self._run()
        if eye not in self._ran:
            raise ValueError("batch: the eye has not begun")
        row = self._ran.pop(eye)
        if self._failed is not None:
            raise self._failed
        eye.device.after(self._device)
        eye.take(lambda name: self._engine.array(name)[row : row + 1])
        eye.device.wait()
        return eye.results

    def _run(self) -> None:
        self._ran = {eye: row for row, eye in enumerate(self._begun)}
        self._begun = []
        # Until it is proved wrong: nobody may take another frame's landmarks for this one's.
        self._failed = DeviceError("the network of several sessions failed", ON_CPU)
        try:
            self._runs[len(self._ran) - 1]()
        except DeviceError as error:
            self._failed = error
        else:
            self._failed = None

    def _run_of(self, rows: int) -> Callable[[], None]:
        """A run of so many rows, recorded where that can be."""
        run = partial(self._engine.enqueue, self._device, rows)
        run()  # loads what the libraries load late, which a recording and a live frame must not
        self._device.wait()
        return self._device.record(run) if self._engine.recordable else run
