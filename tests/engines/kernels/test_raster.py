from __future__ import annotations

import numpy as np
import pytest

from engines.kernels.planes import planes
from engines.kernels.raster import FAR, SMALLEST, raster
from engines.types import F32, I32, U8

SQUARE = np.array([[0, 0, 1], [8, 0, 1], [0, 8, 1], [8, 8, 1]], np.float32)
FACES = np.array([[0, 2, 1], [1, 2, 3]], np.int32)  # seen from the front: area below zero


class Canvas:
    def __init__(self, width: int = 10, height: int = 12) -> None:
        self.depth: F32 = np.full((height, width), FAR, np.float32)
        self.face: I32 = np.full((height, width), -1, np.int32)
        self.box: I32 = np.zeros(4, np.int32)

    def raster(self, points: F32, faces: I32, cull: bool = False) -> None:
        whole, plane = np.zeros(len(faces), np.uint8), np.zeros((len(faces), 8), np.float32)
        texture = np.zeros((1, 1, 4), np.uint8)
        raster(points, faces, cull, whole, plane, texture, self.depth, self.face, self.box)

    def raster_ragged(self, points: F32, faces: I32, source: F32, texture: U8) -> None:
        plane, ragged = np.zeros((len(faces), 8), np.float32), np.ones(len(faces), np.uint8)
        planes(points, faces, source, plane)
        raster(points, faces, False, ragged, plane, texture, self.depth, self.face, self.box)


def reference(points: F32, faces: I32, x: int, y: int) -> tuple[int, float, float]:
    """Nearest triangle at a pixel, its depth, and how far the pixel lies from the closest edge."""
    best, nearest, margin = float(FAR), -1, np.inf
    for f, (a, b, c) in enumerate(points[faces].astype(np.float64)):
        edges = np.array([b - a, c - a])[:, :2].T
        area = np.linalg.det(edges)
        if abs(area) < SMALLEST:
            continue
        l1, l2 = np.linalg.solve(edges, [x + 0.5 - a[0], y + 0.5 - a[1]])
        shares = [1 - l1 - l2, l1, l2]
        sides = [np.linalg.norm(v[:2]) for v in (b - c, c - a, a - b)]
        inside = min(s * abs(area) / side for s, side in zip(shares, sides, strict=True))
        margin = min(margin, abs(inside))
        z = shares[0] * a[2] + l1 * b[2] + l2 * c[2]
        if inside >= 0 and z < best:
            best, nearest = z, f
    return nearest, best, margin


def test_a_square_covers_its_pixels_without_a_crack() -> None:
    canvas = Canvas()
    canvas.raster(SQUARE, FACES)
    covered = canvas.face >= 0
    assert covered[:8, :8].all()
    assert covered.sum() == 64
    np.testing.assert_array_equal(canvas.box, [0, 0, 8, 8])
    np.testing.assert_allclose(canvas.depth[:8, :8], 1, atol=1e-6)


