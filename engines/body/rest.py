"""The avatar's body as its photo shows it: what every pose starts from."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from engines.blazepose import HIPS, SHOULDERS, middle
from engines.body.bones import Bones, bones_of
from engines.body.kinematics import bone_turns, forward, transform
from engines.body.rotation import F64
from engines.types import F32, I32, BodyMesh, Pose


class Rest(NamedTuple):
    """A body in its photo's pose, in the types that the compiled steps are compiled for.

    parents, heads, tails, landmarks, landmark_bones: as in ``BodyMesh``; rotations, stretch, root:
    as in ``Pose``; turns: f64 (J, 3, 3), the bones' turns in body axes; points: f64 (33, 3), the
    landmarks, x and y px of the photo, z scaled like them; scale (px per metre), tx, ty (px): the
    photo's camera; unit: the torso's length, px.
    """

    parents: I32
    heads: F32
    tails: F32
    landmarks: F32
    landmark_bones: I32
    rotations: F32
    stretch: F32
    root: F32
    turns: F64
    points: F64
    scale: float
    tx: float
    ty: float
    unit: float
    bones: Bones


def rest_of(body: BodyMesh, reference: Pose) -> Rest:
    """The body in the pose ``reference``, seen through its camera."""
    camera = reference.camera
    posed = transform(forward(body, reference), body.landmark_bones, body.landmarks)
    points = posed.astype(np.float64) * camera.scale + np.array([camera.tx, camera.ty, 0.0])
    # Copies: a read-only array is another type to numba, and would be compiled for once more.
    return Rest(
        np.array(body.parents),
        np.array(body.heads),
        np.array(body.tails),
        np.array(body.landmarks),
        np.array(body.landmark_bones),
        np.array(reference.rotations),
        np.array(reference.stretch),
        np.array(reference.root),
        bone_turns(body, reference.rotations).astype(np.float64),
        points,
        float(camera.scale),
        float(camera.tx),
        float(camera.ty),
        math.dist(middle(points, SHOULDERS), middle(points, HIPS)),
        bones_of(body),
    )
