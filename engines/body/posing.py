"""One frame's pose in the making, and the steps by which its bones are turned."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from engines.body.inner import inner
from engines.body.kinematics import carry
from engines.body.rest import Rest
from engines.body.rotation import F64, product
from engines.types import F32, Camera, Pose


class Posing(NamedTuple):
    """Bones are turned from the trunk outwards, each on what the ones before it left.

    rotations, stretch, root: the pose so far, as in ``Pose``; turns: f64 (J, 3, 3), the bones'
    turns in body axes, and known: bool (J,), which of them are of this frame; maps: f32 (J, 3, 4),
    where ``refresh`` last found the bones, and carried: f32 (J, 3, 3), its room to work in.
    offset: f64 (33, 2) px of the photo, how far the performer's landmarks are from the neutral.
    """

    rotations: F32
    stretch: F32
    root: F32
    turns: F64
    known: NDArray[np.bool_]
    maps: F32
    carried: F32
    offset: F64

    def pose(self, camera: Camera, presence: float) -> Pose:
        """What has been placed so far."""
        conf = np.full(len(self.stretch), presence, np.float32)
        return Pose(self.rotations, self.stretch, self.root, camera, conf)


def posing_of(rest: Rest) -> Posing:
    """A pose that is still the photo's."""
    joints = len(rest.parents)
    return Posing(
        rest.rotations.copy(),
        rest.stretch.copy(),
        rest.root.copy(),
        np.empty((joints, 3, 3)),
        np.zeros(joints, np.bool_),
        np.empty((joints, 3, 4), np.float32),
        np.empty((joints, 3, 3), np.float32),
        np.empty((33, 2)),
    )


@inner
def turn(posing, rest, bone, relative):  # type: ignore[no-untyped-def]
    """Give a bone its reference orientation followed by ``relative`` (3, 3), body axes."""
    place(bone, relative, rest.parents, rest.turns, posing.rotations, posing.turns, posing.known)


@inner
def relative_turn(posing, rest, bone):  # type: ignore[no-untyped-def]
    """How a bone is turned against the reference, body axes (3, 3)."""
    now = turn_of(bone, rest.parents, posing.rotations, posing.turns, posing.known)
    return product(now, rest.turns[bone].T)


@inner
def lengthen(posing, rest, bone, factor):  # type: ignore[no-untyped-def]
    """Stretch a bone against its reference length."""
    posing.stretch[bone] = rest.stretch[bone] * factor


@inner
def refresh(posing, rest):  # type: ignore[no-untyped-def]
    """Recompute where the bones are."""
    carry(
        rest.parents, rest.heads, rest.tails, posing.rotations, posing.stretch, posing.root,
        posing.carried, posing.maps,
    )  # fmt: skip


@inner
def landmark_at(posing, rest, point):  # type: ignore[no-untyped-def]
    """Where a landmark is now, px (3,); after ``refresh``."""
    return carried_by(posing, rest, np.int64(rest.landmark_bones[point]), rest.landmarks[point])


@inner
def head_of(posing, rest, bone):  # type: ignore[no-untyped-def]
    """Where a bone's head is now, px (3,); after ``refresh``."""
    return carried_by(posing, rest, bone, rest.heads[bone])


@inner
def carried_by(posing, rest, bone, point):  # type: ignore[no-untyped-def]
    """Where a bone has taken a point (3,) m of the resting body, px of the photo (3,)."""
    out = np.empty(3)
    for r in range(3):
        place = posing.maps[bone, r, 3]
        for c in range(3):
            place += posing.maps[bone, r, c] * point[c]
        out[r] = place * rest.scale
    out[0] += rest.tx
    out[1] += rest.ty
    return out


@numba.njit(error_model="numpy")
def place(bone, relative, parents, reference, rotations, turns, known):  # type: ignore[no-untyped-def]
    """Give a bone its reference orientation followed by ``relative`` (body axes).

    parents: i32 (J,); reference, turns: f64 (J, 3, 3), the photo's turns and this frame's;
    rotations: (J, 3, 3), this frame's local ones; known: bool (J,), bones whose turns are of this
    frame.
    """
    own = product(relative, reference[bone])
    _put(own, turns[bone])
    known[bone] = True
    parent = np.int64(parents[bone])
    if parent >= 0:
        own = product(turn_of(parent, parents, rotations, turns, known).T, own)
    _put(own, rotations[bone])


@numba.njit(error_model="numpy")
def turn_of(bone, parents, rotations, turns, known):  # type: ignore[no-untyped-def]
    """A bone's turn (3, 3); bones that nothing has placed are carried by their parents."""
    top = bone
    while not known[top] and parents[top] >= 0:
        top = parents[top]
    if not known[top]:
        _put(rotations[top], turns[top])
        known[top] = True
    while not known[bone]:  # from the placed one down: a chain of a few bones
        low = bone
        while not known[parents[low]]:
            low = parents[low]
        _put(product(turns[parents[low]], rotations[low]), turns[low])
        known[low] = True
    return turns[bone]


@inner
def _put(matrix, out):  # type: ignore[no-untyped-def]
    """Copy (3, 3); a slice would compile for seconds."""
    for r in range(3):
        for c in range(3):
            out[r, c] = matrix[r, c]
