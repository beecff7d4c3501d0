"""The photo fit, on photos made by posing the body itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.body.fit import Fit, fit, seen_landmarks
from engines.body.fit_rig import FitRig
from engines.body.kinematics import forward, transform
from engines.body.mesh import BodyModel, load_body
from engines.body.neutral import mirrored
from engines.errors import NoPersonError
from engines.types import F32, Camera, Keypoints, Pose

SHAPE = (900, 700)
CAMERA = Camera(400.0, 350.0, 420.0)
ARMS, LEGS = (13, 14, 15, 16), (25, 26, 27, 28)
Turn = tuple[float, ...] | float
SEGMENTS = ((11, 13), (13, 15), (12, 14), (14, 16), (23, 25), (25, 27), (24, 26), (26, 28))


@pytest.fixture(scope="module")
def model() -> BodyModel:
    return load_body()


@pytest.fixture(scope="module")
def rig(model: BodyModel) -> FitRig:
    return FitRig(model)


def numbers_of(rig: FitRig, **turns: Turn) -> np.ndarray:
    """The rig's numbers with the named turns: ``arm_L=(0, 0, 1)``."""
    numbers = np.zeros(rig.count)
    for name, value in turns.items():
        numbers[rig.index(name.replace("_", "."))] = value
    return numbers


def photo(points: np.ndarray, camera: Camera = CAMERA) -> Keypoints:
    """Keypoints of a camera that sees these landmarks, f64 (33, 3) m, without error."""
    xy = points[:, :2] * camera.scale + np.array([camera.tx, camera.ty])
    return Keypoints(
        xy.astype(np.float32),
        (points[:, 2] * camera.scale).astype(np.float32),
        np.ones(33, np.float32),
        (points - points[[23, 24]].mean(0)).astype(np.float32),
    )


def without(keypoints: Keypoints, hidden: list[int] | range) -> Keypoints:
    """The same photo, these landmarks not seen (and nonsense)."""
    conf, xy = keypoints.conf.copy(), keypoints.xy.copy()
    conf[hidden], xy[hidden] = 0.1, 5.0
    return replace(keypoints, conf=conf, xy=xy)


def landmarks(found: Fit) -> F32:
    maps = forward(found.body, found.pose)
    return transform(maps, found.body.landmark_bones, found.body.landmarks)


def direction(points: np.ndarray, a: int, b: int) -> np.ndarray:
    step = points[b] - points[a]
    return np.asarray(step / np.linalg.norm(step))


