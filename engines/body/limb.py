"""Arms and legs: two segments each, with the hand or the foot at their end."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from engines.blazepose import Arm, Leg
from engines.body.bones import ArmBones, LegBones
from engines.body.filter import ramp
from engines.body.inner import inner
from engines.body.posing import lengthen, relative_turn, turn
from engines.body.rotation import about, image, length, line, product
from engines.body.segment import aim, carried, still_share

STILL = 0.02  # torso lengths: smaller motion of a far end against the near one is noise
STRETCH = (0.35, 1.2)  # shortest and longest a limb is drawn, of its own length
REACH_GROWTH = 1.3  # a performer's limb may prove at most this much longer than assumed
REACH_RATE = 0.1  # share of what a limb proves longer that is believed at once
REACH_CONF = 0.7  # surer than this of both ends: their distance proves something
# Confidences from which something begins to count, and from which it counts wholly.
WRIST_CONF, ANKLE_CONF, TIP_CONF = (0.2, 0.5), (0.25, 0.6), (0.3, 0.7)
BELIEVED_CONF = (0.1, 0.3)  # a wrist at the picture's edge is unsure and still tells more than none
NEUTRAL_TIP_CONF = 0.45  # surer than this of the neutral's hand: the photo's is bent against it
TIP_SHORT = (0.2, 0.5)  # a hand drawn this short (of its length) tells no direction
HAND_BEND, FOOT_BEND = 0.9, 0.6  # rad, off their limb


class Limb(NamedTuple):
    """An arm or a leg of the avatar with the performer's landmarks that move it.

    trunk: the bone that it hangs on; bones: those of its two segments; tip: the hand's or foot's;
    joints: landmarks from the trunk outwards; tips: those between which the hand or foot ends;
    end_conf: the last joint's confidences, see WRIST_CONF; most_bend: of hand or foot, rad.
    """

    trunk: int
    bones: tuple[tuple[int, int], tuple[int, int]]
    tip: int
    joints: tuple[int, int, int]
    tips: tuple[int, int]
    end_conf: tuple[float, float]
    most_bend: float


def limb_of_arm(bones: ArmBones, arm: Arm, chest: int) -> Limb:
    """The arm of these bones and landmarks."""
    joints, tips = (arm.shoulder, arm.elbow, arm.wrist), (arm.forefinger, arm.little)
    segments = (bones.upper, bones.lower)
    return Limb(chest, segments, bones.hand, joints, tips, WRIST_CONF, HAND_BEND)


def limb_of_leg(bones: LegBones, leg: Leg, root: int) -> Limb:
    """The leg of these bones and landmarks."""
    joints, tips = (leg.hip, leg.knee, leg.ankle), (leg.toe, leg.toe)
    segments = (bones.upper, bones.lower)
    return Limb(root, segments, bones.foot, joints, tips, ANKLE_CONF, FOOT_BEND)


@inner
def place_limb(posing, rest, neutral, motion, reach, limb, weight):  # type: ignore[no-untyped-def]
    """Upper arm, forearm, hand; or thigh, shank, foot.

    reach: f64 (33,), read and written: how long the performer's segments have proved to be, px, by
    the landmark that they end at; 0 = not known yet. limb: Limb; weight: 0..1, how far it follows.
    """
    above = relative_turn(posing, rest, limb.trunk)
    for k in range(2):
        if k == 1:
            weight *= ramp(motion.conf[limb.joints[2]], limb.end_conf[0], limb.end_conf[1])
            above = relative_turn(posing, rest, limb.bones[0][0])
        ends = (limb.joints[k], limb.joints[k + 1])
        _place_segment(posing, rest, neutral, motion, reach, limb.bones[k], ends, above, weight)
    above = relative_turn(posing, rest, limb.bones[1][0])
    bend = _bend(rest, neutral, motion, above, limb.joints[2], limb.tips, weight, limb.most_bend)
    turn(posing, rest, limb.tip, product(about((0.0, 0.0, bend)), above))


@inner
def _place_segment(posing, rest, neutral, motion, reach, bones, ends, above, weight):  # type: ignore[no-untyped-def]
    """Turn and stretch two bones so that the landmarks ``ends`` lie as the performer's do.

    above: (3, 3), how the bone that the segment hangs on is turned against the photo.
    """
    reference = line(rest.points, ends[0], ends[1])
    target = _target(rest, neutral, motion, reach, ends, above, weight)
    turned = aim(reference, target)
    factor = length(target) / max(length(reference), 1e-6)
    factor = min(max(factor, STRETCH[0]), STRETCH[1])
    for bone in bones:
        turn(posing, rest, bone, turned)
        lengthen(posing, rest, bone, factor)


@inner
def _target(rest, neutral, motion, reach, ends, above, weight):  # type: ignore[no-untyped-def]
    """The segment's vector, px (3,): the performer's, laid on the avatar's length, or at rest."""
    start, end = ends
    reference = line(rest.points, start, end)
    before, now, drawn = np.empty(2), np.empty(2), np.empty(2)
    for k in range(2):
        before[k] = neutral.xy[end, k] - neutral.xy[start, k]
        drawn[k] = motion.offset[end, k] - motion.offset[start, k]
    counts = neutral.unit * still_share(drawn[0], drawn[1], STILL)
    for k in range(2):
        now[k] = before[k] + drawn[k] * counts
    assumed = length(reference) / neutral.scale
    if reach[end] == 0:
        reach[end] = max(assumed, min(length(before), assumed * REACH_GROWTH))
    sure = min(motion.conf[start], motion.conf[end])
    if sure > REACH_CONF and length(now) > reach[end]:
        reach[end] += REACH_RATE * (min(length(now), assumed * REACH_GROWTH) - reach[end])
    depths = (
        float(neutral.world[end, 2] - neutral.world[start, 2]),
        float(motion.world[end, 2] - motion.world[start, 2]),
    )
    known = min(neutral.conf[start], neutral.conf[end])
    believed = ramp(known, BELIEVED_CONF[0], BELIEVED_CONF[1])
    return carried(reference, above, before, now, depths, reach[end], believed, weight)


