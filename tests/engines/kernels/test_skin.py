from __future__ import annotations

import numpy as np

from engines.kernels.skin import skin
from engines.types import F32, I32


def reference(points: F32, index: I32, weight: F32, maps: F32, view: F32) -> F32:
    blended = np.einsum("nk,nkij->nij", weight, maps[index])
    moved = np.einsum("nij,nj->ni", blended[:, :, :3], points) + blended[:, :, 3]
    return np.asarray(moved * [view[0], view[0], 1] + [view[1], view[2], 0], np.float32)


def test_agrees_with_the_formula() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 3)).astype(np.float32)
    maps = rng.normal(size=(5, 3, 4)).astype(np.float32)
    index = rng.integers(0, 5, (50, 4)).astype(np.int32)
    weight = rng.random((50, 4)).astype(np.float32)
    weight[:10, 2:] = 0
    weight /= weight.sum(1, keepdims=True)
    view = np.array([200, 30, 40, 0], np.float32)
    out = np.empty_like(points)
    skin(points, index, weight, maps, view, out)
    np.testing.assert_allclose(out, reference(points, index, weight, maps, view), atol=1e-3)


def test_half_and_half_lies_in_the_middle() -> None:
    maps = np.zeros((2, 3, 4), np.float32)
    maps[:, :, :3] = np.eye(3)
    maps[1, :, 3] = [2, 4, 6]
    out = np.empty((1, 3), np.float32)
    skin(
        np.zeros((1, 3), np.float32),
        np.array([[0, 1, 0, 0]], np.int32),
        np.array([[0.5, 0.5, 0, 0]], np.float32),
        maps,
        np.array([10, 100, 200, 0], np.float32),
        out,
    )
    np.testing.assert_allclose(out[0], [110, 220, 3])
