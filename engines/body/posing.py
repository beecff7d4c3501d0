"""One frame's pose in the making."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engines.blazepose import HIPS, SHOULDERS, Arm, Leg, Pair, middle
from engines.body.filter import ramp
from engines.body.head import HEAD_POINTS, head_turn
from engines.body.kinematics import carry
from engines.body.limb import aim, carried, length, place, turn_of
from engines.body.motion import Motion
from engines.body.neutral import Neutral
from engines.body.rest import Rest
from engines.body.rotation import F64, about, part, swing, vector_of
from engines.types import F32, Pose

SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
NECK = ("neck01", "neck02", "neck03")
# Limits. Angles in radians: a photo has no other side, so nothing turns far out of it.
HEAD_LIMIT = np.array([0.45, 0.7, 0.6])  # pitch, yaw, roll
HEAD_STIFFNESS = np.array([0.10, 0.06, 0.01])  # per squared head width: hold of each axis
TORSO_ROLL, TORSO_YAW, ROOT_ROLL = 0.5, 0.5, 0.2
TORSO_STRETCH = (0.8, 1.12)
STILL = 0.012  # torso lengths: smaller trunk and head motion is taken for noise
LIMB_STILL = 0.02  # the same for a limb's far end against its near end
LEASH = (0.8, 0.6)  # torso lengths the body may leave its place, sideways and up or down
STRETCH = (0.35, 1.2)  # shortest and longest a limb is drawn, of its own length
REACH_GROWTH = 1.3  # a performer's limb may prove at most this much longer than assumed


class Posing:
    """Bones are turned from the trunk outwards, each on what the ones before it left.

    offset: f64 (33, 2) px of the photo, how far the performer's landmarks are from the neutral;
    reach: the lengths, px, that the performer's segments are known to have; what is learnt is put
    there.
    """

    def __init__(
        self, rest: Rest, motion: Motion, neutral: Neutral, reach: dict[tuple[int, int], float]
    ) -> None:
        self.rest, self.motion, self.neutral, self.reach = rest, motion, neutral, reach
        reference = rest.reference
        self.rotations = reference.rotations.astype(np.float64)
        self.stretch = reference.stretch.astype(np.float64)
        self.root = reference.root.astype(np.float64)
        self.turns = rest.turns.copy()
        self.known = np.zeros(len(self.stretch), np.bool_)  # bones whose turns are of this frame
        self.conf = motion.conf
        px = neutral.unit * neutral.scale * motion.presence
        self.offset = motion.offset.astype(np.float64) * px
        self.maps: F32 = np.empty((len(self.stretch), 3, 4), np.float32)
        for point in (*SHOULDERS, *HIPS):
            self.offset[point] = _still(self.offset[point], STILL * rest.unit)

    # -- bones ---------------------------------------------------------------------------------

    def turn(self, name: str, relative: F64) -> None:
        """Give a bone its reference orientation followed by ``relative`` (body axes)."""
        rest = self.rest
        bone, parents = rest.bone[name], rest.body.parents
        place(bone, relative, parents, rest.turns, self.rotations, self.turns, self.known)

    def relative(self, name: str) -> F64:
        """How a bone is turned against the reference, body axes."""
        bone = self.rest.bone[name]
        turn = turn_of(bone, self.rest.body.parents, self.rotations, self.turns, self.known)
        return np.asarray(turn @ self.rest.turns[bone].T)

    def lengthen(self, names: tuple[str, ...], factor: float) -> None:
        """Stretch bones against their reference length."""
        for name in names:
            bone = self.rest.bone[name]
            self.stretch[bone] = self.rest.reference.stretch[bone] * factor

    def pose(self) -> Pose:
        """What has been placed so far."""
        return Pose(
            self.rotations.astype(np.float32),
            self.stretch.astype(np.float32),
            self.root.astype(np.float32),
            self.rest.reference.camera,
            np.full(len(self.stretch), self.motion.presence, np.float32),
        )

    def refresh(self) -> None:
        """Recompute where the bones are."""
        carry(
            self.rest.body,
            self.rotations.astype(np.float32),
            self.stretch.astype(np.float32),
            self.root.astype(np.float32),
            self.maps,
        )

    def at(self, points: NDArray[np.int_]) -> F64:
        """Where landmarks are now, px (N, 3); after ``refresh``."""
        return self.rest.placed(self.maps, points)

    def head_of(self, name: str) -> F64:
        """Where a bone's head is now, px (x, y, z); after ``refresh``."""
        return self.rest.head_of(self.maps, name)

    # -- trunk ---------------------------------------------------------------------------------

    def place_trunk(self, hip_move: F64) -> None:
        """Root, spine: lean and roll in the picture, a little yaw, and the place in the frame.

        hip_move: px (2,), how far the hips are to be from their place in the photo.
        """
        rest, start = self.rest, self.rest.reference.root[:2]
        shoulder_move = middle(self.offset, SHOULDERS)
        across = rest.points[SHOULDERS[0], :2] - rest.points[SHOULDERS[1], :2]
        across_now = across + self.offset[SHOULDERS[0]] - self.offset[SHOULDERS[1]]
        up = (rest.middle(SHOULDERS) - rest.middle(HIPS))[:2]
        up_now = up + shoulder_move - hip_move
        # A chain that bends evenly by b moves its end as a turn by b / 2 would.
        top = float(np.clip(_angle(across, across_now), -TORSO_ROLL, TORSO_ROLL))
        roll = float(np.clip(2 * _angle(up, up_now) - top, -ROOT_ROLL, ROOT_ROLL))
        yaw = self._yaw(across, across_now)
        for i, name in enumerate(("root", *SPINE)):
            share = i / len(SPINE)
            turn = np.array([0.0, 0.0, roll + (top - roll) * share])
            self.turn(name, about(turn) @ about(np.array([0.0, yaw * (0.3 + 0.7 * share), 0.0])))
        tall = np.linalg.norm(up_now) / max(float(np.linalg.norm(up)), 1.0)
        self.lengthen(SPINE, float(np.clip(tall, *TORSO_STRETCH)))
        self.refresh()
        moved = self.root[:2] - start + self._error(HIPS, hip_move) / rest.scale
        limit = np.array(LEASH) * rest.unit / rest.scale
        self.root[:2] = start + limit * np.tanh(moved / limit)
        self.leash = (self.root[:2] - start - moved) * rest.scale
        self.refresh()

    def _error(self, pair: Pair, move: NDArray[np.floating]) -> F64:
        """How far the middle of a pair is from where it should be, px."""
        want = self.rest.middle(pair)[:2] + move
        return np.asarray(want - self.at(np.array(pair))[:, :2].mean(0))

    def _yaw(self, across: F64, across_now: F64) -> float:
        """Turn about the vertical: sign from depth, at most what the shoulders' width allows."""
        world, neutral = self.motion.world, self.neutral.world
        a, b = SHOULDERS

        def angle(points: F32) -> float:
            d = points[a] - points[b]
            return math.atan2(float(d[2]), max(abs(float(d[0])), 1e-3))

        turn = angle(world) - angle(neutral)
        turn = math.copysign(max(0.0, abs(turn) - 0.12), turn)
        narrow = float(np.linalg.norm(across_now)) / max(float(np.linalg.norm(across)), 1.0)
        allowed = math.acos(min(1.0, max(0.2, narrow))) + 0.05
        # +z is away: the left shoulder going away is a turn by a negative angle about y (down)
        return -float(np.clip(turn, -min(allowed, TORSO_YAW), min(allowed, TORSO_YAW)))

    def place_shoulder(self, side: str, point: int) -> None:
        """Collar bone: takes the shoulder to its own place (shrugs, arms raised)."""
        base = self.head_of(f"clavicle.{side}")
        now = self.at(np.array([point]))[0]
        want = now.copy()
        want[:2] = self.rest.points[point, :2] + self.offset[point] + self.leash
        have, wish = now - base, want - base
        reach = float(np.clip(length(wish) / length(have), 0.75, 1.25))
        turn = aim(have, wish)
        angle = vector_of(turn)
        size = float(np.linalg.norm(angle))
        turn = about(angle * min(1.0, 0.5 / max(size, 1e-6)))
        self.turn(f"clavicle.{side}", turn @ self.relative(f"clavicle.{side}"))
        self.lengthen((f"clavicle.{side}",), reach)

    # -- head ----------------------------------------------------------------------------------

    def place_head(self, start: F64) -> F64:
        """Neck and head; returns the head's turn against the photo (rotation vector)."""
        rest, neutral = self.rest, self.neutral
        points = rest.points[HEAD_POINTS]
        centre = points.mean(0)
        px = neutral.unit * neutral.head_scale * self.motion.presence
        inside = self.motion.offset[HEAD_POINTS].astype(np.float64)
        drift = inside.mean(0)
        # Inside the head, head scale; the head as a whole moves like the body.
        offset = (inside - drift) * px + _still(drift * px, STILL * rest.unit)
        weights = np.clip(self.conf[HEAD_POINTS], 0.05, 1.0).astype(np.float64)
        weights *= np.array([1.5, 1, 1, 1, 1, 0.5, 0.5])
        width = float(np.linalg.norm(points[3] - points[4]))
        stiffness = HEAD_STIFFNESS * max(width, 4.0) ** 2
        targets = points[:, :2] - centre[:2] + offset
        turn, shift = head_turn(points - centre, targets, weights, start, stiffness)
        turn = HEAD_LIMIT * np.tanh(turn / HEAD_LIMIT)
        want = np.array([*(centre[:2] + shift + self.leash), 0.0])
        chest, head = self.relative("spine01"), about(turn)
        swayed = chest
        lowest = rest.bone[NECK[0]]
        for _ in range(2):  # the neck bends as a chain: correct once for what the bend moved
            between = swayed.T @ head
            for i, name in enumerate(NECK):
                self.turn(name, swayed @ part(between, 0.2 * (i + 1)))
            self.turn("head", head)
            self.refresh()
            base = self.head_of("neck01")
            have = self.at(HEAD_POINTS).mean(0) - base
            wish = np.array([*(want[:2] - base[:2]), have[2]])
            lean = vector_of(swing(have, wish))
            size = float(np.linalg.norm(lean))
            swayed = about(lean * min(1.0, 0.6 / max(size, 1e-6))) @ swayed
            longer = float(np.linalg.norm(wish) / max(float(np.linalg.norm(have)), 1.0))
            now = self.stretch[lowest] / rest.reference.stretch[lowest]
            # Only the neck gives way; the head above it keeps its size.
            self.lengthen(NECK, float(np.clip(now * (1 + 2 * (longer - 1)), 0.6, 1.5)))
        between = swayed.T @ head
        for i, name in enumerate(NECK):
            self.turn(name, swayed @ part(between, 0.2 * (i + 1)))
        self.turn("head", head)
        self.refresh()
        return np.asarray(turn)

    # -- limbs ---------------------------------------------------------------------------------

    def place_arm(self, side: str, arm: Arm, weight: float) -> None:
        """Upper arm, forearm, hand."""
        shoulder, elbow, wrist, little, index, _ = arm
        trunk = self.relative("spine01")
        upper = self._segment(shoulder, elbow, trunk, weight)
        self._aim((f"upperarm01.{side}", f"upperarm02.{side}"), shoulder, elbow, upper)
        hand_weight = weight * ramp(float(self.conf[wrist]), 0.2, 0.5)
        rest = self.relative(f"upperarm01.{side}")
        lower = self._segment(elbow, wrist, rest, hand_weight)
        self._aim((f"lowerarm01.{side}", f"lowerarm02.{side}"), elbow, wrist, lower)
        self._place_hand(side, wrist, (index, little), hand_weight)

    def place_leg(self, side: str, leg: Leg, weight: float) -> None:
        """Thigh, shank, foot."""
        hip, knee, ankle, _, toe = leg
        upper = self._segment(hip, knee, self.relative("root"), weight)
        self._aim((f"upperleg01.{side}", f"upperleg02.{side}"), hip, knee, upper)
        foot_weight = weight * ramp(float(self.conf[ankle]), 0.25, 0.6)
        lower = self._segment(knee, ankle, self.relative(f"upperleg01.{side}"), foot_weight)
        self._aim((f"lowerleg01.{side}", f"lowerleg02.{side}"), knee, ankle, lower)
        shank = self.relative(f"lowerleg01.{side}")
        self._follow(f"foot.{side}", shank, ankle, (toe,), foot_weight, 0.6)

    def _segment(self, start: int, end: int, rest: F64, weight: float) -> F64:
        """The limb's vector, px: the performer's, laid on the avatar's length, or at rest."""
        neutral, motion, points = self.neutral, self.motion, self.rest.points
        reference = points[end] - points[start]
        drawn = _still((motion.offset[end] - motion.offset[start]).astype(np.float64), LIMB_STILL)
        before = (neutral.xy[end] - neutral.xy[start]).astype(np.float64)
        now = before + drawn * neutral.unit
        assumed = length(reference) / neutral.scale
        key = (start, end)
        sure = min(float(self.conf[start]), float(self.conf[end]))
        reach = self.reach.get(key, max(assumed, min(length(before), assumed * REACH_GROWTH)))
        if sure > 0.7 and length(now) > reach:
            reach += 0.1 * (min(length(now), assumed * REACH_GROWTH) - reach)
        self.reach[key] = reach
        depths = (
            float(neutral.world[end, 2] - neutral.world[start, 2]),
            float(motion.world[end, 2] - motion.world[start, 2]),
        )
        # A wrist at the picture's edge is unsure and still tells more than none.
        believed = ramp(min(float(neutral.conf[start]), float(neutral.conf[end])), 0.1, 0.3)
        target = carried(reference, rest, before, now, depths, reach, believed, weight)
        return np.asarray(target)

    def _aim(self, bones: tuple[str, str], start: int, end: int, target: F64) -> None:
        """Turn and stretch a limb's two bones so that its landmarks lie along the target vector."""
        reference = self.rest.points[end] - self.rest.points[start]
        turn = aim(reference, target)
        for name in bones:
            self.turn(name, turn)
        factor = length(target) / max(length(reference), 1e-6)
        self.lengthen(bones, min(max(factor, STRETCH[0]), STRETCH[1]))

    def _place_hand(self, side: str, wrist: int, knuckles: tuple[int, int], weight: float) -> None:
        forearm = self.relative(f"lowerarm02.{side}")
        self._follow(f"wrist.{side}", forearm, wrist, knuckles, weight, 0.9)

    def _follow(
        self,
        name: str,
        above: F64,
        joint: int,
        tips: tuple[int, ...],
        weight: float,
        limit: float,
    ) -> None:
        """Turn a hand or foot in the picture as the performer's, within a limit off its limb."""
        neutral, motion = self.neutral, self.motion
        tip = list(tips)
        before = neutral.xy[tip].mean(0) - neutral.xy[joint]
        now = before + (motion.offset[tip].mean(0) - motion.offset[joint]) * neutral.unit
        reference = self.rest.points[tip].mean(0) - self.rest.points[joint]
        sure = ramp(float(self.conf[tip].min()), 0.3, 0.7) * weight
        short = length(now.astype(np.float64)) / max(length(reference) / neutral.scale, 1e-6)
        sure *= ramp(short, 0.2, 0.5)
        known = ramp(float(neutral.conf[tip].min()), 0.3, 0.6)
        want = math.atan2(now[1], now[0])
        if known > 0.5:  # relative to the photo's hand; else as it is in the picture
            want += math.atan2(reference[1], reference[0]) - math.atan2(before[1], before[0])
        brought = above @ reference
        have = math.atan2(brought[1], brought[0])
        bend = math.remainder(want - have, 2 * math.pi)
        bend = limit * math.tanh(bend / limit) * sure
        self.turn(name, about(np.array([0.0, 0.0, bend])) @ above)


def _still(offset: F64, zone: float) -> F64:
    """Shrinks offsets within the zone smoothly towards nothing, leaves large ones."""
    square = float(offset @ offset)
    return np.asarray(offset * (square / (square + zone * zone)))


def _angle(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Signed angle in the picture from a to b, rad."""
    return math.atan2(float(a[0] * b[1] - a[1] * b[0]), float(a[0] * b[0] + a[1] * b[1]))
