from __future__ import annotations

import numpy as np

from engines.body.motion import MotionFilter
from engines.body.neutral import calibrate
from engines.types import Keypoints
from tests.stick import moved, standing

PERSON = standing()
NEUTRAL = calibrate(PERSON, PERSON.xy)


def test_neutral_is_no_motion() -> None:
    motion = MotionFilter().update(PERSON, NEUTRAL, 0.0)
    np.testing.assert_array_equal(motion.offset, 0)
    assert motion.presence == 1


def test_a_performer_who_comes_nearer_is_measured_smaller_again() -> None:
    xy = PERSON.xy
    centre = (xy[23] + xy[24]) / 2
    near = Keypoints(
        (centre + (xy - centre) * 1.6).astype(np.float32), PERSON.z, PERSON.conf, PERSON.world
    )
    motions = MotionFilter()
    motions.update(PERSON, NEUTRAL, 0.0)
    for i in range(300):
        motion = motions.update(near, NEUTRAL, (i + 1) / 30)
    # 60 % larger in the picture, within the 12 % zone after ten seconds
    assert np.abs(motion.offset[[11, 12, 0]]).max() < 0.2


def test_loss_is_predicted_then_held_then_let_go() -> None:
    motions = MotionFilter()
    for i in range(10):
        motions.update(moved(PERSON, {15: (0, -6.0 * i)}), NEUTRAL, i / 30)
    seen = motions.update(moved(PERSON, {15: (0, -60.0)}), NEUTRAL, 10 / 30).offset[15, 1]
    predicted = motions.update(None, NEUTRAL, 11 / 30)
    assert predicted.offset[15, 1] < seen  # moves on
    held = [motions.update(None, NEUTRAL, t / 30) for t in range(12, 27)]
    assert held[-1].presence == 1
    np.testing.assert_array_equal(held[-1].offset, held[-2].offset)
    for t in range(27, 150):
        idle = motions.update(None, NEUTRAL, t / 30)
    assert idle.presence < 0.01


def test_a_performer_who_returns_is_eased_in() -> None:
    motions = MotionFilter()
    motions.update(PERSON, NEUTRAL, 0.0)
    for t in range(1, 150):
        motions.update(None, NEUTRAL, t / 30)
    back = motions.update(PERSON, NEUTRAL, 150 / 30)
    assert 0 < back.presence < 0.3
