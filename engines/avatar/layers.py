"""Layers: the person's cut-outs, completed where another limb hides them, bound to the skeleton."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engines.avatar.figure import LIMBS, Figure
from engines.avatar.fill import fill
from engines.avatar.mesh import depth, grid
from engines.avatar.region import Mask, blur, box_of, close, dilate, distance, erode
from engines.avatar.tube import tube
from engines.avatar.weights import bind
from engines.render import BEHIND_M
from engines.types import F32, U8, Layer

_CELL = 0.014  # mesh cells, of the person's height in the photo
_SEAM = 0.5  # sigma of a cut's edge, px
_GROW = 2  # px of the photo that a layer keeps beneath a nearer layer's soft edge
_REACH = {"arm": 0.07, "leg": 0.10}  # m that a limb goes on beneath another
_CLOSE = 0.09  # m: a forearm across the trunk is narrower than twice this
_CLOTH = (-0.005, 0.08)  # m that the clothed trunk reaches beyond shoulder and hip joints
_ALIKE = 0.06  # difference of weights that nobody sees move


@dataclass(frozen=True, slots=True)
class _Scene:
    """What all layers are cut from. image: foreground colours; labels: index into LIMBS."""

    image: U8
    alpha: U8
    labels: U8
    figure: Figure

    @property
    def person(self) -> Mask:
        return np.asarray(self.alpha > 127)


def layers(image: U8, alpha: U8, labels: U8, figure: Figure) -> tuple[Layer, ...]:
    """Cut-outs back to front: arms behind the trunk, legs, core, arms.

    image: u8 (H, W, 3) foreground colours; alpha, labels: u8 (H, W) (see ``parts``). Laid over
    one another unmoved they give image and alpha back: where a nearer layer's edge is soft, the
    layer beneath is whole and holds the photo's own colours.
    """
    scene = _Scene(image, alpha, labels, figure)
    person = scene.person
    if not person.any():
        return ()
    rows = np.flatnonzero(person.any(1))
    cell = max(4, round(_CELL * (rows[-1] - rows[0] + 1)))
    names = stack(labels, alpha, figure)
    solid = np.zeros(person.shape, bool)  # where the layers so far give the photo back
    out = []
    for i, name in enumerate(names):
        own = person & (labels == LIMBS.index(name))
        nearer = person & np.isin(labels, [LIMBS.index(n) for n in names[i + 1 :]])
        texture_alpha, shown = _outline(scene, name, own, nearer, solid)
        solid |= shown & (texture_alpha >= alpha)
        out.append(_layer(scene, name, texture_alpha, shown, own, nearer, cell))
    return tuple(out)


def stack(labels: U8, alpha: U8, figure: Figure) -> list[str]:
    """Names of the parts that the photo shows, back to front, as the renderer draws them."""
    shown = [LIMBS[v] for v in np.unique(labels[alpha > 127])]
    reach = {name: figure.reach(name) for name in shown if name != "core"}
    limbs = sorted(reach, key=lambda name: -reach[name][1])
    arms = [n for n in limbs if n.startswith("arm")]
    behind = [n for n in arms if min(reach[n]) > BEHIND_M]
    legs = [n for n in limbs if n.startswith("leg")]
    front = [n for n in arms if n not in behind]
    return [*behind, *legs, *(n for n in shown if n == "core"), *front]


def _outline(scene: _Scene, name: str, own: Mask, nearer: Mask, solid: Mask) -> tuple[U8, Mask]:
    """A layer's alpha u8 (H, W), and where it shows the photo's own pixels."""
    kept = own | (nearer & (dilate(own, _GROW) | _moves_alike(scene, name)))
    # the matte's soft rim (below one half) belongs to the part that it touches
    others = scene.person & ~own
    rim = (scene.alpha > 0) & ~scene.person & (distance(own) <= distance(others))
    region = kept | _hidden(scene, name, own, nearer) | rim
    region |= dilate(own, 2) & (scene.alpha == 0)
    cut = blur(region.astype(np.float32), _SEAM)
    # soft only towards what lies behind, and only where that gives the photo back
    cut = np.where((kept & nearer) | (own & ~solid), 1, cut)
    alpha = np.rint(cut * scene.alpha).astype(np.uint8)
    # nothing invented under the soft edges of what lies over it, not even a soft edge's own tail
    alpha[nearer & ~kept & ~erode((own | nearer) & scene.person, _GROW)] = 0
    # two soft rims over one another would be too dense
    alpha[(alpha < 3) | (nearer & (scene.alpha < 255))] = 0
    return alpha, kept | rim | ~nearer


def _layer(
    scene: _Scene, name: str, alpha: U8, shown: Mask, own: Mask, nearer: Mask, cell: int
) -> Layer:
    box = box_of(alpha > 0, 4)
    image = scene.image[box]
    known = (own & ~dilate(nearer, 2) & (scene.alpha > 200))[box]
    invented = (alpha > 0)[box] & ~shown[box]
    colours = image
    if known.any() and invented.any():
        filled = fill(image, known, fade_px=0.05 * scene.figure.metre)
        colours = np.where(invented[..., None], filled, image)
    texture = np.dstack([colours, alpha[box]])
    # colours beyond the edge are never seen, but bilinear sampling reads one pixel of them
    texture[~dilate(texture[..., 3] > 0, 2)] = 0
    xy, faces = grid(alpha > 0, cell)
    index, weight = bind(scene.figure, name, xy)
    return Layer(
        name=name,
        texture=np.ascontiguousarray(texture, np.uint8),
        origin=(int(box[1].start), int(box[0].start)),
        xy=xy,
        depth=depth(scene.figure, name, xy, faces),
        faces=faces,
        bone_index=index,
        bone_weight=weight,
    )


def _hidden(scene: _Scene, name: str, own: Mask, nearer: Mask) -> Mask:
    """Pixels where this part goes on beneath a nearer one."""
    metre = scene.figure.metre
    if not nearer.any():
        return nearer
    if name == "core":
        # beneath a forearm the trunk closes up; beneath a hanging arm it is as wide as its body
        guess = close(own, round(_CLOSE * metre)) | _trunk(scene.figure, own.shape)
        guess |= scene.figure.silhouette("core", own.shape)
        guess &= _within_gaps(scene, nearer)
    else:
        guess = tube(scene.figure, name, scene.alpha)[0] > 0
        guess &= distance(own) < _REACH[name[:3]] * metre
    # no stair steps: the outline that will show when the nearer limb moves is smooth
    smooth = blur((guess | own).astype(np.float32), max(1.0, 0.015 * metre)) > 0.5
    # nothing invented may shine through the soft edges of what lies over it
    return np.asarray(smooth & nearer & erode((own | nearer) & scene.person, _GROW + 1))


def _trunk(figure: Figure, shape: tuple[int, ...]) -> Mask:
    """Clothed trunk (H, W) between the armpits and the hips' outside."""
    corners = []
    for bone, beyond in zip(("upperarm01", "upperleg01"), _CLOTH, strict=True):
        left, right = (figure.bones[f"{bone}.{side}"] for side in "LR")
        across = (left - right) / max(float(np.linalg.norm(left - right)), 1e-6)
        out = across * beyond * figure.metre
        corners.append((left + out, right - out))
    (a, b), (c, d) = corners
    canvas: U8 = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(canvas, np.rint(np.array([a, b, d, c]) * 8).astype(np.int32), 1, shift=3)
    return np.asarray(canvas > 0)


