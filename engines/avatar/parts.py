"""Parts: which limb each pixel of the person shows, cut along the photo's own edges."""

from __future__ import annotations

import cv2
import numpy as np

from engines.avatar.figure import LIMB_MARKS, LIMBS, Figure
from engines.avatar.hand import with_hand
from engines.avatar.region import Mask, blur, box_of, dilate, distance, resized
from engines.avatar.tube import HALF_WIDTH, tube
from engines.avatar.walk import walk
from engines.avatar.weights import to_polygon, to_segment
from engines.blazepose import SHOULDERS
from engines.types import F32, U8

_BAND = 0.6  # of the half width: how far an edge may draw the cut from where anatomy puts it
_CREASE = 0.005  # m, half as wide as the shadow between arm and trunk
_WORK = 230.0  # px per metre at which cuts are sought; they are smooth, so this is enough
_SWEEPS = 250  # Jacobi sweeps: the band is a dozen pixels wide


def parts(image: U8, alpha: U8, figure: Figure, seen: Mask) -> U8:
    """Limb of each pixel, u8 (H, W), index into LIMBS; pixels without a person are core too.

    An arm is sought along its bones in a tapered tube as wide as its silhouette says; inside a
    band around the tube's outline a random walker (Grady 2006) led by the photo's edges decides.
    Arms that lie in front are cut first. What is left is trunk or leg, whichever is nearer.
    """
    person = alpha > 127
    height, width = alpha.shape
    labels: U8 = np.zeros((height, width), np.uint8)
    free = person.copy()
    for name in _front_to_back(figure, present(figure, seen, (height, width))):
        if not name.startswith("arm"):
            continue
        own = _arm(image, alpha, free, figure, name)
        if seen[LIMB_MARKS[name][2]]:
            shadow = max(1, round(_CREASE * figure.metre))
            own = with_hand(image, alpha, own, free, figure, name, shadow)
        labels[own] = LIMBS.index(name)
        free &= ~own
    legs = [n for n in present(figure, seen, (height, width)) if n.startswith("leg")]
    if legs:
        labels = np.where(free, _below(image, free, figure, legs), labels).astype(np.uint8)
    return _adopt(labels, person)


def present(figure: Figure, seen: Mask, shape: tuple[int, int]) -> list[str]:
    """Limbs that the photo shows enough of to be cut out, without the core."""
    height, width = shape
    names = []
    for name, marks in LIMB_MARKS.items():
        line = figure.limb_line(name)
        steps = line[0] + np.linspace(0, 1, 11)[:, None] * (line[1] - line[0])
        inside = (steps >= 0).all(1) & (steps[:, 0] < width) & (steps[:, 1] < height)
        if name.startswith("arm"):
            if inside[0] and inside.mean() > 0.35:
                names.append(name)
        elif seen[marks[0]] and seen[marks[1]] and inside.all():
            names.append(name)
    # one leg alone would leave the other in the trunk
    legs = [n for n in names if n.startswith("leg")]
    return names if len(legs) == 2 else [n for n in names if n not in legs]


def _arm(image: U8, alpha: U8, free: Mask, figure: Figure, name: str) -> Mask:
    """Pixels (H, W) of one arm among those still free."""
    mask, radii = tube(figure, name, alpha)
    inside = mask > 0
    if not (inside & free).any():
        return np.zeros(free.shape, bool)
    signed = distance(inside) - distance(~inside)
    width = float(np.median(radii[:3]))
    # the cut over the shoulder is free of edges: both sides move as one there
    x, y = figure.limb_line(name)[0]
    rows, columns = np.mgrid[: free.shape[0], : free.shape[1]]
    gap = np.hypot(columns - x, rows - y) / (1.5 * radii[0])
    band = np.maximum(_BAND * width * np.clip(gap - 0.7, 0.05, 1), 1)
    share = _settle(image, (signed / band).astype(np.float32), free, figure)
    own = blur(share, max(0.8, 0.08 * width)) > 0.5
    # the shadow in the crease goes with the arm: on the trunk it would stay as a dark line
    own = dilate(own, max(1, round(_CREASE * figure.metre)))
    return _main(own & free, inside)


