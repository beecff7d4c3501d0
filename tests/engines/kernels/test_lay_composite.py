from __future__ import annotations

import numpy as np

from engines.kernels.lay import composite, straighten
from engines.types import U8


def some() -> tuple[U8, U8]:
    rng = np.random.default_rng(0)
    alpha = np.where(rng.random((6, 7)) < 0.3, 0, rng.integers(0, 256, (6, 7)))
    person = np.dstack([rng.random((6, 7, 3)) * alpha[..., None], alpha]).astype(np.uint8)
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
    person = np.array([[[100, 50, 0, 127], [10, 20, 30, 255], [0, 0, 0, 0]]], np.uint8)
    background = np.array([[[200, 0, 255, 255]] * 3], np.uint8)
    out = np.empty_like(background)
    composite(person, background, out)
    np.testing.assert_array_equal(
        out[0], [[200, 50, 128, 255], [10, 20, 30, 255], [200, 0, 255, 255]]
    )


def test_every_sum_is_rounded_and_white_stays_white() -> None:
    alpha, behind = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    person = np.dstack([alpha] * 4)
    background = np.dstack([behind] * 3 + [np.full_like(behind, 255)])
    out = np.zeros_like(background)
    composite(person, background, out)
    exact = person + background * (1 - person / 255.0)
    assert np.abs(out - exact).max() < 0.501
    assert (out[:, :, 3] == 255).all()
    assert (out[255] == 255).all()


def test_straighten_agrees_with_the_formula() -> None:
    person, _ = some()
    out = np.empty((6, 7, 4), np.uint8)
    straighten(person, out)
    alpha = person[:, :, 3:].astype(np.float64)
    seen = alpha[:, :, 0] > 0
    want = np.dstack([person[:, :, :3] * 255.0 / np.maximum(alpha, 1e-9), alpha])
    np.testing.assert_allclose(out[seen], want[seen], atol=0.501)
    assert (out[~seen] == 0).all()
