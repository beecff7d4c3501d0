"""The device that runs the CUDA kernels. CuPy loads with it."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.errors import DeviceError
from engines.kernels.apart import apart
from engines.kernels.budget import budget
from engines.kernels.cubin import compiled, cubin, names

log = logging.getLogger(__name__)

BLOCK = {1: (128, 1), 2: (32, 4)}  # threads by the dimensions of a launch
OLD_DRIVER = ("InsufficientDriver", "RequiresNewerDriver")  # in the names of CUDA's errors
NEWER_DRIVER = "install a newer NVIDIA driver (README.md has lines for older ones), or --device cpu"
LOOK = "nvidia-smi shows driver and card; --device cpu needs none"
UNIT = 512  # bytes: to what CuPy rounds an array's memory up
SPOILT = 3  # recordings in a row that fail until it is an error


class Device(Protocol):
    """Memory and kernels of one session; everything happens in order."""

    def at_work(self) -> contextlib.AbstractContextManager[None]:
        """Makes this the calling thread's present card, as CUDA's libraries ask for."""

    def address(self, array: Any) -> int:
        """Where an array begins on the device."""

    def array(self, host: NDArray[Any]) -> Any:
        """A copy on the device, in C order."""

    def filled(self, shape: tuple[int, ...], dtype: type, byte: int = 0) -> Any:
        """An array on the device whose every byte is ``byte``; nothing crosses the bus."""

    def staging(self, shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
        """Host memory, zeros, that ``upload`` and ``download`` may use while the host goes on."""

    def upload(self, host: NDArray[Any], array: Any) -> None:
        """Copy ``staging`` memory to an array of the same size; done after ``wait``."""

    def download(self, array: Any, host: NDArray[Any]) -> None:
        """Copy an array to ``staging`` memory of the same size; done after ``wait``."""

    def copy(self, source: Any, target: Any) -> None:
        """Copy an array to another of the same size on the device."""

    def launch(self, kernel: str, threads: tuple[int, ...], *arguments: Any) -> None:
        """Run a kernel in at least ``threads`` (x[, y]), not at all in none.

        An int or float is 32 bits wide.
        """

    def call(self, start: Callable[[int], None], recordable: bool = True) -> None:
        """Let a library start work, given the CUDA stream on which everything here happens.

        recordable: whether ``record`` may hold it.
        """

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Everything ``work`` would do on the device, to be done at each call of what is returned.

        The arrays must outlive it. While it cannot be recorded, see ``Apart``, it is done anew.
        """

    def after(self, other: Device) -> None:
        """What this is asked for next waits for what ``other`` has been asked for so far."""

    def wait(self) -> None:
        """Until all is done."""

    def tidy(self) -> None:
        """Give memory that no array uses back to the card."""

    def free(self) -> int:
        """Bytes of the card that nobody has taken."""

    def measure(self, work: Callable[[], None], count: int) -> list[float]:
        """How long the device took for each of ``count`` calls, ms, by events on the stream."""


