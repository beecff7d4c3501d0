"""Texels of four bytes as one word, premultiplied: no colour is above its alpha.

The sums below keep that, so that what is laid over something else never carries past 255.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

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
