from __future__ import annotations

import numpy as np

from engines.kernels.composite import composite, straighten
from engines.types import U8


def some() -> tuple[np.ndarray, U8]:
    rng = np.random.default_rng(0)
    alpha = np.where(rng.random((6, 7)) < 0.3, 0, rng.random((6, 7)) * 255)
    person = np.dstack([rng.random((6, 7, 3)) * alpha[..., None], alpha]).astype(np.float32)
    background = rng.integers(0, 256, (6, 7, 4), np.uint8)
    background[:, :, 3] = 255
    return person, background


def test_composite_agrees_with_the_formula() -> None:
    person, background = some()
    out = np.empty_like(background)
    composite(person, background, out)
    want = person + background * (1 - person[:, :, 3:] / 255.0)
    np.testing.assert_allclose(out, want, atol=0.501)
    assert (out[:, :, 3] == 255).all()


def test_composite_by_hand() -> None:
    person = np.array([[[100, 50, 0, 127.5], [10, 20, 30, 255], [0, 0, 0, 0]]], np.float32)
    background = np.array([[[200, 0, 255, 255]] * 3], np.uint8)
    out = np.empty_like(background)
    composite(person, background, out)
    np.testing.assert_array_equal(
        out[0], [[200, 50, 128, 255], [10, 20, 30, 255], [200, 0, 255, 255]]
    )


def test_a_sum_that_rounding_carries_past_white_stays_white() -> None:
    person = np.full((1, 1, 4), 255.2, np.float32)
    out = np.zeros((1, 1, 4), np.uint8)
    composite(person, np.full((1, 1, 4), 255, np.uint8), out)
    assert (out == 255).all()
    straighten(person, out)
    assert (out == 255).all()


def test_straighten_agrees_with_the_formula() -> None:
    person, _ = some()
    out = np.empty((6, 7, 4), np.uint8)
    straighten(person, out)
    alpha = person[:, :, 3:].astype(np.float64)
    seen = alpha[:, :, 0] >= 0.5
    want = np.dstack([person[:, :, :3] * 255.0 / np.maximum(alpha, 1e-9), alpha])
    np.testing.assert_allclose(out[seen], want[seen], atol=0.501)
    assert (out[~seen] == 0).all()