def grid(threads: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Blocks and threads in a block for a launch."""
    block = BLOCK[len(threads)]
    wide, high = (*threads, 1)[:2]
    return (-(-wide // block[0]), -(-high // block[1])), block


def argument(value: Any) -> Any:
    """A launch's argument in the width that the kernels take."""
    if isinstance(value, int | np.integer):
        return np.int32(value)
    return np.float32(value) if isinstance(value, float) else value


class CudaDevice:
    """An NVIDIA card through CuPy, on a stream of its own; see ``Device``.

    The first one loads the kernels, see ``cubin``. Raises DeviceError where CuPy, a driver or a
    card is missing, or when the card fails, is full, or ``budget`` allows no more.
    """

    def __init__(self) -> None:
        try:
            import cupy
            import cupyx
        except ImportError as error:
            raise DeviceError(
                f"CUDA: got no usable CuPy ({error})",
                "pip install -e '.[gpu-rtx]', for data-centre cards '.[gpu]'",
            ) from error
        self._cupy, self._cupyx = cupy, cupyx
        with _in_words(cupy.cuda):
            self._card = cupy.cuda.Device(0)
            with self._card:
                self._stream = cupy.cuda.Stream(non_blocking=True)
                self._pool = cupy.get_default_memory_pool()
                self._pinned = cupy.get_default_pinned_memory_pool()
                budget.govern(self._pool)
        with self.at_work():
            self._kernels = _kernels(cupy)
        self._spoilt = 0  # recordings in a row

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """See ``Device``; also CuPy's own calls happen on this stream."""
        with _in_words(self._cupy.cuda), self._card, self._stream:
            yield

    def address(self, array: Any) -> int:
        """See ``Device``."""
        return int(array.data.ptr)

    def array(self, host: NDArray[Any]) -> Any:
        """See ``Device``."""
        with self.at_work():  # left to itself CuPy keeps the order of columns
            array = self._made(lambda: self._cupy.asarray(host, order="C"), host.nbytes)
            self._stream.synchronize()
            return array

    def filled(self, shape: tuple[int, ...], dtype: type, byte: int = 0) -> Any:
        """See ``Device``."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        with self.at_work():
            array = self._made(lambda: self._cupy.empty(shape, dtype), size)
            array.data.memset_async(byte, size)
            self._stream.synchronize()
            return array

    def _made(self, make: Callable[[], Any], size: int) -> Any:
        try:
            return make()
        except self._cupy.cuda.memory.OutOfMemoryError:
            self._pool.free_all_blocks()  # kept for other streams; at its limit CuPy does not
            if budget.exceeded(size + UNIT):
                raise budget.error(size) from None
            return make()

    def staging(self, shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
        """See ``Device``: pinned."""
        with self.at_work():
            memory: NDArray[Any] = self._cupyx.zeros_pinned(shape, dtype)
            return memory

    def upload(self, host: NDArray[Any], array: Any) -> None:
        """See ``Device``."""
        _same_size(host, array)
        with self.at_work():
            array.data.copy_from_host_async(host.ctypes.data, host.nbytes)

    def download(self, array: Any, host: NDArray[Any]) -> None:
        """See ``Device``."""
        _same_size(host, array)
        with self.at_work():
            array.data.copy_to_host_async(host.ctypes.data, host.nbytes)

    def copy(self, source: Any, target: Any) -> None:
        """See ``Device``."""
        _same_size(source, target)
        with self.at_work():
            target.data.copy_from_device_async(source.data, source.nbytes)

    def launch(self, kernel: str, threads: tuple[int, ...], *arguments: Any) -> None:
        """See ``Device``."""
        if 0 in threads:
            return
        blocks, block = grid(threads)
        with self.at_work():
            self._kernels[kernel](blocks, block, tuple(argument(value) for value in arguments))

    def call(self, start: Callable[[int], None], recordable: bool = True) -> None:
        """See ``Device``."""
        with self.at_work():
            start(int(self._stream.ptr))

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """See ``Device``: a CUDA graph."""
        graph = self._graph(work)

        def replay() -> None:
            nonlocal graph
            graph = graph or self._graph(work)
            if graph is None:
                work()
                return
            with self.at_work():
                graph.launch()

        return replay

    def _graph(self, work: Callable[[], None]) -> Any:
        """None where nothing may be recorded now, or something waited for the whole card."""
        try:
            with apart.recording() as allowed:
                graph = self._captured(work) if allowed else None
        except DeviceError as error:
            self._spoilt += 1
            if "StreamCapture" not in error.message or self._spoilt >= SPOILT:
                raise
            log.info("a recording was spoilt: %s", error.message)
            return None
        self._spoilt = 0
        return graph

    def _captured(self, work: Callable[[], None]) -> Any:
        with self.at_work():
            self._stream.begin_capture()
            try:
                work()
            finally:
                graph = self._stream.end_capture()
        return graph

    def after(self, other: Device) -> None:
        """See ``Device``: the card waits, not the host."""
        with other.at_work():
            asked = self._cupy.cuda.Event(disable_timing=True)
            asked.record()
        with self.at_work():
            self._stream.wait_event(asked)

    def wait(self) -> None:
        """See ``Device``."""
        with self.at_work():
            self._stream.synchronize()

    def tidy(self) -> None:
        """See ``Device``; CuPy keeps one store of memory for the whole process, and another of the
        host's, which keeps what it uploaded from for arrays of the very same size."""
        with self.at_work():
            self._pool.free_all_blocks()
            self._pinned.free_all_blocks()

    def measure(self, work: Callable[[], None], count: int) -> list[float]:
        """See ``Device``."""
        cuda, took = self._cupy.cuda, []
        with self.at_work():
            begin, end = cuda.Event(), cuda.Event()
            for _ in range(count):
                begin.record()
                work()
                end.record()
                end.synchronize()
                took.append(float(cuda.get_elapsed_time(begin, end)))
        return took

    def free(self) -> int:
        """See ``Device``."""
        with self.at_work():
            return int(self._cupy.cuda.runtime.memGetInfo()[0])


@functools.cache
def _kernels(cupy: Any) -> dict[str, Any]:
    """The kernels by name, for the present card: one copy for all sessions."""
    target = f"sm_{cupy.cuda.Device().compute_capability}"
    try:
        return _loaded(cupy, cubin(target))
    except (RuntimeError, OSError) as error:
        log.warning("kept kernels cannot be loaded (%s): they are compiled again", error)
        return _loaded(cupy, compiled(target))


def _loaded(cupy: Any, path: Path) -> dict[str, Any]:
    module = cupy.cuda.Module()
    module.load(path.read_bytes())  # CUDA itself opens no path beyond ASCII on Windows
    return {name: module.get_function(name) for name in names()}


@contextlib.contextmanager
def _in_words(cuda: Any) -> Iterator[None]:
    """What CuPy raises as a DeviceError. cuda: ``cupy.cuda``."""
    try:
        yield
    except cuda.memory.OutOfMemoryError as error:
        raise DeviceError(
            f"CUDA: the card's memory is full ({error})",
            "close what else uses the card, or --device cpu",
        ) from error
    except RuntimeError as error:  # CuPy's errors of CUDA's runtime and driver, and of libraries
        old = any(name in str(error) for name in OLD_DRIVER)
        raise DeviceError(f"CUDA: {error}", NEWER_DRIVER if old else LOOK) from error


def _same_size(one: Any, other: Any) -> None:
    if one.nbytes != other.nbytes:
        raise ValueError(f"copy: got {one.nbytes} and {other.nbytes} bytes, wanted as many")
