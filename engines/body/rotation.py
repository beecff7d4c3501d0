"""Rotations the solver needs, as f64 (3, 3) matrices in body axes (x right, y down, z away).

Compiled: the solver does some hundred of these per frame, and numpy's overhead on three numbers is
far larger than the arithmetic.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Vector = F64 | tuple[float, float, float]


@numba.njit(cache=True, error_model="numpy")
def length(vector: F64) -> float:
    """Euclidean length of a vector of two or three numbers."""
    total: float = 0.0
    for value in vector:
        total += value * value
    return math.sqrt(total)


@numba.njit(cache=True, error_model="numpy")
def times(vector: F64, factor: float) -> F64:
    """vector (3,) times a number; numpy's own would compile for much longer."""
    out = np.empty(3)
    for k in range(3):
        out[k] = vector[k] * factor
    return out


@numba.njit(cache=True, error_model="numpy")
def dot(a: F64, b: F64) -> float:
    """Inner product of vectors (3,)."""
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


@numba.njit(cache=True, error_model="numpy")
def line(points: F64, start: int, end: int) -> F64:
    """The vector (3,) between two of the points (N, 3)."""
    out = np.empty(3)
    for k in range(3):
        out[k] = points[end, k] - points[start, k]
    return out


@numba.njit(cache=True, error_model="numpy")
def product(a: F64, b: F64) -> F64:
    """a b, for matrices (3, 3): numpy's own calls a library for large ones."""
    out = np.empty((3, 3))
    for r in range(3):
        for c in range(3):
            out[r, c] = a[r, 0] * b[0, c] + a[r, 1] * b[1, c] + a[r, 2] * b[2, c]
    return out


@numba.njit(cache=True, error_model="numpy")
def image(matrix: F64, vector: F64) -> F64:
    """matrix (3, 3) times vector (3,)."""
    out = np.empty(3)
    for r in range(3):
        out[r] = matrix[r, 0] * vector[0] + matrix[r, 1] * vector[1] + matrix[r, 2] * vector[2]
    return out


@numba.njit(cache=True, error_model="numpy")
def about(vector: Vector) -> F64:
    """Rotation by |vector| radians about the vector (Rodrigues)."""
    x, y, z = vector[0], vector[1], vector[2]
    angle = math.sqrt(x * x + y * y + z * z)
    out = np.eye(3)
    if angle < 1e-9:
        return out
    x, y, z = x / angle, y / angle, z / angle
    c, s = math.cos(angle), math.sin(angle)
    t = 1 - c
    out[0, 0], out[0, 1], out[0, 2] = c + t * x * x, t * x * y - s * z, t * x * z + s * y
    out[1, 0], out[1, 1], out[1, 2] = t * x * y + s * z, c + t * y * y, t * y * z - s * x
    out[2, 0], out[2, 1], out[2, 2] = t * x * z - s * y, t * y * z + s * x, c + t * z * z
    return out


@numba.njit(cache=True, error_model="numpy")
def vector_of(rotation: F64) -> F64:
    """The rotation vector of a matrix: inverse of ``about``, angle 0..pi."""
    r = rotation
    cosine = min(1.0, max(-1.0, (r[0, 0] + r[1, 1] + r[2, 2] - 1) / 2))
    angle = math.acos(cosine)
    out = np.empty(3)
    out[0], out[1], out[2] = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
    if angle < 1e-6:
        return times(out, 0.5)
    if angle > math.pi - 1e-3:  # the skew part vanishes: the axis is in the symmetric part
        k = 0
        for i in range(3):
            if r[i, i] > r[k, k]:
                k = i
        for i in range(3):
            out[i] = (r[i, k] + r[k, i]) / 4 + (0.5 if i == k else 0.0)
        return times(out, angle / length(out))
    return times(out, angle / (2 * math.sin(angle)))


@numba.njit(cache=True, error_model="numpy")
def part(rotation: F64, fraction: float) -> F64:
    """The same turn, done only to a fraction."""
    return about(times(vector_of(rotation), fraction))


@numba.njit(cache=True, error_model="numpy")
def limited(vector: F64, most: float) -> F64:
    """Rotation by a rotation vector, cut short at an angle of ``most``, rad."""
    return about(times(vector, min(1.0, most / max(length(vector), 1e-6))))


@numba.njit(cache=True, error_model="numpy")
def _cross(a, b):  # type: ignore[no-untyped-def]
    out = np.empty(3)
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]
    return out


@numba.njit(cache=True, error_model="numpy")
def swing(a: F64, b: F64) -> F64:
    """The smallest rotation that takes the direction of a to that of b."""
    axis = _cross(a, b)
    sine = length(axis)
    cosine = dot(a, b)
    if sine < 1e-9 * (abs(cosine) + 1e-30):
        if cosine >= 0:
            return np.eye(3)
        other = np.zeros(3)
        other[0 if abs(a[0]) < 0.9 * length(a) else 1] = 1.0
        axis = _cross(a, other)
        return about(times(axis, math.pi / length(axis)))
    return about(times(axis, math.atan2(sine, cosine) / sine))


@numba.njit(cache=True, error_model="numpy")
def facing(direction: F64) -> F64:
    """A frame whose first axis is the direction and whose second lies in the picture plane.

    Taking a limb from ``facing(a)`` to ``facing(b)`` turns it in the picture and tilts it in depth,
    but never about itself: a cut-out of a photo keeps its front to the camera.
    """
    x, y, z = direction[0], direction[1], direction[2]
    planar = math.sqrt(x * x + y * y)
    length = math.sqrt(planar * planar + z * z)
    cos, sin = (x / planar, y / planar) if planar > 1e-9 else (0.0, 1.0)
    tilt_cos, tilt_sin = (planar / length, z / length) if length > 1e-9 else (1.0, 0.0)
    out = np.empty((3, 3))
    out[0, 0], out[1, 0], out[2, 0] = tilt_cos * cos, tilt_cos * sin, tilt_sin
    out[0, 1], out[1, 1], out[2, 1] = -sin, cos, 0.0
    out[0, 2], out[1, 2], out[2, 2] = -tilt_sin * cos, -tilt_sin * sin, tilt_cos
    return out