def test_a_triangle_by_hand() -> None:
    canvas = Canvas()
    points = np.array([[1, 1, 0], [5, 1, 4], [1, 4, 3]], np.float32)
    canvas.raster(points, np.array([[0, 1, 2]], np.int32))
    # centres below the line from (5, 1) to (1, 4): 3 x + 4 y <= 19
    want = np.zeros((12, 10), bool)
    for x, y in ((1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (1, 3)):
        want[y, x] = 3 * (x + 0.5) + 4 * (y + 0.5) <= 19
    np.testing.assert_array_equal(canvas.face == 0, want)
    # depth is x - 1 + y - 1
    assert canvas.depth[1, 2] == pytest.approx(1.5 + 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_a_test_of_every_pixel_against_every_triangle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = (rng.random((12, 3)) * [14, 16, 5] - [2, 2, 0]).astype(np.float32)
    faces = rng.integers(0, 12, (9, 3)).astype(np.int32)
    canvas = Canvas()
    canvas.raster(points, faces)
    left, top, right, bottom = canvas.box
    for y in range(12):
        for x in range(10):
            nearest, depth, margin = reference(points, faces, x, y)
            if margin < 0.002:
                continue  # on an edge, within the overlap
            inside = left <= x < right and top <= y < bottom
            assert inside or nearest < 0
            if inside:
                assert (canvas.face[y, x] >= 0) == (nearest >= 0), (x, y)  # two may be equally near
                assert canvas.depth[y, x] == pytest.approx(depth, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("angle", np.linspace(0.1, 6.2, 12))
def test_no_crack_inside_a_turned_grid(angle: float) -> None:
    rows, columns = np.mgrid[0:20, 0:20]
    grid = np.stack([columns, rows], -1).reshape(-1, 2) * 3.7 - 35
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = np.zeros((400, 3), np.float32)
    points[:, :2] = grid @ turn.T + 48.3
    corner = (np.arange(19)[:, None] * 20 + np.arange(19)).ravel()
    faces = np.concatenate(
        [
            np.stack([corner, corner + 20, corner + 1], 1),
            np.stack([corner + 1, corner + 20, corner + 21], 1),
        ]
    ).astype(np.int32)
    canvas = Canvas(96, 96)
    canvas.raster(points, faces)
    y, x = np.mgrid[:96, :96] + 0.5
    local = np.abs((np.stack([x, y], -1) - 48.3) @ turn)
    assert (canvas.face[(local < 35).all(-1)] >= 0).all()


def test_the_nearer_triangle_wins_whatever_the_order() -> None:
    near = SQUARE.copy()
    near[:, 2] = 0.5
    points = np.concatenate([near, SQUARE])
    for faces in (np.concatenate([FACES, FACES + 4]), np.concatenate([FACES + 4, FACES])):
        canvas = Canvas()
        canvas.raster(points, faces)
        np.testing.assert_allclose(canvas.depth[:8, :8], 0.5, atol=1e-6)


def test_backs_are_left_out_when_culling() -> None:
    canvas = Canvas()
    canvas.raster(SQUARE, np.ascontiguousarray(FACES[:, ::-1]), cull=True)
    assert (canvas.face == -1).all()
    canvas.raster(SQUARE, FACES, cull=True)
    assert (canvas.face[:8, :8] >= 0).all()


@pytest.mark.parametrize("shift", [-100.0, 100.0, 1e30])
def test_what_lies_outside_touches_nothing(shift: float) -> None:
    canvas = Canvas()
    canvas.face[:] = 7
    points = (SQUARE + np.array([shift, 0, 0])).astype(np.float32)
    canvas.raster(points, FACES)
    assert (canvas.face == 7).all()
    assert canvas.box[0] >= canvas.box[2]


def test_a_triangle_far_larger_than_the_picture_fills_it() -> None:
    canvas = Canvas()
    points = np.array([[-1e6, -1e6, 0], [1e6, -1e6, 0], [0, 2e6, 0]], np.float32)
    canvas.raster(points, np.array([[0, 1, 2]], np.int32))
    assert (canvas.face == 0).all()


@pytest.mark.parametrize("points", [[[3, 3, 0]] * 3, [[1, 1, 0], [5, 5, 0], [9, 9, 0]]])
def test_a_triangle_without_area_is_left_out(points: list[list[float]]) -> None:
    canvas = Canvas()
    canvas.raster(np.array(points, np.float32), np.array([[0, 1, 2]], np.int32))
    assert (canvas.face == -1).all()


def test_a_second_mesh_starts_from_a_clean_box() -> None:
    canvas = Canvas()
    canvas.raster(SQUARE, FACES)
    canvas.raster((SQUARE / 2).astype(np.float32), FACES)  # nearer corner only
    assert (canvas.face[:4, :4] >= 0).all()
    np.testing.assert_array_equal(canvas.box, [0, 0, 4, 4])


@pytest.mark.parametrize("near_first", [True, False])
def test_a_hole_in_the_nearer_part_shows_the_part_behind(near_first: bool) -> None:
    near = SQUARE.copy()
    near[:, 2] = 0.5
    points = np.concatenate([near, SQUARE])
    # a pixel is sampled from its own texel and the next one on the right
    source = np.ascontiguousarray(points[:, :2]) + np.array([0.3, 0], np.float32)
    source[4:] += np.array([8, 0], np.float32)  # behind: the texture's right half, all solid
    texture: U8 = np.full((8, 16, 4), 255, np.uint8)
    texture[:, 2:5] = 100  # the near part's hole, x from 2 to 5
    order = [FACES, FACES + 4] if near_first else [FACES + 4, FACES]
    canvas = Canvas()
    canvas.raster_ragged(points, np.concatenate(order), source, texture)
    behind = (canvas.face >= 2) == near_first
    np.testing.assert_array_equal(behind[:8, :8].all(0), [0, 1, 1, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(behind[:8, :8].any(0), [0, 1, 1, 1, 1, 0, 0, 0])


def test_a_hole_with_nothing_behind_it_still_shows_its_own_soft_edge() -> None:
    canvas = Canvas()
    canvas.raster_ragged(
        SQUARE, FACES, np.ascontiguousarray(SQUARE[:, :2]), np.full((8, 8, 4), 100, np.uint8)
    )
    assert (canvas.face[:8, :8] >= 0).all()
