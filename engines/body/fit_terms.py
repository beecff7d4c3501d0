"""What a photo says about depth, and what is believed of limbs that it does not show.

Every term is linear in the 33 landmarks' positions in body space.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engines.blazepose import ARMS, EARS, HIPS, LEGS, NOSE, SHOULDERS
from engines.body.rotation import F64
from engines.types import Keypoints

# Segments whose depth the network is asked for: from, to, and how far its answer spreads, in
# lengths of the segment. It sees every sitter lean forward by up to 30 degrees: hardly believed.
DEPTHS = (
    *((*SHOULDERS, 0.15), (*HIPS, 0.2)),
    *((hip, shoulder, 0.6) for hip, shoulder in zip(HIPS, SHOULDERS, strict=True)),
    *((*EARS, 0.2), (EARS[0], NOSE, 0.2), (EARS[1], NOSE, 0.2)),
    *((upper, lower, 0.15) for arm in ARMS.values() for upper, lower in pairwise(arm[:3])),
    *((upper, lower, 0.15) for leg in LEGS.values() for upper, lower in pairwise(leg[:3])),
)
# Segments that hang where their end is not seen: from, to, direction. Forearms follow their arm.
OUT = (("L", 1), ("R", -1))
HANGS = (
    *((ARMS[s].shoulder, ARMS[s].elbow, (out * 0.14, 0.99, 0.0)) for s, out in OUT),
    *((LEGS[s].hip, LEGS[s].knee, (out * 0.06, 1.0, -0.03)) for s, out in OUT),
    *((LEGS[s].knee, LEGS[s].ankle, (out * 0.06, 1.0, 0.05)) for s, out in OUT),
)
HANG_SPREAD = 0.1
TORSO = (*SHOULDERS, *HIPS[::-1])  # around
FOREARMS = tuple(arm[1:3] for arm in ARMS.values())
CHEST = 0.15  # m, at least this far before the torso's middle is a forearm that is seen over it
CHEST_SPREAD = 0.04


@dataclass(frozen=True, slots=True)
class Terms:
    """Residuals rows @ landmarks.ravel() - target: rows f64 (m, 99), target f64 (m,), in spreads.

    at_most: bool (m,), the residual counts only where it is positive.
    """

    rows: F64
    target: F64
    at_most: NDArray[np.bool_]

    def residuals(self, points: F64) -> F64:
        """f64 (m,), at landmarks f64 (33, 3) m."""
        out = self.rows @ points.ravel() - self.target
        return np.asarray(np.where(self.at_most, np.maximum(out, 0), out))


def terms_of(keypoints: Keypoints, seen: NDArray[np.bool_], rest: F64) -> Terms:
    """All terms of one photo; ``rest`` f64 (33, 3) m: the mean body's landmarks."""
    rows: list[F64] = []
    target: list[float] = []
    at_most: list[bool] = []

    def add(weights: dict[int, float], axis: int, wanted: float, spread: float, most: bool) -> None:
        row = np.zeros((33, 3))
        for point, weight in weights.items():
            row[point, axis] = weight / spread
        rows.append(row.ravel())
        target.append(wanted / spread)
        at_most.append(most)

    world = keypoints.world.astype(np.float64)
    for a, b, spread in DEPTHS:
        if seen[a] and seen[b]:
            step = world[b] - world[a]
            depth = float(step[2] / max(np.linalg.norm(step), 1e-3))
            length = float(np.linalg.norm(rest[b] - rest[a]))
            sure = float(np.sqrt(min(keypoints.conf[a], keypoints.conf[b])))
            add({a: -1 / length, b: 1 / length}, 2, depth, spread / sure, False)
    for a, b, direction in HANGS:
        if not seen[b]:
            length = float(np.linalg.norm(rest[b] - rest[a]))
            for axis, wanted in enumerate(direction):
                add({a: -1 / length, b: 1 / length}, axis, wanted, HANG_SPREAD, False)
    corners = keypoints.xy[list(TORSO)].astype(np.float64)
    for elbow, wrist in FOREARMS:
        for share in (0.25, 0.5, 0.75, 1.0) if seen[wrist] else ():
            over = _over(corners, (1 - share) * keypoints.xy[elbow] + share * keypoints.xy[wrist])
            if over is not None:
                behind = {point: -float(w) for point, w in zip(TORSO, over, strict=True)}
                before = {elbow: 1 - share, wrist: share, **behind}
                add(before, 2, -CHEST, CHEST_SPREAD, True)
    return Terms(np.array(rows).reshape(-1, 99), np.array(target), np.array(at_most, bool))


def _over(corners: F64, point: NDArray[np.floating]) -> F64 | None:
    """Weights (4,) that mix the corners (4, 2), in order, to the point; None if it is outside."""
    edge, to = np.roll(corners, -1, 0) - corners, point - corners
    side = edge[:, 0] * to[:, 1] - edge[:, 1] * to[:, 0]
    if side.min() < 0 < side.max():
        return None
    system = np.concatenate([corners.T, np.ones((1, 4))])
    return np.asarray(np.linalg.pinv(system) @ np.append(point, 1.0))
