"""What the kernels take, read from their sources: a card would take anything."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from engines.kernels.cubin import source

# The type behind a pointer: what an array may hold, and where it must begin. Some kernels read
# words of 16 bytes through ``unsigned`` and ``u64`` pointers.
POINTED = {
    "float": ("f4", 4),
    "double": ("f8", 8),
    "int": ("i4", 4),
    "u8": ("u1", 1),
    "uchar4": ("u1", 4),
    "unsigned": ("u1", 16),
    "float2": ("f4", 8),
    "float4": ("f4", 16),
    "int4": ("i4", 16),
    "uint4": ("f2", 16),  # of halves
    "Sheet": ("i4", 16),
    "u64": ("u8", 16),
}
SCALARS: dict[str, type] = {"int": np.int32, "float": np.float32}


@functools.cache
def signatures() -> dict[str, tuple[str, ...]]:
    """The types of each kernel's arguments, without ``const``."""
    found = re.findall(r"__global__ void (\w+)\(([^)]*)\)", source())
    return {
        name: tuple(
            re.sub(r"\s*\w+$", "", part.strip().removeprefix("const "))
            for part in " ".join(parts.split()).split(",")
        )
        for name, parts in found
    }


def check_arguments(kernel: str, given: Sequence[Any]) -> None:
    """Fails unless as many arguments of the right kinds are given, arrays in C order and where the
    kernel's words may begin."""
    wanted = signatures()[kernel]
    assert len(given) == len(wanted), (kernel, len(given), wanted)
    for n, (value, kind) in enumerate(zip(given, wanted, strict=True)):
        where = f"{kernel}, argument {n}, {kind}"
        if not kind.endswith("*"):
            assert type(value) is SCALARS[kind], (where, type(value))
            continue
        assert isinstance(value, np.ndarray), (where, type(value))
        dtype, begin = POINTED[kind.removesuffix("*")]
        assert value.dtype == np.dtype(dtype), (where, value.dtype)
        assert value.flags.c_contiguous, where
        if value.size:
            assert value.ctypes.data % begin == 0, (where, value.ctypes.data % 16)
