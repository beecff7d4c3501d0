"""Each bone's affine map as a turn and what is left of it, for blending turns in ``skin``."""

from __future__ import annotations

import numba
import numpy as np

from engines.types import F32, I32

_SURE = np.float32(0.4)  # cosine of half a turn's angle below which its sign follows the past


@numba.njit(cache=True)
def turns(maps: F32, parents: I32, local: F32, turn: F32, rest: F32) -> None:
    """Split maps = turn * rest (polar decomposition, Higham 1986), signs of the turns continuous.

    maps: f32 (J, 3, 4); parents: i32 (J,), -1 at the root, parents before children. local: f32
    (J, 4), read and written: each bone's turn against its parent in the last frame, quaternion
    w, x, y, z; start with 1, 0, 0, 0. turn: f32 (J, 4) unit quaternions; rest: f32 (J, 3, 3), the
    stretch that is no turn. A turn and its negative are the same, but not when blended: of the
    two the shorter way from the parent is taken, and near half a turn the way it came.
    """
    r, cofactor = np.empty((3, 3), np.float32), np.empty((3, 3), np.float32)
    q = np.empty(4, np.float32)
    own = np.empty(4, np.float32)
    for j in range(len(maps)):
        _rotation(maps[j], r, cofactor)
        for a in range(3):
            for b in range(3):
                rest[j, a, b] = r[0, a] * maps[j, 0, b] + r[1, a] * maps[j, 1, b]
                rest[j, a, b] += r[2, a] * maps[j, 2, b]
        _quaternion(r, q)
        p = parents[j]
        if p < 0:
            own[0], own[1], own[2], own[3] = q[0], q[1], q[2], q[3]
        else:  # conjugate of the parent, times q
            w, x, y, z = turn[p, 0], -turn[p, 1], -turn[p, 2], -turn[p, 3]
            own[0] = w * q[0] - x * q[1] - y * q[2] - z * q[3]
            own[1] = w * q[1] + x * q[0] + y * q[3] - z * q[2]
            own[2] = w * q[2] - x * q[3] + y * q[0] + z * q[1]
            own[3] = w * q[3] + x * q[2] - y * q[1] + z * q[0]
        way = own[0]
        if abs(way) < _SURE:
            way = own[0] * local[j, 0] + own[1] * local[j, 1]
            way += own[2] * local[j, 2] + own[3] * local[j, 3]
        sign = np.float32(-1) if way < 0 else np.float32(1)
        for k in range(4):
            turn[j, k] = sign * q[k]
            local[j, k] = sign * own[k]


@numba.njit(cache=True)
def _rotation(a: F32, r: F32, cofactor: F32) -> None:
    """The rotation nearest to the left 3x3 of ``a``: Newton's iteration r = (r + r^-T) / 2.

    r, cofactor: f32 (3, 3), written; cofactor is room to work in.
    """
    for i in range(3):  # a slice would compile for seconds
        for k in range(3):
            r[i, k] = a[i, k]
    for _ in range(24):
        for i in range(3):
            j, k = (i + 1) % 3, (i + 2) % 3
            for m in range(3):
                n, o = (m + 1) % 3, (m + 2) % 3
                cofactor[i, m] = r[j, n] * r[k, o] - r[j, o] * r[k, n]
        volume = r[0, 0] * cofactor[0, 0] + r[0, 1] * cofactor[0, 1] + r[0, 2] * cofactor[0, 2]
        change = np.float32(0)
        for i in range(3):
            for k in range(3):
                value = np.float32(0.5) * (r[i, k] + cofactor[i, k] / volume)
                change = max(change, abs(value - r[i, k]))
                r[i, k] = value
        if change < np.float32(1e-6):
            return


@numba.njit(cache=True)
def _quaternion(r: F32, q: F32) -> None:
    """Rotation matrix to unit quaternion w, x, y, z (Shepperd 1978)."""
    one = np.float32(1)
    trace = r[0, 0] + r[1, 1] + r[2, 2]
    if trace > max(r[0, 0], max(r[1, 1], r[2, 2])):
        q[0], q[1] = one + trace, r[2, 1] - r[1, 2]
        q[2], q[3] = r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
    elif r[0, 0] >= max(r[1, 1], r[2, 2]):
        q[0], q[1] = r[2, 1] - r[1, 2], one + r[0, 0] - r[1, 1] - r[2, 2]
        q[2], q[3] = r[1, 0] + r[0, 1], r[2, 0] + r[0, 2]
    elif r[1, 1] >= r[2, 2]:
        q[0], q[1] = r[0, 2] - r[2, 0], r[1, 0] + r[0, 1]
        q[2], q[3] = one + r[1, 1] - r[0, 0] - r[2, 2], r[2, 1] + r[1, 2]
    else:
        q[0], q[1] = r[1, 0] - r[0, 1], r[2, 0] + r[0, 2]
        q[2], q[3] = r[2, 1] + r[1, 2], one + r[2, 2] - r[0, 0] - r[1, 1]
    length = np.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    for k in range(4):
        q[k] /= length
