"""The body as the photo fit sees it: a few dozen named numbers to 33 landmarks, with derivatives.

Numbers, in this order: turns (rad, 0 = standing with hanging arms), shape (standard deviations) and
stretches (log of a length factor). Only bones that move a landmark take part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from engines.body.inner import sources
from engines.body.mesh import BodyModel
from engines.body.rotation import F64, about, swing, vector_of
from engines.types import F32, I32

SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
NECK = {"neck01": 0.3, "neck02": 0.2, "neck03": 0.15, "head": 0.35}
FREE = ((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0))
# Directions in which unseen limbs hang (left side): upper arm, thigh.
HANG_ARM = np.array([0.14, 0.99, 0.0])
HANG_LEG = np.array([0.06, 1.0, -0.02])
HANG_ELBOW = 0.3  # rad of bend
DIFFERENCE = 1e-5  # step of the numerical derivative
STRETCH_LIMITS = (0.8, 1.25)


@dataclass(frozen=True, slots=True)
class Turn:
    """One joint's degrees of freedom: axes (bone's rest axes) shared out over bones.

    spread: rad, one standard deviation of the prior per axis; low, high: rad, its limits.
    """

    name: str
    shares: dict[str, float]
    axes: tuple[tuple[float, ...], ...]
    spread: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    base: tuple[float, ...] = (0.0, 0.0, 0.0)


class FitRig:
    """Landmarks of a body by turns, shape and stretch. Made once per model.

    names: of the turns' numbers ("elbow.L.0"), in order. spread, low, high: f64 (N,), prior and
    limits of every number. shape, stretches: slices of the numbers.
    """

    def __init__(self, model: BodyModel) -> None:
        mean = model.mean
        self.model = model
        wanted = set()
        for at in {int(b) for b in mean.landmark_bones}:
            while at >= 0:
                wanted.add(at)
                at = int(mean.parents[at])
        self.kept = np.array(sorted(wanted), np.int32)
        place = {int(b): i for i, b in enumerate(self.kept)}
        self._of = {mean.bone_names[b]: i for b, i in place.items()}
        turns = self._turns()
        groups = self._groups()
        count = sum(len(turn.axes) for turn in turns)
        shapes = len(model.rest_basis)
        self.count = count + shapes + len(groups)
        self.shape = slice(count, count + shapes)
        self.stretches = slice(count + shapes, self.count)
        self.names: list[str] = []
        mix, base = np.zeros((len(self.kept), 3, count)), np.zeros((len(self.kept), 3))
        self.spread, self.low = np.ones(self.count), np.full(self.count, -3.0)
        for turn in turns:
            for i, axis in enumerate(turn.axes):
                k = len(self.names)
                for bone, share in turn.shares.items():
                    mix[self._of[bone], :, k] = np.array(axis) * share
                self.spread[k], self.low[k] = turn.spread[i], turn.low[i]
                self.names.append(f"{turn.name}.{i}")
            for bone, share in turn.shares.items():
                base[self._of[bone]] = np.array(turn.base) * share
        self.high = -self.low
        self.high[:count] = [h for turn in turns for h in turn.high]
        self.low[self.stretches], self.high[self.stretches] = np.log(STRETCH_LIMITS)
        self.spread[self.stretches] = 0.08
        self._mix, self._base = mix, base
        self._group: I32 = np.full(len(self.kept), -1, np.int32)
        for g, names in enumerate(groups):
            self._group[[self._of[name] for name in names]] = g
        self._parents: I32 = np.array(
            [place.get(int(mean.parents[b]), -1) for b in self.kept], np.int32
        )
        self._carrier: I32 = np.array([place[int(b)] for b in mean.landmark_bones], np.int32)
        # heads and tails of the kept bones, then landmarks, in one array: (N, 3), basis (S, N, 3)
        self._mean = np.concatenate(
            [mean.heads[self.kept], mean.tails[self.kept], mean.landmarks]
        ).astype(np.float64)
        ends = model.heads_basis[:, self.kept], model.tails_basis[:, self.kept]
        self._basis = np.concatenate([*ends, model.landmarks_basis], 1).astype(np.float64)

    def index(self, name: str) -> slice:
        """The slice of a turn's numbers."""
        mine = [i for i, n in enumerate(self.names) if n.rpartition(".")[0] == name]
        return slice(mine[0], mine[-1] + 1)

    def head(self, name: str) -> F64:
        """Rest head of a bone of the mean body, f64 (3,) m."""
        return np.asarray(self.model.mean.heads[self.kept[self._of[name]]], np.float64)

    def base(self, name: str) -> F64:
        """Rotation vector that a bone has at zero."""
        return np.asarray(self._base[self._of[name]])

    def points(self, numbers: F64) -> F64:
        """The 33 landmarks, f64 (33, 3) m."""
        return self._place(self._vectors(numbers), self._factors(numbers), self._rest(numbers))

    def derivative(self, numbers: F64) -> tuple[F64, F64]:
        """The landmarks and their derivative by every number: (33, 3) m and (N, 33, 3)."""
        vectors, factors = self._vectors(numbers), self._factors(numbers)
        rest = self._rest(numbers)
        points = self._place(vectors, factors, rest)
        moved = np.empty((self.count, 33, 3))
        for k in range(self.shape.start):
            moved[k] = self._place(vectors + DIFFERENCE * self._mix[:, :, k], factors, rest)
        for k, basis in enumerate(self._basis, self.shape.start):
            moved[k] = self._place(vectors, factors, rest + DIFFERENCE * basis)
        for g in range(self.count - self.stretches.start):
            longer = np.where(self._group == g, math.exp(DIFFERENCE), 1.0)
            moved[self.stretches.start + g] = self._place(vectors, factors * longer, rest)
        return points, (moved - points) / DIFFERENCE

    def _vectors(self, numbers: F64) -> F64:
        """Rotation vectors of the kept bones, (B, 3)."""
        return np.asarray(self._base + self._mix @ numbers[: self.shape.start])

    def _factors(self, numbers: F64) -> F64:
        """Length factors of the kept bones, (B,)."""
        return np.asarray(np.exp(np.append(numbers[self.stretches], 0.0))[self._group])

    def _rest(self, numbers: F64) -> F64:
        """Heads, tails and landmarks at rest, (N, 3) m."""
        return np.asarray(self._mean + np.tensordot(numbers[self.shape], self._basis, 1))

    def _place(self, vectors: F64, factors: F64, rest: F64) -> F64:
        out = np.empty((33, 3))
        _points(self._parents, self._carrier, vectors, factors, rest, out)
        return out

    def pose(self, numbers: F64) -> tuple[F32, F32]:
        """Rotations f32 (J, 3, 3) and stretch f32 (J,) of all of the body's bones."""
        joints = len(self.model.mean.parents)
        rotations = np.tile(np.eye(3, dtype=np.float32), (joints, 1, 1))
        stretch = np.ones(joints, np.float32)
        vectors, factors = self._vectors(numbers), self._factors(numbers)
        for i, bone in enumerate(self.kept):
            rotations[bone] = about(vectors[i])
            stretch[bone] = np.clip(factors[i], *STRETCH_LIMITS)
        return rotations, stretch

    def _groups(self) -> list[tuple[str, ...]]:
        """Bones that stretch together."""
        groups: list[tuple[str, ...]] = [SPINE, ("neck01", "neck02", "neck03")]
        for side in "LR":
            groups += [
                (f"clavicle.{side}", f"shoulder01.{side}"),
                (f"pelvis.{side}",),
                *(
                    (f"{limb}01.{side}", f"{limb}02.{side}")
                    for limb in ("upperarm", "lowerarm", "upperleg", "lowerleg")
                ),
            ]
        return groups

    def _turns(self) -> list[Turn]:
        out = [
            Turn("root", {"root": 1.0}, FREE, (0.15, 1.0, 0.3), (-1.0, -4, -4), (1.0, 4, 4)),
            Turn(
                *("spine", dict.fromkeys(SPINE, 0.2), FREE),
                *((0.2, 0.2, 0.2), (-0.9, -0.7, -0.6), (0.5, 0.7, 0.6)),
            ),
            Turn("neck", NECK, FREE, (0.3, 0.5, 0.25), (-0.9, -1.3, -0.7), (0.7, 1.3, 0.7)),
        ]
        for side, sign in (("L", 1.0), ("R", -1.0)):
            mirror = np.array([sign, 1.0, 1.0])
            shoulder = self.head(f"upperarm01.{side}")
            elbow = self.head(f"lowerarm01.{side}")
            wrist = self.head(f"wrist.{side}")
            hip = self.head(f"upperleg01.{side}")
            knee = self.head(f"lowerleg01.{side}")
            arm = vector_of(swing(elbow - shoulder, HANG_ARM * mirror))
            leg = vector_of(swing(knee - hip, HANG_LEG * mirror))
            upper, fore = _unit(elbow - shoulder), _unit(wrist - elbow)
            hinge = _unit(np.cross(upper, fore))
            bend = math.acos(float(upper @ fore))
            out += [
                Turn(
                    *(f"clavicle.{side}", {f"clavicle.{side}": 1.0}, FREE[1:]),
                    *((0.12, 0.12), (-0.5, -0.6), (0.5, 0.6)),
                ),
                Turn(
                    *(f"arm.{side}", {f"shoulder01.{side}": 0.3, f"upperarm01.{side}": 0.7}, FREE),
                    *((0.8,) * 3, (-2.7,) * 3, (0.4, 2.7, 2.7), tuple(arm)),
                ),
                Turn(
                    *(f"elbow.{side}", {f"lowerarm01.{side}": 1.0}, (tuple(hinge),)),
                    *((0.8,), (-HANG_ELBOW - 0.05,), (2.3,)),
                    tuple(hinge * (HANG_ELBOW - bend)),
                ),
                Turn(
                    *(f"forearm.{side}", {f"lowerarm02.{side}": 1.0}, (tuple(fore),)),
                    *((0.5,), (-1.5,), (1.5,)),
                ),
                Turn(
                    *(f"wrist.{side}", {f"wrist.{side}": 1.0}, FREE),
                    *((0.35,) * 3, (-1.2,) * 3, (1.2,) * 3),
                ),
                Turn(
                    *(f"leg.{side}", {f"upperleg01.{side}": 1.0}, FREE),
                    *((0.6, 0.4, 0.4), (-2.4, -1.0, -1.3), (0.7, 1.0, 1.3), tuple(leg)),
                ),
                Turn(
                    *(f"knee.{side}", {f"lowerleg01.{side}": 1.0}, ((1.0, 0, 0),)),
                    *((0.6,), (-0.1,), (2.5,)),
                ),
                Turn(
                    *(f"foot.{side}", {f"foot.{side}": 1.0}, FREE),
                    *((0.3,) * 3, (-0.8,) * 3, (0.8,) * 3),
                ),
            ]
        return out


