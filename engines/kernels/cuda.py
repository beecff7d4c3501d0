"""The CUDA kernels: their sources, and the device that runs them. CuPy loads with the device."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.errors import DeviceError

FOLDER = Path(__file__).parent
CUBINS = FOLDER / "cubins"  # where ``puppetcam-export cubins`` puts what it compiled
FILES = (
    "common.cuh",
    "skin.cu",
    "fade.cu",
    "planes.cu",
    "raster.cu",
    "paint.cu",
    "composite.cu",
    "warp.cu",
    "look.cu",
    "video.cu",
)
OPTIONS = ("-std=c++17",)
BLOCK = {1: (128, 1), 2: (32, 4)}  # threads by the dimensions of a launch


def source() -> str:
    """All kernels as one translation unit."""
    return "".join(f'#line 1 "{name}"\n{(FOLDER / name).read_text("utf-8")}' for name in FILES)


def names() -> tuple[str, ...]:
    """The kernels that ``source`` defines."""
    return tuple(re.findall(r"__global__ void (\w+)\(", source()))


def cubin_name(target: str) -> str:
    """The file of the present sources compiled for ``target`` (``sm_86``): never a stale one."""
    return f"{target}-{hashlib.sha256(source().encode()).hexdigest()[:12]}.cubin"


class Device(Protocol):
    """Memory and kernels of one session; everything happens in order."""

    def array(self, host: NDArray[Any]) -> Any:
        """A copy on the device."""

    def staging(self, shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
        """Host memory, zeros, that ``upload`` and ``download`` may use while the host goes on."""

    def upload(self, host: NDArray[Any], array: Any) -> None:
        """Copy ``staging`` memory to an array of the same size; done after ``wait``."""

    def download(self, array: Any, host: NDArray[Any]) -> None:
        """Copy an array to ``staging`` memory of the same size; done after ``wait``."""

    def launch(self, kernel: str, threads: tuple[int, ...], *arguments: Any) -> None:
        """Run a kernel in at least ``threads`` (x[, y]), not at all in none.

        An int or float is 32 bits wide.
        """

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Everything ``work`` would do on the device, to be done at each call of what is returned.

        The arrays must outlive it.
        """

    def wait(self) -> None:
        """Until all is done."""

    def tidy(self) -> None:
        """Give memory that no array uses back to the card."""


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

    Loads the kernels: from ``CUBINS`` where they were built ahead, else CuPy compiles them (a
    second or two, kept in its own cache). Raises DeviceError where CuPy, a driver or a card is
    missing, or when the card fails or is full.
    """

    def __init__(self, ordinal: int = 0) -> None:
        try:
            import cupy
            import cupyx
        except ImportError as error:
            raise DeviceError(
                f"device cuda: got no usable CuPy ({error})",
                "pip install 'cupy-cuda13x[ctk]', or cupy-cuda12x[ctk] for a driver before 580",
            ) from error
        self._cupy, self._cupyx = cupy, cupyx
        with _in_words(cupy.cuda):
            self._card = cupy.cuda.Device(ordinal)
            capability = self._card.compute_capability
            with self._card:
                self._stream = cupy.cuda.Stream(non_blocking=True)
        with self._at_work():
            ready = CUBINS / cubin_name(f"sm_{capability}")
            if ready.is_file():
                module = cupy.RawModule(path=str(ready))
            else:
                module = cupy.RawModule(code=source(), options=OPTIONS)
            self._kernels = {name: module.get_function(name) for name in names()}

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        """On this card and stream, whichever thread it is."""
        with _in_words(self._cupy.cuda), self._card, self._stream:
            yield

    def array(self, host: NDArray[Any]) -> Any:
        """See ``Device``."""
        with self._at_work():
            array = self._cupy.asarray(host)
            self._stream.synchronize()
            return array

    def staging(self, shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
        """See ``Device``: pinned."""
        with self._at_work():
            memory: NDArray[Any] = self._cupyx.zeros_pinned(shape, dtype)
            return memory

    def upload(self, host: NDArray[Any], array: Any) -> None:
        """See ``Device``."""
        _same_size(host, array)
        with self._at_work():
            array.data.copy_from_host_async(host.ctypes.data, host.nbytes)

    def download(self, array: Any, host: NDArray[Any]) -> None:
        """See ``Device``."""
        _same_size(host, array)
        with self._at_work():
            array.data.copy_to_host_async(host.ctypes.data, host.nbytes)

    def launch(self, kernel: str, threads: tuple[int, ...], *arguments: Any) -> None:
        """See ``Device``."""
        if 0 in threads:
            return
        blocks, block = grid(threads)
        with self._at_work():
            self._kernels[kernel](blocks, block, tuple(argument(value) for value in arguments))

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """See ``Device``: a CUDA graph."""
        with self._at_work():
            self._stream.begin_capture()
            try:
                work()
            finally:
                graph = self._stream.end_capture()

        def replay() -> None:
            with self._at_work():
                graph.launch()

        return replay

    def wait(self) -> None:
        """See ``Device``."""
        with self._at_work():
            self._stream.synchronize()

    def tidy(self) -> None:
        """See ``Device``; CuPy keeps one store of memory for the whole process."""
        with self._at_work():
            self._cupy.get_default_memory_pool().free_all_blocks()


@contextlib.contextmanager
def _in_words(cuda: Any) -> Iterator[None]:
    """What CuPy raises as a DeviceError. cuda: ``cupy.cuda``."""
    try:
        yield
    except cuda.memory.OutOfMemoryError as error:
        raise DeviceError(
            f"device cuda: the card's memory is full ({error})",
            "close what else uses the card, or --device cpu",
        ) from error
    except (
        cuda.compiler.CompileException,
        RuntimeError,  # CuPy's errors of CUDA's runtime and driver, and of libraries it misses
    ) as error:
        raise DeviceError(
            f"device cuda: {error}", "nvidia-smi shows driver and card; --device cpu needs none"
        ) from error


def _same_size(host: NDArray[Any], array: Any) -> None:
    if host.nbytes != array.nbytes:
        raise ValueError(f"copy: got {host.nbytes} bytes on the host, {array.nbytes} on the device")
