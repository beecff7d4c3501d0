"""Colours: what the body's surface looks like where the photo does not show it."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engines.avatar.figure import LIMBS, Figure
from engines.avatar.palm import palm_colour, palm_shade
from engines.avatar.region import Mask, erode
from engines.avatar.weights import head_circle
from engines.types import F32, U8, BodyMesh, Layer

_MARGIN = 0.05  # m inside the frame where the surface still goes on beneath a cropped layer
Pixels = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows, columns
_TROUSERS = np.array([62, 66, 78], np.float32)  # where no leg is seen at all
_SHOES = np.array([52, 48, 46], np.float32)
_THERE = 0.35  # share of a part that its layer must cover
_SPREAD = 400  # steps that a colour may travel over the surface


def body_colours(
    image: U8, alpha: U8, labels: U8, figure: Figure, body: BodyMesh, layers: tuple[Layer, ...]
) -> U8:
    """Colour of each body vertex, u8 (V, 4): alpha 255 where the surface is only inferred.

    Inferred is what lies outside the frame, and what another limb hides without a layer that
    completes it. A garment goes on along its limb: colours spread over the surface from what the
    photo shows, or from the other side of the body; hands and face keep to skin.
    """
    inside = _in_frame(figure, alpha.shape, 0.0)
    column = np.clip(figure.surface[:, 0].astype(int), 0, alpha.shape[1] - 1)
    row = np.clip(figure.surface[:, 1].astype(int), 0, alpha.shape[0] - 1)
    label = labels[row, column]
    # a limb that could not be told apart was left in the trunk
    apart = np.isin(figure.limb, [LIMBS.index(layer.name) for layer in layers])
    own = (alpha[row, column] > 250) & (label == np.where(apart, figure.limb, 0))
    seen = inside & figure.facing & own
    colour = image[row, column].astype(np.float32)
    group = _groups(body)
    skin = skin_colour(image, alpha, figure)
    known = _mirrored(body, colour, seen)
    for name in np.unique(group):
        where = group == name
        if (known & where).any():
            continue
        default = {"foot": _SHOES, "leg": _TROUSERS}.get(str(name))
        if default is not None:
            colour[where] = default * _shade(figure)[where, None]
            known |= where
    # what a hand hides of itself is its colour in soft light, not a smear of what is seen of it
    shade = palm_shade(body, group == "hand")
    for i, name in enumerate(LIMBS[1:3], 1):
        hand = (group == "hand") & (figure.limb == i)
        colour[hand] = palm_colour(image, alpha, labels, figure, name, skin) * shade[hand]
        known |= hand
    colour = _spread(body, group, colour, known)
    out = np.empty((len(colour), 4), np.uint8)
    out[:, :3] = np.clip(np.rint(colour), 0, 255)
    inferred = _inferred(figure, body, alpha, (row, column), layers)
    out[:, 3] = np.where(inferred, 255, 0)
    return out


def skin_colour(image: U8, alpha: U8, figure: Figure) -> F32:
    """The face's median colour, f32 (3,); a middle skin tone where no face is in the frame."""
    (x, y), radius = head_circle(figure)
    height, width = alpha.shape
    rows, columns = np.mgrid[:height, :width]
    face = ((columns - x) ** 2 + (rows - y) ** 2 < (0.7 * radius) ** 2) & (alpha > 250)
    if face.sum() < 16:
        return np.array([200, 160, 135], np.float32)
    return np.asarray(np.median(image[face], 0), np.float32)


def _inferred(
    figure: Figure, body: BodyMesh, alpha: U8, at: Pixels, layers: tuple[Layer, ...]
) -> Mask:
    """Vertices to be drawn: outside the frame, or beneath what is drawn after them.

    Nothing of them may show at zero motion: inside the frame a vertex and its neighbours must lie
    under opaque pixels of their own layer or of layers over it.
    """
    names = [layer.name for layer in layers]
    inside = _in_frame(figure, alpha.shape, 0.0)
    own = np.zeros(len(body.rest), bool)
    safe = np.zeros(len(body.faces), bool)
    over = np.zeros(len(body.rest), bool)
    for i, name in enumerate(LIMBS):
        if name not in names and not name.startswith("leg"):
            first = len(layers)  # an arm without a layer is drawn over everything
        else:
            first = names.index(name) if name in names else 0
        cover = erode(_opaque(layers[first:], alpha.shape), 1)
        over[figure.limb == i] = (inside & cover[at])[figure.limb == i]
        drawn = figure.limb[body.faces[:, 0]] == i
        safe[drawn] = _buried(figure.surface[:, :2][body.faces[drawn]], cover)
        if name in names:
            own |= (figure.limb == i) & _opaque(layers[first : first + 1], alpha.shape)[at]
    # a part of which a good share is in the picture is all there: no second one beneath it
    count = np.maximum(np.bincount(body.parts), 1)
    missing = (np.bincount(body.parts, own) / count < _THERE)[body.parts]
    margin = ~_in_frame(figure, alpha.shape, _MARGIN)
    # the trunk is one piece in the photo: what its layer does not cover was never there
    wanted = ~inside | (over & margin) | (over & ~own & missing & (figure.limb != 0))
    wanted[body.faces[~safe]] = False
    return np.asarray(wanted)


