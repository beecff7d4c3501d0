"""The CUDA kernels compiled for the CPU: proves what they compute on machines without a card."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import DeviceError
from engines.kernels.cubin import names, source
from engines.kernels.cuda import Device, argument, grid
from tests.engines.kernels.signature import check_arguments

HEADER = Path(__file__).parent / "cuda_on_host.h"


def compile_kernels(folder: Path) -> ctypes.CDLL:
    """The very sources that NVRTC compiles, through a C++ compiler.

    Products and sums are fused where this processor can, as a card does.
    """
    code, library = folder / "kernels.cpp", folder / "kernels.so"
    launchers = "".join(f"LAUNCHER({name})\n" for name in names())
    code.write_text(f'#include "{HEADER}"\n{source()}{launchers}', "utf-8")
    options = ["-std=c++17", "-O2", "-march=native", "-ffp-contract=fast", "-w"]
    command = ["g++", *options, "-shared", "-fPIC", str(code), "-o", str(library)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


def compiler() -> str | None:
    """The C++ compiler, None where there is none."""
    return shutil.which("g++")


class HostDevice:
    """``engines.kernels.cuda.Device`` on the CPU: arrays are NumPy's, threads run one by one."""

    def __init__(self, library: ctypes.CDLL | None = None) -> None:
        self._library = library  # None: no kernels

    def at_work(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def address(self, array: Any) -> int:
        return int(array.ctypes.data)

    def array(self, host: NDArray[Any]) -> Any:
        array = np.array(host, order="C")
        # A card's memory is aligned to 256 bytes; the vector types need 16.
        room = np.empty(array.nbytes + 256, np.uint8)
        start = -room.ctypes.data % 256
        aligned = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
        aligned[...] = array
        return aligned

    def filled(self, shape: tuple[int, ...], dtype: type, byte: int = 0) -> Any:
        array = HostDevice.array(self, np.empty(shape, dtype))
        array.view(np.uint8)[...] = byte
        return array

    def staging(self, shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
        return np.zeros(shape, dtype)

    def upload(self, host: NDArray[Any], array: Any) -> None:
        assert host.nbytes == array.nbytes
        ctypes.memmove(array.ctypes.data, host.ctypes.data, host.nbytes)

    def download(self, array: Any, host: NDArray[Any]) -> None:
        assert host.nbytes == array.nbytes
        ctypes.memmove(host.ctypes.data, array.ctypes.data, host.nbytes)

    def copy(self, source: Any, target: Any) -> None:
        target[...] = source

    def launch(self, kernel: str, threads: tuple[int, ...], *arguments: Any) -> None:
        if 0 in threads:
            return
        blocks, block = grid(threads)
        given = [argument(value) for value in arguments]
        check_arguments(kernel, given)
        values = [_value(value) for value in given]
        pointers = (ctypes.c_void_p * len(values))(
            *(ctypes.cast(ctypes.pointer(value), ctypes.c_void_p) for value in values)
        )
        pair = ctypes.c_uint * 2
        getattr(self._library, f"launch_{kernel}")(pair(*blocks), pair(*block), pointers)

    def call(self, start: Callable[[int], None], recordable: bool = True) -> None:
        start(99)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        return work

    def after(self, other: Device) -> None:
        pass

    def wait(self) -> None:
        pass

    def tidy(self) -> None:
        pass

    def free(self) -> int:
        return 0

    def measure(self, work: Callable[[], None], count: int) -> list[float]:
        took = []
        for _ in range(count):
            begin = time.perf_counter()
            work()
            took.append(1e3 * (time.perf_counter() - begin))
        return took


class FailingDevice(HostDevice):
    """Fails with ``error`` at launch number ``fails_at``, counted from 1, and ever after.

    calls: what was asked of it.
    """

    def __init__(self, library: ctypes.CDLL, error: Exception | None = None) -> None:
        super().__init__(library)
        self.error = error or DeviceError("CUDA: the card's memory is full", "close games")
        self.fails_at = 0  # never
        self.calls = 0

    def array(self, host: NDArray[Any]) -> Any:
        self.calls += 1
        return super().array(host)

    def launch(self, kernel: str, threads: tuple[int, ...], *arguments: Any) -> None:
        self.calls += 1
        if self.fails_at == 1:
            raise self.error
        self.fails_at -= self.fails_at > 1
        super().launch(kernel, threads, *arguments)

    def tidy(self) -> None:
        if self.fails_at == 1 and isinstance(self.error, DeviceError):
            raise self.error  # a card is lost for all that comes


def _value(given: Any) -> Any:
    if isinstance(given, np.int32):
        return ctypes.c_int32(int(given))
    if isinstance(given, np.float32):
        return ctypes.c_float(float(given))
    assert isinstance(given, np.ndarray)
    return ctypes.c_void_p(given.ctypes.data)
