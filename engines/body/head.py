"""The head's turn out of the face's landmarks."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from engines.blazepose import EARS, EYES, MOUTH, NOSE
from engines.body.rotation import F64, about

HEAD_POINTS = np.array([NOSE, *EYES, *EARS, *MOUTH])


def head_turn(
    points: F64, targets: F64, weights: NDArray[np.floating], start: F64, stiffness: F64
) -> tuple[F64, F64]:
    """Rotation vector (3,) and image shift (2,) that take 3-D head points onto their images.

    points: (N, 3) px, centred, in the reference pose; targets: (N, 2) px relative to the points'
    reference centre; weights: (N,); start: the first guess, rad; stiffness: (3,), px^2 per rad^2
    that hold each axis at zero: yaw and pitch are read off small offsets and need it. Three
    Gauss-Newton steps on the orthographic residual.
    """
    turn, shift = _solve(points, targets, weights.astype(np.float64), start, stiffness)
    return turn, shift


@numba.njit(cache=True)
def _solve(points, targets, weights, start, stiffness):  # type: ignore[no-untyped-def]
    turn = start.copy()
    shift = np.zeros(2)
    for i in range(len(points)):
        shift += targets[i] * (weights[i] / weights.sum())
    row = np.zeros((2, 5))
    for _ in range(3):
        rotation = about(turn)
        normal = np.eye(5) * 1e-6
        gradient = np.zeros(5)
        for i in range(len(points)):
            x, y, z = rotation @ points[i]
            # d(x, y) / d(small turns about x, y, z from the left, shift)
            row[0, 1], row[0, 2], row[0, 3] = z, -y, 1.0
            row[1, 0], row[1, 2], row[1, 4] = -z, x, 1.0
            error = (targets[i, 0] - shift[0] - x, targets[i, 1] - shift[1] - y)
            for k in range(2):
                normal += weights[i] * np.outer(row[k], row[k])
                gradient += weights[i] * error[k] * row[k]
        for k in range(3):
            normal[k, k] += stiffness[k]
            gradient[k] -= stiffness[k] * turn[k]
        step = np.linalg.solve(normal, gradient)
        turn = turn + np.minimum(np.maximum(step[:3], -0.3), 0.3)
        shift = shift + step[3:]
    return turn, shift
