from __future__ import annotations

import cv2
import numpy as np
import pytest

from engines.avatar.matte import foreground, largest, matte
from engines.avatar.region import blur
from engines.avatar.walk import walk
from tests.engines.avatar.drawn import draw


def test_a_blurred_mask_snaps_to_the_persons_edges() -> None:
    drawing = draw()
    person = drawing.parts > 0
    alpha = matte(drawing.image, blur(drawing.mask, 2))
    got = alpha > 127
    assert (got & person).sum() / (got | person).sum() > 0.97
    inner = cv2.erode(person.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    outer = cv2.dilate(person.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    assert (alpha[inner] == 255).mean() > 0.995
    assert (alpha[outer] == 0).all()


def test_crumbs_beside_the_person_go() -> None:
    mask = np.zeros((60, 60), bool)
    mask[10:50, 10:30] = True
    mask[5:9, 50:54] = True
    kept = largest(mask)
    assert kept[20, 20]
    assert not kept[6, 51]


def test_no_mask_no_matte() -> None:
    image = draw().image
    assert (matte(image, np.zeros(image.shape[:2], np.float32)) == 0).all()


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"matte.mask"):
        matte(draw().image, np.zeros((3, 3), np.float32))


def test_foreground_is_the_photo_where_opaque_and_has_no_background_at_the_rim() -> None:
    green, red = np.array([0, 200, 0]), np.array([200, 0, 0])
    share = np.clip((np.arange(80) - 38) / 4, 0, 1)[None, :, None] * np.ones((40, 1, 1))
    image = np.rint(share * red + (1 - share) * green).astype(np.uint8)
    alpha = np.rint(share[..., 0] * 255).astype(np.uint8)
    front, back = foreground(image, alpha)
    assert (front[alpha == 255] == image[alpha == 255]).all()
    assert (back[alpha == 0] == image[alpha == 0]).all()
    rim = (alpha > 100) & (alpha < 255)
    assert rim.any()
    assert front[rim][:, 1].max() < 40  # the halo would be 100


def test_a_walker_stops_at_the_edge_and_not_midway() -> None:
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, 27:] = 255
    prior = np.tile(np.clip(1.5 - np.arange(40) / 20, 0, 1).astype(np.float32), (20, 1))
    between = (prior > 0) & (prior < 1)
    share = walk(image, prior, between, np.ones_like(between), pull=0.001, sweeps=400)
    edge = (share[10] > 0.5).sum()
    assert abs(edge - 27) <= 1  # the guess alone changes sides at 20
    flat = walk(np.zeros_like(image), prior, between, np.ones_like(between), 0.001, 400)
    assert abs((flat[10] > 0.5).sum() - 20) <= 1