@inner
def _bend(rest, neutral, motion, above, joint, tips, weight, limit):  # type: ignore[no-untyped-def]
    """How far, rad, a hand or foot is bent in the picture off its limb, as the performer's is.

    above: (3, 3), how the limb is turned against the photo; joint, tips: the landmarks between
    which it lies; weight: 0..1, how far it follows.
    """
    before, now, reference = np.empty(2), np.empty(2), np.empty(3)
    a, b = tips
    for k in range(2):
        before[k] = (neutral.xy[a, k] + neutral.xy[b, k]) / 2 - neutral.xy[joint, k]
        moved = (motion.offset[a, k] + motion.offset[b, k]) / 2 - motion.offset[joint, k]
        now[k] = before[k] + moved * neutral.unit
    for k in range(3):
        reference[k] = (rest.points[a, k] + rest.points[b, k]) / 2 - rest.points[joint, k]
    sure = weight * ramp(min(motion.conf[a], motion.conf[b]), TIP_CONF[0], TIP_CONF[1])
    drawn = length(now) / max(length(reference) / neutral.scale, 1e-6)
    sure *= ramp(drawn, TIP_SHORT[0], TIP_SHORT[1])
    want = math.atan2(now[1], now[0])
    if min(neutral.conf[a], neutral.conf[b]) > NEUTRAL_TIP_CONF:  # else as it is in the picture
        want += math.atan2(reference[1], reference[0]) - math.atan2(before[1], before[0])
    brought = image(above, reference)
    bend = _wrapped(want - math.atan2(brought[1], brought[0]))
    return limit * math.tanh(bend / limit) * sure


@inner
def _wrapped(angle: float) -> float:
    """The same angle in -pi..pi."""
    return angle - 2 * math.pi * round(angle / (2 * math.pi))