def angle(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


POSES: dict[str, dict[str, Turn]] = {
    "standing": {},
    "arms raised": {"arm_L": (0.2, 0.3, -2.3), "arm_R": (0.1, -0.2, 1.6), "elbow_R": 0.8},
    "turned away": {"root": (0.0, 3.0, 0.0), "elbow_L": 0.7},
    "turned, head back": {"root": (0.1, 0.7, 0.05), "neck": (0.2, -0.6, 0.1), "elbow_R": 1.2},
    "seated": {"leg_L": (-1.5, 0.1, 0.0), "leg_R": (-1.4, 0.0, 0.1), "knee_L": 1.5, "knee_R": 1.4},
    "leaning": {"spine": (-0.2, 0.2, 0.3), "root": (0.0, -0.4, 0.2), "arm_L": (-0.8, 0.0, -0.5)},
}  # fmt: skip


def test_rig_agrees_with_forward_kinematics(model: BodyModel, rig: FitRig) -> None:
    numbers = np.random.default_rng(1).normal(size=rig.count) * rig.spread * 0.5
    rotations, stretch = rig.pose(numbers)
    body = model.shaped(numbers[rig.shape].astype(np.float32))
    zero, one = np.zeros(3, np.float32), np.ones(len(stretch), np.float32)
    maps = forward(body, Pose(rotations, stretch, zero, CAMERA, one))
    points = transform(maps, body.landmark_bones, body.landmarks)
    np.testing.assert_allclose(rig.points(numbers), points, atol=2e-6)


def test_rig_derivative(rig: FitRig) -> None:
    numbers = np.random.default_rng(2).normal(size=rig.count) * rig.spread * 0.5
    points, slope = rig.derivative(numbers)
    np.testing.assert_allclose(points, rig.points(numbers))
    step = np.random.default_rng(3).normal(size=rig.count) * 1e-4
    moved = (rig.points(numbers + step) - rig.points(numbers - step)) / 2
    np.testing.assert_allclose(np.tensordot(step, slope, 1), moved, atol=1e-7)


def test_arms_hang_at_zero(rig: FitRig) -> None:
    points = rig.points(np.zeros(rig.count))
    for a, b in ((11, 13), (12, 14), (23, 25), (25, 27), (24, 26), (26, 28)):
        assert direction(points, a, b)[1] > 0.95
    assert points[15, 2] < points[13, 2]  # elbows bent a little forward


@pytest.mark.parametrize("name", POSES)
def test_finds_a_known_pose(model: BodyModel, rig: FitRig, name: str) -> None:
    numbers = numbers_of(rig, **POSES[name])
    numbers[rig.shape] = np.linspace(0.8, -0.8, len(model.rest_basis))
    true = rig.points(numbers)
    found = fit(model, photo(true), None, SHAPE)
    assert found.error_px < 1
    assert np.nanmax(found.errors) < 3
    assert found.seen.all()
    assert found.guessed == ()
    points = landmarks(found)
    for a, b in SEGMENTS:
        assert angle(direction(points, a, b), direction(true, a, b)) < 10, (a, b)
    assert found.pose.camera.scale == pytest.approx(CAMERA.scale, rel=0.08)


def test_errors_are_those_of_the_pose_that_is_returned(model: BodyModel, rig: FitRig) -> None:
    keypoints = photo(rig.points(numbers_of(rig, arm_L=(0, 0, -1.0))))
    off = np.array([[3, -2]] * 16 + [[0, 0]] * 17, np.float32)
    keypoints = replace(keypoints, xy=keypoints.xy + off)
    found = fit(model, keypoints, None, SHAPE)
    camera = found.pose.camera
    uv = landmarks(found)[:, :2] * camera.scale + np.array([camera.tx, camera.ty])
    errors = np.linalg.norm(uv - keypoints.xy, axis=1)
    np.testing.assert_allclose(found.errors, errors, atol=0.01)
    assert found.error_px == pytest.approx(errors.mean(), abs=0.01)


def test_hidden_legs_hang(model: BodyModel, rig: FitRig) -> None:
    true = rig.points(numbers_of(rig, root=(0.1, 0.2, 0.15), elbow_L=1.0))
    found = fit(model, without(photo(true), range(25, 33)), None, SHAPE)
    assert found.guessed == ("left leg", "right leg")
    points = landmarks(found)
    for a, b in ((23, 25), (25, 27), (24, 26), (26, 28)):
        assert direction(points, a, b)[1] > 0.97
    assert np.isnan(found.errors[25:]).all()
    assert found.error_px < 1


def test_a_sitters_hidden_shins_hang(model: BodyModel, rig: FitRig) -> None:
    sitting = numbers_of(rig, leg_L=(-1.3, 0, -0.2), leg_R=(-1.3, 0, 0.2), knee_L=1.3, knee_R=1.3)
    found = fit(model, without(photo(rig.points(sitting)), range(27, 33)), None, SHAPE)
    points = landmarks(found)
    for hip, knee, ankle in ((23, 25, 27), (24, 26, 28)):
        assert direction(points, hip, knee)[2] < -0.8
        assert direction(points, knee, ankle)[1] > 0.9


def test_head_and_shoulders_alone(model: BodyModel, rig: FitRig) -> None:
    true = rig.points(numbers_of(rig, neck=(0.1, 0.4, 0.1)))
    found = fit(model, without(photo(true), range(13, 33)), None, SHAPE)
    assert found.guessed == ("left arm", "right arm", "left leg", "right leg")
    assert found.error_px < 1
    points = landmarks(found)
    for a, b in SEGMENTS:
        assert direction(points, a, b)[1] > 0.8
    assert found.pose.camera.scale == pytest.approx(CAMERA.scale, rel=0.1)
    assert np.abs(found.shape).max() < 1.5
    assert (np.abs(np.log(found.pose.stretch)) < 0.1).all()
    np.testing.assert_allclose(points[[23, 24]].mean(0), true[[23, 24]].mean(0), atol=0.1)


def test_a_face_alone(model: BodyModel, rig: FitRig) -> None:
    true = rig.points(np.zeros(rig.count))
    found = fit(model, without(photo(true), range(11, 33)), None, SHAPE)
    assert found.error_px < 1
    assert found.pose.camera.scale == pytest.approx(CAMERA.scale, rel=0.1)


def test_forearms_seen_over_the_torso_lie_before_it(model: BodyModel, rig: FitRig) -> None:
    crossed: dict[str, Turn] = {"arm_L": (-0.2, 0.7, 0), "arm_R": (-0.2, -0.7, 0)}
    crossed |= {"elbow_L": 1.3, "elbow_R": 1.3}
    true = rig.points(numbers_of(rig, **crossed))
    keypoints = photo(true)
    world = keypoints.world.copy()
    world[16, 2] *= -1  # the network puts one forearm behind the back
    found = fit(model, replace(keypoints, world=world), None, SHAPE)
    points = landmarks(found)
    assert points[16, 2] < points[[11, 12, 23, 24], 2].mean() - 0.1
    assert found.errors[[14, 16]].max() < 3


def test_one_wild_landmark_is_outvoted(model: BodyModel, rig: FitRig) -> None:
    keypoints = photo(rig.points(np.zeros(rig.count)))
    xy = keypoints.xy.copy()
    xy[7] += 150
    found = fit(model, replace(keypoints, xy=xy), None, SHAPE)
    assert found.errors[7] > 100
    assert np.nanmax(np.delete(found.errors, 7)) < 3


def test_stretch_takes_up_odd_proportions(model: BodyModel, rig: FitRig) -> None:
    numbers = numbers_of(rig)
    points = rig.points(numbers)
    points[[13, 15, 17, 19, 21], 1] += 0.04  # a long left upper arm
    found = fit(model, photo(points), None, SHAPE)
    assert found.errors[[11, 13, 15]].max() < 2
    left = found.pose.stretch[found.body.bone("upperarm01.L")]
    right = found.pose.stretch[found.body.bone("upperarm01.R")]
    assert left > right + 0.05
    assert found.pose.stretch.max() <= 1.25
    assert found.pose.stretch.min() >= 0.8


def test_a_mirrored_photo_gives_a_mirrored_body(model: BodyModel, rig: FitRig) -> None:
    keypoints = photo(rig.points(numbers_of(rig, **POSES["leaning"])))
    one, other = (fit(model, k, None, SHAPE) for k in (keypoints, mirrored(keypoints, SHAPE[1])))
    assert one.error_px == pytest.approx(other.error_px, abs=0.1)
    a, b = landmarks(one), landmarks(other)
    np.testing.assert_allclose(a[13] * [-1, 1, 1], b[14], atol=0.02)


def test_what_counts_as_seen(rig: FitRig) -> None:
    keypoints = photo(rig.points(np.zeros(rig.count)))
    xy, conf = keypoints.xy.copy(), keypoints.conf.copy()
    xy[27], xy[28] = (300, -1), (700, 300)
    conf[31] = 0.4
    keypoints = replace(keypoints, xy=xy, conf=conf)
    seen = seen_landmarks(keypoints, None, SHAPE)
    assert np.flatnonzero(~seen).tolist() == [27, 28, 31]
    mask = np.zeros(SHAPE, np.float32)
    mask[: int(xy[25, 1]) - 100] = 1  # a table hides the knees
    seen = seen_landmarks(keypoints, mask, SHAPE)
    assert not seen[[25, 26]].any()
    assert seen[:13].all()


def test_hardly_anything_to_see(model: BodyModel, rig: FitRig) -> None:
    keypoints = without(photo(rig.points(np.zeros(rig.count))), range(3, 33))
    with pytest.raises(NoPersonError, match="got 3 of 33"):
        fit(model, keypoints, None, SHAPE)


def test_progress_rises_to_one(model: BodyModel, rig: FitRig) -> None:
    told: list[float] = []
    fit(model, photo(rig.points(np.zeros(rig.count))), None, SHAPE, told.append)
    assert told == sorted(told)
    assert told[-1] == 1
