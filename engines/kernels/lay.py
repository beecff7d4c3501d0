"""Premultiplied texels over one another (Porter and Duff's "over"), and straight again.

Meshes are laid front to back, each beneath what is drawn already: most of what lies behind is
hidden and costs nothing. A texel's four bytes are one word, and no colour is above its alpha: the
sums below keep that, so that what is laid over something else never carries past 255.

All in one file: numba keeps a compiled function as long as its own file stays the same, whatever
becomes of a function in another file that it calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from engines.types import F32, I32, U8

_EVEN = np.uint32(0x00FF00FF)  # two channels in one word, with room for products
_ODD = np.uint32(0xFF00FF00)
_HALF = np.uint32(0x00800080)
_BYTE = np.uint32(8)


def _mixed(
    context: Any, a: Any, b: Any, c: Any, d: Any, wa: Any, wb: Any, wc: Any, wd: Any
) -> tuple[Any, Callable[..., Any]]:
    """wa * a + wb * b + wc * c + wd * d of each channel, rounded.

    a, b, c, d: u32, texels; wa, wb, wc, wd: f32, not negative, of sum 1. The compiler makes no
    vector of the four channels by itself, and this is the renderer's most frequent sum.
    """

    def code(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        word = ir.IntType(32)
        four = ir.VectorType(ir.FloatType(), 4)
        words = ir.VectorType(word, 4)
        octets = ir.VectorType(ir.IntType(8), 4)
        nothing = ir.Constant(four, ir.Undefined)
        total = ir.Constant(four, [0.5] * 4)
        for texel, weight in zip(arguments[:4], arguments[4:], strict=True):
            channels = builder.zext(builder.bitcast(texel, octets), words)
            first = builder.insert_element(nothing, weight, ir.Constant(word, 0))
            share = builder.shuffle_vector(first, nothing, ir.Constant(words, [0] * 4))
            product = builder.fmul(builder.sitofp(channels, four), share, flags=("contract",))
            total = builder.fadd(product, total, flags=("contract",))
        return builder.bitcast(builder.trunc(builder.fptosi(total, words), octets), word)

    return types.uint32(*[types.uint32] * 4, *[types.float32] * 4), code


mixed: Any = intrinsic(_mixed)


@numba.njit(cache=True, nogil=True, inline="always")
def under(above: np.uint32, below: np.uint32) -> np.uint32:
    """above + below * (1 - alpha of above), rounded: "over" of Porter and Duff. u32, texels."""
    rest = np.uint32(np.uint32(255) - np.uint32(above >> np.uint32(24)))
    even = np.uint32(np.uint32(np.uint32(below & _EVEN) * rest) + _HALF)
    odd = np.uint32(np.uint32(np.uint32(np.uint32(below >> _BYTE) & _EVEN) * rest) + _HALF)
    # (n + n / 256) / 256 of n + 128 is n / 255, rounded
    even = np.uint32(even + np.uint32(np.uint32(even >> _BYTE) & _EVEN))
    odd = np.uint32(odd + np.uint32(np.uint32(odd >> _BYTE) & _EVEN))
    return np.uint32(above + np.uint32(np.uint32(np.uint32(even >> _BYTE) & _EVEN) | (odd & _ODD)))


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def lay_texture(plane: F32, texture: U8, face: I32, box: I32, person: U8) -> None:
    """person = person + sample * (1 - alpha) at the pixels of ``box`` that show a triangle.

    plane: f32 (F, 8), see ``planes`` of the two texture coordinates, px; texture: u8 (h, w, 4)
    premultiplied RGBA, at least 2x2; face: i32 (H, W), -1 for none; box: i32 (4,) left, top,
    right, bottom; person: u8 (H, W, 4) premultiplied RGBA. Bilinear between texel centres; the
    outermost texels go on beyond the texture.
    """
    # Unsigned indices spare a test for negative ones.
    zero, half, one = np.float32(0), np.float32(0.5), np.float32(1)
    right = np.float32(texture.shape[1]) - np.float32(1.001)
    bottom = np.float32(texture.shape[0]) - np.float32(1.001)
    texels, out = texture.view(np.uint32), person.view(np.uint32)
    for y in range(np.uint64(box[1]), np.uint64(box[3])):
        below = np.float32(np.int64(y)) + half
        for x in range(np.uint64(box[0]), np.uint64(box[2])):
            if face[y, x] < 0 or person[y, x, 3] == 255:
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
            i, j = np.uint64(np.uint32(column)), np.uint64(np.uint32(row))
            i1, j1 = i + np.uint64(1), j + np.uint64(1)
            w11 = p * q
            w01, w10 = p - w11, q - w11
            sample = mixed(
                texels[j, i, 0], texels[j, i1, 0], texels[j1, i, 0], texels[j1, i1, 0],
                max(one - p - w10, zero), w01, w10, w11,
            )  # fmt: skip
            if out[y, x, 0] == 0:
                out[y, x, 0] = sample
            else:
                out[y, x, 0] = under(out[y, x, 0], sample)


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def lay_colours(plane: F32, face: I32, box: I32, person: U8) -> None:
    """Lay interpolated corner colours beneath, smooth at the mesh's own outline.

    plane: f32 (F, 14), see ``planes`` of premultiplied RGBA 0..255; face: i32 (2 H, 2 W) and box:
    i32 (4,) of a raster twice as fine as person, u8 (H, W, 4): a pixel is the mean of its four
    samples, and samples that show no triangle are transparent.
    """
    quarter, half = np.float32(0.25), np.float32(0.5)
    zero, full = np.float32(0), np.float32(255)
    sample = np.zeros(4, np.float32)
    out = person.view(np.uint32)
    for y in range(box[1] // 2, (box[3] + 1) // 2):
        for x in range(box[0] // 2, (box[2] + 1) // 2):
            if person[y, x, 3] == 255:
                continue
            sample[0] = sample[1] = sample[2] = sample[3] = zero
            for yy in range(max(2 * y, box[1]), min(2 * y + 2, box[3])):
                for xx in range(max(2 * x, box[0]), min(2 * x + 2, box[2])):
                    f = face[yy, xx]
                    if f < 0:
                        continue
                    dx = np.float32(xx) + half - plane[f, 0]
                    dy = np.float32(yy) + half - plane[f, 1]
                    for k in range(4):
                        m = 2 + 3 * k
                        value = plane[f, m] + plane[f, m + 1] * dx + plane[f, m + 2] * dy
                        sample[k] += quarter * min(max(value, zero), full)
            texel = np.uint32(0)
            for k in range(4):
                channel = np.uint32(np.int32(min(sample[k], sample[3]) + half))
                texel |= np.uint32(channel << np.uint32(8 * k))
            out[y, x, 0] = under(out[y, x, 0], texel)


@numba.njit(cache=True, nogil=True)
def composite(person: U8, background: U8, out: U8) -> None:
    """out = person + background * (1 - alpha), rounded.

    person: u8 (H, W, 4) premultiplied RGBA; background, out: u8 (H, W, 4), opaque RGBA.
    """
    above, below, done = person.view(np.uint32), background.view(np.uint32), out.view(np.uint32)
    for y in range(done.shape[0]):
        for x in range(done.shape[1]):
            done[y, x, 0] = under(above[y, x, 0], below[y, x, 0])


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def straighten(person: U8, out: U8) -> None:
    """Undo the premultiplication, rounded; all zero where alpha is.

    person: u8 (H, W, 4) premultiplied RGBA; out: u8 (H, W, 4) straight RGBA.
    """
    half, full = np.float32(0.5), np.float32(255)
    words, done = person.view(np.uint32), out.view(np.uint32)
    for y in range(done.shape[0]):
        for x in range(done.shape[1]):
            alpha = person[y, x, 3]
            if alpha == 0 or alpha == 255:
                done[y, x, 0] = words[y, x, 0]
                continue
            gain = full / np.float32(alpha)
            for k in range(3):
                out[y, x, k] = np.uint8(np.int32(np.float32(person[y, x, k]) * gain + half))
            out[y, x, 3] = alpha
