"""Whether numbers are numbers."""

from __future__ import annotations

import math

import numba

from engines.types import F32


def finite(*arrays: F32) -> bool:
    """Whether the arrays f32 (...) hold neither an infinity nor what is no number."""
    return all(_finite(array.reshape(-1)) for array in arrays)


@numba.njit(cache=True)
def _finite(values):  # type: ignore[no-untyped-def]
    for value in values:  # noqa: SIM110 - numba knows no generators in all()
        if not math.isfinite(value):
            return False
    return True
