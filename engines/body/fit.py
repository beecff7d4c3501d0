"""Fit the body to one photo: pose, shape and camera out of its landmarks.

Nonlinear least squares on the landmarks' reprojection, held by priors: limbs that the photo does
not show hang, shapes stay near the mean, and the direction of limbs in depth follows the network's
world landmarks (the idea of SMPLify, Bogo et al. 2016, section 3, with landmarks for depth).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from engines.body.kinematics import forward, transform
from engines.body.mesh import BodyModel
from engines.body.rotation import F64, about, swing, vector_of
from engines.types import F32, BodyMesh, Camera, Keypoints, Pose

SURE = 0.5  # landmarks below this confidence are not believed
# degree of freedom -> bones that share it, and their shares
DRIVES: dict[str, tuple[tuple[str, float], ...]] = {
    "root": (("root", 1.0),),
    "spine": tuple((f"spine0{i}", 0.2) for i in (5, 4, 3, 2, 1)),
    "neck": (("neck01", 0.3), ("neck02", 0.2), ("neck03", 0.15), ("head", 0.35)),
    **{f"clavicle.{s}": ((f"clavicle.{s}", 1.0),) for s in "LR"},
    **{f"upperarm.{s}": ((f"upperarm01.{s}", 1.0),) for s in "LR"},
    **{f"lowerarm.{s}": ((f"lowerarm01.{s}", 1.0),) for s in "LR"},
    **{f"wrist.{s}": ((f"wrist.{s}", 1.0),) for s in "LR"},
    **{f"upperleg.{s}": ((f"upperleg01.{s}", 1.0),) for s in "LR"},
    **{f"lowerleg.{s}": ((f"lowerleg01.{s}", 1.0),) for s in "LR"},
    **{f"foot.{s}": ((f"foot.{s}", 1.0),) for s in "LR"},
}
# how firmly each is held at its prior: 1 / (expected angle, rad)
FIRM = {
    "root": 0.3, "spine": 3.0, "neck": 1.5, "clavicle": 5.0, "upperarm": 0.4, "lowerarm": 0.4,
    "wrist": 2.5, "upperleg": 0.8, "lowerleg": 0.8, "foot": 2.5,
}  # fmt: skip
# limbs whose drawn length may differ from the shape's: (bones, how firmly, 1 / log length)
LENGTHS = tuple(
    (tuple(f"{part}{i}.{s}" for i in ("01", "02")), 12.0)
    for part in ("upperarm", "lowerarm", "upperleg", "lowerleg")
    for s in "LR"
)
# (from, to): vectors whose direction the world landmarks tell
DIRECTIONS = (
    (12, 11), (24, 23), (11, 13), (13, 15), (12, 14), (14, 16), (23, 25), (25, 27), (24, 26),
    (26, 28), (8, 7), (7, 0), (8, 0),
)  # fmt: skip
WEIGHTS = np.ones(33)
WEIGHTS[[1, 3, 4, 6, 17, 18, 19, 20, 21, 22]] = 0.3
WEIGHTS[[0, 2, 5, 7, 8, 9, 10, 29, 30, 31, 32]] = 0.6
LIMBS = {
    "left arm": (13, 15), "right arm": (14, 16), "left leg": (25, 27), "right leg": (26, 28),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fit:
    """A body in its photo.

    body: the shaped body; pose: the photo's pose with its camera; shape: f32 (S,); error_px: mean
    reprojection error of the landmarks that were believed; errors_px: f32 (33,), NaN where not;
    seen: bool (33,); guessed: limbs that hang because the photo does not show them.
    """

    body: BodyMesh
    pose: Pose
    shape: F32
    error_px: float
    errors_px: F32
    seen: NDArray[np.bool_]
    guessed: tuple[str, ...]


def fit(model: BodyModel, keypoints: Keypoints, mask: F32) -> Fit:
    """Fit ``model`` to the landmarks of a photo; ``mask`` f32 (H, W) tells where the photo ends."""
    problem = _Problem(model, keypoints, (mask.shape[1], mask.shape[0]))
    best = None
    for start in problem.starts():
        found = least_squares(
            problem.residuals, start, diff_step=2e-3, max_nfev=40, ftol=1e-3, xtol=1e-3
        )
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None
    body, pose = problem.read(best.x)
    places = transform(forward(body, pose), body.landmark_bones, body.landmarks)
    camera = pose.camera
    xy = places[:, :2] * camera.scale + np.array([camera.tx, camera.ty], np.float32)
    errors = np.linalg.norm(xy - keypoints.xy, axis=1).astype(np.float32)
    errors[~problem.seen] = np.nan
    return Fit(
        body=body,
        pose=pose,
        shape=problem.shape_of(best.x),
        error_px=float(np.nanmean(errors)) if problem.seen.any() else float("nan"),
        errors_px=errors,
        seen=problem.seen,
        guessed=tuple(n for n, points in LIMBS.items() if not problem.seen[list(points)].all()),
    )


class _Problem:
    """The parameters: turns (drives x 3), log lengths, shape, camera (log scale, tx, ty)."""

    def __init__(self, model: BodyModel, keypoints: Keypoints, image_size: tuple[int, int]) -> None:
        self.model, self.keypoints = model, keypoints
        self.skeleton = _without_surface(model)
        mean = model.mean
        xy = keypoints.xy
        inside = (xy >= 0).all(1) & (xy < np.array(image_size)).all(1)
        self.seen = inside & (keypoints.conf > SURE)
        believed = self.seen if self.seen.sum() >= 4 else np.ones(33, np.bool_)
        self.weights = np.where(believed, WEIGHTS * np.sqrt(np.maximum(keypoints.conf, 0.1)), 0)
        spread = np.ptp(xy[believed], axis=0)
        self.size = float(max(spread.max(), 16.0))
        self.index = {name: i for i, name in enumerate(mean.bone_names)}
        self.drives = list(DRIVES)
        self.shapes = len(model.rest_basis)
        self.n_turn, self.n_length = 3 * len(self.drives), len(LENGTHS)
        self.base = self._hanging()
        self.firm = np.repeat([FIRM[d.split(".")[0]] for d in self.drives], 3)
        self.world = keypoints.world.astype(np.float64)
        pairs = [p for p in DIRECTIONS if min(keypoints.conf[p[0]], keypoints.conf[p[1]]) > SURE]
        self.pairs = np.array(pairs, np.int64).reshape(-1, 2)
        self.directions = _unit(self.world[self.pairs[:, 1]] - self.world[self.pairs[:, 0]])

    def _hanging(self) -> dict[str, F64]:
        """Local rotations that let the arms hang: the pose of limbs that nothing is known of."""
        mean, out = self.model.mean, {}
        for side, sign in (("L", 1.0), ("R", -1.0)):
            shoulder, elbow, wrist = (
                mean.heads[self.index[f"{b}.{side}"]].astype(np.float64)
                for b in ("upperarm01", "lowerarm01", "wrist")
            )
            upper = swing(elbow - shoulder, np.array([0.18 * sign, 1.0, 0.03]))
            lower = swing(upper @ (wrist - elbow), np.array([0.06 * sign, 1.0, -0.12])) @ upper
            out[f"upperarm01.{side}"] = upper
            out[f"lowerarm01.{side}"] = upper.T @ lower
        return out

    def starts(self) -> list[F64]:
        """First guesses: limbs as the world landmarks have them, and hanging."""
        mean, kp = self.model.mean, self.keypoints
        hanging = np.zeros(self.n_turn + self.n_length + self.shapes + 3)
        world = self.world
        across = world[11] - world[12]
        yaw = math.atan2(-across[2], max(abs(across[0]), 1e-3))
        root = self.drives.index("root") * 3
        told = hanging.copy()
        told[root : root + 3] = [0.0, float(np.clip(yaw, -1.2, 1.2)), 0.0]
        turn_root = about(told[root : root + 3])
        for side, joints in (("L", (11, 13, 15)), ("R", (12, 14, 16))):
            above = turn_root
            names = (f"upperarm01.{side}", f"lowerarm01.{side}", f"wrist.{side}")
            heads = [mean.heads[self.index[n]].astype(np.float64) for n in names]
            for k, drive in enumerate((f"upperarm.{side}", f"lowerarm.{side}")):
                a, b = joints[k], joints[k + 1]
                base = self.base[names[k]]
                rest = above @ base @ (heads[k + 1] - heads[k])
                if min(kp.conf[a], kp.conf[b]) < SURE:
                    above = above @ base
                    continue
                turn = swing(rest, world[b] - world[a])
                local = above.T @ turn @ above
                i = self.drives.index(drive) * 3
                told[i : i + 3] = vector_of(local)
                above = turn @ above @ base
        for side, joints in (("L", (23, 25, 27)), ("R", (24, 26, 28))):
            above = turn_root
            names = (f"upperleg01.{side}", f"lowerleg01.{side}", f"foot.{side}")
            heads = [mean.heads[self.index[n]].astype(np.float64) for n in names]
            for k, drive in enumerate((f"upperleg.{side}", f"lowerleg.{side}")):
                a, b = joints[k], joints[k + 1]
                if min(kp.conf[a], kp.conf[b]) < SURE:
                    continue
                turn = swing(above @ (heads[k + 1] - heads[k]), world[b] - world[a])
                i = self.drives.index(drive) * 3
                told[i : i + 3] = vector_of(above.T @ turn @ above)
                above = turn @ above
        out = []
        for start in (told, hanging):
            start[-3:] = self._camera(start)
            out.append(start)
        return out

    def _camera(self, start: F64) -> F64:
        """Least-squares scale and place for the pose as it is."""
        body, pose = self.read(start, whole=False)
        places = transform(forward(body, pose), body.landmark_bones, body.landmarks)[:, :2]
        w = self.weights[:, None] + 1e-9
        middle, goal = (places * w).sum(0) / w.sum(), (self.keypoints.xy * w).sum(0) / w.sum()
        a, b = places - middle, self.keypoints.xy - goal
        scale = math.sqrt(float((w * b * b).sum()) / max(float((w * a * a).sum()), 1e-9))
        return np.array([math.log(max(scale, 1e-3)), *((goal - scale * middle) / self.size)])

    def shape_of(self, x: F64) -> F32:
        """The shape coefficients among the parameters."""
        start = self.n_turn + self.n_length
        return np.asarray(x[start : start + self.shapes], np.float32)

    def read(self, x: F64, whole: bool = True) -> tuple[BodyMesh, Pose]:
        """The body and pose that parameters stand for."""
        mean = self.model.mean
        rotations = np.tile(np.eye(3, dtype=np.float32), (len(mean.parents), 1, 1))
        for i, drive in enumerate(self.drives):
            vector = x[3 * i : 3 * i + 3]
            for name, share in DRIVES[drive]:
                turn = about(vector * share)
                base = self.base.get(name)
                rotations[self.index[name]] = turn if base is None else turn @ base
        stretch = np.ones(len(mean.parents), np.float32)
        for (names, _), log in zip(LENGTHS, x[self.n_turn :], strict=False):
            for name in names:
                stretch[self.index[name]] = math.exp(log)
        body = (self.model if whole else self.skeleton).shaped(self.shape_of(x))
        camera = Camera(math.exp(x[-3]), x[-2] * self.size, x[-1] * self.size)
        pose = Pose(
            rotations, stretch, np.zeros(3, np.float32), camera,
            np.ones(len(rotations), np.float32),
        )  # fmt: skip
        return body, pose

    def residuals(self, x: F64) -> F64:
        """Reprojection (in hundredths of the person's size), directions, priors."""
        body, pose = self.read(x, whole=False)
        maps = forward(body, pose)
        places = transform(maps, body.landmark_bones, body.landmarks).astype(np.float64)
        camera = pose.camera
        xy = places[:, :2] * camera.scale + np.array([camera.tx, camera.ty])
        error = (xy - self.keypoints.xy) * (100 / self.size)
        # Geman-McClure-like: beyond three hundredths an error counts less and less
        norm = np.linalg.norm(error, axis=1, keepdims=True)
        error = error / np.sqrt(1 + (norm / 4) ** 2) * self.weights[:, None]
        told = _unit(places[self.pairs[:, 1]] - places[self.pairs[:, 0]]) - self.directions
        lengths = x[self.n_turn : self.n_turn + self.n_length]
        firm = np.array([f for _, f in LENGTHS])
        return np.concatenate(
            [
                error.ravel(),
                1.5 * told.ravel(),
                x[: self.n_turn] * self.firm,
                lengths * firm,
                x[self.n_turn + self.n_length : -3] * 1.0,
                self._hinges(x),
            ]
        )

    def _hinges(self, x: F64) -> F64:
        """Knees do not bend forward."""
        out = []
        for side in "LR":
            i = self.drives.index(f"lowerleg.{side}") * 3
            out.append(3 * max(0.0, -float(x[i])))  # +x turns the shank back (y down, z away)
        return np.array(out)


def _without_surface(model: BodyModel) -> BodyModel:
    """The same model with one vertex: the fit needs bones and landmarks, a thousand times."""
    mean = model.mean
    return replace(
        model,
        mean=replace(
            mean,
            rest=mean.rest[:1],
            faces=mean.faces[:0],
            bone_index=mean.bone_index[:1],
            bone_weight=mean.bone_weight[:1],
            uv=mean.uv[:1],
            parts=mean.parts[:1],
        ),
        rest_basis=model.rest_basis[:, :1],
        actions=model.actions[:, :1],
    )


def _unit(vectors: NDArray[np.floating]) -> F64:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-6), np.float64)
