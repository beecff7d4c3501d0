"""The live solve: the performer's landmarks to the avatar's pose, one frame at a time.

What the picture shows decides in the picture: every joint is sent to where the performer's joint
went, measured from the performer's neutral and laid onto the avatar's photo. Depth only tilts limbs
(known length, sign of the network's depth). So an avatar at the neutral is exactly its photo, and
noise in depth never moves a joint in the picture.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from engines.blazepose import ARMS, HIPS, KNEES, LEGS, SHOULDERS
from engines.body.filter import ramp, smoothing
from engines.body.head import place_head
from engines.body.inner import inner, sources
from engines.body.limb import limb_of_arm, limb_of_leg, place_limb
from engines.body.motion import MotionFilter
from engines.body.neutral import Neutral, calibrate
from engines.body.posing import posing_of, refresh
from engines.body.rest import rest_of
from engines.body.rotation import F64
from engines.body.segment import still_share
from engines.body.trunk import place_shoulder, place_trunk
from engines.kernels.finite import finite
from engines.types import BodyMesh, Keypoints, Pose

GONE = 1e-3  # presence below which nothing is left but the photo
STILL = 0.012  # torso lengths: smaller motion of the trunk is taken for noise
FOLLOW_HZ = 0.4  # how fast hips that are not seen follow the shoulders sideways
STANCE = 10  # pictures from which the neutral is taken, while the performer keeps still
# Confidences from which something begins to count, and from which it counts wholly.
KNEES_CONF, HINGE_CONF = (0.4, 0.7), (0.25, 0.6)
RISE_S, FALL_S = 0.12, 0.35  # how fast a limb takes up following, and leaves it
_ARMS, _LEGS = (ARMS["L"], ARMS["R"]), (LEGS["L"], LEGS["R"])


class Memory(NamedTuple):
    """What one frame leaves for the next.

    head: f64 (3,), the head's turn, a rotation vector; hips: f64 (2,) px, where hips that are not
    seen are from their place; weight: f64 (4, 1), how far each limb follows;
    reach: f64 (33,), see ``limb.place_limb``.
    """

    head: F64
    hips: F64
    weight: F64
    reach: F64


def _nothing() -> Memory:
    return Memory(np.zeros(3), np.zeros(2), np.zeros((4, 1)), np.zeros(33))


class BodySolver:
    """Landmarks of a performer to poses of one avatar's body.

    ``reference`` is the photo's pose; ``seen`` bool (33,): landmarks that the photo shows, all by
    default. An arm without its elbow or a leg without its knee in the photo stays as it is there:
    moving what nobody has seen tears what they have.
    """

    def __init__(
        self, body: BodyMesh, reference: Pose, seen: NDArray[np.bool_] | None = None
    ) -> None:
        self.reference = reference
        self._seen = np.ones(33, np.bool_) if seen is None else np.array(seen)
        self._rest = rest_of(body, reference)
        bones = self._rest.bones
        self._limbs = (
            *(limb_of_arm(bones.arms[k], _ARMS[k], bones.spine[-1]) for k in range(2)),
            *(limb_of_leg(bones.legs[k], _LEGS[k], bones.root) for k in range(2)),
        )
        self.photo = self._rest.points[:, :2].astype(np.float32)
        self._motion = MotionFilter()
        self._neutral: Neutral | None = None
        self._stance = 0  # pictures that the neutral is the mean of
        self._memory = _nothing()
        self._time_s: float | None = None

    def calibrate(self, keypoints: Keypoints) -> None:
        """From now on these keypoints mean "as in the photo"."""
        self._neutral = calibrate(keypoints, self.photo)
        self._stance = 0
        self._motion.reset()
        self._memory = _nothing()

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
        if motion.presence < GONE:
            return self.reference
        posing = posing_of(self._rest)
        memory = self._memory
        _place(posing, self._rest, self._limbs, self._neutral, motion, memory, self._seen, dt)
        # What is no number ends with the frame that it came from.
        if not finite(motion.offset, motion.world):
            self._motion.reset()
        if not np.isfinite(sum(float(kept.sum()) for kept in memory)):
            self._memory = _nothing()
        return posing.pose(self.reference.camera, motion.presence)


@inner
def _lay(offset, rest, neutral, motion):  # type: ignore[no-untyped-def]
    """The performer's moves in px of the photo, into ``offset`` f64 (33, 2)."""
    px = neutral.unit * neutral.scale * motion.presence
    for i in range(len(offset)):
        offset[i, 0], offset[i, 1] = motion.offset[i, 0] * px, motion.offset[i, 1] * px
    for i in SHOULDERS + HIPS:
        counts = still_share(offset[i, 0], offset[i, 1], STILL * rest.unit)
        offset[i, 0], offset[i, 1] = offset[i, 0] * counts, offset[i, 1] * counts


@inner
def _anchor(offset, motion, memory, dt):  # type: ignore[no-untyped-def]
    """How far the hips are from their place in the photo, px (2,).

    Hips are believed where knees are seen. A webcam shows the hips at its lower edge at best,
    and they wander as arms pass before them: there they stay, and follow the shoulders
    sideways only, slowly; the spine does the rest.
    """
    (a, b), (left, right), (knee, other) = HIPS, SHOULDERS, KNEES
    seen = ramp(min(motion.conf[knee], motion.conf[other]), KNEES_CONF[0], KNEES_CONF[1])
    follow = smoothing(FOLLOW_HZ, dt)
    memory.hips[0] += follow * ((offset[left, 0] + offset[right, 0]) / 2 - memory.hips[0])
    memory.hips[1] -= follow * memory.hips[1]
    out = np.empty(2)
    for k in range(2):
        out[k] = seen * (offset[a, k] + offset[b, k]) / 2 + (1 - seen) * memory.hips[k]
    return out


@inner
def _ease(weight, motion, hinge, seen, dt):  # type: ignore[no-untyped-def]
    """How far a limb follows what is seen of it (1) or rests as in the photo (0), eased.

    weight: f64 (1,), read and written; hinge: the elbow or knee; seen: bool (33,), in the photo.
    """
    if not seen[hinge]:
        return
    goal = ramp(motion.conf[hinge], HINGE_CONF[0], HINGE_CONF[1]) * motion.presence
    rate = min(1.0, dt / (RISE_S if goal > weight[0] else FALL_S))
    weight[0] += rate * (goal - weight[0])


def _compiled(version: int) -> Any:
    """The step from a performer's motion to the whole pose. version: see ``inner.sources``."""

    @numba.njit(cache=True, error_model="numpy")
    def place(posing, rest, limbs, neutral, motion, memory, seen, dt):  # type: ignore[no-untyped-def]
        """The whole body, from the trunk outwards; one call, for each call from Python costs."""
        _lay(posing.offset, rest, neutral, motion)
        hip_move = _anchor(posing.offset, motion, memory, dt)
        leash = place_trunk(posing, rest, neutral, motion, hip_move)
        place_head(posing, rest, neutral, motion, leash, memory.head)
        for k in range(2):
            place_shoulder(posing, rest, rest.bones.arms[k].clavicle, _ARMS[k].shoulder, leash)
        refresh(posing, rest)
        for limb, weight in zip(limbs, memory.weight):  # noqa: B905 - numba's zip knows no strict
            _ease(weight, motion, limb.joints[1], seen, dt)
            place_limb(posing, rest, neutral, motion, memory.reach, limb, weight[0])
        return version  # nothing asks for it: only what is used is closed over

    return place


_place = _compiled(sources())
