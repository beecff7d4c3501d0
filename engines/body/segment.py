"""One limb segment: the performer's direction laid on the avatar's length."""

from __future__ import annotations

import math

import numba
import numpy as np

from engines.body.inner import inner
from engines.body.rotation import F64, dot, facing, image, length, part, product, swing, times

NEUTRAL_PULL = 1.2  # rad from the neutral at which a limb's direction is copied as it is
FLAT_M = 0.06  # depth differences below this are uncertain in sign
SHORT = (0.2, 0.5)  # a neutral's segment drawn this short (of its length) tells no direction
GAIN = (0.7, 1.4)  # how much longer the photo's segment may be drawn than the neutral's


@numba.njit(cache=True, error_model="numpy")
def still_share(x: float, y: float, zone: float) -> float:
    """How much of an offset counts: little within the zone, nearly all of it far beyond."""
    square = x * x + y * y
    return square / (square + zone * zone)


@numba.njit(cache=True, error_model="numpy")
def lift(x: float, y: float, depth: float) -> F64:
    """Picture vector of a limb, in limb lengths, to 3-D.

    The picture part is kept; the depth is what the known length leaves, with the sign (and, near
    the picture plane, the caution) of the network's depth difference, m.
    """
    size = math.sqrt(x * x + y * y)
    if size > 1:
        x, y, size = x / size, y / size, 1.0
    sign = max(-1.0, min(1.0, depth / FLAT_M))
    out = np.empty(3)
    out[0], out[1], out[2] = x, y, sign * math.sqrt(max(0.0, 1 - size * size))
    return out


@numba.njit(error_model="numpy")
def mix(a: F64, b: F64, weight: float) -> F64:
    """From a (0) to b (1), turning rather than cutting through."""
    if weight <= 0:
        return a
    if weight >= 1:
        return b
    size = length(a) * (1 - weight) + length(b) * weight
    turned = image(part(swing(a, b), weight), a)
    return times(turned, size / max(length(turned), 1e-6))


@numba.njit(error_model="numpy")
def carried(
    reference: F64,
    rest: F64,
    before: F64,
    now: F64,
    depths: tuple[float, float],
    reach: float,
    believed: float,
    weight: float,
) -> F64:
    """The segment's vector in the avatar's picture, px (3,).

    reference: the avatar's segment in its photo, px (3,); rest: rotation (3, 3) that its parent
    has gone through; before, now: the performer's segment at the neutral and now, px (2,); depths:
    their depth differences, m; reach: the performer's segment length, px; believed: 0..1, how far
    the neutral's own segment is known; weight: 0 at rest .. 1 following.
    """
    size = length(reference)
    direction = lift(now[0] / reach, now[1] / reach, depths[1])
    neutral = lift(before[0] / reach, before[1] / reach, depths[0])
    # Near the neutral the avatar's own direction leads, far from it the performer's.
    apart = max(length(direction) * length(neutral), 1e-9)
    cosine = max(-1.0, min(1.0, dot(direction, neutral) / apart))
    far = min(1.0, math.acos(cosine) / NEUTRAL_PULL)
    drawn = length(before)
    clear = min(1.0, max(0.0, (drawn / reach - SHORT[0]) / (SHORT[1] - SHORT[0])))
    pull = believed * clear * (1 - far * far * (3 - 2 * far))
    # Turned and scaled in the picture as a whole: the neutral's segment lies on the photo's.
    planar = max(drawn * drawn, 1e-9)
    cos = (before[0] * reference[0] + before[1] * reference[1]) / planar
    sin = (before[0] * reference[1] - before[1] * reference[0]) / planar
    gain = math.sqrt(cos * cos + sin * sin) * reach / max(size, 1e-9)
    limit = min(max(gain, GAIN[0]), GAIN[1]) / max(gain, 1e-9)
    cos, sin = cos * limit, sin * limit
    pulled = np.empty(3)
    pulled[0] = cos * now[0] - sin * now[1]
    pulled[1] = sin * now[0] + cos * now[1]
    lifted = lift(pulled[0] / size, pulled[1] / size, depths[1])
    at_rest = lift(reference[0] / size, reference[1] / size, depths[0])
    pulled[2] = lifted[2] * size + reference[2] - at_rest[2] * size
    target = mix(times(direction, size), pulled, pull)
    return mix(image(rest, reference), target, weight)


@inner
def aim(reference: F64, target: F64) -> F64:
    """The turn (3, 3) of a limb from one vector to another that keeps its front to the camera."""
    return product(facing(target), facing(reference).T)
