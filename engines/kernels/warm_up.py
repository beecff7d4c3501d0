"""Compile every kernel for the types that the renderer uses, before the first frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engines.kernels.fade import fade
from engines.kernels.lay import composite, lay_colours, lay_texture, straighten
from engines.kernels.planes import planes
from engines.kernels.raster import raster
from engines.kernels.skin import skin
from engines.kernels.turns import turns

KERNELS: tuple[Any, ...] = (
    turns,
    skin,
    raster,
    planes,
    fade,
    lay_texture,
    lay_colours,
    composite,
    straighten,
)


def warm_up(progress: Callable[[str], None]) -> None:
    """Run each kernel once on a triangle; ``progress`` is told each one's name before it.

    Some kernels run for some avatars only: without this they would compile in the middle of a
    performance. Takes seconds at the first start, then what numba kept is loaded.
    """
    points = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0]], np.float32)
    faces = np.array([[0, 1, 2]], np.int32)
    index, weight = np.zeros((3, 4), np.int32), np.full((3, 4), 0.25, np.float32)
    maps = np.eye(3, 4, dtype=np.float32)[None]
    local, turn = np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)
    rest, view = np.zeros((1, 3, 3), np.float32), np.array([1, 0, 0], np.float32)
    depth, face = np.zeros((4, 4), np.float32), np.zeros((4, 4), np.int32)
    box, ragged = np.zeros(4, np.int32), np.ones(1, np.uint8)
    flow, shades = np.zeros((1, 8), np.float32), np.zeros((1, 14), np.float32)
    texture, colours = np.zeros((2, 2, 4), np.uint8), np.zeros((3, 4), np.float32)
    person = np.zeros((4, 4, 4), np.uint8)
    background = np.zeros((4, 4, 4), np.uint8)
    out = np.zeros((4, 4, 4), np.uint8)
    near, far = np.float32(0), np.float32(1)
    steps: tuple[Callable[[], None], ...] = (
        lambda: turns(maps, np.array([-1], np.int32), local, turn, rest),
        lambda: skin(points, points, index, weight, maps, turn, rest, view, points.copy()),
        lambda: raster(points, faces, False, ragged, flow, texture, depth, face, box),
        lambda: planes(points, faces, np.zeros((3, 2), np.float32), flow),
        lambda: fade(colours, points, faces[0], points, near, far, colours.copy()),
        lambda: lay_texture(flow, texture, face, box, person),
        lambda: lay_colours(shades, face, np.zeros(4, np.int32), person),
        lambda: composite(person, background, out),
        lambda: straighten(person, out),
    )
    for kernel, step in zip(KERNELS, steps, strict=True):
        progress(kernel.__name__)
        step()
