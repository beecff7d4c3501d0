"""What a performance hands on, step by step, without threads of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, cast

import av
import numpy as np
import pytest

from engines.types import Frame
from realtime.mailbox import Mailbox
from realtime.performance import Performance
from realtime.picture import Drawn, Form, Forms, Picture, planes_of
from realtime.track import Arrival
from realtime.worker import Worker
from tests.fakes import FakePuppet, tiny_avatar


class NoThread:
    """A worker that works at once, and steps nothing."""

    def add(self, stepper: object) -> None: ...
    def remove(self, stepper: object) -> None: ...
    def wake(self) -> None: ...

    def submit(self, call: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(call())
        return future


class OneBuffer(FakePuppet):
    """Draws every frame into the same memory: a number that grows. on_card: in forms alone."""

    on_card = False

    def process(self, frame: Frame, forms: Forms = frozenset()) -> Drawn:
        self.frames += 1
        self.buffer[:, :, :3] = self.frames
        if not self.on_card:
            return {"rgba": self.buffer}
        for form in forms:
            self.planes[form][:] = planes_of(self.buffer, form)
        return {form: self.planes[form] for form in forms}

    def __init__(self) -> None:
        super().__init__(tiny_avatar())
        self.buffer = np.full((64, 64, 4), 255, np.uint8)
        self.planes = {form: planes_of(self.buffer, form) for form in FORMS}


FORMS: tuple[Form, ...] = ("plain", "packed")


@pytest.fixture
def puppet() -> OneBuffer:
    return OneBuffer()


@pytest.fixture
def performance(puppet: OneBuffer) -> Performance:
    worker = cast(Worker, NoThread())
    return Performance("p", puppet, puppet.still(), worker, lambda *told: None)


def perform(performance: Performance) -> None:
    video = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
    performance.arrived(Arrival(video, 0.0, 0))
    assert performance.step()


def watched(performance: Performance, form: Form) -> Mailbox[Picture]:
    outbox: Mailbox[Picture] = Mailbox()
    performance.watch(form, outbox)
    return outbox


@pytest.mark.parametrize("on_card", [False, True])
def test_a_picture_stays_as_it_was_while_the_next_is_drawn(
    performance: Performance, puppet: OneBuffer, on_card: bool
) -> None:
    puppet.on_card = on_card
    outbox = watched(performance, "plain")
    perform(performance)
    first = outbox.poll()
    assert first is not None
    before = first.planes("plain").copy()
    puppet.frames = 99
    perform(performance)
    np.testing.assert_array_equal(first.planes("plain"), before)
    last = performance.last("plain").planes("plain")
    assert (last[:64] != before[:64]).all()


def test_on_a_card_each_is_sent_what_was_drawn_for_it(
    performance: Performance, puppet: OneBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    puppet.on_card = True
    plain = watched(performance, "plain")
    packed: list[Mailbox[Picture]] = []
    process = OneBuffer.process

    def joined_meanwhile(self: OneBuffer, frame: Frame, forms: Forms = frozenset()) -> Drawn:
        if not packed:
            packed.append(watched(performance, "packed"))
        return process(self, frame, forms)

    monkeypatch.setattr(OneBuffer, "process", joined_meanwhile)
    perform(performance)
    assert plain.poll() is not None
    assert packed[0].poll() is None  # nothing that it could not show
    assert performance.last("packed").serves("packed")
    perform(performance)
    (picture,) = [packed[0].poll()]
    assert picture is not None
    assert set(picture.drawn) == {"plain", "packed"}
