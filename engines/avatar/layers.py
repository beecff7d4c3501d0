"""Layers: the person's cut-outs, completed where another limb hides them, bound to the skeleton."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engines.avatar.figure import LIMB_MARKS, LIMBS, Figure
from engines.avatar.fill import fill
from engines.avatar.parts import tube
from engines.avatar.weights import bind
from engines.types import F32, I32, U8, Layer

_CELL = 0.014  # mesh cells, of the person's height in the photo
_SEAM = 0.5  # sigma of a cut's edge, px
_REACH = {"arm": 0.07, "leg": 0.10}  # m that a limb goes on beneath another
_GROW = 2  # px of the photo that a layer keeps beneath a nearer layer's soft edge


def layers(image: U8, alpha: U8, labels: U8, figure: Figure) -> tuple[Layer, ...]:
    """Cut-outs back to front: far limbs, legs, core, arms.

    image: u8 (H, W, 3) foreground colours; alpha, labels: u8 (H, W) (see ``parts``). Laid over
    one another unmoved they give image and alpha back: where a nearer layer's edge is soft, the
    layer beneath is whole and holds the photo's own colours.
    """
    names = stack(labels, alpha, figure)
    person = alpha > 127
    rows = np.flatnonzero(person.any(1))
    cell = max(4, round(_CELL * (rows[-1] - rows[0] + 1)))
    out = []
    solid = np.zeros(person.shape, bool)  # where the layers so far give the photo back
    for i, name in enumerate(names):
        own = person & (labels == LIMBS.index(name))
        nearer = np.isin(labels, [LIMBS.index(n) for n in names[i + 1 :]]) & person
        out.append(_layer(image, alpha, labels, name, own, nearer, solid, figure, cell))
    return tuple(out)


def stack(labels: U8, alpha: U8, figure: Figure) -> list[str]:
    """Names of the parts that the photo shows, back to front."""
    shown = [LIMBS[v] for v in np.unique(labels[alpha > 127])]

    def depth(name: str) -> float:
        return -float(np.mean([figure.marks[i, 2] for i in LIMB_MARKS[name][1:]]))

    legs = sorted((n for n in shown if n.startswith("leg")), key=depth)
    arms = sorted((n for n in shown if n.startswith("arm")), key=depth)
    return [*legs, *(n for n in shown if n == "core"), *arms]


def _layer(
    image: U8,
    alpha: U8,
    labels: U8,
    name: str,
    own: NDArray[np.bool_],
    nearer: NDArray[np.bool_],
    solid: NDArray[np.bool_],
    figure: Figure,
    cell: int,
) -> Layer:
    kept = ((_dilate(own, _GROW) | _shared(figure, name, labels)) & nearer) | own
    support = kept | (_hidden(own, nearer, figure, name, alpha) & nearer)
    # the matte's soft rim (below one half) belongs to the part that it touches
    rim = (alpha > 0) & (alpha <= 127) & _nearest_is(own, nearer | own, alpha)
    region = support | rim | (_dilate(own, 2) & (alpha == 0))
    cut = cv2.GaussianBlur(region.astype(np.float32), (0, 0), _SEAM)
    # soft only towards what lies behind: whole where a nearer layer's edge needs it
    cut = np.where(kept & nearer, 1, cut)
    cut = np.where(own & ~solid, 1, cut)
    texture_alpha = np.rint(cut * alpha).astype(np.uint8)
    texture_alpha[texture_alpha < 3] = 0
    seam = _dilate(nearer, 2) & own
    known = own & ~seam & (alpha > 200)
    colours = fill(image, known, fade_px=0.05 * figure.metre) if known.any() else image
    shown = kept | rim | ~nearer
    solid |= shown & (cut > 0.995)
    colours = np.where(shown[..., None], image, colours)
    box = _box(texture_alpha > 0, 4)
    texture = np.dstack([colours, texture_alpha])[box]
    # colours beyond the edge are never seen, but bilinear sampling reads one pixel of them
    unread = ~_dilate(texture[..., 3] > 0, 3)
    texture[unread] = 0
    xy, faces = grid(texture_alpha > 0, cell)
    index, weight = bind(figure, name, xy)
    return Layer(
        name=name,
        texture=np.ascontiguousarray(texture),
        origin=(int(box[1].start), int(box[0].start)),
        xy=xy,
        depth=depth(figure, name, xy, faces),
        faces=faces,
        bone_index=index,
        bone_weight=weight,
    )


def _hidden(
    own: NDArray[np.bool_], nearer: NDArray[np.bool_], figure: Figure, name: str, alpha: U8
) -> NDArray[np.bool_]:
    """Pixels where this part goes on beneath a nearer one."""
    metre = figure.metre
    # nothing invented may shine through the soft edges of what lies over it
    both = ((own | nearer) & (alpha > 127)).astype(np.uint8)
    inner = cv2.erode(both, _disc(_GROW), borderValue=1) > 0
    if name == "core":
        # beneath a forearm the trunk closes up; beneath a hanging arm it only bulges a little
        closed = _close(own, round(0.09 * metre))
        trunk = figure.silhouette("core", own.shape) | _trunk(figure, own.shape)
        guess = closed | trunk
    else:
        reach = cv2.distanceTransform((~own).astype(np.uint8), cv2.DIST_L2, 5)
        guess = (tube(figure, name, alpha)[0] > 0) & (reach < _REACH[name[:3]] * metre)
    # no stair steps: the outline that will show when the nearer limb moves is smooth
    blurred = cv2.GaussianBlur((guess | own).astype(np.float32), (0, 0), max(1.0, 0.015 * metre))
    return np.asarray((blurred > 0.5) & nearer & inner)


def _trunk(figure: Figure, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Clothed trunk (H, W) between the armpits and the hips' outside."""
    shoulders = [figure.bones[f"upperarm01.{s}"] for s in "LR"]
    hips = [figure.bones[f"upperleg01.{s}"] for s in "LR"]
    corners = []
    for (a, b), out in ((shoulders, -0.005), (hips, 0.08)):
        across = (a - b) / max(float(np.linalg.norm(a - b)), 1e-6) * out * figure.metre
        corners.append((a + across, b - across))
    (a, b), (c, d) = corners
    canvas: U8 = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(canvas, np.rint(np.array([a, b, d, c]) * 8).astype(np.int32), 1, shift=3)
    return canvas > 0


