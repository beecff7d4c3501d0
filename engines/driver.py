"""NVIDIA's driver library, as far as it says what card there is.

Through ctypes: neither the CUDA toolkit nor another package. Source: CUDA Driver API reference.
Memory, streams and kernels are ``engines.kernels.cuda.CudaDevice``'s alone: see docs/adr/0004.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint
from dataclasses import dataclass
from typing import Any

from engines.errors import DeviceError

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
NO_DEVICE = 100  # CUresult
CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76  # CUdevice_attribute
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
    """The first card that the driver shows, and the newest CUDA that the driver serves.

    library: the driver library, found by its usual name if None. Raises DeviceError when the driver
    reports an error. Takes nothing of the card.
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
