"""The live solve: the performer's landmarks to the avatar's pose, one frame at a time.

What the picture shows decides in the picture: every joint is sent to where the performer's joint
went, measured from the performer's neutral and laid onto the avatar's photo. Depth only tilts limbs
(known length, sign of the network's depth). So an avatar at the neutral is exactly its photo, and
noise in depth never moves a joint in the picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.blazepose import ARMS, HIPS, KNEES, LEGS, SHOULDERS, middle
from engines.body.filter import ramp, smoothing
from engines.body.motion import Motion, MotionFilter
from engines.body.neutral import Neutral, calibrate
from engines.body.posing import Posing
from engines.body.rest import Rest
from engines.body.rotation import F64
from engines.types import BodyMesh, Keypoints, Pose

FOLLOW_HZ = 0.4  # how fast hips that are not seen follow the shoulders sideways
STANCE = 10  # pictures from which the neutral is taken, while the performer keeps still


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
        self._seen = np.ones(33, np.bool_) if seen is None else seen
        self._rest = Rest(body, reference)
        self.photo = self._rest.points[:, :2].astype(np.float32)
        self._motion = MotionFilter()
        self._neutral: Neutral | None = None
        self._stance = 0  # pictures that the neutral is the mean of
        self._reach: dict[tuple[int, int], float] = {}
        self._limb_weight = {f"{kind}.{side}": 0.0 for kind in ("arm", "leg") for side in "LR"}
        self._head = np.zeros(3)
        self._hip_follow = np.zeros(2)
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
        posing = Posing(self._rest, motion, self._neutral, self._reach)
        posing.place_trunk(self._anchor(posing.offset, motion, dt))
        self._head = posing.place_head(self._head)
        for side, arm in ARMS.items():
            posing.place_shoulder(side, arm.shoulder)
        posing.refresh()
        for side, arm in ARMS.items():
            posing.place_arm(side, arm, self._weight(f"arm.{side}", motion, arm.elbow, dt))
        for side, leg in LEGS.items():
            posing.place_leg(side, leg, self._weight(f"leg.{side}", motion, leg.knee, dt))
        return posing.pose()

    def _anchor(self, offset: F64, motion: Motion, dt: float) -> F64:
        """How far the hips are from their place in the photo, px (2,).

        Hips are believed where knees are seen. A webcam shows the hips at its lower edge at best,
        and they wander as arms pass before them: there they stay, and follow the shoulders
        sideways only, slowly; the spine does the rest.
        """
        seen = ramp(float(motion.conf[list(KNEES)].min()), 0.4, 0.7)
        shoulders = np.array([float(middle(offset, SHOULDERS)[0]), 0.0])
        follow = float(smoothing(FOLLOW_HZ, dt))
        kept = self._hip_follow + follow * (shoulders - self._hip_follow)
        self._hip_follow = kept
        return np.asarray(seen * middle(offset, HIPS) + (1 - seen) * kept)

    def _weight(self, limb: str, motion: Motion, hinge: int, dt: float) -> float:
        """How far a limb follows what is seen of it (1) or rests as in the photo (0), eased."""
        if not self._seen[hinge]:
            return 0.0
        seen = ramp(float(motion.conf[hinge]), 0.25, 0.6) * motion.presence
        rate = dt / (0.12 if seen > self._limb_weight[limb] else 0.35)
        self._limb_weight[limb] += min(1.0, rate) * (seen - self._limb_weight[limb])
        return self._limb_weight[limb]
