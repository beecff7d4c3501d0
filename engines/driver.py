"""NVIDIA's driver library, as far as engines need it: the card, its memory, streams.

Through ctypes: neither the CUDA toolkit nor another package. Source: CUDA Driver API reference.
All memory belongs to the card's primary context, which TensorRT and CuPy use as well.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import DeviceError

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
OUT_OF_MEMORY = 2  # CUresult
NO_DEVICE = 100
CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76  # CUdevice_attribute
NON_BLOCKING = 1  # CUstream_flags: does not wait for the default stream
ON_CPU = "leave --device out, or give --device cpu"


@dataclass(frozen=True, slots=True)
class Card:
    """One GPU. capability: (major, minor); memory: bytes."""

    name: str
    capability: tuple[int, int]
    memory: int

    @property
    def target(self) -> str:
        """What its engines and kernels are compiled for: "sm_86"."""
        return f"sm_{self.capability[0]}{self.capability[1]}"


class Driver:
    """The first card that the driver shows, and its primary context.

    library: the driver library, found by its usual name if None. Every method raises DeviceError
    when the driver reports an error. Addresses and streams are plain integers.
    """

    def __init__(self, library: Any | None = None) -> None:
        self._library = _load() if library is None else library
        self._call("cuInit", c_uint(0))
        count, device, number = c_int(), c_int(), c_int()
        self._call("cuDeviceGetCount", byref(count))
        if count.value == 0:
            raise DeviceError("NVIDIA driver: it shows no card", ON_CPU)
        self._call("cuDriverGetVersion", byref(number))
        self.cuda = (number.value // 1000, number.value % 1000 // 10)
        self._call("cuDeviceGet", byref(device), c_int(0))
        self.card = self._card(device)
        self._context = c_void_p()
        self._call("cuDevicePrimaryCtxRetain", byref(self._context), device)

    def activate(self) -> None:
        """Let the calling thread use the card: before the first call of each thread."""
        self._call("cuCtxSetCurrent", self._context)

    def free_memory(self) -> int:
        """Bytes that nobody uses."""
        free, total = c_size_t(), c_size_t()
        self._call("cuMemGetInfo_v2", byref(free), byref(total))
        return free.value

    def allocate(self, size: int) -> int:
        """The address of ``size`` new bytes, aligned to 256 bytes."""
        address = c_uint64()
        self._call("cuMemAlloc_v2", byref(address), c_size_t(size))
        return address.value

    def release(self, address: int) -> None:
        """Give back what ``allocate`` gave."""
        self._call("cuMemFree_v2", c_uint64(address))

    def to_device(self, address: int, array: NDArray[Any], stream: int) -> None:
        """Copy a contiguous array to the card; it must live until the stream has done so."""
        source = c_void_p(_contiguous(array).ctypes.data)
        self._call(
            "cuMemcpyHtoDAsync_v2", c_uint64(address), source, c_size_t(array.nbytes),
            c_void_p(stream),
        )  # fmt: skip

    def to_host(self, array: NDArray[Any], address: int, stream: int) -> None:
        """Fill a contiguous array from the card, once the stream has come to it."""
        goal = c_void_p(_contiguous(array).ctypes.data)
        self._call(
            "cuMemcpyDtoHAsync_v2", goal, c_uint64(address), c_size_t(array.nbytes),
            c_void_p(stream),
        )  # fmt: skip

    def stream(self) -> int:
        """A new stream."""
        handle = c_void_p()
        self._call("cuStreamCreate", byref(handle), c_uint(NON_BLOCKING))
        return handle.value or 0

    def synchronize(self, stream: int) -> None:
        """Wait until the stream has done all it was given."""
        self._call("cuStreamSynchronize", c_void_p(stream))

    def end_stream(self, stream: int) -> None:
        """Give a stream back."""
        self._call("cuStreamDestroy_v2", c_void_p(stream))

    def full(self) -> DeviceError:
        """The error of a card without room."""
        free, total = c_size_t(), c_size_t()
        self._library.cuMemGetInfo_v2(byref(free), byref(total))
        return DeviceError(
            f"{self.card.name}: its memory is full, {free.value >> 20} of "
            f"{self.card.memory >> 20} MiB are free",
            f"close other programs that use the card, or {ON_CPU}",
        )

    def _card(self, device: c_int) -> Card:
        name, size = ctypes.create_string_buffer(256), c_size_t()
        major, minor = c_int(), c_int()
        self._call("cuDeviceGetName", name, c_int(len(name)), device)
        self._call("cuDeviceTotalMem_v2", byref(size), device)
        self._call("cuDeviceGetAttribute", byref(major), c_int(CAPABILITY_MAJOR), device)
        self._call("cuDeviceGetAttribute", byref(minor), c_int(CAPABILITY_MINOR), device)
        return Card(name.value.decode(), (major.value, minor.value), size.value)

    def _call(self, name: str, *arguments: Any) -> None:
        result = int(getattr(self._library, name)(*arguments))
        if result == 0:
            return
        if result == OUT_OF_MEMORY and hasattr(self, "card"):
            raise self.full()
        if result == NO_DEVICE:
            raise DeviceError("NVIDIA driver: it shows no card", ON_CPU)
        text = c_char_p()
        self._library.cuGetErrorString(c_int(result), byref(text))
        reason = text.value.decode() if text.value else "unknown error"
        raise DeviceError(
            f"NVIDIA driver: {name} got error {result} ({reason})",
            f"nvidia-smi says whether the driver works; else {ON_CPU}",
        )


@functools.cache
def driver() -> Driver:
    """This process's driver. Raises DeviceError where there is none, or no card."""
    return Driver()


def _load() -> Any:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise DeviceError(
            f"no NVIDIA driver: {LIBRARY} cannot be loaded",
            f"install NVIDIA's driver for your card; without a card {ON_CPU}",
        ) from error


def _contiguous(array: NDArray[Any]) -> NDArray[Any]:
    if not array.flags.c_contiguous:
        raise ValueError(f"array: got strides {array.strides}, wanted a contiguous array")
    return np.asarray(array)