def _buried(triangles: F32, cover: Mask) -> Mask:
    """Which triangles f32 (F, 3, 2) px lie under ``cover`` (H, W) wherever they are in the frame.

    Corners, edges and the middle are looked at: they are a few pixels apart.
    """
    height, width = cover.shape
    out = np.ones(len(triangles), bool)
    steps = np.array(
        [(a, b, 4 - a - b) for a in range(5) for b in range(5 - a)], np.float32
    ) / np.float32(4)
    for weights in steps:
        x, y = np.floor((triangles * weights[:, None]).sum(1)).astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        out &= ~inside | cover[y.clip(0, height - 1), x.clip(0, width - 1)]
    return out


def _opaque(layers: tuple[Layer, ...], shape: tuple[int, ...]) -> Mask:
    """Pixels (H, W) that these layers hide entirely."""
    out = np.zeros(shape[:2], bool)
    for layer in layers:
        x, y = layer.origin
        height, width = layer.texture.shape[:2]
        out[y : y + height, x : x + width] |= layer.texture[..., 3] == 255
    return out


def _in_frame(figure: Figure, shape: tuple[int, ...], inset: float) -> Mask:
    x, y = figure.surface[:, 0], figure.surface[:, 1]
    edge = inset * figure.metre
    return np.asarray((x >= edge) & (y >= edge) & (x < shape[1] - edge) & (y < shape[0] - edge))


def _groups(body: BodyMesh) -> NDArray[np.str_]:
    """What shares a garment: hands, feet, legs, head, and trunk with arms."""
    of_part = []
    for name in body.part_names:
        base = name.partition(".")[0]
        of_part.append(
            {"upper_leg": "leg", "lower_leg": "leg", "torso": "top", "upper_arm": "top",
             "lower_arm": "top"}.get(base, base)
        )  # fmt: skip
    return np.array(of_part)[body.parts]


def _mirrored(body: BodyMesh, colour: F32, seen: Mask) -> Mask:
    """Take unseen colours from the seen other side, in place; what is known after that."""
    flip = np.array([-1, 1, 1], np.float32)
    gap, twin = cKDTree(body.rest).query(body.rest * flip)
    borrowed = ~seen & seen[twin] & (gap < 0.02)
    colour[borrowed] = colour[twin[borrowed]]
    return np.asarray(seen | borrowed)


def _spread(body: BodyMesh, group: NDArray[np.str_], colour: F32, known: Mask) -> F32:
    """Let known colours travel over the surface, inside their group, nearest first."""
    count = len(colour)
    edges = np.concatenate([body.faces[:, [0, 1]], body.faces[:, [1, 2]], body.faces[:, [2, 0]]])
    edges = edges[group[edges[:, 0]] == group[edges[:, 1]]]
    both = np.concatenate([edges, edges[:, ::-1]])
    ones = np.ones(len(both), np.float32)
    links = sp.coo_matrix((ones, (both[:, 0], both[:, 1])), shape=(count, count)).tocsr()
    links.data[:] = 1
    current = np.where(known[:, None], colour, 0)
    reached = known.astype(np.float32)
    for _ in range(_SPREAD):
        total = links @ reached
        new = (reached == 0) & (total > 0)
        if not new.any():
            break
        current[new] = (links @ (current * reached[:, None]))[new] / total[new, None]
        reached[new] = 1
    if (reached == 0).any() and known.any():
        current[reached == 0] = np.median(colour[known], 0)
    degree = np.maximum(np.asarray(links.sum(1)).ravel(), 1)[:, None]
    for _ in range(12):
        current = np.where(
            known[:, None], current, 0.5 * current + 0.5 * (links @ current) / degree
        )
    return np.asarray(current, np.float32)


def _shade(figure: Figure) -> F32:
    """Soft light from the camera, f32 (V,): a flat colour alone would hide fingers."""
    return np.where(figure.facing, 1.0, 0.8).astype(np.float32)