def _shared(figure: Figure, name: str, labels: U8) -> NDArray[np.bool_]:
    """Pixels of nearer limbs that move just as this part does (shoulder caps, hips)."""
    out = np.zeros(labels.shape, bool)
    if name != "core":
        return out
    for limb in LIMBS[1:]:
        start = {"arm": "upperarm01", "leg": "upperleg01"}[limb[:3]]
        joint = figure.bones.get(f"{start}.{limb[-1]}")
        if joint is None:
            continue
        rows, columns = np.nonzero(
            (labels == LIMBS.index(limb)) & _disc_at(labels.shape, joint, 0.12 * figure.metre)
        )
        if not len(rows):
            continue
        xy = np.stack([columns + 0.5, rows + 0.5], 1).astype(np.float32)
        bone = figure.index[f"{start}.{limb[-1]}"]
        shares = [
            np.where(index == bone, weight, 0).sum(1)
            for index, weight in (bind(figure, "core", xy), bind(figure, limb, xy))
        ]
        out[rows, columns] = np.abs(shares[0] - shares[1]) < 0.06
    return out


def _disc_at(shape: tuple[int, ...], centre: F32, radius: float) -> NDArray[np.bool_]:
    canvas: U8 = np.zeros(shape, np.uint8)
    cv2.circle(canvas, tuple(int(v) for v in np.rint(centre)), max(1, int(radius)), 1, -1)
    return canvas > 0