def _settle(image: U8, signed: F32, inside: Mask, figure: Figure) -> F32:
    """Share f32 (H, W) 0..1 of the near side: 1 where ``signed`` < -1, 0 where it is > 1."""
    prior = np.clip(0.5 - 0.5 * signed, 0, 1).astype(np.float32)
    between = (np.abs(signed) < 1) & inside
    if not between.any():
        return np.asarray(prior, np.float32)
    box = box_of(between, 4)
    height, width = between[box].shape
    scale = min(1.0, _WORK / figure.metre)
    small = (max(8, round(width * scale)), max(8, round(height * scale)))
    guess = resized(prior[box], small)
    open_ = resized(inside[box].astype(np.uint8), small) > 0
    moving = (guess > 0) & (guess < 1) & open_
    share = walk(resized(image[box], small), guess, moving, open_, pull=0.004, sweeps=_SWEEPS)
    prior[box] = resized(share, (width, height))
    return np.asarray(prior, np.float32)


def _below(image: U8, free: Mask, figure: Figure, legs: list[str]) -> U8:
    """Trunk or leg for each free pixel, u8 (H, W)."""
    height, width = free.shape
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    xy = np.stack([columns[free], rows[free]], 1).astype(np.float32)
    hips = [figure.limb_line(n)[0] for n in legs]
    shoulders = [figure.marks[i, :2] for i in SHOULDERS[::-1]]
    order = hips if hips[0][0] > hips[1][0] else hips[::-1]
    trunk = to_polygon(xy, np.asarray([*order, *shoulders], np.float32))
    left, right = (_to_line(xy, figure.limb_line(name)) for name in legs)
    # between the legs the photo's edges decide
    signed = np.full(free.shape, 9.0, np.float32)
    signed[free] = (left - right) / max(0.5 * HALF_WIDTH["leg"][1] * figure.metre, 1)
    share = blur(_settle(image, signed, free, figure), max(0.8, 0.008 * figure.metre))
    out: U8 = np.zeros(free.shape, np.uint8)
    nearer = np.where(share[free] > 0.5, LIMBS.index(legs[0]), LIMBS.index(legs[1]))
    out[free] = np.where(trunk < np.minimum(left, right), 0, nearer)
    return out


def _to_line(xy: F32, line: F32) -> F32:
    """Distance f32 (N,) of points to a polyline (4, 2)."""
    parts = [to_segment(xy, line[i], line[i + 1]) for i in range(len(line) - 1)]
    return np.asarray(np.min(parts, axis=0), np.float32)


def _front_to_back(figure: Figure, names: list[str]) -> list[str]:
    """Limbs by how near their far half comes to the camera."""

    def depth(name: str) -> float:
        _, middle, end, *tips = (figure.marks[i, 2] for i in LIMB_MARKS[name])
        return float(middle + 2 * end + sum(tips))

    return sorted(names, key=depth)


def _main(own: Mask, near: Mask) -> Mask:
    """Components of ``own`` that hold a good part of the tube."""
    count, labels = cv2.connectedComponents(own.astype(np.uint8), connectivity=4)
    if count <= 2:
        return own
    inside = np.bincount(labels[own & near], minlength=count).astype(float)
    inside[0] = 0
    keep = inside > 0.15 * inside.max()
    keep[0] = False
    return np.asarray(keep[labels])


def _adopt(labels: U8, person: Mask) -> U8:
    """Crumbs cut off from their own part go to the part around them."""
    out = labels.copy()
    for value in range(len(LIMBS)):
        own = person & (out == value)
        count, components, stats, _ = cv2.connectedComponentsWithStats(
            own.astype(np.uint8), connectivity=4
        )
        if count <= 2:
            continue
        largest = stats[1:, cv2.CC_STAT_AREA].max()
        for i in range(1, count):
            if stats[i, cv2.CC_STAT_AREA] >= 0.08 * largest:
                continue
            x, y, w, h = stats[i, :4]
            box = np.s_[max(0, y - 1) : y + h + 1, max(0, x - 1) : x + w + 1]
            crumb = components[box] == i
            ring = cv2.dilate(crumb.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            ring &= ~crumb & person[box]
            if ring.any():
                out[box][crumb] = np.bincount(out[box][ring]).argmax()
    return out
