"""Packed alpha: colours go on past the edge."""

from __future__ import annotations

import numpy as np

from engines.packed import bleed


def test_colours_go_on_past_the_edge() -> None:
    image = np.zeros((128, 128, 4), np.uint8)
    image[32:96, 32:64] = (200, 30, 60, 255)
    image[32:96, 64:96] = (20, 180, 90, 255)
    bled = bleed(image)
    assert np.abs(bled[64, 26, :3].astype(int) - (200, 30, 60)).max() <= 8
    assert np.abs(bled[64, 101, :3].astype(int) - (20, 180, 90)).max() <= 8


def test_visible_pixels_and_alpha_stay() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (64, 96, 4), dtype=np.uint8)
    image[:, :48, 3] = 0
    before = image.copy()
    bled = bleed(image)
    assert (image == before).all()
    seen = image[:, :, 3] > 0
    assert (bled[seen] == image[seen]).all()
    assert (bled[:, :, 3] == image[:, :, 3]).all()


def test_nothing_to_continue_is_grey_and_nothing_hidden_is_itself() -> None:
    assert (bleed(np.zeros((64, 64, 4), np.uint8))[:, :, :3] == 128).all()
    opaque = np.full((64, 64, 4), 255, np.uint8)
    assert bleed(opaque) is opaque
