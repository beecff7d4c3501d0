from __future__ import annotations

import numpy as np

from engines.kernels.lay import lay_colours, lay_texture
from engines.kernels.planes import planes
from engines.kernels.raster import raster
from engines.types import F32, I32, U8

SQUARE = np.array([[0, 0, 1], [8, 0, 1], [0, 8, 1], [8, 8, 1]], np.float32)
FACES = np.array([[0, 2, 1], [1, 2, 3]], np.int32)
XY = np.ascontiguousarray(SQUARE[:, :2])


def drawn(points: F32, source: F32, texture: U8, person: U8, faces: I32 = FACES) -> tuple[U8, I32]:
    height, width = person.shape[:2]
    depth: F32 = np.empty((height, width), np.float32)
    face: I32 = np.full((height, width), -1, np.int32)
    box = np.zeros(4, np.int32)
    plane = np.zeros((len(faces), 8), np.float32)
    planes(points, faces, source, plane)
    raster(points, faces, False, np.zeros(len(faces), np.uint8), plane, texture, depth, face, box)
    lay_texture(plane, texture, face, box, person)
    return person, face


def premultiplied(rng: np.random.Generator, height: int, width: int) -> U8:
    colours = rng.random((height, width, 3))
    alpha = rng.integers(0, 256, (height, width, 1))
    return np.concatenate([colours * alpha, alpha], 2).astype(np.uint8)


def reference(
    points: F32, faces: I32, source: F32, texture: U8, face: I32, person: U8
) -> np.ndarray:
    out = person.astype(np.float64)
    height, width = texture.shape[:2]
    for y, x in zip(*np.nonzero(face >= 0), strict=True):
        corners = faces[face[y, x]]
        a, b, c = points[corners, :2].astype(np.float64)
        l1, l2 = np.linalg.solve(np.array([b - a, c - a]).T, [x + 0.5 - a[0], y + 0.5 - a[1]])
        u, v = np.array([1 - l1 - l2, l1, l2]) @ source[corners] - 0.5
        u, v = np.clip(u, 0, width - 1.001), np.clip(v, 0, height - 1.001)
        i, j = int(u), int(v)
        p, q = u - i, v - j
        sample = (1 - q) * ((1 - p) * texture[j, i] + p * texture[j, i + 1])
        sample = sample + q * ((1 - p) * texture[j + 1, i] + p * texture[j + 1, i + 1])
        out[y, x] += sample * (1 - out[y, x, 3] / 255)
    return out


def test_agrees_with_the_formula() -> None:
    rng = np.random.default_rng(3)
    texture = premultiplied(rng, 9, 7)
    points = (SQUARE + rng.normal(size=SQUARE.shape)).astype(np.float32)
    source = (rng.random((4, 2)) * 14 - 3).astype(np.float32)  # partly beyond the texture
    over = premultiplied(rng, 12, 10)
    over[:, :5] = 0
    got, face = drawn(points, source, texture, over.copy())
    want = reference(points, FACES, source, texture, face, over)
    assert (face >= 0).any()
    np.testing.assert_allclose(got[:, :5], want[:, :5], atol=0.51)
    np.testing.assert_allclose(got, want, atol=1.01)  # sample and sum are rounded
    assert (got[:, :, :3] <= got[:, :, 3:]).all()


def test_a_texture_lands_pixel_by_pixel() -> None:
    rng = np.random.default_rng(2)
    texture = rng.integers(0, 255, (8, 8, 4), np.uint8)
    texture[:, :, 3] = 255
    person, _ = drawn(SQUARE, XY, texture, np.zeros((12, 10, 4), np.uint8))
    np.testing.assert_array_equal(person[:8, :8], texture)
    assert (person[8:] == 0).all()


def test_opaque_beneath_half_transparent_by_hand() -> None:
    person = np.tile(np.array([0, 51, 0, 51], np.uint8), (12, 10, 1))  # a fifth of pure green
    texture = np.full((8, 8, 4), [100, 0, 0, 255], np.uint8)
    drawn(SQUARE, XY, texture, person)
    np.testing.assert_array_equal(person[3, 3], [80, 51, 0, 255])


def test_what_is_opaque_hides_all_beneath() -> None:
    person = np.tile(np.array([1, 2, 3, 255], np.uint8), (12, 10, 1))
    drawn(SQUARE, XY, np.full((8, 8, 4), 255, np.uint8), person)
    assert (person == [1, 2, 3, 255]).all()


def test_a_soft_edge_takes_no_colour_from_transparent_texels() -> None:
    texture = np.zeros((8, 8, 4), np.uint8)
    texture[:, :4] = [200, 100, 50, 255]
    points = SQUARE + np.array([0.5, 0, 0], np.float32)
    person, _ = drawn(points, XY, texture, np.zeros((12, 10, 4), np.uint8))
    np.testing.assert_array_equal(person[3, 4], [100, 50, 25, 128])  # half of all four


def test_planes_by_hand() -> None:
    points = np.array([[2, 3, 0], [6, 3, 0], [2, 5, 0]], np.float32)
    values = np.array([[10], [18], [16]], np.float32)
    plane = np.zeros((1, 5), np.float32)
    planes(points, np.array([[0, 1, 2]], np.int32), values, plane)
    np.testing.assert_allclose(plane[0], [2, 3, 10, 2, 3])  # 8 over 4 px, 6 over 2 px


def test_planes_of_a_triangle_without_area_are_flat() -> None:
    plane = np.ones((1, 5), np.float32)
    points = np.ones((3, 3), np.float32)
    planes(points, np.array([[0, 1, 2]], np.int32), np.array([[7], [8], [9]], np.float32), plane)
    np.testing.assert_array_equal(plane[0], [1, 1, 7, 0, 0])


def colours_drawn(points: F32, colours: F32) -> U8:
    """Points in px of the fine raster, twice the picture's."""
    depth: F32 = np.empty((24, 20), np.float32)
    face: I32 = np.full((24, 20), -1, np.int32)
    box = np.zeros(4, np.int32)
    person: U8 = np.zeros((12, 10, 4), np.uint8)
    plane = np.zeros((len(FACES), 14), np.float32)
    planes(points, FACES, colours, plane)
    whole, none = np.zeros(len(FACES), np.uint8), np.zeros((1, 1, 4), np.uint8)
    raster(points, FACES, False, whole, plane, none, depth, face, box)
    lay_colours(plane, face, box, person)
    return person


def test_corner_colours_are_interpolated() -> None:
    colours = np.zeros((4, 4), np.float32)
    colours[:, 3] = 255
    colours[[1, 3], 0] = 160  # red grows from left to right, 20 a pixel
    person = colours_drawn(SQUARE * 2, colours)
    np.testing.assert_array_equal(person[4, :8, 0], 20 * np.arange(8) + 10)
    assert (person[:, 8:] == 0).all()


def test_a_pixel_half_covered_is_half_transparent() -> None:
    colours = np.tile(np.array([200, 100, 0, 255], np.float32), (4, 1))
    shift = np.array([3, 0, 0], np.float32)  # a pixel and a half
    person = colours_drawn(SQUARE * 2 + shift, colours)
    np.testing.assert_array_equal(person[4, 1], [100, 50, 0, 128])
    np.testing.assert_array_equal(person[4, 2], [200, 100, 0, 255])
    np.testing.assert_array_equal(person[4, 9], [100, 50, 0, 128])
