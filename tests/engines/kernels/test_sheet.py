from __future__ import annotations

import numpy as np
import pytest

from engines.kernels.sheet import FAR, blend_colours, blend_texture, clear, raster

SQUARE = np.array([[0, 0, 1], [8, 0, 1], [0, 8, 1], [8, 8, 1]], np.float32)
FACES = np.array([[0, 2, 1], [1, 2, 3]], np.int32)  # seen from the front: area below zero


class Canvas:
    def __init__(self, height: int = 12, width: int = 10) -> None:
        self.depth = np.full((height, width), FAR, np.float32)
        self.face = np.full((height, width), -1, np.int32)
        self.bary = np.zeros((height, width, 2), np.float32)
        self.person = np.zeros((height, width, 4), np.float32)
        self.bounds = np.array([width, height, 0, 0], np.int32)

    def raster(self, points: np.ndarray, faces: np.ndarray, cull: bool = False) -> None:
        raster(points, faces, cull, self.depth, self.face, self.bary, self.bounds)


def test_a_square_covers_its_pixels_without_a_crack() -> None:
    canvas = Canvas()
    canvas.raster(SQUARE, FACES)
    covered = canvas.face >= 0
    assert covered[:8, :8].all()
    assert covered.sum() == 64
    np.testing.assert_array_equal(canvas.bounds, [0, 0, 8, 8])
    assert (canvas.depth[:8, :8] == 1).all()


def test_agrees_with_a_test_of_every_pixel_against_every_triangle() -> None:
    rng = np.random.default_rng(1)
    points = (rng.random((12, 3)) * [14, 16, 5] - [2, 2, 0]).astype(np.float32)
    faces = rng.integers(0, 12, (9, 3)).astype(np.int32)
    canvas = Canvas()
    canvas.raster(points, faces)
    for y in range(12):
        for x in range(10):
            best, nearest = np.inf, -1
            for f, (a, b, c) in enumerate(points[faces].astype(np.float64)):
                edges = np.array([b - a, c - a])[:, :2].T
                if abs(np.linalg.det(edges)) < 1e-6:
                    continue
                l1, l2 = np.linalg.solve(edges, [x + 0.5 - a[0], y + 0.5 - a[1]])
                if min(l1, l2, 1 - l1 - l2) < 0:
                    continue
                z = (1 - l1 - l2) * a[2] + l1 * b[2] + l2 * c[2]
                if z < best:
                    best, nearest = z, f
            assert canvas.face[y, x] == nearest, (x, y)
            if nearest >= 0:
                assert abs(canvas.depth[y, x] - best) < 1e-3


def test_the_nearer_triangle_wins_whatever_the_order() -> None:
    near = SQUARE.copy()
    near[:, 2] = 0.5
    points = np.concatenate([near, SQUARE])
    for faces in (np.concatenate([FACES, FACES + 4]), np.concatenate([FACES + 4, FACES])):
        canvas = Canvas()
        canvas.raster(points, faces)
        assert (canvas.depth[:8, :8] == 0.5).all()


def test_backs_are_left_out_when_culling() -> None:
    canvas = Canvas()
    canvas.raster(SQUARE, np.ascontiguousarray(FACES[:, ::-1]), cull=True)
    assert (canvas.face == -1).all()
    canvas.raster(SQUARE, FACES, cull=True)
    assert (canvas.face[:8, :8] >= 0).all()


@pytest.mark.parametrize("shift", [-100.0, 100.0])
def test_what_lies_outside_touches_nothing(shift: float) -> None:
    canvas = Canvas()
    canvas.raster(SQUARE + np.array([shift, 0, 0], np.float32), FACES)
    assert (canvas.face == -1).all()


def test_clear_keeps_to_its_box() -> None:
    depth = np.zeros((4, 4), np.float32)
    clear(np.array([1, 1, 3, 2], np.int32), depth)
    assert (depth == FAR).sum() == 2
    assert depth[1, 1] == FAR


def test_a_texture_lands_pixel_by_pixel() -> None:
    rng = np.random.default_rng(2)
    texture = rng.integers(0, 255, (8, 8, 4), np.uint8)
    texture[:, :, 3] = 255
    canvas = Canvas()
    canvas.raster(SQUARE, FACES)
    blend_texture(
        FACES, np.ascontiguousarray(SQUARE[:, :2]), texture,
        canvas.depth, canvas.face, canvas.bary, canvas.bounds, canvas.person,
    )  # fmt: skip
    np.testing.assert_allclose(canvas.person[:8, :8], texture, atol=0.3)
    assert (canvas.person[8:] == 0).all()


def test_half_transparent_over_opaque_by_hand() -> None:
    canvas = Canvas()
    canvas.person[:] = [100, 0, 0, 255]
    canvas.raster(SQUARE, FACES)
    texture = np.full((8, 8, 4), [0, 51, 0, 51], np.uint8)  # a fifth of pure green, premultiplied
    blend_texture(
        FACES, np.ascontiguousarray(SQUARE[:, :2]), texture,
        canvas.depth, canvas.face, canvas.bary, canvas.bounds, canvas.person,
    )  # fmt: skip
    np.testing.assert_allclose(canvas.person[3, 3], [80, 51, 0, 255], atol=0.01)


def test_vertex_colours_are_interpolated() -> None:
    canvas = Canvas()
    canvas.raster(SQUARE, FACES)
    colours = np.zeros((4, 4), np.float32)
    colours[:, 3] = 255
    colours[[1, 3], 0] = 160  # red grows from left to right, 20 a pixel
    blend_colours(
        FACES, colours, canvas.depth, canvas.face, canvas.bary, canvas.bounds, canvas.person
    )
    np.testing.assert_allclose(canvas.person[4, :8, 0], 20 * np.arange(8) + 10, atol=0.01)
