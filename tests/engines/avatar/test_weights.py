from __future__ import annotations

import numpy as np
import pytest

from engines.avatar.figure import LIMBS, figure
from engines.avatar.weights import bind, smoothstep, to_polygon, to_segment
from engines.types import F32
from tests.engines.avatar.drawn import METRE, fitted

FIT = fitted()
FIGURE = figure(FIT.body, FIT.pose)


def share(layer: str, bone: str, xy: F32) -> F32:
    index, weight = bind(FIGURE, layer, xy)
    return np.asarray(np.where(index == FIGURE.index[bone], weight, 0).sum(1), np.float32)


def along(limb: str, segment: int, t: float) -> F32:
    line = FIGURE.limb_line(limb)
    return np.asarray([line[segment] + t * (line[segment + 1] - line[segment])], np.float32)


@pytest.mark.parametrize("layer", LIMBS)
def test_rows_sum_to_one_everywhere(layer: str) -> None:
    x, y = np.meshgrid(np.linspace(-50, 370, 40), np.linspace(-50, 450, 40))
    index, weight = bind(FIGURE, layer, np.stack([x.ravel(), y.ravel()], 1).astype(np.float32))
    np.testing.assert_allclose(weight.sum(1), 1, atol=1e-5)
    assert (weight >= 0).all()
    assert index.min() >= 0
    assert index.max() < len(FIT.body.bone_names)


@pytest.mark.parametrize(
    ("limb", "segment", "bone"),
    [("arm.L", 0, "upperarm01.L"), ("arm.R", 1, "lowerarm01.R"), ("arm.L", 2, "wrist.L"),
     ("leg.R", 0, "upperleg01.R"), ("leg.L", 1, "lowerleg01.L")],
)  # fmt: skip
def test_the_middle_of_a_segment_follows_its_bone_alone(limb: str, segment: int, bone: str) -> None:
    assert share(limb, bone, along(limb, segment, 0.6))[0] > 0.98


def test_the_elbow_is_shared_half_and_half_and_blends_smoothly() -> None:
    line = FIGURE.limb_line("arm.L")
    assert share("arm.L", "lowerarm01.L", line[1:2])[0] == pytest.approx(0.5, abs=0.05)
    steps = np.linspace(0.3, 1.0, 60)[:, None] * (line[1] - line[0]) + line[0]
    beyond = np.linspace(0, 0.6, 60)[:, None] * (line[2] - line[1]) + line[1]
    values = share("arm.L", "lowerarm01.L", np.concatenate([steps, beyond]).astype(np.float32))
    assert (np.diff(values) > -1e-4).all()
    assert np.diff(values).max() < 0.15


def test_chest_and_head_do_not_follow_the_arms() -> None:
    chest = FIGURE.bones["spine02"][None]
    nose = FIGURE.marks[:1, :2].copy()
    for side in "LR":
        assert share("core", f"upperarm01.{side}", np.concatenate([chest, nose])).max() < 0.01
    assert share("core", "head", nose)[0] > 0.95
    chin = nose + np.array([[0, 0.075 * METRE]], np.float32)
    assert share("core", "head", chin)[0] > 0.8


def test_core_and_arm_move_as_one_over_the_shoulder_and_part_below_the_armpit() -> None:
    joint = FIGURE.limb_line("arm.L")[0]
    cap = joint + np.array([[3, -6], [6, -2], [0, -8], [8, 4]], np.float32)
    both = [share(layer, "upperarm01.L", cap) for layer in ("core", "arm.L")]
    np.testing.assert_allclose(both[0], both[1], atol=0.06)
    side = joint + np.array([[-8, 26]], np.float32)
    assert share("core", "upperarm01.L", side)[0] < 0.02
    assert share("arm.L", "upperarm01.L", side)[0] > 0.6


def test_distances_by_hand() -> None:
    xy = np.array([[0, 3], [5, 0], [-4, 3], [2, -1]], np.float32)
    a, b = np.array([0, 0], np.float32), np.array([4, 0], np.float32)
    np.testing.assert_allclose(to_segment(xy, a, b), [3, 1, 5, 1])
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], np.float32)
    np.testing.assert_allclose(to_polygon(xy, square), [0, 1, 4, 1])
    np.testing.assert_allclose(smoothstep(np.array([-2, -1, 0, 1, 2.0])), [0, 0, 0.5, 1, 1])
