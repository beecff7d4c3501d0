"""How many performances fit."""

from __future__ import annotations

import pytest

from engines.errors import BusyError
from realtime.admission import MOST, Admission, capacity


@pytest.mark.parametrize(
    ("declared", "running", "load", "places"),
    [
        (3, 0, 0.0, 3),
        (1, 1, 0.1, 1),
        (None, 0, 0.0, 1),
        (None, 1, 0.0, 2),  # nothing measured yet
        (None, 1, 0.3, 3),
        (None, 1, 0.45, 2),
        (None, 1, 0.75, 1),
        (None, 2, 1.0, 1),
        (None, 1, 0.001, MOST),
    ],
)
def test_capacity(declared: int | None, running: int, load: float, places: int) -> None:
    assert capacity(declared, running, load) == places


def test_places_are_taken_and_given_back() -> None:
    admission = Admission(declared=1)
    admission.enter(0.0)
    with pytest.raises(BusyError, match="room for 1 performance") as refused:
        admission.enter(0.0)
    assert "--capacity" in refused.value.hint
    admission.leave()
    admission.enter(0.0)
    assert admission.running == 1
