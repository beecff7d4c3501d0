"""Figure: the fitted body as the photo shows it: joints, landmarks and surface in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.blazepose import ARMS, LEGS
from engines.body.kinematics import forward, transform
from engines.sheet import layer_of
from engines.types import F32, I32, U8, BodyMesh, Pose

LIMBS = ("core", "arm.L", "arm.R", "leg.L", "leg.R")
# BlazePose points along each limb: root, middle, end, the two knuckles (or toe twice)
LIMB_MARKS = {
    **{f"arm.{side}": arm[:5] for side, arm in ARMS.items()},
    **{f"leg.{side}": (*leg[:3], leg.toe, leg.toe) for side, leg in LEGS.items()},
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A body in its photo.

    bones: bone name to f32 (2,), x and y px of its head in the photo; depths: to its z, m; index:
    to its place in the body; marks: f32 (33, 3), the BlazePose points on the body, x px, y px, z m;
    surface: f32 (V, 3), its vertices, x px, y px, z m (smaller is nearer); faces: i32 (F, 3); limb:
    i32 (V,), index into LIMBS; facing: bool (V,), whether the vertex is turned to the camera;
    metre: px per metre.
    """

    bones: dict[str, F32]
    depths: dict[str, float]
    index: dict[str, int]
    marks: F32
    surface: F32
    faces: I32
    limb: I32
    facing: NDArray[np.bool_]
    metre: float

    def limb_line(self, name: str) -> F32:
        """Joint by joint from shoulder or hip to the tip of hand or foot, f32 (4, 2) px."""
        _, middle, end, *tips = (self.marks[i, :2] for i in LIMB_MARKS[name])
        reach = 1.9 if name.startswith("arm") else 1.15
        tip = end + reach * (np.mean(tips, 0) - end)
        start = {"arm": "upperarm01", "leg": "upperleg01"}[name[:3]]
        root = self.bones[f"{start}.{name[-1]}"]
        return np.asarray([root, middle, end, tip], np.float32)

    def reach(self, name: str) -> tuple[float, float]:
        """How far a limb's end and middle joints lie behind the chest, m."""
        ends = {"arm": ("wrist", "lowerarm01"), "leg": ("foot", "lowerleg01")}[name[:3]]
        end, middle = (self.depths[bone + name[-2:]] for bone in ends)
        chest = self.depths["spine01"]
        return end - chest, (end + middle) / 2 - chest

    def silhouette(self, name: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Pixels (H, W) that the named limb's surface covers."""
        canvas: U8 = np.zeros(shape, np.uint8)
        own = (self.limb[self.faces] == LIMBS.index(name)).all(1)
        points = np.rint(self.surface[:, :2] * 8).astype(np.int32)
        for face in self.faces[own]:
            cv2.fillConvexPoly(canvas, points[face], 1, shift=3)
        return canvas > 0


def figure(body: BodyMesh, pose: Pose) -> Figure:
    """Project ``body`` in ``pose`` through the pose's camera."""
    maps = forward(body, pose)
    camera = pose.camera

    def project(points: F32) -> F32:
        out = points.copy()
        out[:, 0] = camera.scale * points[:, 0] + camera.tx
        out[:, 1] = camera.scale * points[:, 1] + camera.ty
        return out

    joints = len(body.parents)
    heads = project(transform(maps, np.arange(joints), body.heads))
    marks = project(transform(maps, body.landmark_bones, body.landmarks))
    blended = np.einsum("vk,vkij->vij", body.bone_weight, maps[body.bone_index])
    surface = np.einsum("vij,vj->vi", blended[:, :, :3], body.rest) + blended[:, :, 3]
    surface = project(surface.astype(np.float32))
    return Figure(
        bones={name: heads[i, :2] for i, name in enumerate(body.bone_names)},
        depths={name: float(heads[i, 2]) for i, name in enumerate(body.bone_names)},
        index={name: i for i, name in enumerate(body.bone_names)},
        marks=marks,
        surface=surface,
        faces=body.faces,
        limb=_limbs(body),
        facing=_facing(surface, body.faces, camera.scale),
        metre=float(camera.scale),
    )


def _limbs(body: BodyMesh) -> I32:
    """Which limb each vertex is drawn with."""
    of_bone = np.array([LIMBS.index(layer_of(bone)) for bone in body.bone_names], np.int32)
    return np.asarray(of_bone[body.bone_index[:, 0]], np.int32)


def _facing(surface: F32, faces: I32, metre: float) -> NDArray[np.bool_]:
    """Vertices whose outward normal points at the camera."""
    points = surface * np.array([1, 1, metre], np.float32)
    a, b, c = (points[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    total = np.zeros_like(points)
    for k in range(3):
        np.add.at(total, faces[:, k], normal)
    return np.asarray(total[:, 2] < 0)
