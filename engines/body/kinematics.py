"""Forward kinematics: a pose to one affine map per bone."""

from __future__ import annotations

import numba
import numpy as np

from engines.types import F32, BodyMesh, Pose, check


def forward(body: BodyMesh, pose: Pose, out: F32 | None = None) -> F32:
    """Maps from rest to posed body space, f32 (J, 3, 4), in metres (``[A | t]``: x' = A x + t).

    A bone turns about its head inside its parent; its stretch scales its own geometry and the
    offset of its children along its rest axis, but does not shape the children.
    """
    joints = len(body.parents)
    if out is None:
        out = np.empty((joints, 3, 4), np.float32)
    check("forward.out", out, np.float32, (joints, 3, 4))
    if len(pose.rotations) != joints:
        raise ValueError(f"pose: got {len(pose.rotations)} bones, wanted {joints}")
    turns = np.empty_like(pose.rotations)
    carry(body.parents, body.heads, body.tails, pose.rotations, pose.stretch, pose.root, turns, out)
    return out


def transform(maps: F32, bones: np.ndarray, points: F32) -> F32:
    """Each rest point (N, 3) carried by its one bone (N,): posed points f32 (N, 3), m."""
    a = maps[bones]
    moved = np.einsum("nij,nj->ni", a[:, :, :3], points) + a[:, :, 3]
    return np.asarray(moved, np.float32)


def inverted(maps: F32) -> F32:
    """The maps that undo these, f32 (J, 3, 4)."""
    linear = np.linalg.inv(maps[:, :, :3].astype(np.float64))
    offset = -np.einsum("jab,jb->ja", linear, maps[:, :, 3])
    return np.ascontiguousarray(np.concatenate([linear, offset[:, :, None]], 2), np.float32)


def relative(maps: F32, undo: F32) -> F32:
    """Maps that carry points of the reference pose to this pose: maps * undo, f32 (J, 3, 4).

    undo: the reference's maps, ``inverted``.
    """
    out = np.empty_like(maps)
    _relative(maps, undo, out)
    return out


@numba.njit(cache=True)
def _relative(maps, undo, out):  # type: ignore[no-untyped-def]
    for j in range(len(maps)):
        for r in range(3):
            for c in range(4):
                total = maps[j, r, 3] if c == 3 else np.float32(0)
                for k in range(3):
                    total += maps[j, r, k] * undo[j, k, c]
                out[j, r, c] = total


@numba.njit(cache=True)
def carry(parents, heads, tails, rotations, stretch, root, turns, out):  # type: ignore[no-untyped-def]
    """``forward`` of a pose in the making, into ``out`` f32 (J, 3, 4).

    The arrays are those of a BodyMesh and of a Pose; turns: f32 (J, 3, 3), written: the bones'
    rotations in body axes.
    """
    for j in range(len(parents)):
        p = parents[j]
        for r in range(3):
            if p < 0:
                out[j, r, 3] = heads[j, r] + root[r]
            else:  # where the parent has carried this bone's head
                out[j, r, 3] = out[p, r, 3]
            for c in range(3):
                if p < 0:
                    turns[j, r, c] = rotations[j, r, c]
                    continue
                out[j, r, 3] += out[p, r, c] * heads[j, c]
                total = np.float32(0)
                for k in range(3):
                    total += turns[p, r, k] * rotations[j, k, c]
                turns[j, r, c] = total
        x, y, z = tails[j, 0] - heads[j, 0], tails[j, 1] - heads[j, 1], tails[j, 2] - heads[j, 2]
        length = np.sqrt(x * x + y * y + z * z)
        more = (stretch[j] - np.float32(1)) / max(length * length, np.float32(1e-12))
        for r in range(3):
            along = more * (turns[j, r, 0] * x + turns[j, r, 1] * y + turns[j, r, 2] * z)
            out[j, r, 0] = turns[j, r, 0] + along * x
            out[j, r, 1] = turns[j, r, 1] + along * y
            out[j, r, 2] = turns[j, r, 2] + along * z
            for c in range(3):
                out[j, r, 3] -= out[j, r, c] * heads[j, c]


def bone_turns(body: BodyMesh, rotations: F32) -> F32:
    """The rotation of every bone in body axes, without stretch: f32 (J, 3, 3)."""
    turns = np.empty_like(rotations)
    _turns(body.parents, rotations, turns)
    return turns


@numba.njit(cache=True)
def _turns(parents, rotations, turns):  # type: ignore[no-untyped-def]
    for j in range(len(parents)):
        p = parents[j]
        for r in range(3):
            for c in range(3):
                if p < 0:
                    turns[j, r, c] = rotations[j, r, c]
                else:
                    turns[j, r, c] = (
                        turns[p, r, 0] * rotations[j, 0, c]
                        + turns[p, r, 1] * rotations[j, 1, c]
                        + turns[p, r, 2] * rotations[j, 2, c]
                    )
