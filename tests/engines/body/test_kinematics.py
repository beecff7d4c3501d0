from __future__ import annotations

import numpy as np

from engines.body.kinematics import forward, inverted, relative, transform
from engines.types import BodyMesh, Camera, Pose


def two_bones() -> BodyMesh:
    """A rod along x: bone 0 from 0 to 1, bone 1 from 1 to 2."""
    return BodyMesh(
        rest=np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]], np.float32),
        faces=np.array([[0, 1, 2]], np.int32),
        bone_index=np.zeros((3, 4), np.int32),
        bone_weight=np.tile(np.array([1, 0, 0, 0], np.float32), (3, 1)),
        heads=np.array([[0, 0, 0], [1, 0, 0]], np.float32),
        tails=np.array([[1, 0, 0], [2, 0, 0]], np.float32),
        parents=np.array([-1, 0], np.int32),
        bone_names=("upper", "lower"),
        uv=np.zeros((3, 2), np.float32),
        parts=np.zeros(3, np.int32),
        part_names=("rod",),
        landmarks=np.zeros((33, 3), np.float32),
        landmark_bones=np.zeros(33, np.int32),
    )


def pose(rotations: np.ndarray, stretch: tuple[float, float] = (1, 1)) -> Pose:
    return Pose(
        rotations=rotations.astype(np.float32),
        stretch=np.array(stretch, np.float32),
        root=np.zeros(3, np.float32),
        camera=Camera(1.0, 0.0, 0.0),
        conf=np.ones(2, np.float32),
    )


QUARTER = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float32)  # x -> y


def tip(maps: np.ndarray) -> np.ndarray:
    return np.asarray(transform(maps, np.array([1]), np.array([[2, 0, 0]], np.float32))[0])


def test_rest_is_identity() -> None:
    maps = forward(two_bones(), pose(np.stack([np.eye(3)] * 2)))
    np.testing.assert_allclose(maps[:, :, :3], np.stack([np.eye(3)] * 2), atol=1e-6)
    np.testing.assert_allclose(maps[:, :, 3], 0, atol=1e-6)


def test_child_turns_inside_its_parent() -> None:
    maps = forward(two_bones(), pose(np.stack([QUARTER, QUARTER])))
    np.testing.assert_allclose(tip(maps), [-1, 1, 0], atol=1e-6)  # up along y, then back along -x


def test_stretch_moves_the_child_but_does_not_shape_it() -> None:
    maps = forward(two_bones(), pose(np.stack([np.eye(3), QUARTER]), stretch=(1.5, 1)))
    np.testing.assert_allclose(tip(maps), [1.5, 1, 0], atol=1e-6)
    np.testing.assert_allclose(maps[1, :, :3], QUARTER, atol=1e-6)


def test_relative_carries_reference_points_to_the_pose() -> None:
    body = two_bones()
    a = forward(body, pose(np.stack([QUARTER, np.eye(3)]), (1.2, 1)))
    b = forward(body, pose(np.stack([np.eye(3), QUARTER])))
    carried = transform(relative(b, inverted(a)), np.array([1]), tip(a)[None])
    np.testing.assert_allclose(carried[0], tip(b), atol=1e-5)