def _within_gaps(scene: _Scene, nearer: Mask) -> Mask:
    """Pixels (H, W) no farther out than the trunk can be beneath arms that it touches.

    Where background shows between trunk and arm the trunk ends; above, up to the shoulder, its
    outline is a straight line.
    """
    height, width = nearer.shape
    shoulders, hips = (
        [scene.figure.bones[f"{bone}.{side}"] for side in "LR"]
        for bone in ("upperarm01", "upperleg01")
    )
    top, bottom = np.mean(shoulders, 0), np.mean(hips, 0)
    rows = np.arange(max(0, int(top[1])), min(height, int(bottom[1])))
    out = np.ones(nearer.shape, bool)
    columns = np.arange(width)
    for shoulder in shoulders:
        side = 1 if shoulder[0] > top[0] else -1
        known = [float(shoulder[1])]
        reach = [abs(float(shoulder[0] - top[0]))]
        for y in rows:
            axis = top[0] + (bottom[0] - top[0]) * (y - top[1]) / max(bottom[1] - top[1], 1.0)
            away = side * (columns - axis)
            free = ~scene.person[y] & (away > 0)
            arm = nearer[y] & (away > 0)
            if free.any() and arm.any() and away[free].min() < away[arm].max():
                known.append(float(y))
                reach.append(float(away[free].min()))
        if len(known) > 1:
            limit = np.interp(np.arange(height), known, reach, right=np.inf)
            down = np.arange(height)[:, None]
            axis = top[0] + (bottom[0] - top[0]) * (down - top[1]) / max(bottom[1] - top[1], 1.0)
            out &= (side * (columns - axis) < limit[:, None]) | (down < shoulder[1])
    return out


def _moves_alike(scene: _Scene, name: str) -> Mask:
    """Pixels of limbs that move just as the core does there: shoulder caps, hips."""
    out = np.zeros(scene.labels.shape, bool)
    if name != "core":
        return out
    figure = scene.figure
    for limb in LIMBS[1:]:
        bone = {"arm": "upperarm01", "leg": "upperleg01"}[limb[:3]] + limb[-2:]
        joint = figure.bones[bone]
        rows, columns = np.nonzero(scene.labels == LIMBS.index(limb))
        xy = np.stack([columns + 0.5, rows + 0.5], 1).astype(np.float32)
        near = np.linalg.norm(xy - joint, axis=1) < 0.12 * figure.metre
        xy, rows, columns = xy[near], rows[near], columns[near]
        core, own = (_share(figure, layer, bone, xy) for layer in ("core", limb))
        out[rows, columns] = np.abs(core - own) < _ALIKE
    return out


def _share(figure: Figure, layer: str, bone: str, xy: F32) -> F32:
    index, weight = bind(figure, layer, xy)
    return np.asarray(np.where(index == figure.index[bone], weight, 0).sum(1), np.float32)
