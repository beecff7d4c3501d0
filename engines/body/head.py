"""Neck and head: the head's turn out of the face's landmarks, and its place on the neck."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from engines.blazepose import EARS, EYES, MOUTH, NOSE
from engines.body.filter import clip
from engines.body.inner import inner
from engines.body.posing import head_of, landmark_at, lengthen, refresh, relative_turn, turn
from engines.body.rotation import (
    F64,
    about,
    image,
    length,
    limited,
    line,
    part,
    product,
    swing,
    times,
    vector_of,
)
from engines.body.segment import still_share

HEAD_POINTS = (NOSE, *EYES, *EARS, *MOUTH)
_EARS = (3, 4)  # of the head points
SAY = (1.5, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5)  # of each head point: lips move by themselves
SAY_CONF = (0.05, 1.0)  # the least and the most that a point's confidence makes of it
# Angles in radians: a photo has no other side, so nothing turns far out of it.
HEAD_LIMIT = (0.45, 0.7, 0.6)  # pitch, yaw, roll
HEAD_STIFFNESS = (0.10, 0.06, 0.01)  # per squared head width: hold of each axis
LEAST_WIDTH = 4.0  # px, of a head
STILL = 0.012  # torso lengths: smaller head motion is taken for noise
NECK_LEAN, NECK_STRETCH = 0.6, (0.6, 1.5)
NECK_SHARE = 0.2  # of the head's turn against the chest, for each neck bone more than the one below
NECK_GIVE = 2.0  # times as much as the head is to be moved: half of what is stretched is neck
STEPS, LONGEST_STEP = 3, 0.3  # Gauss-Newton; rad


@inner
def place_head(posing, rest, neutral, motion, leash, turned):  # type: ignore[no-untyped-def]
    """Neck and head.

    leash: px (2,), what ``place_trunk`` returned. turned: f64 (3,), the head's turn against the
    photo in the last frame (rotation vector), where the search begins; this frame's is put there.
    """
    count = len(HEAD_POINTS)
    points, targets, weights = np.empty((count, 3)), np.empty((count, 2)), np.empty(count)
    centre = _face(posing, rest, neutral, motion, points, targets, weights)
    width = max(length(line(points, _EARS[0], _EARS[1])), LEAST_WIDTH)
    stiffness = np.empty(3)
    for k in range(3):
        stiffness[k] = HEAD_STIFFNESS[k] * width * width
    found, shift = head_turn(points, targets, weights, turned, stiffness)
    for k in range(3):
        turned[k] = HEAD_LIMIT[k] * math.tanh(found[k] / HEAD_LIMIT[k])
    head = about(turned)
    want = (centre[0] + shift[0] + leash[0], centre[1] + shift[1] + leash[1])
    chest = rest.bones.spine[4]
    swayed = relative_turn(posing, rest, chest)
    for _ in range(2):  # the neck bends as a chain: correct once for what the bend moved
        _bend_neck(posing, rest, swayed, head)
        swayed = _lean_neck(posing, rest, swayed, want)
    _bend_neck(posing, rest, swayed, head)


@inner
def _face(posing, rest, neutral, motion, points, targets, weights):  # type: ignore[no-untyped-def]
    """The head's points in the photo (about their centre) and where they are to be.

    Writes points f64 (N, 3), targets f64 (N, 2) px and weights f64 (N,); returns the centre, px.
    """
    count = len(HEAD_POINTS)
    centre, drift = np.zeros(3), np.zeros(2)
    for point in HEAD_POINTS:
        for k in range(3):
            centre[k] += rest.points[point, k] / count
        for k in range(2):
            drift[k] += motion.offset[point, k] / count
    px = neutral.unit * neutral.head_scale * motion.presence
    # Inside the head, head scale; the head as a whole moves like the body.
    whole = px * still_share(drift[0] * px, drift[1] * px, STILL * rest.unit)
    for i, point in enumerate(HEAD_POINTS):
        for k in range(3):
            points[i, k] = rest.points[point, k] - centre[k]
        for k in range(2):
            inside = (motion.offset[point, k] - drift[k]) * px
            targets[i, k] = points[i, k] + inside + drift[k] * whole
        weights[i] = clip(motion.conf[point], SAY_CONF[0], SAY_CONF[1]) * SAY[i]
    return centre


@inner
def _bend_neck(posing, rest, swayed, head):  # type: ignore[no-untyped-def]
    """Turn the neck's bones from ``swayed`` towards the head's turn, the head to it (3, 3)."""
    between = product(swayed.T, head)
    for i, bone in enumerate(rest.bones.neck):
        turn(posing, rest, bone, product(swayed, part(between, NECK_SHARE * (i + 1))))
    turn(posing, rest, rest.bones.head, head)
    refresh(posing, rest)


@inner
def _lean_neck(posing, rest, swayed, want):  # type: ignore[no-untyped-def]
    """The neck's turn with which the head gets to ``want``, px (2,); stretches the neck too."""
    lowest = rest.bones.neck[0]
    base = head_of(posing, rest, lowest)
    have = times(base, -1.0)
    for point in HEAD_POINTS:
        at = landmark_at(posing, rest, point)
        for k in range(3):
            have[k] += at[k] / len(HEAD_POINTS)
    wish = np.empty(3)
    wish[0], wish[1], wish[2] = want[0] - base[0], want[1] - base[1], have[2]
    longer = length(wish) / max(length(have), 1.0)
    now = posing.stretch[lowest] / rest.stretch[lowest]
    # Only the neck gives way; the head above it keeps its size.
    for bone in rest.bones.neck:
        factor = clip(now * (1 + NECK_GIVE * (longer - 1)), NECK_STRETCH[0], NECK_STRETCH[1])
        lengthen(posing, rest, bone, factor)
    return product(limited(vector_of(swing(have, wish)), NECK_LEAN), swayed)


