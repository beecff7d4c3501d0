"""The whole frame on the device against the CPU's."""

from __future__ import annotations

import ctypes
import dataclasses
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.avatar import store
from engines.backdrop import Backdrop
from engines.errors import DeviceError
from engines.kernels.cuda import CudaDevice, Device
from engines.render import Renderer
from engines.render_cuda import CudaRenderer
from engines.scene import Scene
from engines.types import F32, U8, Avatar, Pose
from realtime.picture import Form, planes_of
from tests.engines.figures import SIZE, avatar, with_hand
from tests.engines.kernels.host import HostDevice
from tests.engines.test_render import turned

WANTED_DB = 60.0  # a few pixels in 100 000 are a level apart: sums fused in another order


def psnr(a: U8, b: U8) -> float:
    """Of what is seen, dB: colours count as far as they are opaque."""
    error = float(np.mean((_seen(a) - _seen(b)) ** 2))
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


def _seen(picture: U8) -> F32:
    share = picture[:, :, 3:] / np.float32(255)
    return np.asarray(np.dstack([picture[:, :, :3] * share, picture[:, :, 3:]]), np.float32)


def twins(
    figure: Avatar, device: Device, spec: str, size: tuple[int, int] = SIZE
) -> tuple[Renderer, Backdrop, CudaRenderer]:
    renderer = Renderer(figure, size)
    backdrop = Backdrop(figure, size, renderer.view, spec)
    drawn = Renderer(figure, size)
    return renderer, backdrop, CudaRenderer(device, drawn, Scene.of(drawn), backdrop)


def poses(figure: Avatar) -> list[Pose]:
    """An arm that waves and passes behind the chest, then the whole figure lies down."""
    pose, bone = figure.reference, figure.body.bone
    waves = ([0, 0, -0.3], [0.9, 0, -1.2], [0, 0, -2.5])
    return [
        pose,
        *(turned(pose, bone("upperarm01.L"), wave) for wave in waves),
        turned(pose, bone("root"), [0, 0, 1.5]),
    ]


@pytest.mark.parametrize("spec", ["photo", "none"])
def test_the_frame_is_the_cpus(device: Device, spec: str) -> None:
    figure, _ = with_hand((0, 0))
    renderer, backdrop, cuda = twins(figure, device, spec)
    for pose in [*poses(figure), figure.reference]:
        want = backdrop.under(renderer.render(pose))
        assert psnr(cuda.render(pose), want) >= WANTED_DB


@pytest.mark.parametrize(("name", "size"), [("astronaut", (256, 256)), ("kit", (101, 77))])
def test_an_enrolled_avatar_is_the_cpus(device: Device, name: str, size: tuple[int, int]) -> None:
    figure = store.load_avatar(Path(store.__file__).parent / "bundled" / name)
    renderer, backdrop, cuda = twins(figure, device, "blur", size)
    for pose in poses(figure):
        want = backdrop.under(renderer.render(pose))
        assert psnr(cuda.render(pose), want) >= WANTED_DB


def test_another_background_from_the_next_frame_on(device: Device) -> None:
    figure = avatar()
    renderer, backdrop, cuda = twins(figure, device, "photo")
    person = renderer.render(figure.reference)
    for spec in ("none", "#204060", "#600000", "none"):
        backdrop = Backdrop(figure, SIZE, renderer.view, spec)
        cuda.set_backdrop(backdrop)
        assert psnr(cuda.render(figure.reference), backdrop.under(person)) >= WANTED_DB


@pytest.mark.parametrize("size", [SIZE, (101, 77), (7, 9)])
@pytest.mark.parametrize("spec", ["photo", "none"])
def test_the_encoders_planes_are_the_cpus(device: Device, spec: str, size: tuple[int, int]) -> None:
    figure, _ = with_hand((0, 0))
    *_, cuda = twins(figure, device, spec, size)
    every = frozenset({"rgba", "plain", "packed"})
    for pose in poses(figure)[:3]:
        cuda.place(pose)
        taken = {form: picture.copy() for form, picture in cuda.take(every).items()}
        assert taken.keys() == every
        forms: tuple[Form, ...] = ("plain", "packed")
        for form in forms:
            want = planes_of(taken["rgba"], form).astype(int)
            # packed: OpenCV rounds the continued colours in several places
            assert np.abs(taken[form] - want).max() <= (form == "packed")
            again = cuda.take(frozenset({form}))
            np.testing.assert_array_equal(again.pop(form), taken[form])
            assert not again
        np.testing.assert_array_equal(cuda.take()["rgba"], taken["rgba"])
        np.testing.assert_array_equal(cuda.take(frozenset())["rgba"], taken["rgba"])
    with pytest.raises(ValueError, match="got 'jpeg'"):
        cuda.take(frozenset({"rgba", "jpeg"}))


def test_only_what_is_asked_for_is_made(kernels_on_host: ctypes.CDLL) -> None:
    asked: Counter[str] = Counter()

    class Counting(HostDevice):
        def array(self, host: NDArray[Any]) -> Any:
            asked["bytes"] += host.nbytes
            return super().array(host)

        def launch(self, kernel: str, threads: tuple[int, ...], *arguments: Any) -> None:
            asked[kernel] += 1
            super().launch(kernel, threads, *arguments)

        def download(self, array: Any, host: NDArray[Any]) -> None:
            asked["down"] += host.nbytes
            super().download(array, host)

    figure = avatar()
    *_, cuda = twins(figure, Counting(kernels_on_host), "photo")
    cuda.place(figure.reference)
    area = SIZE[0] * SIZE[1]
    for form, size, kernels in (
        ("rgba", 4 * area, {}),
        ("plain", area * 3 // 2, {"video": 1}),
        ("packed", 3 * area, {"cells": 1, "bleed": 1, "video": 1}),
    ):
        for again in (False, True):
            asked.clear()
            cuda.take(frozenset({form}))
            assert asked["down"] == size
            assert (asked["bytes"] > 0) == (form != "rgba" and not again)
            made = {name: asked[name] for name in ("cells", "bleed", "video") if asked[name]}
            assert made == kernels


def test_a_pose_that_cannot_be_drawn_leaves_the_next_frame_whole(device: Device) -> None:
    figure = avatar()
    renderer, backdrop, cuda = twins(figure, device, "none")
    broken = dataclasses.replace(figure.reference, root=np.full(3, np.nan, np.float32))
    with pytest.raises(ValueError, match="finite"):
        cuda.render(broken)
    want = backdrop.under(renderer.render(figure.reference))
    assert psnr(cuda.render(figure.reference), want) >= WANTED_DB


def test_without_cupy_it_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match="no usable CuPy"):
        CudaDevice()


@pytest.mark.gpu
@pytest.mark.slow
def test_ten_thousand_frames_take_no_more_memory_than_one(card: CudaDevice) -> None:
    import cupy

    figure, _ = with_hand((0, 0))
    _, _, cuda = twins(figure, card, "photo")
    moves = poses(figure)
    cuda.render(moves[0])
    pool = cupy.get_default_memory_pool()
    before = (pool.used_bytes(), pool.total_bytes(), cupy.cuda.runtime.memGetInfo()[0])
    for n in range(10_000):
        cuda.render(moves[n % len(moves)])
    after = (pool.used_bytes(), pool.total_bytes(), cupy.cuda.runtime.memGetInfo()[0])
    assert after[:2] == before[:2]
    assert before[2] - after[2] < 2**20  # others may use the card too
