"""Each CUDA kernel against its numba twin, on the CPU and, where there is one, on a card."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.kernels.cuda import Device
from engines.kernels.fade import fade
from engines.kernels.lay import composite, lay_colours, lay_texture, straighten
from engines.kernels.planes import planes
from engines.kernels.raster import FAR, SOLID, raster
from engines.kernels.skin import skin
from engines.kernels.warp import warp
from engines.keypoints.refine import KERNEL, MIN_PEAK, refine
from engines.types import F32, I32, U8

EMPTY = np.uint64(2**64 - 1)


def padded(array: NDArray[Any], last: NDArray[Any] | float = 0) -> NDArray[Any]:
    """(N, 3) to (N, 4)."""
    column = np.broadcast_to(np.asarray(last, array.dtype), len(array))
    return np.ascontiguousarray(np.column_stack([array, column]))


def got(device: Device, array: Any, host: NDArray[Any]) -> NDArray[Any]:
    """What an array on the device holds, in the shape and type of ``host``."""
    staging = device.staging(host.shape, host.dtype.type)
    device.download(array, staging)
    device.wait()
    return staging.copy()


def sheet_rows(*rows: tuple[int, ...]) -> NDArray[Any]:
    """Sheet structs: canvas, fine, first, texture, width, height, and two unused."""
    return np.array([(*row, 0, 0) for row in rows], np.int32)


def unread(device: Device) -> tuple[Any, Any]:
    """Texels and flow of triangles that have none."""
    return device.array(np.zeros((1, 4), np.uint8)), device.array(np.zeros((1, 8), np.float32))


class Mesh:
    """Random triangles over a picture of 40x24 and some of its surroundings."""

    width, height = 40, 24

    def __init__(self, seed: int, fine: int = 1, faces: int = 60) -> None:
        rng = np.random.default_rng(seed)
        size = np.array([self.width * fine, self.height * fine, 2], np.float32)
        self.points: F32 = (rng.random((40, 3), np.float32) * 1.4 - 0.2) * size
        self.faces: I32 = rng.integers(0, 40, (faces, 3)).astype(np.int32)
        self.faces[7] = self.faces[3]  # equally near: the first is kept
        shape = (self.height * fine, self.width * fine)
        self.depth: F32 = np.full(shape, FAR, np.float32)
        self.face: I32 = np.full(shape, -1, np.int32)
        self.box: I32 = np.zeros(4, np.int32)
        self.texture: U8 = np.full((9, 13, 4), 255, np.uint8)
        self.texture[rng.random((9, 13)) < 0.2] = SOLID - np.uint8(2)  # holes
        self.ragged: U8 = rng.integers(0, 2, faces, np.uint8) * np.uint8(fine == 1)
        self.plane: F32 = np.zeros((faces, 8), np.float32)
        xy = (rng.random((40, 2), np.float32) * 1.4 - 0.2) * np.array([13, 9], np.float32)
        planes(self.points, self.faces, xy.astype(np.float32), self.plane)
        raster(
            self.points, self.faces, fine > 1, self.ragged, self.plane, self.texture,
            self.depth, self.face, self.box,
        )  # fmt: skip
        outside = np.ones(shape, bool)
        left, top, right, bottom = self.box
        outside[top:bottom, left:right] = False
        self.face[outside] = -1

    def keys(self, first: int = 0) -> NDArray[np.uint64]:
        """What the CUDA raster would hold."""
        bits = (self.depth + np.float32(0)).view(np.uint32)
        bits = bits ^ np.where(bits >> 31, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
        keys = bits.astype(np.uint64) << np.uint64(32) | (self.face + first).astype(np.uint64)
        return np.where(self.face < 0, EMPTY, keys)


def depth_of(keys: NDArray[np.uint64]) -> F32:
    """The depth in a key of the CUDA raster."""
    bits = (keys >> np.uint64(32)).astype(np.uint32)
    return (bits ^ np.where(bits >> 31, np.uint32(0x80000000), np.uint32(0xFFFFFFFF))).view(
        np.float32
    )


def test_skin(device: Device) -> None:
    rng = np.random.default_rng(0)
    count, joints, width, height = 300, 7, 64, 48
    points = rng.normal(size=(count, 3)).astype(np.float32)
    centres = rng.normal(size=(count, 3)).astype(np.float32)
    index = rng.integers(0, joints, (count, 4)).astype(np.int32)
    weight = rng.random((count, 4), np.float32)
    weight[:50, 1:] = 0
    weight /= weight.sum(1, keepdims=True)
    maps = rng.normal(size=(joints, 3, 4)).astype(np.float32)
    turn = rng.normal(size=(joints, 4)).astype(np.float32)
    rest = rng.normal(size=(joints, 3, 3)).astype(np.float32)
    view = np.array([20, 30, 20], np.float32)
    sheet = rng.integers(-1, 3, count).astype(np.int32)
    fine = np.where(sheet == 2, 2, 1).astype(np.float32)
    want = np.empty((count, 3), np.float32)
    skin(points, centres, index, weight, maps, turn, rest, view, want)
    want[:, :2] *= fine[:, None]
    out = device.array(np.full((count, 4), np.nan, np.float32))
    start = np.array([[width, height, 0, 0]] * 2 + [[2 * width, 2 * height, 0, 0]], np.int32)
    box = device.array(start)
    device.launch(
        "skin", (count,), count, device.array(padded(points, fine)), device.array(padded(centres)),
        device.array(index), device.array(weight), device.array(sheet), device.array(maps),
        device.array(turn), device.array(padded(rest.reshape(-1, 3))), device.array(view), width,
        height, out, box,
    )  # fmt: skip
    placed = got(device, out, padded(points))
    np.testing.assert_allclose(placed[:, :3], want, rtol=1e-5, atol=2e-3)
    for n, limit in enumerate(got(device, box, start)):
        own = placed[sheet == n, :2]
        size = start[n, :2]
        np.testing.assert_array_equal(limit[:2], np.floor(np.clip(own.min(0), 0, size)))
        np.testing.assert_array_equal(limit[2:], np.ceil(np.clip(own.max(0), 0, size)))


def test_fade(device: Device) -> None:
    rng = np.random.default_rng(1)
    colours = rng.random((50, 4), np.float32) * 255
    placed = rng.random((50, 3), np.float32) * 30
    covered = rng.permutation(50)[:30].astype(np.int32)
    covers = rng.random((30, 3), np.float32) * 30
    covers[:3] = placed[covered[:3]]  # exactly there
    view = np.array([100, 3, 4], np.float32)
    want = colours.copy()
    fade(colours, placed, covered, covers, np.float32(4), np.float32(14), want)
    out = device.array(colours)
    device.launch(
        "fade", (30,), 30, device.array(colours), device.array(padded(placed)),
        device.array(covered), device.array(padded(covers)), 0.02, 0.07, device.array(view), 2.0,
        out,
    )  # fmt: skip
    np.testing.assert_allclose(got(device, out, colours), want, atol=1e-2)


@pytest.mark.parametrize("textured", [1, 25, 59])
def test_planes(device: Device, textured: int) -> None:
    mesh, rng, first = Mesh(2), np.random.default_rng(2), 3
    mesh.faces[0] = 5  # no area
    mesh.faces[40] = 7
    mesh.faces[textured:] = np.maximum(mesh.faces[textured:], first)  # who come first have none
    xy = rng.random((40, 2), np.float32) * 100
    colours = rng.random((40, 4), np.float32) * 100
    wanted = np.zeros((60, 8), np.float32), np.zeros((60, 14), np.float32)
    planes(mesh.points, mesh.faces, xy, wanted[0])
    planes(mesh.points, mesh.faces, colours, wanted[1])
    hosts = np.full((textured, 8), 7, np.float32), np.full((60 - textured, 16), 7, np.float32)
    flow, shade = map(device.array, hosts)
    device.launch(
        "planes", (60,), 60, textured, device.array(padded(mesh.points)),
        device.array(padded(mesh.faces)), device.array(xy), device.array(colours[first:]), first,
        flow, shade,
    )  # fmt: skip
    results = got(device, flow, hosts[0]), got(device, shade, hosts[1])[:, :14]
    for result, want in zip(results, (wanted[0][:textured], wanted[1][textured:]), strict=True):
        assert (np.abs(result - want) / np.maximum(1, np.abs(want)) < 1e-3).all()


@pytest.mark.parametrize("fine", [1, 2])
@pytest.mark.parametrize("seed", range(8))
def test_raster(device: Device, seed: int, fine: int) -> None:
    mesh = Mesh(seed, fine)
    start = np.full(5 + mesh.face.size, EMPTY, np.uint64)
    keys = device.array(start)
    faces = np.concatenate([padded(mesh.faces, mesh.ragged), padded(mesh.faces, 2)])
    sheets = sheet_rows((5, fine, 0, 0, 13, 9), (5, fine, 60, 0, 0, 0))
    box = np.array([mesh.box, [9, 9, 9, 9]], np.int32)  # nothing of the second sheet is inside
    device.launch(
        "raster", (32 * len(faces),), len(faces), device.array(padded(mesh.points)),
        device.array(faces), device.array(sheets), device.array(box),
        device.array(mesh.texture), device.array(mesh.plane), mesh.width, keys,
    )  # fmt: skip
    result = got(device, keys, start)
    assert (result[:5] == EMPTY).all()
    result = result[5:].reshape(mesh.face.shape)
    face = np.where(result == EMPTY, -1, (result & np.uint64(0xFFFFFFFF)).astype(np.int64))
    agrees = face == mesh.face
    # a pixel on an edge, or where two meet in depth, may be rounded differently
    assert agrees.mean() > 0.995
    drawn = agrees & (face >= 0)
    depth = depth_of(result[drawn])
    depth -= np.where(depth > 500, np.float32(1e3), np.float32(0))  # what is not solid
    np.testing.assert_allclose(depth, mesh.depth[drawn], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("shift", [-100.0, 100.0, 1e30, -1e30])
def test_raster_writes_nothing_outside(device: Device, shift: float) -> None:
    mesh = Mesh(3)
    points = (mesh.points + np.array([shift, 0, 0], np.float32)).astype(np.float32)
    start = np.full(mesh.face.size, EMPTY, np.uint64)
    keys = device.array(start)
    edge = np.clip([points[:, 0].min(), points[:, 0].max()], 0, mesh.width).astype(np.int32)
    box = np.array([[edge[0], 0, edge[1], mesh.height]], np.int32)
    device.launch(
        "raster", (32 * 60,), 60, device.array(padded(points)), device.array(padded(mesh.faces)),
        device.array(sheet_rows((0, 1, 0, 0, 0, 0))), device.array(box),
        *unread(device), mesh.width, keys,
    )  # fmt: skip
    assert (got(device, keys, start) == EMPTY).all()


def test_raster_fills_the_picture_with_a_huge_triangle_behind_the_camera(device: Device) -> None:
    points = np.array([[-1e6, -1e6, -3], [1e6, -1e6, -3], [0, 2e6, -3]], np.float32)
    start = np.full(24 * 40, EMPTY, np.uint64)
    keys = device.array(start)
    device.launch(
        "raster", (32,), 1, device.array(padded(points)),
        device.array(np.array([[0, 1, 2, 0]], np.int32)),
        device.array(sheet_rows((0, 1, 0, 0, 0, 0))),
        device.array(np.array([[0, 0, 40, 24]], np.int32)), *unread(device), 40, keys,
    )  # fmt: skip
    result = got(device, keys, start)
    assert (result & np.uint64(0xFFFFFFFF) == 0).all()
    assert (result >> np.uint64(32) < 0x80000000).all()  # nearer than depth 0


def test_paint_lays_what_lay_texture_and_lay_colours_lay(device: Device) -> None:
    rng = np.random.default_rng(4)
    first, second, skinned = Mesh(10), Mesh(11), Mesh(12, fine=2)
    width, height = Mesh.width, Mesh.height
    textures = [rng.integers(0, 256, (h, w, 4), np.uint8) for h, w in ((9, 13), (30, 5))]
    for texture in textures:
        texture[:, :, :3] = texture[:, :, :3] * (texture[:, :, 3:] / 255)
    xy = [(rng.random((40, 2), np.float32) * 1.4 - 0.2) * t.shape[1::-1] for t in textures]
    colours = rng.random((40, 4), np.float32) * 255
    colours[:, :3] *= colours[:, 3:] / 255
    flows = [np.zeros((60, 8), np.float32) for _ in textures]
    shade = np.zeros((60, 14), np.float32)
    person: U8 = np.zeros((height, width, 4), np.uint8)
    for mesh, at, flow in zip((first, second), xy, flows, strict=True):
        planes(mesh.points, mesh.faces, at.astype(np.float32), flow)
    planes(skinned.points, skinned.faces, colours, shade)
    lay_texture(flows[0], textures[0], first.face, first.box, person)
    lay_colours(shade, skinned.face, skinned.box, person)
    lay_texture(flows[1], textures[1], second.face, second.box, person)

    area = width * height
    sheets = sheet_rows(
        (0, 1, 0, 0, 13, 9), (area, 1, 0, 9 * 13, 5, 30), (2 * area, 2, 120, -1, 0, 0)
    )
    start = np.concatenate(
        [first.keys().ravel(), second.keys(60).ravel(), skinned.keys(120).ravel()]
    )
    keys = device.array(start)
    out = device.array(np.full_like(person, 77))
    device.launch(
        "paint", (width, height), width, height, 3,
        device.array(np.array([1, 2, 0], np.int32)), device.array(sheets),
        device.array(np.stack([first.box, second.box, skinned.box])), keys,
        device.array(np.concatenate([t.reshape(-1, 4) for t in textures])),
        device.array(np.concatenate(flows)),
        device.array(np.pad(shade, ((0, 0), (0, 2)))), out,
    )  # fmt: skip
    assert (person > 0).any()
    result = got(device, out, person)
    assert _apart(result, person) <= 1
    assert (result == person).mean() > 0.99  # sums are fused alike, not in the same order
    assert (got(device, keys, start) == EMPTY).all()  # ready for the next frame


@pytest.mark.parametrize("count", [1, 126, 127, 4096, 4097, 66000])
def test_composite_and_straighten(device: Device, count: int) -> None:
    rng = np.random.default_rng(count)
    person, background = rng.integers(0, 256, (2, 1, count, 4), np.uint8)
    person[0, : count // 3] *= np.array([1, 1, 1, 0], np.uint8)
    person[0, count // 3 : count // 2, 3] = 255
    person[:, :, :3] = np.minimum(person[:, :, :3], person[:, :, 3:])
    if count > 65536:  # every alpha with every colour
        alpha, colour = np.mgrid[:256, :256].reshape(2, -1)
        person[0, :65536] = np.minimum(colour, alpha)[:, None]
        person[0, :65536, 3] = alpha
    room = np.full((1, count + 3, 4), 77, np.uint8)  # nothing is written beyond
    want: U8 = np.empty_like(background)
    above, behind, out = map(device.array, (person, background, room))
    threads = (-(-count // 4),)
    composite(person, background, want)
    device.launch("composite", threads, count, above, behind, out)
    np.testing.assert_array_equal(got(device, out, room)[:, :count], want)
    straighten(person, want)
    device.launch("straighten", threads, count, above, out)
    result = got(device, out, room)
    np.testing.assert_array_equal(result[:, :count], want)
    assert (result[:, count:] == 77).all()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (16, 32)])
def test_refine(device: Device, height: int, width: int) -> None:
    rng = np.random.default_rng(height)
    count, side = 200, 256
    raw = rng.normal(size=(count, 5)).astype(np.float32) * 40
    raw[:, :2] = rng.random((count, 2)) * 340 - 40  # some outside
    edges = [0.0, -0.0, -3.9, -4.1, 255.9, 256.0, 1e9, -1e9, 1e30, np.inf, np.nan]
    for k, edge in enumerate(edges):
        raw[2 * k, 0], raw[2 * k + 1, 1] = edge, edge
    heat = rng.normal(size=(count, height, width)).astype(np.float32) * 4 - 4
    heat[50:60] = -0.1  # no peak
    heat[60:70] = 0  # just one
    heat[70:80] = rng.normal(size=(10, height, width)) * 1e6
    heat[80:90] = -1e30
    heat[90:95], heat[95:100] = np.inf, -np.inf
    heat[100:105] = np.nan
    with np.errstate(all="ignore"):
        want: F32 = raw[:, :3] / np.float32(side)
        stays = want.copy()
        refine(want, heat, KERNEL, MIN_PEAK)
    out = device.array(np.full_like(want, np.nan))
    device.launch(
        "refine", (count,), count, device.array(raw), float(side), device.array(heat), width,
        height, MIN_PEAK, out,
    )  # fmt: skip
    result = got(device, out, want)
    moved = (want[:, :2] != stays[:, :2]).any(1)
    assert 50 < moved.sum() < 180
    np.testing.assert_array_equal(result[~moved], stays[~moved])
    np.testing.assert_array_equal(result[:, 2], stays[:, 2])
    # The twin sums in double precision; a millionth of a crop of 500 px is nothing.
    np.testing.assert_allclose(result, want, rtol=0, atol=1e-6)


def _apart(a: NDArray[Any], b: NDArray[Any]) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("channels", [8, 32])
def test_warp(device: Device, half: bool, channels: int) -> None:
    rng = np.random.default_rng(channels)
    layers, height, width = 3, 21, 17
    dtype = np.float16 if half else np.float32
    source = rng.normal(size=(layers, 6, 11, channels)).astype(dtype)
    flow = (rng.random((layers, height, width, 2)) * 16 - 3).astype(np.float32)  # partly beyond
    flow[0, 0, 0] = [11, 6]
    visible = rng.random((layers, height, width)).astype(np.float32)
    visible[rng.random(visible.shape) < 0.3] = 0
    flow[visible == 0] = 1e30
    want: F32 = np.empty((height, width, channels), np.float32)
    warp(source.astype(np.float32), flow, visible, want)
    out = device.array(np.full(want.shape, np.nan, dtype))
    words = source.itemsize * channels // 16
    device.launch(
        "warp_half" if half else "warp_float", (height * width * words,), layers, height * width,
        words, 11, 6, device.array(source), device.array(flow), device.array(visible), out,
    )  # fmt: skip
    result = got(device, out, want.astype(dtype))
    np.testing.assert_allclose(result, want, atol=4e-3 if half else 1e-4, rtol=2e-3)


def test_halves_are_numpys(device: Device) -> None:
    bits = np.arange(2**16, dtype=np.uint16).reshape(2, 2, -1)
    source = bits.view(np.float16)
    source = np.where(np.isfinite(source), source, np.float16(1))[None]
    channels = source.shape[-1]
    flow = np.zeros((1, 2, 2, 2), np.float32) + np.array(
        [[[0.5, 0.5], [1.5, 0.5]], [[0.5, 1.5], [1.5, 1.5]]], np.float32
    )
    out = device.array(np.full((2, 2, channels), np.nan, np.float16))
    device.launch(
        "warp_half", (4 * channels // 8,), 1, 4, channels // 8, 2, 2, device.array(source),
        device.array(flow), device.array(np.ones((1, 2, 2), np.float32)), out,
    )  # fmt: skip
    np.testing.assert_array_equal(got(device, out, source[0]), source[0])
