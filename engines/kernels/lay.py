"""Lay a rasterised mesh over the picture (Porter and Duff's "over", premultiplied)."""

from __future__ import annotations

import numba
import numpy as np

from engines.types import F32, I32


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def lay_texture(plane: F32, texture: F32, face: I32, box: I32, person: F32) -> None:
    """person = sample + person * (1 - alpha) at the pixels of ``box`` that show a triangle.

    plane: f32 (F, 8), see ``planes`` of the two texture coordinates, px; texture: f32 (h, w, 4)
    premultiplied RGBA 0..255, at least 2x2; face: i32 (H, W), -1 for none; box: i32 (4,) left,
    top, right, bottom; person: f32 (H, W, 4) premultiplied RGBA 0..255. Bilinear between texel
    centres; the outermost texels go on beyond the texture.
    """
    # Unsigned indices spare a test for negative ones; contraction lets the four channels be one
    # vector: together twice as fast.
    zero, half, one = np.float32(0), np.float32(0.5), np.float32(1)
    share = np.float32(1 / 255)
    right = np.float32(texture.shape[1]) - np.float32(1.001)
    bottom = np.float32(texture.shape[0]) - np.float32(1.001)
    for y in range(np.uint64(box[1]), np.uint64(box[3])):
        below = np.float32(np.int64(y)) + half
        for x in range(np.uint64(box[0]), np.uint64(box[2])):
            if face[y, x] < 0:
                continue
            f = np.uint64(face[y, x])
            dx = np.float32(np.int64(x)) + half - plane[f, 0]
            dy = below - plane[f, 1]
            u = plane[f, 2] + plane[f, 3] * dx + plane[f, 4] * dy - half
            v = plane[f, 5] + plane[f, 6] * dx + plane[f, 7] * dy - half
            u = min(max(u, zero), right)
            v = min(max(v, zero), bottom)
            column, row = np.int32(u), np.int32(v)
            p, q = u - np.float32(column), v - np.float32(row)
            i, j = np.uint64(column), np.uint64(row)
            i1, j1 = i + np.uint64(1), j + np.uint64(1)
            w11 = p * q
            w01, w10 = p - w11, q - w11
            w00 = one - p - w10
            red = (
                w00 * texture[j, i, 0]
                + w01 * texture[j, i1, 0]
                + w10 * texture[j1, i, 0]
                + w11 * texture[j1, i1, 0]
            )
            green = (
                w00 * texture[j, i, 1]
                + w01 * texture[j, i1, 1]
                + w10 * texture[j1, i, 1]
                + w11 * texture[j1, i1, 1]
            )
            blue = (
                w00 * texture[j, i, 2]
                + w01 * texture[j, i1, 2]
                + w10 * texture[j1, i, 2]
                + w11 * texture[j1, i1, 2]
            )
            alpha = (
                w00 * texture[j, i, 3]
                + w01 * texture[j, i1, 3]
                + w10 * texture[j1, i, 3]
                + w11 * texture[j1, i1, 3]
            )
            rest = one - alpha * share
            person[y, x, 0] = red + person[y, x, 0] * rest
            person[y, x, 1] = green + person[y, x, 1] * rest
            person[y, x, 2] = blue + person[y, x, 2] * rest
            person[y, x, 3] = alpha + person[y, x, 3] * rest


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def lay_colours(plane: F32, face: I32, box: I32, person: F32) -> None:
    """Lay interpolated corner colours over the picture, smooth at the mesh's own outline.

    plane: f32 (F, 14), see ``planes`` of premultiplied RGBA 0..255; face: i32 (2 H, 2 W) and box:
    i32 (4,) of a raster twice as fine as person, f32 (H, W, 4): a pixel is the mean of its four
    samples, and samples that show no triangle are transparent.
    """
    quarter, half, one = np.float32(0.25), np.float32(0.5), np.float32(1)
    zero, full = np.float32(0), np.float32(255)
    sample = np.zeros(4, np.float32)
    for y in range(box[1] // 2, (box[3] + 1) // 2):
        for x in range(box[0] // 2, (box[2] + 1) // 2):
            sample[0] = sample[1] = sample[2] = sample[3] = zero
            hit = False
            for yy in range(max(2 * y, box[1]), min(2 * y + 2, box[3])):
                for xx in range(max(2 * x, box[0]), min(2 * x + 2, box[2])):
                    f = face[yy, xx]
                    if f < 0:
                        continue
                    hit = True
                    dx = np.float32(xx) + half - plane[f, 0]
                    dy = np.float32(yy) + half - plane[f, 1]
                    for k in range(4):
                        m = 2 + 3 * k
                        value = plane[f, m] + plane[f, m + 1] * dx + plane[f, m + 2] * dy
                        sample[k] += quarter * min(max(value, zero), full)
            if hit:
                rest = one - sample[3] / full
                for k in range(4):
                    person[y, x, k] = sample[k] + person[y, x, k] * rest
