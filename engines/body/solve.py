"""The live solve: the performer's landmarks to the avatar's pose, one frame at a time.

What the picture shows decides in the picture: every joint is sent to where the performer's joint
went, measured from the performer's neutral and laid onto the avatar's photo. Depth only tilts limbs
(known length, sign of the network's depth). So an avatar at the neutral is exactly its photo, and
noise in depth never moves a joint in the picture.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engines.body.filter import smoothing
from engines.body.head import HEAD_POINTS, head_turn
from engines.body.kinematics import bone_turns, forward, transform
from engines.body.limb import aim, carried, length, place, turn_of
from engines.body.motion import Motion, MotionFilter
from engines.body.neutral import HIPS, KNEES, SHOULDERS, Neutral, calibrate, middle
from engines.body.rotation import F64, about, part, swing, vector_of
from engines.types import F32, BodyMesh, Keypoints, Pose

SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
NECK = ("neck01", "neck02", "neck03")
# side -> shoulder, elbow, wrist, index, little finger
ARMS = {"L": (11, 13, 15, 19, 17), "R": (12, 14, 16, 20, 18)}
# side -> hip, knee, ankle, heel, toe
LEGS = {"L": (23, 25, 27, 29, 31), "R": (24, 26, 28, 30, 32)}
# Limits. Angles in radians: a photo has no other side, so nothing turns far out of it.
HEAD_LIMIT = np.array([0.45, 0.7, 0.6])  # pitch, yaw, roll
HEAD_STIFFNESS = np.array([0.10, 0.06, 0.01])  # per squared head width: hold of each axis
TORSO_ROLL, TORSO_YAW, ROOT_ROLL = 0.5, 0.5, 0.2
TORSO_STRETCH = (0.8, 1.12)
FOLLOW_HZ = 0.4  # how fast hips that are not seen follow the shoulders sideways
STANCE = 10  # pictures from which the neutral is taken, while the performer keeps still
STILL = 0.012  # torso lengths: smaller trunk and head motion is taken for noise
LIMB_STILL = 0.02  # the same for a limb's far end against its near end
LEASH = (0.8, 0.6)  # torso lengths the body may leave its place, sideways and up or down
STRETCH = (0.35, 1.2)  # shortest and longest a limb is drawn, of its own length
REACH_GROWTH = 1.3  # a performer's limb may prove at most this much longer than assumed


class BodySolver:
    """Landmarks of a performer to poses of one avatar's body.

    ``reference`` is the photo's pose; ``seen`` bool (33,): landmarks that the photo shows, all by
    default. An arm without its elbow or a leg without its knee in the photo stays as it is there:
    moving what nobody has seen tears what they have.
    """

    def __init__(
        self, body: BodyMesh, reference: Pose, seen: NDArray[np.bool_] | None = None
    ) -> None:
        self.body, self.reference = body, reference
        self._seen = np.ones(33, np.bool_) if seen is None else seen
        camera = reference.camera
        maps = forward(body, reference)
        joints = transform(maps, body.landmark_bones, body.landmarks).astype(np.float64)
        # px throughout: x, y in the photo, z scaled like them
        self._points = joints * camera.scale + np.array([camera.tx, camera.ty, 0.0])
        self.photo = self._points[:, :2].astype(np.float32)
        self._turns = bone_turns(body, reference.rotations).astype(np.float64)
        self._bone = {name: i for i, name in enumerate(body.bone_names)}
        self._unit = float(np.linalg.norm(self._middle(SHOULDERS) - self._middle(HIPS)))
        self._maps = np.empty_like(maps)
        self._motion = MotionFilter()
        self._neutral: Neutral | None = None
        self._stance = 0  # pictures that the neutral is the mean of
        self._reach: dict[tuple[int, int], float] = {}
        self._limb_weight = {f"{kind}.{side}": 0.0 for kind in ("arm", "leg") for side in "LR"}
        self._head = np.zeros(3)
        self._hip_follow = self._hip_move = np.zeros(2)
        self._time_s: float | None = None

    def calibrate(self, keypoints: Keypoints) -> None:
        """From now on these keypoints mean "as in the photo"."""
        self._neutral = calibrate(keypoints, self.photo)
        self._stance = 0
        self._motion.reset()
        self._reach = {}
        self._head = np.zeros(3)
        self._hip_follow = np.zeros(2)
        for limb in self._limb_weight:
            self._limb_weight[limb] = 0.0

    @property
    def neutral(self) -> Neutral | None:
        """What stands for "as in the photo", once known."""
        return self._neutral

    def solve(self, keypoints: Keypoints | None, time_s: float) -> Pose:
        """The pose for this instant; ``keypoints`` None = nobody found in this frame.

        The first keypoints ever seen become the neutral, unless ``calibrate`` came before.
        """
        if self._neutral is None:
            if keypoints is None:
                return self.reference
            self.calibrate(keypoints)
        assert self._neutral is not None
        if keypoints is not None and self._stance < STANCE:
            self._stance += 1
            self._neutral = self._neutral.refined(keypoints, self._stance)
        dt = 1 / 30 if self._time_s is None else min(max(time_s - self._time_s, 1e-3), 0.5)
        self._time_s = time_s
        motion = self._motion.update(keypoints, self._neutral, time_s)
        if motion.presence < 1e-3:
            return self.reference
        state = _Frame(self, motion, self._neutral)
        self._hip_move = self._anchor(state.offset, motion, dt)
        state.place_trunk()
        self._head = state.place_head(self._head)
        for side, arm in ARMS.items():
            state.place_shoulder(side, arm[0])
        state.refresh()
        for side, arm in ARMS.items():
            state.place_arm(side, arm, self._weight(f"arm.{side}", motion, arm[1:3], dt))
        for side, leg in LEGS.items():
            state.place_leg(side, leg, self._weight(f"leg.{side}", motion, leg[1:3], dt))
        return state.pose()

    def _middle(self, pair: tuple[int, int]) -> F64:
        return np.asarray(middle(self._points, pair), np.float64)

    def _anchor(self, offset: F64, motion: Motion, dt: float) -> F64:
        """How far the hips are from their place in the photo, px (2,).

        Hips are believed where knees are seen. A webcam shows the hips at its lower edge at best,
        and they wander as arms pass before them: there they stay, and follow the shoulders
        sideways only, slowly; the spine does the rest.
        """
        seen = _ramp(float(motion.conf[list(KNEES)].min()), 0.4, 0.7)
        shoulders = np.array([float(middle(offset, SHOULDERS)[0]), 0.0])
        follow = float(smoothing(FOLLOW_HZ, dt))
        kept = self._hip_follow + follow * (shoulders - self._hip_follow)
        self._hip_follow = kept
        return np.asarray(seen * middle(offset, HIPS) + (1 - seen) * kept)

    def _weight(self, limb: str, motion: Motion, joints: tuple[int, ...], dt: float) -> float:
        """How far a limb follows what is seen of it (1) or rests as in the photo (0), eased."""
        if not self._seen[joints[0]]:
            return 0.0
        seen = _ramp(float(motion.conf[joints[0]]), 0.25, 0.6) * motion.presence
        rate = dt / (0.12 if seen > self._limb_weight[limb] else 0.35)
        self._limb_weight[limb] += min(1.0, rate) * (seen - self._limb_weight[limb])
        return self._limb_weight[limb]


class _Frame:
    """One frame's pose in the making: bones are turned from the trunk outwards."""

    def __init__(self, solver: BodySolver, motion: Motion, neutral: Neutral) -> None:
        self.s, self.motion, self.neutral = solver, motion, neutral
        reference = solver.reference
        self.rotations = reference.rotations.astype(np.float64)
        self.stretch = reference.stretch.astype(np.float64)
        self.root = reference.root.astype(np.float64)
        self.turns = solver._turns.copy()
        self.known = np.zeros(len(self.stretch), np.bool_)  # bones whose turns are of this frame
        self.conf = motion.conf
        px = neutral.unit * neutral.scale * motion.presence
        self.offset = motion.offset.astype(np.float64) * px
        self.scale = reference.camera.scale
        for point in (*SHOULDERS, *HIPS):
            self.offset[point] = _still(self.offset[point], STILL * solver._unit)

    # -- bones ---------------------------------------------------------------------------------

    def turn(self, name: str, relative: F64) -> None:
        """Give a bone its reference orientation followed by ``relative`` (body axes)."""
        s = self.s
        parents, reference = s.body.parents, s._turns
        place(s._bone[name], relative, parents, reference, self.rotations, self.turns, self.known)

    def relative(self, name: str) -> F64:
        """How a bone is turned against the reference, body axes."""
        bone = self.s._bone[name]
        turn = turn_of(bone, self.s.body.parents, self.rotations, self.turns, self.known)
        return np.asarray(turn @ self.s._turns[bone].T)

    def lengthen(self, names: tuple[str, ...], factor: float) -> None:
        """Stretch bones against their reference length."""
        for name in names:
            bone = self.s._bone[name]
            self.stretch[bone] = self.s.reference.stretch[bone] * factor

    def pose(self) -> Pose:
        """What has been placed so far."""
        return Pose(
            self.rotations.astype(np.float32),
            self.stretch.astype(np.float32),
            self.root.astype(np.float32),
            self.s.reference.camera,
            np.full(len(self.stretch), self.motion.presence, np.float32),
        )

    def refresh(self) -> None:
        """Recompute where the bones are."""
        forward(self.s.body, self.pose(), self.s._maps)

    def at(self, points: NDArray[np.int_]) -> F64:
        """Where landmarks are now, px (N, 3); after ``refresh``."""
        body, camera = self.s.body, self.s.reference.camera
        places = transform(self.s._maps, body.landmark_bones[points], body.landmarks[points])
        return np.asarray(places * camera.scale + np.array([camera.tx, camera.ty, 0.0]))

    def head_of(self, name: str) -> F64:
        """Where a bone's head is now, px (x, y, z); after ``refresh``."""
        body, camera = self.s.body, self.s.reference.camera
        bone = body.bone(name)
        head = self.s._maps[bone, :, :3] @ body.heads[bone] + self.s._maps[bone, :, 3]
        return np.asarray(head * camera.scale + np.array([camera.tx, camera.ty, 0.0]))

    # -- trunk ---------------------------------------------------------------------------------

    def place_trunk(self) -> None:
        """Root, spine: lean and roll in the picture, a little yaw, and the place in the frame."""
        s = self.s
        shoulder_move = middle(self.offset, SHOULDERS)
        hip_move = s._hip_move
        across = s._points[SHOULDERS[0], :2] - s._points[SHOULDERS[1], :2]
        across_now = across + self.offset[SHOULDERS[0]] - self.offset[SHOULDERS[1]]
        up = (s._middle(SHOULDERS) - s._middle(HIPS))[:2]
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
        moved = self.root[:2] - s.reference.root[:2] + self._error(HIPS, hip_move) / self.scale
        limit = np.array(LEASH) * s._unit / self.scale
        self.root[:2] = s.reference.root[:2] + limit * np.tanh(moved / limit)
        self.leash = (self.root[:2] - s.reference.root[:2] - moved) * self.scale
        self.refresh()

    def _error(self, pair: tuple[int, int], move: NDArray[np.floating]) -> F64:
        """How far the middle of a pair is from where it should be, px."""
        want = self.s._middle(pair)[:2] + move
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
        want[:2] = self.s._points[point, :2] + self.offset[point] + self.leash
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
        s, neutral = self.s, self.neutral
        points = s._points[HEAD_POINTS]
        centre = points.mean(0)
        px = neutral.unit * neutral.head_scale * self.motion.presence
        inside = self.motion.offset[HEAD_POINTS].astype(np.float64)
        drift = inside.mean(0)
        # Inside the head, head scale; the head as a whole moves like the body.
        offset = (inside - drift) * px + _still(drift * px, STILL * s._unit)
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
            now = self.stretch[s._bone[NECK[0]]] / s.reference.stretch[s._bone[NECK[0]]]
            # Only the neck gives way; the head above it keeps its size.
            self.lengthen(NECK, float(np.clip(now * (1 + 2 * (longer - 1)), 0.6, 1.5)))
        between = swayed.T @ head
        for i, name in enumerate(NECK):
            self.turn(name, swayed @ part(between, 0.2 * (i + 1)))
        self.turn("head", head)
        self.refresh()
        return np.asarray(turn)

    # -- limbs ---------------------------------------------------------------------------------

    def place_arm(self, side: str, arm: tuple[int, ...], weight: float) -> None:
        """Upper arm, forearm, hand."""
        shoulder, elbow, wrist, index, little = arm
        trunk = self.relative("spine01")
        upper = self._segment(shoulder, elbow, trunk, weight)
        self._aim((f"upperarm01.{side}", f"upperarm02.{side}"), shoulder, elbow, upper)
        hand_weight = weight * _ramp(float(self.conf[wrist]), 0.2, 0.5)
        rest = self.relative(f"upperarm01.{side}")
        lower = self._segment(elbow, wrist, rest, hand_weight)
        self._aim((f"lowerarm01.{side}", f"lowerarm02.{side}"), elbow, wrist, lower)
        self._place_hand(side, wrist, (index, little), hand_weight)

    def place_leg(self, side: str, leg: tuple[int, ...], weight: float) -> None:
        """Thigh, shank, foot."""
        hip, knee, ankle, _, toe = leg
        upper = self._segment(hip, knee, self.relative("root"), weight)
        self._aim((f"upperleg01.{side}", f"upperleg02.{side}"), hip, knee, upper)
        foot_weight = weight * _ramp(float(self.conf[ankle]), 0.25, 0.6)
        lower = self._segment(knee, ankle, self.relative(f"upperleg01.{side}"), foot_weight)
        self._aim((f"lowerleg01.{side}", f"lowerleg02.{side}"), knee, ankle, lower)
        shank = self.relative(f"lowerleg01.{side}")
        self._follow(f"foot.{side}", shank, ankle, (toe,), foot_weight, 0.6)

    def _segment(self, start: int, end: int, rest: F64, weight: float) -> F64:
        """The limb's vector, px: the performer's, laid on the avatar's length, or at rest."""
        s, neutral, motion = self.s, self.neutral, self.motion
        reference = s._points[end] - s._points[start]
        drawn = _still((motion.offset[end] - motion.offset[start]).astype(np.float64), LIMB_STILL)
        before = (neutral.xy[end] - neutral.xy[start]).astype(np.float64)
        now = before + drawn * neutral.unit
        assumed = length(reference) / neutral.scale
        key = (start, end)
        sure = min(float(self.conf[start]), float(self.conf[end]))
        reach = s._reach.get(key, max(assumed, min(length(before), assumed * REACH_GROWTH)))
        if sure > 0.7 and length(now) > reach:
            reach += 0.1 * (min(length(now), assumed * REACH_GROWTH) - reach)
        s._reach[key] = reach
        depths = (
            float(neutral.world[end, 2] - neutral.world[start, 2]),
            float(motion.world[end, 2] - motion.world[start, 2]),
        )
        # A wrist at the picture's edge is unsure and still tells more than none.
        believed = _ramp(min(float(neutral.conf[start]), float(neutral.conf[end])), 0.1, 0.3)
        target = carried(reference, rest, before, now, depths, reach, believed, weight)
        return np.asarray(target)

    def _aim(self, bones: tuple[str, str], start: int, end: int, target: F64) -> None:
        """Turn and stretch a limb's two bones so that its landmarks lie along the target vector."""
        reference = self.s._points[end] - self.s._points[start]
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
        reference = self.s._points[tip].mean(0) - self.s._points[joint]
        sure = _ramp(float(self.conf[tip].min()), 0.3, 0.7) * weight
        short = length(now.astype(np.float64)) / max(length(reference) / neutral.scale, 1e-6)
        sure *= _ramp(short, 0.2, 0.5)
        known = _ramp(float(neutral.conf[tip].min()), 0.3, 0.6)
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


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
