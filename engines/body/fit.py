"""A photo's body: shape, pose and camera from 33 landmarks, by nonlinear least squares.

Levenberg-Marquardt (Moré 1978) on the landmarks' places in the photo, the depth that the network
gives the limbs, a prior on pose and shape, and joint limits. What the photo does not show hangs:
arms beside the body, legs straight down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engines.blazepose import (
    ANKLES,
    ARMS,
    ELBOWS,
    HIPS,
    KNEES,
    LEGS,
    SHOULDERS,
    WORDS,
    WRISTS,
)
from engines.body.fit_rig import HANG_ELBOW, FitRig
from engines.body.fit_terms import terms_of
from engines.body.mesh import BodyModel
from engines.body.rotation import F64, about, swing, vector_of
from engines.errors import NoPersonError
from engines.types import F32, BodyMesh, Camera, Keypoints, Pose, check

SEEN = 0.5  # confidence from which a landmark counts
OFF = 0.05  # of the person's extent: a landmark further off the person's mask does not
FEWEST = 4  # landmarks
# How far a landmark usually is from where the body has it, m.
TOLERANCE = np.array(
    [0.01] * 7 + [0.015] * 2 + [0.01] * 2 + [0.015] * 6 + [0.03] * 6 + [0.02] * 2 + [0.015] * 4
    + [0.03] * 4
)  # fmt: skip
# Joints that the live solver steers by: the last round puts them where the photo has them.
REFERENCE = np.array([*SHOULDERS, *ELBOWS, *WRISTS, *HIPS, *KNEES, *ANKLES])
EXACT = 0.003  # m
LOOSE_STRETCH = 0.15
OUTLIER = 3.0  # tolerances from which a landmark loses its pull (Cauchy)
LIMIT_SPREAD = 0.05  # rad
LIMBS = {
    **{f"{WORDS[side]} arm": arm[1:3] for side, arm in ARMS.items()},
    **{f"{WORDS[side]} leg": leg[1:3] for side, leg in LEGS.items()},
}
# limb -> its turns, its hinge's turns, its three landmarks
CHAINS = {
    side: (("arm", "elbow", ARMS[side][:3]), ("leg", "knee", LEGS[side][:3])) for side in "LR"
}


@dataclass(frozen=True, slots=True)
class Fit:
    """A body fitted to a photo.

    shape: f32 (S,), standard deviations; body: the shaped body; pose: with the photo's camera.
    error_px: mean distance of the seen landmarks; errors: f32 (33,) px, NaN where not seen; seen:
    bool (33,), confident and inside the frame; guessed: limbs ("left arm", ...) of which the photo
    does not show everything down to the wrist or ankle.
    """

    shape: F32
    body: BodyMesh
    pose: Pose
    error_px: float
    errors: F32
    seen: NDArray[np.bool_]
    guessed: tuple[str, ...]


def seen_landmarks(
    keypoints: Keypoints, mask: F32 | None, image_shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Which landmarks are confident, inside the photo and on the person, bool (33,).

    mask: f32 (H, W), the person 0..1, or None; image_shape: (height, width, ...).
    """
    height, width = image_shape[:2]
    x, y = keypoints.xy.T
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    seen = np.asarray((keypoints.conf >= SEEN) & inside)
    if mask is not None and seen.any() and (mask > 0.5).any():
        check("fit.mask", mask, np.float32, (height, width))
        off = ndimage.distance_transform_edt(mask <= 0.5)
        size = float(np.ptp(keypoints.xy[seen], 0).max())
        at = np.flatnonzero(seen)
        seen[at] = off[y[at].astype(int), x[at].astype(int)] <= OFF * size
    return seen


def fit(
    model: BodyModel,
    keypoints: Keypoints,
    mask: F32 | None,
    image_shape: tuple[int, ...],
    progress: Callable[[float], None] | None = None,
) -> Fit:
    """Fit the body to one photo's landmarks; well under a second.

    mask: f32 (H, W), the person 0..1, or None: landmarks off the person do not count. progress:
    called with 0..1 now and then. NoPersonError if hardly a landmark is seen.
    """
    seen = seen_landmarks(keypoints, mask, image_shape)
    if seen.sum() < FEWEST:
        raise NoPersonError(
            f"Too little of the person is in the photo: got {int(seen.sum())} of 33 body points, "
            f"wanted at least {FEWEST}",
            "Take a photo that shows at least the face.",
        )
    report = progress or (lambda _: None)
    problem = _Problem(FitRig(model), keypoints, seen)
    best = min((problem.minimise(s, 25) for s in problem.starts()), key=problem.cost)
    report(0.5)
    best = problem.minimise(best, 40)
    problem.tighten()
    best = problem.minimise(best, 30)
    report(1.0)
    return problem.result(best)


