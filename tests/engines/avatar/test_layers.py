from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from engines.avatar.colours import body_colours, skin_colour
from engines.avatar.figure import LIMBS, Figure, figure
from engines.avatar.layers import layers, stack
from engines.avatar.parts import parts, present
from engines.types import F32, U8, Layer
from tests.engines.avatar.drawn import (
    HEIGHT,
    SHIRT,
    SKIN,
    SLEEVE,
    TROUSERS,
    Drawing,
    draw,
    fitted,
)

KINDS = [(HEIGHT, False), (HEIGHT, True), (230, False)]


@cache
def cut(crop: int = HEIGHT, crossed: bool = False) -> tuple[Drawing, U8, U8, Figure]:
    """Drawing, alpha (soft at its rim), labels, figure."""
    drawing, found = draw(crop, crossed), fitted(crop, crossed)
    soft = cv2.GaussianBlur((drawing.parts > 0).astype(np.float32), (0, 0), 0.8)
    alpha = np.rint(np.clip(soft * 1.1 - 0.05, 0, 1) * 255).astype(np.uint8)
    shape = figure(found.body, found.pose)
    return drawing, alpha, parts(drawing.image, alpha, shape, found.seen), shape


@cache
def made(crop: int = HEIGHT, crossed: bool = False) -> tuple[Layer, ...]:
    drawing, alpha, labels, shape = cut(crop, crossed)
    return layers(drawing.image, alpha, labels, shape)


def overlap(got: np.ndarray, wanted: np.ndarray) -> float:
    return float((got & wanted).sum() / (got | wanted).sum())


def flat(sheets: tuple[Layer, ...], shape: tuple[int, ...]) -> F32:
    """The layers laid over one another unmoved, premultiplied f32 (H, W, 4) 0..1."""
    out = np.zeros((*shape[:2], 4), np.float32)
    for layer in sheets:
        x, y = layer.origin
        height, width = layer.texture.shape[:2]
        part = layer.texture.astype(np.float32) / 255
        part[..., :3] *= part[..., 3:]
        box = out[y : y + height, x : x + width]
        box[:] = part + box * (1 - part[..., 3:])
    return out


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2]])
def test_arms_are_cut_where_they_are(kind: tuple[int, bool]) -> None:
    drawing, alpha, labels, _ = cut(*kind)
    for value, part in ((1, 2), (2, 3)):
        got = (labels == value) & (alpha > 127)
        assert overlap(got, (drawing.parts == part) & (alpha > 127)) > 0.88


def test_legs_are_told_apart() -> None:
    drawing, alpha, labels, _ = cut()
    for value, part in ((3, 4), (4, 5)):
        assert overlap((labels == value) & (alpha > 127), drawing.parts == part) > 0.85


def test_the_cut_between_arm_and_trunk_is_smooth() -> None:
    _, alpha, labels, _ = cut()
    arm = ((labels == 1) & (alpha > 127)).astype(np.uint8)
    trunk = ((labels == 0) & (alpha > 127)).astype(np.uint8)
    seam = (cv2.dilate(trunk, np.ones((3, 3), np.uint8)) & arm) > 0
    rows = [r for r in range(110, 160) if seam[r].any()]
    line = np.array([np.flatnonzero(seam[r]).mean() for r in rows])
    assert len(rows) > 30
    trend = np.convolve(np.pad(line, 6, mode="edge"), np.ones(13) / 13, mode="valid")
    assert np.sqrt(np.mean((line - trend)[6:-6] ** 2)) < 0.8  # px; grid cells gave 3


