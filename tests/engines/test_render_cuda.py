"""The whole frame on the device against the CPU's."""

from __future__ import annotations

import numpy as np
import pytest

from engines.backdrop import Backdrop
from engines.kernels.cuda import Device
from engines.render import Renderer, View
from engines.render_cuda import CudaRenderer
from engines.types import U8, Avatar, Pose
from tests.engines.figures import SIZE, with_hand
from tests.engines.test_render import turned

WANTED_DB = 45.0


def psnr(a: U8, b: U8) -> float:
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


def twins(figure: Avatar, device: Device, spec: str) -> tuple[Renderer, Backdrop, CudaRenderer]:
    renderer = Renderer(figure, SIZE, View())
    backdrop = Backdrop(figure, SIZE, View(), spec)
    return renderer, backdrop, CudaRenderer(device, Renderer(figure, SIZE, View()), backdrop)


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
