"""Steps of a frame on a card, how long each takes and what it has to move. Arithmetic only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.kernels.cuda import Device
from engines.keypoints.refine import KERNEL
from engines.types import I32

CALL = "network"  # what a library does: no other is called
EMPTY = np.uint64(2**64 - 1)  # a raster's pixel without a triangle


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a device does. moved: bytes; arguments: a kernel's, arrays and numbers;
    recordable: see ``Device.call``."""

    name: str
    run: Callable[[], None]
    moved: int
    arguments: tuple[Any, ...] = ()
    recordable: bool = True


@dataclass(frozen=True, slots=True)
class Timed:
    """A step's device time, us, and what it has to move, bytes."""

    name: str
    us: float
    moved: int

    @property
    def gb_s(self) -> float:
        """Achieved bandwidth over what it has to move."""
        return self.moved / max(self.us, 1e-3) / 1e3


class Listed:
    """A Device that lists what it is asked for (``steps``) and does nothing of it, but to hand out
    the memory of ``device``."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.steps: list[Step] = []
        self.array, self.filled, self.staging = device.array, device.filled, device.staging
        self.address, self.at_work = device.address, device.at_work

    def upload(self, host: NDArray[Any], array: Any) -> None:
        """See ``Device``."""
        self._add("upload", lambda: self._device.upload(host, array), host.nbytes)

    def download(self, array: Any, host: NDArray[Any]) -> None:
        """See ``Device``."""
        self._add("download", lambda: self._device.download(array, host), host.nbytes)

    def copy(self, source: Any, target: Any) -> None:
        """See ``Device``."""
        self._add("copy", lambda: self._device.copy(source, target), 2 * source.nbytes)

    def launch(self, kernel: str, threads: tuple[int, ...], *arguments: Any) -> None:
        """See ``Device``."""
        arrays = {id(a): a for a in arguments if hasattr(a, "nbytes") and a.shape}
        moved = sum(int(a.nbytes) for a in arrays.values())
        self.steps.append(
            Step(kernel, lambda: self._device.launch(kernel, threads, *arguments), moved, arguments)
        )

    def call(self, start: Callable[[int], None], recordable: bool = True) -> None:
        """See ``Device``."""
        run = partial(self._device.call, start, recordable)
        self.steps.append(Step(CALL, run, 0, recordable=recordable))

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """See ``Device``: lists it."""
        return work

    def after(self, other: Device) -> None:
        """Nothing to wait for."""

    def wait(self) -> None:
        """Nothing to wait for."""

    def tidy(self) -> None:
        """See ``Device``."""
        self._device.tidy()

    def free(self) -> int:
        """See ``Device``."""
        return self._device.free()

    def measure(self, work: Callable[[], None], count: int) -> list[float]:
        """See ``Device``."""
        return self._device.measure(work, count)

    def _add(self, name: str, run: Callable[[], None], moved: int) -> None:
        self.steps.append(Step(name, run, moved))


def step_times(device: Device, steps: Sequence[Step], repeats: int, count: int) -> list[Timed]:
    """Each step's share of the frame: the frame up to it less the frame up to the one before.

    repeats, count: see ``time_us``.
    """
    ends = [time_us(device, steps[:end], repeats, count) for end in range(1, len(steps) + 1)]
    return shares([step.name for step in steps], ends, [step.moved for step in steps])


def time_us(device: Device, steps: Sequence[Step], repeats: int, count: int) -> float:
    """Device time of some steps, one after the other, us: median of ``count``.

    They are recorded ``repeats`` times in one piece: to start work outlasts a small kernel.
    """
    for step in steps:
        step.run()  # loads what the device loads late
    device.wait()
    return 1e3 * median(device.measure(recorded(device, [*steps] * repeats), count)) / repeats


def recorded(device: Device, steps: Sequence[Step]) -> Callable[[], None]:
    """Does the steps, all at one go but for those that cannot be recorded."""
    parts = []
    for recordable, group in groupby(steps, key=lambda step: step.recordable):
        part = partial(_run, list(group))
        parts.append(device.record(part) if recordable else part)

    def replay() -> None:
        for part in parts:
            part()

    return replay


def _run(steps: Sequence[Step]) -> None:
    for step in steps:
        step.run()


def shares(names: Sequence[str], ends: Sequence[float], moved: Sequence[int]) -> list[Timed]:
    """From when each step ends, us after the frame's begin, to how long it took, never below 0."""
    begins = [0.0, *ends[:-1]]
    return [
        Timed(name, max(0.0, end - begin), size)
        for name, begin, end, size in zip(names, begins, ends, moved, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one frame draws. keys: samples of all rasters that hold a triangle; textured: of them
    those of textures; looked: samples within the boxes of all sheets."""

    keys: int
    textured: int
    looked: int

    @staticmethod
    def of(nearest: NDArray[np.uint64], box: I32, sheets: I32, area: int) -> Drawn:
        """From the rasters, u64; the boxes, i32 (S, 4) of left, top, right, bottom; the sheets, i32
        (S, 8), see kernels/raster.cu. area: samples of a raster that is not finer."""
        keys = textured = looked = 0
        for (left, top, right, bottom), sheet in zip(box, sheets, strict=True):
            first, fine = int(sheet[0]), int(sheet[1])
            held = int((nearest[first : first + fine * fine * area] != EMPTY).sum())
            keys += held
            textured += held if fine == 1 else 0
            looked += max(0, int(right) - int(left)) * max(0, int(bottom) - int(top))
        return Drawn(keys, textured, looked)


def must_move(step: Step, drawn: Drawn) -> int:
    """Bytes that a step has to move at least.

    Usually each of its arrays once. The rasters and textures are only touched where something is
    drawn: 8 bytes are written for each sample that holds a triangle; to paint, 8 are read for each
    within a box, 8 written for each held, and a texel of 4 read for each of a texture's. Of a heat
    map only the cells about the landmark are read.
    """
    if step.name == "refine":
        count, landmarks, _, _, _, _, _, refined = step.arguments
        return int(landmarks.nbytes + refined.nbytes + 4 * count * KERNEL * KERNEL)
    if step.name == "raster":
        _, placed, faces, sheets, box, _, flow, _, _ = step.arguments
        once = [placed, faces, sheets, box, flow]
        return sum(int(a.nbytes) for a in once) + 8 * drawn.keys
    if step.name == "paint":
        _, _, _, order, sheets, box, _, texels, flow, shade, person = step.arguments
        once = [order, sheets, box, flow, shade, person]
        texels_read = min(4 * drawn.textured, int(texels.nbytes))
        return sum(int(a.nbytes) for a in once) + 8 * (drawn.looked + drawn.keys) + texels_read
    return step.moved
