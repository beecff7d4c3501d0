from __future__ import annotations

import numpy as np

from engines.avatar.background import background
from engines.avatar.fill import fill, membrane
from tests.engines.avatar.drawn import draw


def test_a_membrane_over_a_gap_in_a_ramp_is_the_ramp() -> None:
    ramp = np.tile(np.linspace(0, 100, 64, dtype=np.float32), (64, 1))[..., None]
    weight = np.ones((64, 64), np.float32)
    weight[20:44, 20:44] = 0
    out = membrane(np.where(weight[..., None] > 0, ramp, 7).astype(np.float32), weight)
    assert np.abs(out - ramp).max() < 2.5
    assert (out[weight > 0] == ramp[weight > 0]).all()


def test_fill_keeps_what_is_known_bit_for_bit() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (50, 70, 3), dtype=np.uint8)
    known = np.ones((50, 70), bool)
    known[10:30, 20:40] = False
    out = fill(image, known)
    assert (out[known] == image[known]).all()
    assert not (out[~known] == image[~known]).all()


def test_fill_carries_stripes_into_the_hole() -> None:
    stripes = np.where(np.arange(96) // 4 % 2, 180, 80).astype(np.uint8)
    image = np.repeat(np.tile(stripes[:, None], (1, 96))[..., None], 3, 2)
    known = np.ones((96, 96), bool)
    known[:, 40:52] = False
    out = fill(np.where(known[..., None], image, 0).astype(np.uint8), known).astype(int)
    assert np.abs(out - image)[:, 41:51].mean() < 20
    flat = fill(np.where(known[..., None], image, 0).astype(np.uint8), known, detail=0).astype(int)
    assert np.abs(out - image).sum() < np.abs(flat - image).sum()


def test_nothing_known_or_nothing_unknown_changes_nothing() -> None:
    image = np.full((8, 8, 3), 9, np.uint8)
    for known in (np.zeros((8, 8), bool), np.ones((8, 8), bool)):
        assert (fill(image, known) == image).all()


def test_the_background_is_the_scene_without_the_person() -> None:
    drawing = draw()
    alpha = np.where(drawing.parts > 0, 255, 0).astype(np.uint8)
    out = background(drawing.image, alpha)
    error = np.abs(out.astype(int) - drawing.background)[alpha > 0]
    assert error.mean() < 4  # the grain alone is 1.6
    assert np.percentile(error, 99) < 15
    far = np.zeros(alpha.shape, bool)
    far[:, :40] = True
    assert (out[far] == drawing.image[far]).all()


def test_a_photo_without_a_person_is_its_own_background() -> None:
    image = draw().background
    assert (background(image, np.zeros(image.shape[:2], np.uint8)) == image).all()