class _Problem:
    """The residuals of one photo. Unknowns: the rig's numbers, log scale, shift / unit."""

    def __init__(self, rig: FitRig, keypoints: Keypoints, seen: NDArray[np.bool_]) -> None:
        self.rig, self.keypoints, self.seen = rig, keypoints, seen
        self.at = np.flatnonzero(seen)
        self.xy = keypoints.xy[self.at].astype(np.float64)
        self.tolerance = TOLERANCE[self.at] / np.sqrt(keypoints.conf[self.at].astype(np.float64))
        self.spread = rig.spread.copy()
        rest = rig.points(np.zeros(rig.count))
        self.terms = terms_of(keypoints, seen, rest)
        self.unit = self._camera(rest)[0]
        self.centre = self.xy.mean(0)

    def _camera(self, points: F64) -> tuple[float, F64]:
        """Scale (px per m) and shift (px) that lay these points over the photo's."""
        flat = points[self.at, :2]
        weight = 1 / self.tolerance**2
        middle = np.average(flat, axis=0, weights=weight)
        target = np.average(self.xy, axis=0, weights=weight)
        a = (((flat - middle) ** 2).sum(1) * weight).sum()
        b = (((self.xy - target) ** 2).sum(1) * weight).sum()
        scale = float(np.sqrt(max(b, 1e-9) / max(a, 1e-9)))
        return scale, target - scale * middle

    # -- starts --------------------------------------------------------------------------------

    def starts(self) -> list[F64]:
        """First guesses: limbs as the network's own 3-D points have them, and hanging."""
        turned = self._turned(np.zeros(self.rig.count))
        return [self._with_camera(self._limbs(turned)), self._with_camera(turned)]

    def _with_camera(self, numbers: F64) -> F64:
        scale, shift = self._camera(self.rig.points(numbers))
        return np.concatenate([numbers, [np.log(scale)], (shift - self.centre) / self.unit])

    def _turned(self, numbers: F64) -> F64:
        """The root turned as the shoulders (and hips, where seen) are."""
        world = self.keypoints.world.astype(np.float64)
        across = world[SHOULDERS[0]] - world[SHOULDERS[1]]
        if self.seen[list(HIPS)].all():
            across = across + world[HIPS[0]] - world[HIPS[1]]
        out = numbers.copy()
        out[self.rig.index("root")] = [0, -np.arctan2(across[2], across[0]), 0]
        return out

    def _limbs(self, numbers: F64) -> F64:
        """Seen limbs turned as the network's 3-D points are."""
        out, rig = numbers.copy(), self.rig
        world = self.keypoints.world.astype(np.float64)
        upright = about(out[rig.index("root")]).T
        for side, chains in CHAINS.items():
            for upper, hinge, (top, middle, end) in chains:
                bone = {"arm": "upperarm01", "leg": "upperleg01"}[upper]
                lower = {"arm": "lowerarm01", "leg": "lowerleg01"}[upper]
                if not self.seen[[top, middle]].all():
                    continue
                want = upright @ (world[middle] - world[top])
                rest = rig.head(f"{lower}.{side}") - rig.head(f"{bone}.{side}")
                base = rig.base(f"{bone}.{side}") / (0.7 if upper == "arm" else 1.0)
                hang = about(base)
                turn = vector_of(swing(hang @ rest, want) @ hang)
                out[rig.index(f"{upper}.{side}")] = turn - base
                if self.seen[end]:
                    below = upright @ (world[end] - world[middle])
                    cosine = want @ below / (np.linalg.norm(want) * np.linalg.norm(below) + 1e-9)
                    bend = float(np.arccos(np.clip(cosine, -1, 1)))
                    out[rig.index(f"{hinge}.{side}")] = bend - (
                        HANG_ELBOW if upper == "arm" else 0.0
                    )
        return np.clip(out, rig.low, rig.high)

    # -- least squares -------------------------------------------------------------------------

    def tighten(self) -> None:
        """Bones may stretch; the joints that steer must lie where the photo has them."""
        self.spread[self.rig.stretches] = LOOSE_STRETCH
        exact = np.isin(self.at, REFERENCE)
        self.tolerance = np.where(exact, EXACT, self.tolerance)

    def residuals(self, x: F64, points: F64) -> tuple[F64, F64]:
        """Landmark residuals (n, 2) in tolerances, and all the others (m,)."""
        rig, numbers = self.rig, x[: self.rig.count]
        scale = np.exp(x[-3])
        uv = scale * points[self.at, :2] + self.unit * x[-2:] + self.centre
        landmarks = (uv - self.xy) / (scale * self.tolerance[:, None])
        over = np.maximum(numbers - rig.high, 0) + np.minimum(numbers - rig.low, 0)
        others = [self.terms.residuals(points), numbers / self.spread, over / LIMIT_SPREAD]
        return landmarks, np.concatenate(others)

    def cost(self, x: F64) -> float:
        """What is minimised: Cauchy loss over landmarks, squares over the rest."""
        landmarks, others = self.residuals(x, self.rig.points(x[: self.rig.count]))
        square = (landmarks**2).sum(1)
        robust = OUTLIER**2 * np.log1p(square / OUTLIER**2)
        return float(robust.sum() + others @ others)

    def _system(self, x: F64) -> tuple[F64, F64]:
        """Normal matrix and gradient at x, landmarks weighted for the robust loss."""
        rig, numbers = self.rig, x[: self.rig.count]
        points, slope = rig.derivative(numbers)
        landmarks, others = self.residuals(x, points)
        scale, n = np.exp(x[-3]), len(x)
        weight = 1 / np.sqrt(1 + (landmarks**2).sum(1) / OUTLIER**2)
        rows = np.zeros((len(self.at), 2, n))
        rows[:, :, : rig.count] = slope[:, self.at, :2].transpose(1, 2, 0)
        # d/d log scale of (scale p + t - xy) / (scale tol): only t - xy is divided by the scale
        rows[:, :, -3] = -(self.unit * x[-2:] + self.centre - self.xy) / scale
        rows[:, 0, -2] = rows[:, 1, -1] = self.unit / scale
        rows *= (weight / self.tolerance)[:, None, None]
        count = len(self.terms.rows)
        linear = np.zeros((count, n))
        linear[:, : rig.count] = self.terms.rows @ slope.reshape(rig.count, -1).T
        linear[self.terms.at_most & (others[:count] == 0)] = 0
        over = (numbers > rig.high) | (numbers < rig.low)
        jacobian = np.concatenate([rows.reshape(-1, n), linear])
        normal = jacobian.T @ jacobian
        residual = np.concatenate([(landmarks * weight[:, None]).ravel(), others[:count]])
        gradient = jacobian.T @ residual
        diagonal = np.arange(rig.count)
        normal[diagonal, diagonal] += 1 / self.spread**2 + over / LIMIT_SPREAD**2
        prior, limit = others[count:].reshape(2, -1)
        gradient[: rig.count] += prior / self.spread + limit / LIMIT_SPREAD
        return normal, gradient

    def minimise(self, x: F64, steps: int) -> F64:
        """At most ``steps`` Levenberg-Marquardt steps from x."""
        damping, cost = 1e-2, self.cost(x)
        for _ in range(steps):
            normal, gradient = self._system(x)
            before = cost
            for _ in range(8):
                damped = normal + damping * np.diag(np.diag(normal) + 1e-9)
                step = np.linalg.solve(damped, -gradient)
                step[: self.rig.shape.start] = np.clip(step[: self.rig.shape.start], -0.4, 0.4)
                now = self.cost(x + step)
                if now < cost:
                    x, cost, damping = x + step, now, damping / 4
                    break
                damping *= 5
            if before - cost < 1e-4 * before:
                break
        return x

    # -- result --------------------------------------------------------------------------------

    def result(self, x: F64) -> Fit:
        """The fit that these numbers mean."""
        rig = self.rig
        numbers = x[: rig.count]
        scale = float(np.exp(x[-3]))
        shift = self.unit * x[-2:] + self.centre
        rotations, stretch = rig.pose(numbers)
        shape = numbers[rig.shape].astype(np.float32)
        uv = rig.points(numbers)[:, :2] * scale + shift
        errors = np.linalg.norm(uv - self.keypoints.xy, axis=1).astype(np.float32)
        errors[~self.seen] = np.nan
        pose = Pose(
            rotations,
            stretch,
            np.zeros(3, np.float32),
            Camera(scale, float(shift[0]), float(shift[1])),
            np.ones(len(stretch), np.float32),
        )
        return Fit(
            shape=shape,
            body=rig.model.shaped(shape),
            pose=pose,
            error_px=float(np.nanmean(errors)),
            errors=errors,
            seen=self.seen,
            guessed=tuple(n for n, joints in LIMBS.items() if not self.seen[list(joints)].all()),
        )
