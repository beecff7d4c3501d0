from __future__ import annotations

import math

import numpy as np

from engines.types import Keypoints
from realtime.metrics import flicker, keypoint_errors, psnr, ssim, torso_length

EVERYWHERE = np.ones((32, 32), np.bool_)


def picture(value: int) -> np.ndarray:
    return np.full((32, 32, 3), value, np.uint8)


def person() -> Keypoints:
    xy = np.full((33, 2), 50, np.float32)
    xy[[11, 12]] = [[60, 20], [40, 20]]
    xy[[23, 24]] = [[55, 60], [45, 60]]
    conf = np.ones(33, np.float32)
    return Keypoints(xy, np.zeros(33, np.float32), conf, np.zeros((33, 3), np.float32))


def test_psnr_by_hand() -> None:
    assert psnr(picture(10), picture(10), EVERYWHERE) == math.inf
    assert abs(psnr(picture(10), picture(20), EVERYWHERE) - 10 * math.log10(255**2 / 100)) < 1e-9


def test_psnr_looks_inside_the_mask_only() -> None:
    other = picture(10)
    other[:, 16:] = 200
    inside = EVERYWHERE.copy()
    inside[:, 16:] = False
    assert psnr(other, picture(10), inside) == math.inf


def test_ssim_is_one_for_equal_and_low_for_noise() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 255, (2, 32, 32, 3), np.uint8)
    assert ssim(a, a, EVERYWHERE) == 1
    assert ssim(a, b, EVERYWHERE) < 0.2


def test_flicker_ignores_steady_change_and_sees_trembling() -> None:
    assert flicker(picture(10), picture(20), picture(30), EVERYWHERE) == 0
    assert flicker(picture(10), picture(20), picture(10), EVERYWHERE) == 20


def test_keypoint_errors_are_in_torso_lengths() -> None:
    truth, found = person(), person()
    assert torso_length(truth) == 40
    found.xy[15] += [0, 8]
    truth.conf[16] = 0.1
    truth.xy[17] = [-3, 5]
    errors = keypoint_errors(found, truth, (100, 100))
    assert abs(errors[15] - 0.2) < 1e-6
    assert np.isnan(errors[[16, 17]]).all()
    assert np.nanmax(np.delete(errors, 15)) == 0


def test_nobody_found_counts_one_torso_length() -> None:
    assert np.nanmin(keypoint_errors(None, person(), (100, 100))) == 1
