"""What every engine is: named arrays in, named arrays out, on one device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, numpy dtype name ("float32") and shape of one input or output (-1 = any size)."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Engine(Protocol):
    """A compiled network. Close it, or use it as a context manager; it is not thread safe."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def device(self) -> str: ...

    def run(self, feeds: Arrays) -> dict[str, NDArray[Any]]:
        """Outputs by name; they are valid until the next ``run``.

        Raises ValueError when ``feeds`` does not match ``inputs``.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


def check_feeds(inputs: tuple[TensorSpec, ...], feeds: Arrays) -> None:
    """Raise ValueError unless ``feeds`` has exactly the arrays that ``inputs`` asks for."""
    wanted = {spec.name for spec in inputs}
    if wanted != set(feeds):
        raise ValueError(f"inputs: got {sorted(feeds)}, wanted {sorted(wanted)}")
    for spec in inputs:
        array = feeds[spec.name]
        fits = array.ndim == len(spec.shape) and all(
            want in (-1, have) for have, want in zip(array.shape, spec.shape, strict=True)
        )
        if array.dtype != np.dtype(spec.dtype) or not fits:
            raise ValueError(
                f"input {spec.name}: got {array.dtype} {array.shape}, "
                f"wanted {spec.dtype} {spec.shape}"
            )