def _unit(vector: F64) -> F64:
    return np.asarray(vector / np.linalg.norm(vector))


def _compiled(version: int) -> Any:
    """``points``, kept as long as what it calls stays the same; see ``inner.sources``."""

    @numba.njit(cache=True, nogil=True)
    def points(parents, carrier, vectors, factors, rest, out):  # type: ignore[no-untyped-def]
        """Forward kinematics of B bones and the landmarks on them; rest: heads, tails, landmarks.

        Plain loops: array expressions would take seconds to compile.
        """
        bones = len(parents)
        turn, linear = np.empty((bones, 3, 3)), np.empty((bones, 3, 3))
        place = np.empty((bones, 3))  # of the bones' heads
        for j in range(bones):
            local = about(vectors[j])
            p = parents[j]
            length = 0.0
            for r in range(3):
                length += (rest[bones + j, r] - rest[j, r]) ** 2
                place[j, r] = rest[j, r] if p < 0 else place[p, r]
                for c in range(3):
                    if p < 0:
                        turn[j, r, c] = local[r, c]
                        continue
                    place[j, r] += linear[p, r, c] * (rest[j, c] - rest[p, c])
                    turn[j, r, c] = 0.0
                    for k in range(3):
                        turn[j, r, c] += turn[p, r, k] * local[k, c]
            more = (factors[j] - 1) / max(length, 1e-12)
            for r in range(3):
                along = 0.0
                for c in range(3):
                    along += turn[j, r, c] * (rest[bones + j, c] - rest[j, c])
                for c in range(3):
                    axis = rest[bones + j, c] - rest[j, c]
                    linear[j, r, c] = turn[j, r, c] + more * along * axis
        for i in range(len(carrier)):
            j = carrier[i]
            for r in range(3):
                out[i, r] = place[j, r]
                for c in range(3):
                    out[i, r] += linear[j, r, c] * (rest[2 * bones + i, c] - rest[j, c])
        return version  # nothing asks for it: only what is used is closed over

    return points


_points = _compiled(sources())
