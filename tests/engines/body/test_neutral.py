from __future__ import annotations

import numpy as np

from engines.blazepose import MIRROR
from engines.body.neutral import calibrate, mirrored, scaled
from engines.types import Keypoints
from tests.stick import standing


def test_mirror_is_its_own_inverse_and_swaps_sides() -> None:
    np.testing.assert_array_equal(MIRROR[MIRROR], np.arange(33))
    assert MIRROR[11] == 12
    assert MIRROR[0] == 0
    person = standing()
    back = mirrored(mirrored(person, 640), 640)
    np.testing.assert_allclose(back.xy, person.xy)
    np.testing.assert_allclose(back.world, person.world)


def test_mirrored_person_still_has_the_left_hand_at_larger_x() -> None:
    flipped = mirrored(standing(), 640)
    assert flipped.xy[15, 0] > flipped.xy[16, 0]


def test_scale_is_avatar_px_per_performer_px() -> None:
    person = standing()
    neutral = calibrate(person, person.xy * 2)
    assert abs(neutral.scale - 2) < 1e-5
    assert abs(neutral.head_scale - 2) < 1e-5
    assert abs(neutral.unit - 110) < 1e-3


def test_hidden_hips_do_not_set_the_scale() -> None:
    person = standing()
    conf, xy = person.conf.copy(), person.xy.copy()
    conf[[23, 24]] = 0.1
    xy[[23, 24], 1] += 300
    cropped = Keypoints(xy, person.z, conf, person.world)
    assert abs(calibrate(cropped, person.xy).scale - 1) < 1e-5


def test_refining_averages_what_stands_still_and_leaves_what_moves() -> None:
    person = standing()
    neutral = calibrate(person, person.xy)
    xy = person.xy + np.float32(1.0)
    xy[15] += 40
    moved = Keypoints(xy, person.z, person.conf, person.world)
    refined = neutral.refined(moved, 2)
    np.testing.assert_allclose(refined.xy[11], person.xy[11] + 0.5)
    np.testing.assert_array_equal(refined.xy[15], person.xy[15])


def test_scaled_keypoints_are_those_of_the_scaled_picture() -> None:
    person = standing()
    half = scaled(person, 0.5)
    np.testing.assert_allclose(half.xy, person.xy / 2)
    np.testing.assert_allclose(half.z, person.z / 2)
    np.testing.assert_array_equal(half.world, person.world)
    assert half.xy.dtype == np.float32
