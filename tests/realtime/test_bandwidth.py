"""What a step moves and how long it takes, from plain numbers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from realtime.bandwidth import EMPTY, Drawn, Listed, Step, Timed, must_move, shares, step_times
from tests.engines.kernels.host import HostDevice


def test_bandwidth_is_bytes_over_time() -> None:
    assert Timed("composite", us=10.0, moved=24_000_000).gb_s == pytest.approx(2400)
    assert Timed("nothing", us=0.0, moved=0).gb_s == 0


def test_shares_are_differences_and_never_negative() -> None:
    times = shares(["a", "b", "c"], [5.0, 4.9, 12.9], [1, 2, 3])
    assert [t.us for t in times] == pytest.approx([5.0, 0.0, 8.0])
    assert [t.moved for t in times] == [1, 2, 3]


def test_what_a_frame_draws() -> None:
    sheets = np.array([(0, 1, 0, 0, 9, 9, 0, 0), (6, 2, 4, -1, 0, 0, 0, 0)], np.int32)
    nearest = np.full(6 + 24, EMPTY)  # rasters of 3x2, and of 6x4
    nearest[[0, 5, 6, 7, 29]] = 1
    box = np.array([(1, 0, 3, 2), (5, 5, 2, 2)], np.int32)  # the second is empty
    assert Drawn.of(nearest, box, sheets, 6) == Drawn(keys=5, textured=2, looked=4)


def test_what_a_step_has_to_move() -> None:
    def sized(nbytes: int) -> SimpleNamespace:
        return SimpleNamespace(nbytes=nbytes)

    def step(name: str, *arguments: object) -> Step:
        return Step(name, lambda: None, 7, arguments)

    drawn = Drawn(keys=100, textured=60, looked=1000)
    assert must_move(step("skin"), drawn) == 7
    raster = (0, sized(10), sized(20), sized(1), sized(2), sized(9999), sized(30), 0, sized(9999))
    assert must_move(step("raster", *raster), drawn) == 63 + 800
    refine = (39, sized(780), 256.0, sized(9999), 64, 64, 0.5, sized(468))
    assert must_move(step("refine", *refine), drawn) == 780 + 468 + 39 * 49 * 4
    texels = sized(200)  # smaller than what is drawn of it: read once
    paint = (
        0,
        0,
        0,
        sized(1),
        sized(2),
        sized(3),
        sized(9999),
        texels,
        sized(4),
        sized(5),
        sized(6),
    )
    assert must_move(step("paint", *paint), drawn) == 21 + 8 * 1100 + 200


def test_steps_are_listed_and_run_later() -> None:
    device = HostDevice()
    listed = Listed(device)
    host, array = listed.staging((4,), np.float32), listed.array(np.ones(4, np.float32))
    other = listed.array(np.zeros(4, np.float32))
    listed.copy(array, other)
    listed.download(other, host)
    assert host.tolist() == [0, 0, 0, 0]
    assert [(step.name, step.moved) for step in listed.steps] == [("copy", 32), ("download", 16)]
    times = step_times(device, listed.steps, repeats=3, count=2)
    assert host.tolist() == [1, 1, 1, 1]
    assert [t.name for t in times] == ["copy", "download"]
    assert all(t.us >= 0 for t in times)


def test_a_kernel_moves_each_of_its_arrays_once() -> None:
    listed = Listed(HostDevice())
    listed.launch("composite", (5,), 5, np.zeros((5, 4), np.float32), np.zeros((5, 4), np.uint8))
    assert listed.steps[0].moved == 80 + 20