def test_an_arm_outside_the_frame_is_not_sought() -> None:
    found = fitted()
    shape = figure(found.body, found.pose)
    assert present(shape, found.seen, (HEIGHT, 320)) == ["arm.L", "arm.R", "leg.L", "leg.R"]
    assert present(shape, found.seen, (80, 320)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_unmoved_layers_give_the_photo_and_the_matte(kind: tuple[int, bool]) -> None:
    drawing, alpha, _, _ = cut(*kind)
    whole = flat(made(*kind), alpha.shape)
    inside = alpha == 255
    error = np.abs(whole[..., :3] * 255 - drawing.image)[inside]
    assert error.max() <= 2
    np.testing.assert_allclose(whole[..., 3][inside], 1, atol=2 / 255)
    assert (whole[..., 3][alpha == 0] < 0.02).all()


@pytest.mark.parametrize("kind", KINDS)
def test_meshes_cover_their_textures_and_know_their_bones(kind: tuple[int, bool]) -> None:
    _, alpha, _, _ = cut(*kind)
    for layer in made(*kind):
        covered: U8 = np.zeros(alpha.shape, np.uint8)
        for face in layer.faces:
            cv2.fillConvexPoly(covered, np.rint(layer.xy[face]).astype(np.int32), 1)
        x, y = layer.origin
        height, width = layer.texture.shape[:2]
        assert covered[y : y + height, x : x + width][layer.texture[..., 3] > 0].all()
        np.testing.assert_allclose(layer.bone_weight.sum(1), 1, atol=1e-5)
        assert np.isfinite(layer.depth).all()
        assert np.abs(layer.depth).max() < 1
        assert layer.faces.max() < len(layer.xy)


def test_crossed_arms_lie_before_the_trunk_in_the_order_of_their_depth() -> None:
    _, alpha, labels, shape = cut(HEIGHT, True)
    order = stack(labels, alpha, shape)
    assert order.index("core") < order.index("arm.L") < order.index("arm.R")


def test_the_trunk_goes_on_beneath_a_forearm_in_the_shirts_colour() -> None:
    _, alpha, labels, _ = cut(HEIGHT, True)
    core = next(layer for layer in made(HEIGHT, True) if layer.name == "core")
    x, y = core.origin
    hidden = (labels[145, 140:180] != 0).nonzero()[0] + 140
    assert len(hidden) > 20
    under = core.texture[145 - y, hidden - x]
    assert (under[:, 3] == 255).mean() > 0.9
    assert np.abs(under[:, :3].mean(0) - SHIRT).max() < 25
    assert alpha[145, 160] == 255


def coloured(crop: int) -> tuple[U8, Figure]:
    drawing, alpha, labels, shape = cut(crop)
    body = fitted(crop).body
    return body_colours(drawing.image, alpha, labels, shape, body, made(crop)), shape


def test_below_the_frame_trousers_and_hands_go_on() -> None:
    colours, shape = coloured(210)
    body = fitted(210).body
    part = np.array(body.part_names)[body.parts]
    below = shape.surface[:, 1] > 230
    leg = below & (part == "upper_leg.L")
    assert (colours[leg, 3] == 255).all()
    assert np.abs(np.median(colours[leg, :3], 0) - TROUSERS).max() < 20
    hand = part == "hand.R"
    assert (colours[hand & (shape.surface[:, 1] > 214), 3] == 255).all()
    assert np.abs(np.median(colours[hand, :3], 0) - SKIN).max() < 45


def test_a_sleeve_goes_on_to_a_wrist_outside_the_frame() -> None:
    colours, shape = coloured(150)
    body = fitted(150).body
    part = np.array(body.part_names)[body.parts]
    forearm = (part == "lower_arm.L") & (shape.surface[:, 1] > 155)
    assert forearm.any()
    assert (colours[forearm, 3] == 255).all()
    assert np.abs(np.median(colours[forearm, :3], 0) - SLEEVE).max() < 25
    hand = part == "hand.L"
    assert np.abs(np.median(colours[hand, :3], 0) - SKIN).max() < 45


def test_what_the_photo_shows_whole_has_no_inferred_surface() -> None:
    colours, shape = coloured(HEIGHT)
    assert (colours[:, 3] > 0).mean() < 0.02
    assert shape.limb.max() == len(LIMBS) - 1


def test_skin_is_the_faces() -> None:
    drawing, alpha, _, shape = cut()
    assert np.abs(skin_colour(drawing.image, alpha, shape) - SKIN).max() < 6
