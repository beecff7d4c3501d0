"""As much of CuPy as ``engines.kernels.cuda`` uses, on the CPU: streams that record, and kernels
that g++ compiled. Its names and signatures are CuPy 14's."""

from __future__ import annotations

import ctypes
import math
import time
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tests.engines.kernels.host import HostDevice

Work = Callable[[], None]
CODE = b"kernels"  # what a cubin's file holds


def moved(goal: int, source: int, size: int) -> None:
    """Copies bytes."""
    ctypes.memmove(goal, source, size)


def filled(goal: int, value: int, size: int) -> None:
    """Sets bytes."""
    ctypes.memset(goal, value, size)


class Module:
    """Some names; hashable, as modules are."""

    def __init__(self, **parts: Any) -> None:
        self.__dict__.update(parts)


class CudaError(RuntimeError):
    """What the runtime raises."""


class OutOfMemoryError(MemoryError):
    """What an allocation raises."""


class Pool:
    """CuPy's store of memory: at its limit it keeps what arrays no longer use, as CuPy's does."""

    def __init__(self) -> None:
        self.limit = self._total = self._unused = self.tidied = 0

    def allocate(self, host: NDArray[Any]) -> None:
        size = -(-host.nbytes // 512) * 512
        if self.limit and self._total + size > self.limit:
            raise OutOfMemoryError(f"Out of memory allocating {size:,} bytes")
        self._total += size
        weakref.finalize(host.base, self._give_back, size)

    def _give_back(self, size: int) -> None:
        self._unused += size

    def total_bytes(self) -> int:
        return self._total

    def set_limit(self, size: int) -> None:
        self.limit = size

    def free_all_blocks(self) -> None:
        self.tidied += 1
        self._total -= self._unused
        self._unused = 0


class Card:
    """What the fake's parts share. free: bytes; fails: the next work on a stream raises it."""

    def __init__(self) -> None:
        self.free = 1 << 30
        self.fails: Exception | None = None
        self.streams: list[Stream] = []  # present ones, innermost last
        self.pool, self.pinned_pool = Pool(), Pool()
        self.pinned_at: dict[int, int] = {}  # bytes by address

    def do(self, work: Work) -> None:
        """On the present stream: now, or when what it records is launched."""
        if self.fails is not None:
            raise self.fails
        stream = self.streams[-1]
        stream.check()
        if stream.recording is None:
            work()
        else:
            stream.recording.append(work)

    def synchronize(self) -> None:
        """A library, on any thread, waits for the whole card: spoils what is being recorded."""
        recording = [stream for stream in self.streams if stream.recording is not None]
        for stream in recording:
            stream.spoilt = True
        if recording:
            raise CudaError("cudaErrorStreamCaptureUnsupported")

    def pinned(self, shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
        """cupyx.zeros_pinned; the host's address may be given to copies that do not wait."""
        memory: NDArray[Any] = np.zeros(shape, dtype)
        self.pinned_at[memory.ctypes.data] = memory.nbytes
        weakref.finalize(memory, self.pinned_at.pop, memory.ctypes.data)
        return memory

    def copies_at_once(self, place: int, size: int) -> bool:
        """Whether a copy of that memory need not wait for the host, and can be recorded."""
        return any(
            begin <= place and place + size <= begin + length
            for begin, length in self.pinned_at.items()
        )


class Stream:
    """A stream; everything on it happens at once, unless it records."""

    def __init__(self, card: Card, non_blocking: bool) -> None:
        assert non_blocking  # else it waits for the default stream
        self._card, self.ptr = card, id(self)
        self.recording: list[Work] | None = None
        self.spoilt = False
        self.waited: list[Event] = []

    def __enter__(self) -> Self:
        self._card.streams.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        self._card.streams.pop()

    def synchronize(self) -> None:
        if self.recording is not None:
            self.spoilt = True
            raise CudaError("cudaErrorStreamCaptureUnsupported")

    def check(self) -> None:
        if self.spoilt:
            raise CudaError("cudaErrorStreamCaptureInvalidated")

    def wait_event(self, event: Event) -> None:
        self.waited.append(event)

    def begin_capture(self, mode: int | None = None) -> None:
        if self.recording is not None:
            raise CudaError("cudaErrorIllegalState")
        self.recording = []

    def end_capture(self) -> Any:
        works, self.recording = self.recording or [], None
        spoilt, self.spoilt = self.spoilt, False
        if spoilt:
            raise CudaError("cudaErrorStreamCaptureInvalidated")

        def launch() -> None:
            for work in works:
                self._card.do(work)

        return SimpleNamespace(launch=launch)


class Pointer:
    """A place on the card."""

    def __init__(self, card: Card, ptr: int) -> None:
        self._card, self.ptr = card, ptr

    def copy_from_host_async(self, mem: int, size: int) -> None:
        assert self._card.copies_at_once(mem, size)
        self._card.do(partial(moved, self.ptr, mem, size))

    def copy_to_host_async(self, mem: int, size: int) -> None:
        assert self._card.copies_at_once(mem, size)
        self._card.do(partial(moved, mem, self.ptr, size))

    def copy_from_device_async(self, src: Pointer, size: int) -> None:
        self._card.do(partial(moved, self.ptr, src.ptr, size))

    def memset_async(self, value: int, size: int) -> None:
        self._card.do(partial(filled, self.ptr, value, size))


class Array:
    """An array on the card. host: its memory, for kernels."""

    def __init__(self, card: Card, host: NDArray[Any]) -> None:
        self._card, self.host = card, host
        self.shape, self.dtype, self.nbytes = host.shape, host.dtype, host.nbytes
        self.data = Pointer(card, host.ctypes.data)

    def __getitem__(self, index: Any) -> Array:
        return Array(self._card, self.host[index])

    def view(self, dtype: Any) -> Array:
        return Array(self._card, self.host.view(dtype))

    def reshape(self, *shape: Any) -> Array:
        return Array(self._card, self.host.reshape(*shape))


class Event:
    """A time on a stream."""

    def __init__(self, card: Card, disable_timing: bool = False) -> None:
        self._card = card

    def record(self) -> None:
        self.stream = self._card.streams[-1]
        self.ms = 1e3 * time.perf_counter()

    def synchronize(self) -> None: ...


def cubin_in(folder: Path) -> Path:
    """A file that the fake's modules load."""
    path = folder / "Jürgen" / "sm_86.cubin"  # CUDA itself would not open it on Windows
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(CODE)
    return path


def fake_cupy(kernels: ctypes.CDLL) -> tuple[Any, Any, Card]:
    """The modules cupy and cupyx, and their card."""
    card, host = Card(), HostDevice(kernels)

    class Device:
        def __init__(self, ordinal: int = 0) -> None:
            self.compute_capability = "86"

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *exc: object) -> None: ...

    def taken(array: NDArray[Any]) -> Array:
        if array.nbytes > card.free:
            raise OutOfMemoryError(f"Out of memory allocating {array.nbytes:,} bytes")
        if card.streams[-1].recording is not None:
            raise CudaError("cudaErrorStreamCaptureUnsupported")
        there = host.array(array)
        card.pool.allocate(there)
        return Array(card, there)

    def asarray(array: NDArray[Any], order: str = "K") -> Array:
        assert array.dtype.char in "?bhilqBHILQefdFD"
        columns = order == "K" and array.flags.fnc  # CuPy keeps their order
        return taken(np.ascontiguousarray(array.T if columns else array))

    def empty(shape: tuple[int, ...], dtype: type) -> Array:
        junk = np.full(math.prod(shape) * np.dtype(dtype).itemsize, 77, np.uint8)
        return taken(junk).view(dtype).reshape(shape)

    def get_function(name: str) -> Any:
        def run(
            blocks: tuple[int, ...], block: tuple[int, ...], arguments: tuple[Any, ...]
        ) -> None:
            threads = tuple(b * t for b, t in zip(blocks, block, strict=True))
            given = [a.host if isinstance(a, Array) else a for a in arguments]
            # The launch of the host takes the dimensions that the kernel was written for.
            card.do(lambda: host.launch(name, threads if block[1] > 1 else threads[:1], *given))

        return run

    class CudaModule:
        def load(self, cubin: bytes) -> None:
            if cubin != CODE:
                raise CudaError("CUDA_ERROR_INVALID_IMAGE")

        def get_function(self, name: str) -> Any:
            return get_function(name)

    cuda = SimpleNamespace(
        Device=Device,
        Event=partial(Event, card),
        Module=CudaModule,
        Stream=lambda non_blocking: Stream(card, non_blocking),
        get_elapsed_time=lambda begin, end: end.ms - begin.ms,
        memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
        runtime=SimpleNamespace(memGetInfo=lambda: (card.free, 2 << 30)),
    )
    cupy = Module(
        cuda=cuda,
        asarray=asarray,
        empty=empty,
        get_default_memory_pool=lambda: card.pool,
        get_default_pinned_memory_pool=lambda: card.pinned_pool,
    )
    return cupy, SimpleNamespace(zeros_pinned=card.pinned), card
