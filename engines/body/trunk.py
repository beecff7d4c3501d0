"""Root, spine and collar bones: the body's place in the frame, its lean, its shrugs."""

from __future__ import annotations

import math

import numpy as np

from engines.blazepose import HIPS, SHOULDERS
from engines.body.filter import clip
from engines.body.inner import inner
from engines.body.posing import head_of, landmark_at, lengthen, refresh, relative_turn, turn
from engines.body.rotation import about, length, limited, product, vector_of
from engines.body.segment import aim

# Angles in radians: a photo has no other side, so nothing turns far out of it.
SPINE_ROLL, SPINE_YAW, ROOT_ROLL = 0.5, 0.5, 0.2
ROOT_YAW = 0.3  # how much of the shoulders' yaw the hips take part in
YAW_ZONE, YAW_SLACK = 0.12, 0.05  # depth's turn taken for noise; turn that no narrowing need show
LEAST_WIDTH = 0.2  # of the shoulders' width: narrower tells no angle
STRETCH = (0.8, 1.12)  # shortest and longest the spine is drawn
LEASH = (0.8, 0.6)  # torso lengths the body may leave its place, sideways and up or down
COLLAR_TURN, COLLAR_STRETCH = 0.5, (0.75, 1.25)


@inner
def place_trunk(posing, rest, neutral, motion, hip_move):  # type: ignore[no-untyped-def]
    """Root, spine: lean and roll in the picture, a little yaw, and the place in the frame.

    hip_move: px (2,), how far the hips are to be from their place in the photo. Returns how much
    of that and of every other move the leash holds back, px (2,): what is placed next on this
    trunk is to be that much off its own place.
    """
    a, b = SHOULDERS
    across, across_now, up, up_now = np.empty(2), np.empty(2), np.empty(2), np.empty(2)
    for k in range(2):
        across[k] = rest.points[a, k] - rest.points[b, k]
        across_now[k] = across[k] + posing.offset[a, k] - posing.offset[b, k]
        up[k] = _middle(rest.points, SHOULDERS, k) - _middle(rest.points, HIPS, k)
        up_now[k] = up[k] + _middle(posing.offset, SHOULDERS, k) - hip_move[k]
    # A chain that bends evenly by b moves its end as a turn by b / 2 would.
    top = clip(_angle(across, across_now), -SPINE_ROLL, SPINE_ROLL)
    roll = clip(2 * _angle(up, up_now) - top, -ROOT_ROLL, ROOT_ROLL)
    yaw = _yaw(motion.world, neutral.world, length(across_now) / max(length(across), 1.0))
    _bend(posing, rest, rest.bones.root, roll, yaw * ROOT_YAW)
    tall = clip(length(up_now) / max(length(up), 1.0), STRETCH[0], STRETCH[1])
    for i, bone in enumerate(rest.bones.spine):
        share = (i + 1) / len(rest.bones.spine)
        _bend(
            posing,
            rest,
            bone,
            roll + (top - roll) * share,
            yaw * (ROOT_YAW + (1 - ROOT_YAW) * share),
        )
        lengthen(posing, rest, bone, tall)
    refresh(posing, rest)
    return _bring(posing, rest, hip_move)


@inner
def _bend(posing, rest, bone, roll, yaw):  # type: ignore[no-untyped-def]
    """Roll a bone in the picture, and turn it about the vertical."""
    turn(posing, rest, bone, product(about((0.0, 0.0, roll)), about((0.0, yaw, 0.0))))


@inner
def _bring(posing, rest, hip_move):  # type: ignore[no-untyped-def]
    """Take the body to where the hips are where they should be, on the leash; see place_trunk."""
    a, b = HIPS
    left, right = landmark_at(posing, rest, a), landmark_at(posing, rest, b)
    held = np.empty(2)
    for k in range(2):
        want = _middle(rest.points, HIPS, k) + hip_move[k]
        error = (want - (left[k] + right[k]) / 2) / rest.scale
        moved = posing.root[k] - rest.root[k] + error
        limit = LEASH[k] * rest.unit / rest.scale
        allowed = limit * math.tanh(moved / limit)
        posing.root[k] = rest.root[k] + allowed
        held[k] = (allowed - moved) * rest.scale
    refresh(posing, rest)
    return held


@inner
def _yaw(world, neutral, narrow):  # type: ignore[no-untyped-def]
    """Turn about the vertical: sign from depth, at most what the shoulders' width allows.

    world, neutral: f32 (33, 3) m, now and at the neutral; narrow: the shoulders' width in the
    picture, of that at the neutral.
    """
    turned = _depth_angle(world) - _depth_angle(neutral)
    turned = math.copysign(max(0.0, abs(turned) - YAW_ZONE), turned)
    allowed = min(math.acos(clip(narrow, LEAST_WIDTH, 1.0)) + YAW_SLACK, SPINE_YAW)
    # +z is away: the left shoulder going away is a turn by a negative angle about y (down)
    return -clip(turned, -allowed, allowed)


@inner
def _depth_angle(world):  # type: ignore[no-untyped-def]
    """How far the line of the shoulders points into depth, rad."""
    a, b = SHOULDERS
    x, z = float(world[a, 0] - world[b, 0]), float(world[a, 2] - world[b, 2])
    return math.atan2(z, max(abs(x), 1e-3))


@inner
def place_shoulder(posing, rest, collar, point, leash):  # type: ignore[no-untyped-def]
    """Collar bone: takes the shoulder ``point`` to its own place (shrugs, arms raised).

    leash: px (2,), what ``place_trunk`` returned.
    """
    base, now = head_of(posing, rest, collar), landmark_at(posing, rest, point)
    have, wish = np.empty(3), np.empty(3)
    have[2] = wish[2] = now[2] - base[2]
    for k in range(2):
        have[k] = now[k] - base[k]
        wish[k] = rest.points[point, k] + posing.offset[point, k] + leash[k] - base[k]
    reach = clip(length(wish) / length(have), COLLAR_STRETCH[0], COLLAR_STRETCH[1])
    turned = limited(vector_of(aim(have, wish)), COLLAR_TURN)
    turn(posing, rest, collar, product(turned, relative_turn(posing, rest, collar)))
    lengthen(posing, rest, collar, reach)


@inner
def _middle(points, pair, axis):  # type: ignore[no-untyped-def]
    return (points[pair[0], axis] + points[pair[1], axis]) / 2


@inner
def _angle(a, b):  # type: ignore[no-untyped-def]
    """Signed angle in the picture from a to b, rad."""
    return math.atan2(a[0] * b[1] - a[1] * b[0], a[0] * b[0] + a[1] * b[1])
