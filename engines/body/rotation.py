"""Rotations the solver needs, as f64 (3, 3) matrices in body axes (x right, y down, z away)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def about(vector: F64) -> F64:
    """Rotation by |vector| radians about the vector (Rodrigues)."""
    angle = math.sqrt(float(vector @ vector))
    if angle < 1e-9:
        return np.eye(3)
    x, y, z = (vector / angle).tolist()
    c, s = math.cos(angle), math.sin(angle)
    t = 1 - c
    return np.array(
        [
            [c + t * x * x, t * x * y - s * z, t * x * z + s * y],
            [t * x * y + s * z, c + t * y * y, t * y * z - s * x],
            [t * x * z - s * y, t * y * z + s * x, c + t * z * z],
        ]
    )


def vector_of(rotation: F64) -> F64:
    """The rotation vector of a matrix: inverse of ``about``, angle 0..pi."""
    cosine = min(1.0, max(-1.0, (float(np.trace(rotation)) - 1) / 2))
    angle = math.acos(cosine)
    skew = np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    if angle < 1e-6:
        return skew / 2
    if angle > math.pi - 1e-3:  # the skew part vanishes: the axis is in the symmetric part
        symmetric = (rotation + np.eye(3)) / 2
        axis = symmetric[:, int(np.argmax(np.diag(symmetric)))]
        return np.asarray(axis / np.linalg.norm(axis) * angle)
    return np.asarray(skew * (angle / (2 * math.sin(angle))))


def part(rotation: F64, fraction: float) -> F64:
    """The same turn, done only to a fraction."""
    return about(vector_of(rotation) * fraction)


def swing(a: F64, b: F64) -> F64:
    """The smallest rotation that takes the direction of a to that of b."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    cosine, axis = float(a @ b), np.cross(a, b)
    if cosine < -0.9999:
        other = np.array([1.0, 0, 0]) if abs(a[0]) < 0.9 else np.array([0, 1.0, 0])
        axis = np.cross(a, other)
        return about(axis / np.linalg.norm(axis) * math.pi)
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + k + k @ k / (1 + cosine))


def facing(direction: F64) -> F64:
    """A frame whose first axis is the direction and whose second lies in the picture plane.

    Taking a limb from ``facing(a)`` to ``facing(b)`` turns it in the picture and tilts it in depth,
    but never about itself: a cut-out of a photo keeps its front to the camera.
    """
    planar = math.hypot(direction[0], direction[1])
    length = math.hypot(planar, direction[2])
    cos, sin = (direction[0] / planar, direction[1] / planar) if planar > 1e-9 else (0.0, 1.0)
    first = direction / length if length > 1e-9 else np.array([cos, sin, 0.0])
    second = np.array([-sin, cos, 0.0])
    return np.stack([first, second, np.cross(first, second)], 1)
