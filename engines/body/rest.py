"""The avatar's body as its photo shows it: what every pose starts from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.blazepose import HIPS, SHOULDERS, Pair, middle
from engines.body.kinematics import bone_turns, forward, transform
from engines.body.rotation import F64
from engines.types import F32, BodyMesh, Pose


class Rest:
    """A body in its photo's pose.

    points: f64 (33, 3), the landmarks, x and y px of the photo, z scaled like them; turns: f64
    (J, 3, 3), the bones' turns in body axes; bone: a bone's index by its name; unit: the torso's
    length, px; scale: px per metre.
    """

    def __init__(self, body: BodyMesh, reference: Pose) -> None:
        self.body, self.reference = body, reference
        self.scale = reference.camera.scale
        self.points = self.placed(forward(body, reference), np.arange(33))
        self.turns: F64 = bone_turns(body, reference.rotations).astype(np.float64)
        self.bone = {name: i for i, name in enumerate(body.bone_names)}
        self.unit = float(np.linalg.norm(self.middle(SHOULDERS) - self.middle(HIPS)))

    def placed(self, maps: F32, points: NDArray[np.int_]) -> F64:
        """Where these landmarks are, px (N, 3), once the bones have gone through ``maps``."""
        body = self.body
        return self.in_photo(transform(maps, body.landmark_bones[points], body.landmarks[points]))

    def head_of(self, maps: F32, name: str) -> F64:
        """Where a bone's head is, px (3,), once the bones have gone through ``maps``."""
        bone = self.bone[name]
        return self.in_photo(maps[bone, :, :3] @ self.body.heads[bone] + maps[bone, :, 3])

    def in_photo(self, places: F32) -> F64:
        """Body space (..., 3) m to px."""
        camera = self.reference.camera
        offset = np.array([camera.tx, camera.ty, 0.0])
        return np.asarray(places.astype(np.float64) * camera.scale + offset)

    def middle(self, pair: Pair) -> F64:
        """The point between two landmarks, px (3,)."""
        return np.asarray(middle(self.points, pair), np.float64)
