"""Draw one textured or coloured triangle mesh over a picture: rasterise with depth, then blend."""

from __future__ import annotations

import math

import numba
import numpy as np

from engines.types import F32, I32, U8

FAR = np.float32(1e9)


@numba.njit(cache=True, nogil=True)
def clear(bounds: I32, depth: F32) -> None:
    """Set depth f32 (H, W) to FAR inside bounds (left, top, right, bottom)."""
    for y in range(bounds[1], bounds[3]):
        for x in range(bounds[0], bounds[2]):
            depth[y, x] = FAR


@numba.njit(cache=True, nogil=True)
def raster(
    points: F32, faces: I32, cull: bool, depth: F32, face: I32, bary: F32, bounds: I32
) -> None:
    """Nearest triangle per pixel.

    points: f32 (N, 3) px, px, depth (smaller is nearer); faces: i32 (F, 3); cull: skip triangles
    whose screen winding is clockwise-negative (seen from behind). depth: f32 (H, W); face: i32
    (H, W); bary: f32 (H, W, 2), weights of the second and third corner; written where depth wins.
    bounds: i32 (4,) left, top, right, bottom of what was touched, grown from what it holds.
    A pixel on an edge belongs to both triangles, so meshes have no cracks.
    """
    height, width = depth.shape
    edge = np.float32(-1e-4)
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        x0, y0 = points[a, 0], points[a, 1]
        x1, y1 = points[b, 0], points[b, 1]
        x2, y2 = points[c, 0], points[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if (cull and area >= 0) or abs(area) < 1e-6:
            continue
        left = max(0, int(math.ceil(min(x0, min(x1, x2)) - 0.5)))
        right = min(width, int(math.floor(max(x0, max(x1, x2)) - 0.5)) + 1)
        top = max(0, int(math.ceil(min(y0, min(y1, y2)) - 0.5)))
        bottom = min(height, int(math.floor(max(y0, max(y1, y2)) - 0.5)) + 1)
        if left >= right or top >= bottom:
            continue
        bounds[0] = min(bounds[0], left)
        bounds[1] = min(bounds[1], top)
        bounds[2] = max(bounds[2], right)
        bounds[3] = max(bounds[3], bottom)
        inverse = np.float32(1) / area
        z0, z1, z2 = points[a, 2], points[b, 2], points[c, 2]
        for y in range(top, bottom):
            dy = np.float32(y + 0.5) - y0
            for x in range(left, right):
                dx = np.float32(x + 0.5) - x0
                l1 = (dx * (y2 - y0) - (x2 - x0) * dy) * inverse
                l2 = ((x1 - x0) * dy - dx * (y1 - y0)) * inverse
                l0 = np.float32(1) - l1 - l2
                if l0 < edge or l1 < edge or l2 < edge:
                    continue
                z = l0 * z0 + l1 * z1 + l2 * z2
                if z < depth[y, x]:
                    depth[y, x] = z
                    face[y, x] = f
                    bary[y, x, 0] = l1
                    bary[y, x, 1] = l2


@numba.njit(cache=True, nogil=True)
def blend_texture(
    faces: I32, source: F32, texture: U8, depth: F32, face: I32, bary: F32, bounds: I32, person: F32
) -> None:
    """Sample and lay over: person = sample + person * (1 - alpha), inside bounds.

    source: f32 (N, 2) px in the texture; texture: u8 (h, w, 4) premultiplied RGBA; person: f32
    (H, W, 4) premultiplied, 0..255. Bilinear; beyond the texture there is nothing.
    """
    height, width = texture.shape[0], texture.shape[1]
    one = np.float32(1)
    for y in range(bounds[1], bounds[3]):
        for x in range(bounds[0], bounds[2]):
            if depth[y, x] >= FAR:
                continue
            f = face[y, x]
            l1, l2 = bary[y, x, 0], bary[y, x, 1]
            l0 = one - l1 - l2
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            u = l0 * source[a, 0] + l1 * source[b, 0] + l2 * source[c, 0] - np.float32(0.5)
            v = l0 * source[a, 1] + l1 * source[b, 1] + l2 * source[c, 1] - np.float32(0.5)
            if u < -0.999 or v < -0.999 or u > width - 0.001 or v > height - 0.001:
                continue
            u = min(max(u, np.float32(0)), np.float32(width - 1.001))
            v = min(max(v, np.float32(0)), np.float32(height - 1.001))
            i, j = int(u), int(v)
            p, q = u - np.float32(i), v - np.float32(j)
            w00, w01 = (one - p) * (one - q), p * (one - q)
            w10, w11 = (one - p) * q, p * q
            alpha = (
                w00 * texture[j, i, 3]
                + w01 * texture[j, i + 1, 3]
                + w10 * texture[j + 1, i, 3]
                + w11 * texture[j + 1, i + 1, 3]
            )
            if alpha <= 0:
                continue
            rest = one - alpha / np.float32(255)
            person[y, x, 3] = alpha + person[y, x, 3] * rest
            for k in range(3):
                value = (
                    w00 * texture[j, i, k]
                    + w01 * texture[j, i + 1, k]
                    + w10 * texture[j + 1, i, k]
                    + w11 * texture[j + 1, i + 1, k]
                )
                person[y, x, k] = value + person[y, x, k] * rest


@numba.njit(cache=True, nogil=True)
def blend_colours(
    faces: I32, colours: F32, depth: F32, face: I32, bary: F32, bounds: I32, person: F32
) -> None:
    """Lay interpolated vertex colours, f32 (N, 4) premultiplied 0..255, over person."""
    one = np.float32(1)
    for y in range(bounds[1], bounds[3]):
        for x in range(bounds[0], bounds[2]):
            if depth[y, x] >= FAR:
                continue
            f = face[y, x]
            l1, l2 = bary[y, x, 0], bary[y, x, 1]
            l0 = one - l1 - l2
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            alpha = l0 * colours[a, 3] + l1 * colours[b, 3] + l2 * colours[c, 3]
            rest = one - alpha / np.float32(255)
            for k in range(4):
                value = l0 * colours[a, k] + l1 * colours[b, k] + l2 * colours[c, k]
                person[y, x, k] = value + person[y, x, k] * rest
