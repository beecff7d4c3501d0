from __future__ import annotations

import gc
import weakref

from realtime import memory


class Knot:
    def __init__(self) -> None:
        self.itself = self


def test_what_is_left_behind_goes_and_what_is_kept_stays() -> None:
    kept = Knot()
    gc.disable()
    try:
        left = weakref.ref(Knot())
        memory.give_back()
        assert left() is None
        memory.keep()
        assert gc.get_freeze_count() > 0
        assert kept.itself is kept
    finally:
        gc.unfreeze()
        gc.enable()