@numba.njit(error_model="numpy")
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
    shift = np.zeros(2)
    total = weights.sum()
    for i in range(len(points)):
        for k in range(2):
            shift[k] += targets[i, k] * weights[i] / total
    row = np.zeros((2, 5))
    for _ in range(STEPS):
        rotation = about(turn)
        normal, gradient = np.zeros((5, 5)), np.zeros(5)
        for i in range(len(points)):
            x, y, z = image(rotation, points[i])
            # d(x, y) / d(small turns about x, y, z from the left, shift)
            row[0, 1], row[0, 2], row[0, 3] = z, -y, 1.0
            row[1, 0], row[1, 2], row[1, 4] = -z, x, 1.0
            error = (targets[i, 0] - shift[0] - x, targets[i, 1] - shift[1] - y)
            for k in range(2):
                for m in range(5):
                    gradient[m] += weights[i] * error[k] * row[k, m]
                    for n in range(5):
                        normal[m, n] += weights[i] * row[k, m] * row[k, n]
        for k in range(5):
            normal[k, k] += 1e-6
        for k in range(3):
            normal[k, k] += stiffness[k]
            gradient[k] -= stiffness[k] * turn[k]
        _eliminate(normal, gradient)
        for k in range(3):
            turn[k] += clip(gradient[k], -LONGEST_STEP, LONGEST_STEP)
        for k in range(2):
            shift[k] += gradient[3 + k]
    return turn, shift


@inner
def _eliminate(matrix, vector):  # type: ignore[no-untyped-def]
    """Solve matrix x = vector in place: x is put into ``vector`` (N,).

    Gauss-Jordan without pivots: the matrix (N, N) is symmetric and positive definite. LAPACK would
    take longer to call, and seconds to compile for.
    """
    size = len(vector)
    for k in range(size):
        for r in range(size):
            if r != k:
                factor = matrix[r, k] / matrix[k, k]
                for c in range(k, size):
                    matrix[r, c] -= factor * matrix[k, c]
                vector[r] -= factor * vector[k]
    for k in range(size):
        vector[k] /= matrix[k, k]
