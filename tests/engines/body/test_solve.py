from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.body import filter as filters
from engines.body import motion as motions
from engines.body import solve as solving
from engines.body.kinematics import forward, transform
from engines.body.neutral import mirrored, scaled
from engines.body.solve import BodySolver
from engines.types import F32, Keypoints, Pose
from tests.stick import moved, standing, stick_body

PERSON = standing()
BODY, REFERENCE = stick_body(PERSON)
UNIT = 110.0  # px, the torso length of PERSON


def places(pose: Pose) -> F32:
    """Where the posed body's landmarks are, px (33, 2)."""
    points = transform(forward(BODY, pose), BODY.landmark_bones, BODY.landmarks)
    camera = pose.camera
    return (points[:, :2] * camera.scale + [camera.tx, camera.ty]).astype(np.float32)


def settle(keypoints: Keypoints | None, frames: int = 45) -> tuple[BodySolver, Pose]:
    """Neutral first, then the same keypoints for a while."""
    solver = BodySolver(BODY, REFERENCE)
    solver.solve(PERSON, 0.0)
    for i in range(frames):
        pose = solver.solve(keypoints, (i + 1) / 30)
    return solver, pose


def test_neutral_is_exactly_the_photo() -> None:
    pose = BodySolver(BODY, REFERENCE).solve(PERSON, 0.0)
    np.testing.assert_allclose(places(pose), places(REFERENCE), atol=0.05)


def test_nobody_from_the_start_is_the_photo() -> None:
    assert BodySolver(BODY, REFERENCE).solve(None, 0.0) is REFERENCE


@pytest.mark.parametrize(
    "offsets",
    [
        {13: (10, -70), 15: (20, -150), 17: (20, -160), 19: (20, -160)},  # left arm up
        {16: (53, -55), 18: (70, -62), 20: (70, -62)},  # right hand before the chest
        {0: (8, 0), 2: (8, 0), 5: (8, 0), 7: (8, 0), 8: (8, 0), 9: (8, 0), 10: (8, 0)},
        dict.fromkeys(range(33), (25.0, -10.0)),  # the whole person moves
        dict.fromkeys(range(23), (14.0, 0.0)),  # leans
    ],
)
def test_joints_go_where_the_performers_went(offsets: dict[int, tuple[float, float]]) -> None:
    goal = moved(PERSON, offsets)
    _, pose = settle(goal)
    joints = [0, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26]
    error = np.linalg.norm(places(pose)[joints] - goal.xy[joints], axis=1) / UNIT
    assert error.max() < 0.05, dict(zip(joints, error.round(3), strict=True))


def test_an_avatar_of_twice_the_size_moves_twice_as_far() -> None:
    big = Keypoints(PERSON.xy * 2, PERSON.z, PERSON.conf, PERSON.world)
    body, reference = stick_body(big, px_per_m=600)
    solver = BodySolver(body, reference)
    solver.solve(PERSON, 0.0)
    goal = moved(PERSON, {16: (53, -55), 18: (70, -62), 20: (70, -62)})
    for i in range(45):
        pose = solver.solve(goal, (i + 1) / 30)
    points = transform(forward(body, pose), body.landmark_bones, body.landmarks)[:, :2] * 600
    assert np.linalg.norm(points[16] - goal.xy[16] * 2) / (2 * UNIT) < 0.05


def test_unseen_limbs_rest_as_in_the_photo() -> None:
    wild = moved(PERSON, {25: (80, -90), 27: (-120, -200), 15: (90, -160)})
    conf = wild.conf.copy()
    conf[[13, 15, 25, 27]] = 0.05
    _, pose = settle(Keypoints(wild.xy, wild.z, conf, wild.world))
    now, before = places(pose), places(REFERENCE)
    assert np.abs(now[[13, 15, 25, 27]] - before[[13, 15, 25, 27]]).max() < 3


def test_a_lost_performer_is_held_then_eases_to_the_photo() -> None:
    goal = moved(PERSON, {16: (53, -55), 18: (70, -62), 20: (70, -62)})
    solver, pose = settle(goal)
    held = solver.solve(None, 46 / 30 + 0.3)
    np.testing.assert_allclose(places(held)[16], places(pose)[16], atol=3)
    for i in range(200):
        idle = solver.solve(None, 46 / 30 + 0.4 + i / 30)
    np.testing.assert_allclose(places(idle), places(REFERENCE), atol=0.5)


def test_the_avatar_is_on_a_leash() -> None:
    _, pose = settle(moved(PERSON, dict.fromkeys(range(33), (600.0, 0.0))), frames=90)
    hips = places(pose)[[23, 24]].mean(0) - places(REFERENCE)[[23, 24]].mean(0)
    assert 0.5 * UNIT < hips[0] < 0.81 * UNIT


