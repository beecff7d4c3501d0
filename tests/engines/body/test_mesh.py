"""The body that comes with puppetcam."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from engines.body.kinematics import forward, transform
from engines.body.mesh import PATH, BodyModel, load_body
from engines.errors import ModelError
from engines.types import BodyMesh, Camera, Pose


@pytest.fixture(scope="module")
def model() -> BodyModel:
    return load_body()


@pytest.fixture(scope="module", params=["mean", "shaped"])
def body(request: pytest.FixtureRequest, model: BodyModel) -> BodyMesh:
    if request.param == "mean":
        return model.mean
    coefficients = np.linspace(-2, 2, len(model.rest_basis)).astype(np.float32)
    return model.shaped(coefficients)


def identity(body: BodyMesh) -> Pose:
    joints = len(body.parents)
    return Pose(
        np.tile(np.eye(3, dtype=np.float32), (joints, 1, 1)),
        np.ones(joints, np.float32),
        np.zeros(3, np.float32),
        Camera(1, 0, 0),
        np.ones(joints, np.float32),
    )


def test_weights_sum_to_one_and_fall(body: BodyMesh) -> None:
    np.testing.assert_allclose(body.bone_weight.sum(1), 1, atol=1e-6)
    assert (np.diff(body.bone_weight, axis=1) <= 1e-3).all()
    assert body.bone_index.min() >= 0
    assert body.bone_index.max() < len(body.parents)


def test_parents_come_first(body: BodyMesh) -> None:
    assert body.parents[0] == -1
    assert (body.parents[1:] >= 0).all()
    assert (body.parents < np.arange(len(body.parents))).all()
    assert len(set(body.bone_names)) == len(body.bone_names)


def test_stature_is_one_for_all(body: BodyMesh) -> None:
    assert np.ptp(body.rest[:, 1]) == pytest.approx(1.7, abs=0.02)


def test_surface_closes_but_for_the_eyes(body: BodyMesh) -> None:
    edges = np.sort(body.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
    kept, count = np.unique(edges, axis=0, return_counts=True)
    assert count.max() == 2
    open_at = np.unique(kept[count == 1])
    eyes = body.landmarks[[2, 5]]
    away = np.linalg.norm(body.rest[open_at][:, None] - eyes, axis=2).min(1)
    assert away.max() < 0.03


def test_normals_point_outward(body: BodyMesh) -> None:
    a, b, c = (body.rest[body.faces[:, k]] for k in range(3))
    volume = (a * np.cross(b, c)).sum() / 6  # the divergence theorem
    assert 0.03 < volume < 0.2
    nose = np.linalg.norm(body.rest - body.landmarks[0], axis=1).argmin()
    normal = np.cross(b - a, c - a)[(body.faces == nose).any(1)].sum(0)
    assert normal[2] < 0  # toward the camera


def test_it_faces_the_camera_with_its_left_at_larger_x(body: BodyMesh) -> None:
    points = body.landmarks
    for left in (1, 2, 3, 7, 9, *range(11, 33, 2)):
        right = left + 3 if left <= 3 else left + 1
        assert points[left, 0] > 0 > points[right, 0]
    assert points[0, 2] < points[7, 2]  # the nose before the ears
    assert points[0, 1] < points[11, 1] < points[23, 1] < points[25, 1] < points[27, 1]
    np.testing.assert_allclose(points[[23, 24]].mean(0), 0, atol=1e-3)  # the origin


def test_landmarks_lie_in_or_near_the_surface(body: BodyMesh) -> None:
    away = np.linalg.norm(body.rest[None] - body.landmarks[:, None], axis=2).min(1)
    assert away.max() < 0.1
    assert away[:11].max() < 0.02  # the face's are on the skin


def test_hinges_carry_their_own_landmarks(body: BodyMesh) -> None:
    for point, name in {13: "lowerarm01", 15: "wrist", 25: "lowerleg01", 27: "foot"}.items():
        for side, letter in enumerate("LR"):
            bone = body.bone(f"{name}.{letter}")
            assert body.landmark_bones[point + side] == bone
            np.testing.assert_allclose(body.landmarks[point + side], body.heads[bone], atol=1e-3)


def test_limb_bones_are_chains(body: BodyMesh) -> None:
    for chain in (
        ("upperarm01.L", "upperarm02.L", "lowerarm01.L", "lowerarm02.L", "wrist.L"),
        ("upperleg01.R", "upperleg02.R", "lowerleg01.R", "lowerleg02.R", "foot.R"),
    ):
        for above, below in itertools.pairwise(chain):
            tail, head = body.tails[body.bone(above)], body.heads[body.bone(below)]
            np.testing.assert_allclose(tail, head, atol=2e-3)


def test_parts_are_where_they_belong(body: BodyMesh) -> None:
    middle = {name: body.rest[body.parts == i].mean(0) for i, name in enumerate(body.part_names)}
    assert len(middle) == 14
    assert middle["head"][1] < middle["torso"][1] < middle["upper_leg.L"][1]
    assert middle["upper_leg.L"][1] < middle["lower_leg.L"][1] < middle["foot.L"][1]
    assert middle["hand.L"][0] > middle["lower_arm.L"][0] > middle["upper_arm.L"][0] > 0
    assert middle["hand.R"][0] < middle["lower_arm.R"][0] < middle["upper_arm.R"][0] < 0


def test_forward_at_identity_is_rest(body: BodyMesh) -> None:
    maps = forward(body, identity(body))
    posed = transform(maps, body.bone_index[:, 0], body.rest)
    np.testing.assert_allclose(posed, body.rest, atol=1e-6)


def test_actions_move_what_they_name(model: BodyModel) -> None:
    assert len(model.action_names) == 52
    jaw = model.actions[model.action_names.index("jawOpen")]
    chin = np.linalg.norm(jaw, axis=1).argmax()
    assert jaw[chin, 1] > 0.01  # down
    assert model.mean.part_names[model.mean.parts[chin]] == "head"
    smile = np.linalg.norm(model.actions[model.action_names.index("mouthSmileLeft")], axis=1)
    assert (model.mean.rest[smile > smile.max() / 2, 0] > 0).all()


def test_shape_is_linear(model: BodyModel) -> None:
    one = np.zeros(len(model.rest_basis), np.float32)
    one[1] = 1
    moved = model.shaped(one * 3).rest - model.mean.rest
    np.testing.assert_allclose(moved, 3 * model.rest_basis[1], atol=1e-5)
    with pytest.raises(ValueError, match="coefficients"):
        model.shaped(np.zeros(3, np.float32))


def test_missing_file_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="puppetcam-export body"):
        load_body(tmp_path / "anny.npz")


def test_altered_file_is_a_model_error(tmp_path: Path) -> None:
    copy = tmp_path / "anny.npz"
    shutil.copy(PATH.with_suffix(".json"), tmp_path)
    data = bytearray(PATH.read_bytes())
    data[1000] ^= 1
    copy.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="altered: got sha256"):
        load_body(copy)
