from __future__ import annotations

import numpy as np
import pytest

from engines.kernels.finite import finite


def test_numbers_are_finite() -> None:
    assert finite(np.zeros((3, 2), np.float32), np.full(4, np.finfo(np.float32).max))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_that_is_none_is_found(value: float) -> None:
    array = np.zeros((3, 3, 3), np.float32)
    array[1, 2, 0] = value
    assert not finite(np.zeros(2, np.float32), array)