def test_a_still_trunk_is_pinned() -> None:
    rng = np.random.default_rng(0)
    solver = BodySolver(BODY, REFERENCE)
    out = []
    for i in range(90):
        xy = PERSON.xy + rng.normal(0, 1.0, PERSON.xy.shape).astype(np.float32) * (i > 0)
        pose = solver.solve(Keypoints(xy, PERSON.z, PERSON.conf, PERSON.world), i / 30)
        out.append(places(pose)[[11, 12, 23, 24]])
    assert np.std(out[15:], axis=0).max() < 0.35  # px, of a noise of 1 px


def test_a_turned_head_is_limited() -> None:
    # the nose far out to the side: more than any head turns
    _, pose = settle(moved(PERSON, {0: (40, 0), 9: (30, 0), 10: (30, 0)}), frames=30)
    head = pose.rotations[BODY.bone("head")]
    assert np.isfinite(pose.rotations).all()
    assert np.linalg.det(head) > 0.999


def test_garbage_depth_does_not_move_joints_in_the_picture() -> None:
    rng = np.random.default_rng(3)
    world = PERSON.world + rng.normal(0, 0.3, PERSON.world.shape).astype(np.float32)
    _, pose = settle(Keypoints(PERSON.xy, PERSON.z, PERSON.conf, world))
    limbs = [13, 14, 15, 16]
    assert np.abs(places(pose)[limbs] - PERSON.xy[limbs]).max() < 0.05 * UNIT


def test_recalibration_makes_the_present_pose_the_photo() -> None:
    goal = moved(PERSON, {16: (53, -55), 18: (70, -62), 20: (70, -62)})
    solver, _ = settle(goal)
    solver.calibrate(goal)
    pose = solver.solve(goal, 3.0)
    np.testing.assert_allclose(places(pose), places(REFERENCE), atol=0.05)


def test_limbs_that_the_photo_does_not_show_stay() -> None:
    seen = np.ones(33, np.bool_)
    seen[[14, 16, 25, 27]] = False
    solver = BodySolver(BODY, REFERENCE, seen)
    solver.solve(PERSON, 0.0)
    goal = moved(PERSON, {15: (20, -100), 16: (53, -55), 25: (30, -40), 27: (40, -80)})
    for i in range(45):
        pose = solver.solve(goal, (i + 1) / 30)
    shift = np.linalg.norm(places(pose) - places(REFERENCE), axis=1)
    assert shift[[16, 25, 27]].max() < 3
    assert shift[15] > 50


def test_a_pose_is_not_changed_by_the_next() -> None:
    solver, pose = settle(PERSON, frames=3)
    before = pose.rotations.copy()
    solver.solve(moved(PERSON, {15: (20, -150), 13: (10, -70)}), 1.0)
    np.testing.assert_array_equal(pose.rotations, before)


def test_nothing_compiles_after_the_second_frame() -> None:
    steps = (solving._place, motions._measure, filters._step, filters.smoothing)
    settle(PERSON, frames=1)
    before = [len(step.signatures) for step in steps]
    seen = np.ones(33, np.bool_)
    seen.setflags(write=False)
    solver = BodySolver(BODY, REFERENCE, seen)
    for i, keypoints in enumerate((PERSON, mirrored(PERSON, 640), None, scaled(PERSON, 0.5))):
        solver.solve(keypoints, i / 30)
    solver.calibrate(PERSON)
    solver.solve(PERSON, 1.0)
    assert [len(step.signatures) for step in steps] == before


def test_what_is_no_number_ends_with_its_frame() -> None:
    solver, _ = settle(PERSON, frames=3)
    solver._memory.head[:] = np.nan
    assert not np.isfinite(solver.solve(PERSON, 0.2).rotations).all()
    assert np.isfinite(solver.solve(PERSON, 0.3).rotations).all()


def test_absurd_landmarks_leave_nothing_behind() -> None:
    """Finite, so the tracker lets them pass; their speeds are not, and stayed in the filter."""
    largest = np.finfo(np.float32).max
    absurd = (
        replace(PERSON, xy=np.full((33, 2), largest, np.float32)),
        replace(PERSON, world=np.full((33, 3), largest, np.float32)),
    )
    for wrong in absurd:
        solver, _ = settle(PERSON, frames=solving.STANCE)
        for i in range(5):
            solver.solve(replace(wrong, xy=wrong.xy * np.float32((-1) ** i)), 0.4 + i / 30)
        for i in range(60):
            pose = solver.solve(PERSON, 0.6 + i / 30)
        np.testing.assert_allclose(places(pose), places(REFERENCE), atol=2)
