from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from engines.kernels.skin import skin
from engines.kernels.turns import turns
from engines.types import F32, I32

VIEW = np.array([10, 100, 200], np.float32)


def split(maps: F32, parents: I32) -> tuple[F32, F32, F32]:
    joints = len(maps)
    local: F32 = np.tile(np.array([1, 0, 0, 0], np.float32), (joints, 1))
    turn, rest = np.zeros((joints, 4), np.float32), np.zeros((joints, 3, 3), np.float32)
    turns(maps, parents, local, turn, rest)
    return local, turn, rest


def matrix(turn: F32) -> np.ndarray:
    """Rotation matrices of quaternions w, x, y, z."""
    return np.asarray(Rotation.from_quat(np.roll(turn, -1, -1)).as_matrix())


def chain(angles: list[float]) -> F32:
    """Maps of bones that all turn about the z axis, each by its own angle."""
    maps = np.zeros((len(angles), 3, 4), np.float32)
    maps[:, :, :3] = Rotation.from_rotvec(np.outer(angles, [0, 0, 1])).as_matrix()
    return maps


def line(count: int) -> I32:
    return np.arange(-1, count - 1, dtype=np.int32)


def test_a_map_is_its_turn_times_what_is_left() -> None:
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(20, 3, 4)).astype(np.float32)
    stretch = np.eye(3) + 0.2 * rng.normal(size=(20, 3, 3))
    rotation = Rotation.from_rotvec(rng.normal(size=(20, 3))).as_matrix()
    maps[:, :, :3] = rotation @ (stretch @ stretch.transpose(0, 2, 1))
    _, turn, rest = split(maps, line(20))
    np.testing.assert_allclose(matrix(turn) @ rest, maps[:, :, :3], atol=1e-5)
    np.testing.assert_allclose(rest, rest.transpose(0, 2, 1), atol=1e-4)  # polar: symmetric
    np.testing.assert_allclose(np.linalg.norm(turn, axis=1), 1, atol=1e-6)


def test_every_turn_becomes_the_right_quaternion() -> None:
    maps = np.zeros((200, 3, 4), np.float32)
    rotvecs = np.random.default_rng(1).normal(size=(200, 3)) * 2
    maps[:, :, :3] = Rotation.from_rotvec(rotvecs).as_matrix()
    maps[:6, :, :3] = Rotation.from_euler("xyz", np.pi * np.eye(3)[[0, 1, 2, 0, 1, 2]]).as_matrix()
    _, turn, _ = split(maps, np.full(200, -1, np.int32))
    np.testing.assert_allclose(matrix(turn), maps[:, :, :3], atol=1e-5)


def test_signs_follow_the_parent() -> None:
    _, turn, _ = split(chain([3.0, 3.3]), line(2))  # either side of half a turn
    assert turn[0] @ turn[1] > 0.98


def test_past_half_a_turn_the_sign_stays_as_it_came() -> None:
    parents = line(2)
    local, turn, rest = split(chain([0, 3.0]), parents)
    before = turn[1].copy()
    turns(chain([0, 3.3]), parents, local, turn, rest)
    assert before @ turn[1] > 0.98  # not the short way round
    for angle in (3.0, 1.5, 0.0):
        turns(chain([0, angle]), parents, local, turn, rest)
    np.testing.assert_allclose(turn[1], [1, 0, 0, 0], atol=1e-6)


def placed(points: F32, centres: F32, index: I32, weight: F32, maps: F32) -> F32:
    _, turn, rest = split(maps, line(len(maps)))
    out = np.empty_like(points)
    skin(points, centres, index, weight, maps, turn, rest, VIEW, out)
    return out


def test_agrees_with_the_formula() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 3)).astype(np.float32)
    centres = rng.normal(size=(50, 3)).astype(np.float32)
    maps = rng.normal(size=(5, 3, 4)).astype(np.float32)
    angles = rng.normal(size=(5, 3)) * 0.5
    maps[:, :, :3] = Rotation.from_rotvec(angles).as_matrix() @ (np.eye(3) * 1.2)
    index = rng.integers(0, 5, (50, 4)).astype(np.int32)
    weight = rng.random((50, 4)).astype(np.float32)
    weight[:10, 2:] = 0
    weight /= weight.sum(1, keepdims=True)
    _, turn, rest = split(maps, line(5))
    quaternion = np.einsum("nk,nkq->nq", weight, turn[index])
    quaternion /= np.linalg.norm(quaternion, axis=1, keepdims=True)
    linear = matrix(quaternion) @ np.einsum("nk,nkij->nij", weight, rest[index])
    mean = np.einsum("nk,nkij->nij", weight, maps[index])
    want = np.einsum("nij,nj->ni", linear, points - centres)
    want += np.einsum("nij,nj->ni", mean[:, :, :3], centres) + mean[:, :, 3]
    want = want * [10, 10, 1] + [100, 200, 0]
    np.testing.assert_allclose(placed(points, centres, index, weight, maps), want, atol=2e-4)


def test_one_bone_carries_as_its_map_says_whatever_the_centre() -> None:
    maps = np.array([[[0, -1.5, 0, 2], [1.5, 0, 0, 4], [0, 0, 1.5, 6]]], np.float32)
    index, weight = np.zeros((2, 4), np.int32), np.tile(np.array([1, 0, 0, 0], np.float32), (2, 1))
    points = np.ones((2, 3), np.float32)
    centres = np.array([[0, 0, 0], [5, -7, 3]], np.float32)
    out = placed(points, centres, index, weight, maps)
    np.testing.assert_allclose(out, [[105, 255, 7.5]] * 2, atol=1e-3)  # (-1.5 + 2, 1.5 + 4)


def test_half_and_half_is_half_the_turn_and_as_far_from_the_joint() -> None:
    index = np.array([[0, 1, 0, 0]], np.int32)
    weight = np.array([[0.5, 0.5, 0, 0]], np.float32)
    point = np.array([[1, 0, 0]], np.float32)
    out = placed(point, np.zeros((1, 3), np.float32), index, weight, chain([0, np.pi / 2]))
    root = np.sqrt(0.5)
    np.testing.assert_allclose(out, [[100 + 10 * root, 200 + 10 * root, 0]], atol=1e-4)
    # the mean of the two maps alone would lie at (0.5, 0.5)


def test_at_rest_nothing_moves() -> None:
    rng = np.random.default_rng(4)
    points = rng.normal(size=(30, 3)).astype(np.float32)
    maps = chain([0.0] * 4)
    index = rng.integers(0, 4, (30, 4)).astype(np.int32)
    weight = np.full((30, 4), 0.25, np.float32)
    out = placed(points, points[::-1].copy(), index, weight, maps)
    np.testing.assert_allclose(out, points * [10, 10, 1] + [100, 200, 0], atol=1e-4)
