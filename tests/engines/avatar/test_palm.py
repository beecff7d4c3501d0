from __future__ import annotations

import numpy as np

from engines.avatar.figure import LIMBS, figure
from engines.avatar.palm import like_skin, palm_colour, palm_shade
from engines.avatar.parts import parts
from tests.engines.avatar.drawn import SKIN, draw, fitted

FACE = np.array(SKIN, np.float32)
PALM = (190, 140, 118)  # the same hue in another light


def test_skin_in_shadow_is_skin_and_a_blue_cuff_is_not() -> None:
    colours = np.array([SKIN, PALM, (60, 80, 160)], np.float32)
    np.testing.assert_array_equal(like_skin(colours, FACE), [True, True, False])


def test_a_seen_hand_tells_its_own_colour_and_a_hidden_one_has_the_faces() -> None:
    drawing, found = draw(), fitted()
    shape = figure(found.body, found.pose)
    alpha = np.where(drawing.parts > 0, 255, 0).astype(np.uint8)
    labels = parts(drawing.image, alpha, shape, found.seen)
    name = "arm.L"
    wrist = shape.limb_line(name)[2]
    rows = np.arange(len(alpha))[:, None] > wrist[1]
    image = drawing.image.copy()
    image[rows & (labels == LIMBS.index(name))] = PALM
    image[rows & (labels == LIMBS.index(name))][::9] = (20, 20, 20)  # rings
    np.testing.assert_array_equal(palm_colour(image, alpha, labels, shape, name, FACE), PALM)
    hidden = np.where(rows, 0, alpha).astype(np.uint8)
    np.testing.assert_array_equal(palm_colour(image, hidden, labels, shape, name, FACE), FACE)


def test_a_finger_is_darker_at_its_sides_and_shadows_on_skin_are_warm() -> None:
    body = fitted().body
    hands = np.char.startswith(np.array(body.part_names)[body.parts], "hand")
    shade = palm_shade(body, hands)
    assert (shade[~hands] == 1).all()
    inside = shade[hands]
    assert np.isclose(np.median(inside, 0), 1, atol=0.01).all()
    assert 0.4 < inside.min() < 0.85
    dark = inside[:, 1] < 0.95
    assert (inside[dark, 0] > inside[dark, 2]).all()
