"""The head's turn out of the face's landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.body.rotation import F64, about

# nose, eyes, ears, mouth corners of the BlazePose 33
HEAD_POINTS = np.array([0, 2, 5, 7, 8, 9, 10])


def head_turn(
    points: F64, targets: F64, weights: NDArray[np.floating], start: F64, stiffness: F64
) -> tuple[F64, F64]:
    """Rotation vector (3,) and image shift (2,) that take 3-D head points onto their images.

    points: (N, 3) px, centred, in the reference pose; targets: (N, 2) px relative to the points'
    reference centre; weights: (N,); start: the first guess, rad; stiffness: (3,), px^2 per rad^2
    that hold each axis at zero: yaw and pitch are read off small offsets and need it. Three
    Gauss-Newton steps on the orthographic residual.
    """
    turn = start.copy()
    shift = np.average(targets, axis=0, weights=weights)
    root = np.sqrt(weights)[:, None]
    for _ in range(3):
        posed = points @ about(turn).T
        residual = targets - shift - posed[:, :2]
        # d(x, y) / d(rotation about x, y, z), left-multiplied small turns
        zero = np.zeros(len(points))
        jx = np.stack([zero, posed[:, 2], -posed[:, 1], np.ones(len(points)), zero], 1)
        jy = np.stack([-posed[:, 2], zero, posed[:, 0], zero, np.ones(len(points))], 1)
        jacobian = np.concatenate([jx * root, jy * root])
        error = np.concatenate([residual[:, 0] * root[:, 0], residual[:, 1] * root[:, 0]])
        normal = jacobian.T @ jacobian
        gradient = jacobian.T @ error
        normal[:3, :3] += np.diag(stiffness)
        gradient[:3] -= stiffness * turn
        normal += np.eye(5) * 1e-6
        step = np.linalg.solve(normal, gradient)
        turn = turn + np.clip(step[:3], -0.3, 0.3)
        shift = shift + step[3:]
    return turn, shift