def grid(mask: NDArray[np.bool_], cell: int) -> tuple[F32, I32]:
    """Triangles over every cell of the photo's grid that touches ``mask``: xy px, faces.

    The grid is the photo's, not the layer's, so neighbouring layers share their corners.
    """
    height, width = mask.shape
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.zeros((rows * cell, columns * cell), bool)
    padded[:height, :width] = _dilate(mask, 1)
    used = padded.reshape(rows, cell, columns, cell).any((1, 3))
    j, i = np.nonzero(used)
    corner = j * (columns + 1) + i
    quads = np.stack([corner, corner + 1, corner + columns + 1, corner + columns + 2], 1)
    ids, local = np.unique(quads, return_inverse=True)
    a, b, c, d = local.reshape(-1, 4).T
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    xy = np.stack([ids % (columns + 1), ids // (columns + 1)], 1) * float(cell)
    return xy.astype(np.float32), np.ascontiguousarray(faces, np.int32)


def depth(figure: Figure, name: str, xy: F32, faces: I32) -> F32:
    """Body z f32 (N,) m at the points: the surface's nearest vertices, smoothed over the mesh.

    A limb's depth flows into the trunk's at the shoulder and the hip, so that both layers lie at
    the same depth where they share pixels.
    """
    own = figure.facing & (figure.limb == LIMBS.index(name))
    z = _surface(figure, own, xy)
    joints = [f"{bone}.{side}" for bone in ("upperarm01", "upperleg01") for side in "LR"]
    around = figure.facing & np.isin(figure.limb, [0, LIMBS.index(name)])
    if name == "core":
        around = figure.facing
    every = _surface(figure, around, xy)
    for joint in joints:
        if joint not in figure.bones or (name != "core" and joint[-1] != name[-1]):
            continue
        if name != "core" and joint[5:8] != name[:3]:
            continue
        gap = np.linalg.norm(xy - figure.bones[joint], axis=1) / figure.metre
        share = np.clip(1.5 - gap / 0.06, 0, 1)
        z = z + share * (every - z)
    a, b = np.concatenate([faces, np.roll(faces, 1, 1)]).T[:2]
    for _ in range(4):
        total, count = z.copy(), np.ones(len(z))
        np.add.at(total, a, z[b])
        np.add.at(count, a, 1)
        np.add.at(total, b, z[a])
        np.add.at(count, b, 1)
        z = total / count
    return np.asarray(z, np.float32)


def _surface(figure: Figure, which: NDArray[np.bool_], xy: F32) -> NDArray[np.float64]:
    """Inverse-distance mean of the six nearest vertices' depth."""
    if not which.any():
        return np.zeros(len(xy))
    points = figure.surface[which]
    gap, near = cKDTree(points[:, :2]).query(xy, k=min(6, len(points)))
    gap, near = gap.reshape(len(xy), -1), near.reshape(len(xy), -1)
    weight = 1 / (gap + 0.01 * figure.metre)
    return np.asarray((weight * points[near, 2]).sum(1) / weight.sum(1))


def _nearest_is(own: NDArray[np.bool_], person: NDArray[np.bool_], alpha: U8) -> NDArray[np.bool_]:
    """Whether the closest person pixel is this part's own."""
    others = (alpha > 127) & ~own
    to_own = cv2.distanceTransform((~own).astype(np.uint8), cv2.DIST_L2, 5)
    to_other = cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(to_own <= to_other)


def _close(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Morphological closing by a disc, through distances (any radius at one price)."""
    padded = np.pad(mask, radius + 2, mode="constant")
    out = cv2.distanceTransform((~padded).astype(np.uint8), cv2.DIST_L2, 5) <= radius
    back = cv2.distanceTransform(out.astype(np.uint8), cv2.DIST_L2, 5) > radius
    pad = radius + 2
    return np.asarray(back[pad:-pad, pad:-pad])


def _dilate(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), _disc(radius)) > 0)


def _disc(radius: int) -> U8:
    shape = (2 * radius + 1, 2 * radius + 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, shape), np.uint8)


def _box(mask: NDArray[np.bool_], pad: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (
        slice(max(0, int(rows[0]) - pad), min(mask.shape[0], int(rows[-1]) + 1 + pad)),
        slice(max(0, int(columns[0]) - pad), min(mask.shape[1], int(columns[-1]) + 1 + pad)),
    )
