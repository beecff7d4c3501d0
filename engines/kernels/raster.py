"""Which triangle of a mesh each pixel shows: a z-buffer, filled along scan lines."""

from __future__ import annotations

import math

import numba
import numpy as np

from engines.types import F32, I32, U8

FAR = np.float32(1e9)
SMALLEST = np.float32(0.02)  # px²: twice the area below which a triangle is left out
_SLACK = np.float32(1e-3)  # px by which neighbours overlap, so that rounding leaves no crack
SOLID = np.uint8(250)  # alpha, of 255, below which a texel hides nothing of its own mesh
_BEYOND = np.float32(1e3)  # m: how much farther away such a texel counts


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def raster(
    points: F32,
    faces: I32,
    cull: bool,
    ragged: U8,
    plane: F32,
    texture: U8,
    depth: F32,
    face: I32,
    box: I32,
) -> None:
    """The nearest triangle at every pixel centre inside the mesh's bounding box.

    points: f32 (N, 3) px, px, depth (smaller is nearer), finite; faces: i32 (F, 3); cull: leave
    out triangles seen from behind (twice the area above zero, with y down). ragged: u8 (F,), 1
    for triangles whose texture has holes: where one of the texels of texture u8 (h, w, 4) that
    ``lay_texture`` samples through plane f32 (F, 8) is not solid, all that is solid counts as
    nearer. So a sheet that folds shows no slits. face: i32 (H, W), index of the triangle or -1,
    is written inside ``box`` alone; depth: f32 (H, W), written where there is a triangle. box: i32
    (4,), written: left, top, right, bottom, empty where the mesh lies outside. A centre on an edge
    belongs to both neighbours; the nearer wins, of equals the first. Depth is affine over a
    triangle (weak perspective).
    """
    _clear(points, face, box)
    zero, half = np.float32(0), np.float32(0.5)
    for f in range(len(faces)):
        # Unsigned indices spare a test for negative ones.
        a, b, c = np.uint64(faces[f, 0]), np.uint64(faces[f, 1]), np.uint64(faces[f, 2])
        x0, y0, z0 = points[a, 0], points[a, 1], points[a, 2]
        x1, y1 = points[b, 0] - x0, points[b, 1] - y0
        x2, y2 = points[c, 0] - x0, points[c, 1] - y0
        area = x1 * y2 - x2 * y1
        if (cull and area >= zero) or abs(area) < SMALLEST:
            continue
        highest = y0 + min(min(y1, y2), zero) - half - _SLACK
        lowest = y0 + max(max(y1, y2), zero) - half + _SLACK
        top = int(math.ceil(max(highest, np.float32(box[1]))))
        bottom = int(math.floor(min(lowest, np.float32(box[3] - 1)))) + 1
        if top >= bottom:
            continue
        inverse = np.float32(1) / area
        z1, z2 = (points[b, 2] - z0) * inverse, (points[c, 2] - z0) * inverse
        zx, zy = z1 * y2 - z2 * y1, z2 * x1 - z1 * x2
        # A scan line enters past two lines and leaves before two, x = at + slope * dy
        in_at = in2_at = min(min(x1, x2), zero) - _SLACK
        out_at = out2_at = max(max(x1, x2), zero) + _SLACK
        in_slope = in2_slope = out_slope = out2_slope = zero
        for k in range(3):
            if k == 0:
                ax, ay, run, rise = zero, zero, x1, y1
            elif k == 1:
                ax, ay, run, rise = x1, y1, x2 - x1, y2 - y1
            else:
                ax, ay, run, rise = x2, y2, -x2, -y2
            if rise == zero:
                continue
            slope = run / rise
            at = ax - ay * slope
            if (rise > zero) == (area > zero):
                out2_at, out2_slope = out_at, out_slope
                out_at, out_slope = at + _SLACK, slope
            else:
                in2_at, in2_slope = in_at, in_slope
                in_at, in_slope = at - _SLACK, slope
        shift = x0 - half
        left, right = np.float32(box[0]), np.float32(box[2] - 1)
        for y in range(top, bottom):
            dy = np.float32(y) + half - y0
            enter = max(in_at + in_slope * dy, in2_at + in2_slope * dy) + shift
            leave = min(out_at + out_slope * dy, out2_at + out2_slope * dy) + shift
            enter, leave = max(enter, left), min(leave, right)
            if enter > leave:
                continue
            here = z0 + zy * dy - zx * shift
            row, first, last = np.uint64(y), int(math.ceil(enter)), int(math.floor(leave))
            for x in range(np.uint64(first), np.uint64(last + 1)):
                z = here + zx * np.float32(np.int64(x))
                other = face[row, x]
                if other < 0 or _wins(ragged, plane, texture, f, other, z, depth[row, x], x, y):
                    depth[row, x] = z
                    face[row, x] = f


@numba.njit(cache=True, nogil=True)
def _wins(
    ragged: U8,
    plane: F32,
    texture: U8,
    f: int,
    other: int,
    z: np.float32,
    there: np.float32,
    x: int,
    y: int,
) -> bool:
    """Whether triangle ``f`` at depth ``z`` hides ``other``: only here is the texture asked."""
    if ragged[f] and _alpha(plane[f], texture, x, y) < SOLID:
        z += _BEYOND
    if ragged[other] and _alpha(plane[other], texture, x, y) < SOLID:
        there += _BEYOND
    return bool(z < there)


@numba.njit(cache=True, nogil=True)
def _alpha(plane: F32, texture: U8, x: int, y: int) -> np.uint8:
    """The least alpha of the four texels that a pixel is sampled from."""
    half = np.float32(0.5)
    dx, dy = np.float32(x) + half - plane[0], np.float32(y) + half - plane[1]
    u = int(math.floor(plane[2] + plane[3] * dx + plane[4] * dy - half))
    v = int(math.floor(plane[5] + plane[6] * dx + plane[7] * dy - half))
    right, bottom = texture.shape[1] - 1, texture.shape[0] - 1
    u0, u1 = min(max(u, 0), right), min(max(u + 1, 0), right)
    v0, v1 = min(max(v, 0), bottom), min(max(v + 1, 0), bottom)
    above = min(texture[v0, u0, 3], texture[v0, u1, 3])
    return min(above, min(texture[v1, u0, 3], texture[v1, u1, 3]))


@numba.njit(cache=True, nogil=True)
def _clear(points: F32, face: I32, box: I32) -> None:
    """Find the bounding box on the canvas and empty it."""
    height, width = np.float32(face.shape[0]), np.float32(face.shape[1])
    left = top = FAR
    right = bottom = -FAR
    for n in range(len(points)):
        left, right = min(left, points[n, 0]), max(right, points[n, 0])
        top, bottom = min(top, points[n, 1]), max(bottom, points[n, 1])
    zero = np.float32(0)
    box[0] = int(math.floor(min(max(left, zero), width)))
    box[1] = int(math.floor(min(max(top, zero), height)))
    box[2] = int(math.ceil(min(max(right, zero), width)))
    box[3] = int(math.ceil(min(max(bottom, zero), height)))
    for y in range(np.uint64(box[1]), np.uint64(box[3])):
        for x in range(np.uint64(box[0]), np.uint64(box[2])):
            face[y, x] = -1
