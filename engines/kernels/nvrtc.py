"""NVIDIA's run-time compiler as a library: CUDA C++ to machine code, without a card or a driver."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from engines.errors import DeviceError, ModelError

_PATTERNS = ("libnvrtc.so.*", "nvrtc64_*.dll")


class Nvrtc:
    """The library of the ``nvidia-cuda-nvrtc`` wheel, or the system's.

    Raises DeviceError where there is none, or none that can be loaded.
    """

    def __init__(self) -> None:
        path = _find()
        try:
            # NVRTC asks for this one by its bare name, under which Windows knows what is loaded.
            for builtins in Path(path).parent.glob("nvrtc-builtins64_*.dll"):
                ctypes.CDLL(str(builtins))
            self._library = ctypes.CDLL(path)
        except OSError as error:
            raise DeviceError(
                f"NVRTC, the compiler of CUDA kernels: it cannot be loaded ({error})",
                "pip install --force-reinstall nvidia-cuda-nvrtc",
            ) from error

    def version(self) -> tuple[int, int]:
        """Of CUDA: major, minor."""
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._check(self._library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
        return major.value, minor.value

    def compile(self, source: str, target: str, options: tuple[str, ...] = ()) -> bytes:
        """A cubin for ``target`` (``sm_86``). Raises ModelError with the compiler's words."""
        library, program = self._library, ctypes.c_void_p()
        given = [f"--gpu-architecture={target}".encode(), *(option.encode() for option in options)]
        self._check(
            library.nvrtcCreateProgram(
                ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None
            )
        )
        try:
            array = (ctypes.c_char_p * len(given))(*given)
            if library.nvrtcCompileProgram(program, len(given), array):
                log = self._text(program, "ProgramLog").rstrip(b"\0\n").decode()
                raise ModelError(f"kernels for {target}: do not compile\n{log}")
            return self._text(program, "CUBIN")
        finally:
            library.nvrtcDestroyProgram(ctypes.byref(program))

    def _text(self, program: ctypes.c_void_p, what: str) -> bytes:
        size = ctypes.c_size_t()
        self._check(getattr(self._library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
        text = ctypes.create_string_buffer(size.value)
        self._check(getattr(self._library, f"nvrtcGet{what}")(program, text))
        return text.raw

    def _check(self, result: int) -> None:
        if result:
            explain = self._library.nvrtcGetErrorString
            explain.restype = ctypes.c_char_p
            raise DeviceError(f"NVRTC: {explain(result).decode()}")


def _find() -> str:
    found = next(_candidates(), None) or ctypes.util.find_library("nvrtc")
    if found is None:
        raise DeviceError(
            "NVRTC, the compiler of CUDA kernels: not there", "pip install nvidia-cuda-nvrtc"
        )
    return str(found)


def _candidates() -> Iterator[Path]:
    """Of the wheels: nvidia/cu13/lib, nvidia/cu13/bin/x86_64 on Windows, nvidia/cuda_nvrtc/lib and
    bin of CUDA 12. The .alt beside some is another compiler with builtins of its own."""
    spec = importlib.util.find_spec("nvidia")
    for folder in (spec and spec.submodule_search_locations) or ():
        for pattern in _PATTERNS:
            yield from (p for p in sorted(Path(folder).rglob(pattern)) if ".alt." not in p.name)
