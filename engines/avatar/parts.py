"""Parts: which limb each pixel of the person shows, cut along the photo's own edges."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.avatar.figure import LIMB_MARKS, LIMBS, Figure
from engines.avatar.walk import walk
from engines.avatar.weights import to_polygon, to_segment
from engines.types import F32, U8

# half widths along a limb, m: at its root, middle joint, end joint and tip
_HALF_WIDTH = {"arm": (0.062, 0.050, 0.040, 0.045), "leg": (0.095, 0.062, 0.045, 0.045)}
_CLOTH = 1.2  # sleeves stand off the arm where no silhouette says how far
_BAND = 0.6  # of the half width: how far an edge may draw the cut from where anatomy puts it
_CREASE = 0.005  # m, half as wide as the shadow between arm and trunk
_FINGERS = 0.09  # m, how far fingers are sought about the hand's axis
_WORK = 230.0  # px per metre at which cuts are sought; they are smooth, so this is enough
_SWEEPS = 250  # Jacobi sweeps: the band is a dozen pixels wide


def parts(image: U8, alpha: U8, figure: Figure, seen: NDArray[np.bool_]) -> U8:
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
            own |= _fingers(image, own, free, figure, name)
        labels[own] = LIMBS.index(name)
        free &= ~own
    legs = [n for n in present(figure, seen, (height, width)) if n.startswith("leg")]
    if legs:
        labels = np.where(free, _below(image, free, figure, legs), labels).astype(np.uint8)
    return _adopt(labels, person)


def present(figure: Figure, seen: NDArray[np.bool_], shape: tuple[int, int]) -> list[str]:
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


def tube(figure: Figure, name: str, alpha: U8) -> tuple[U8, F32]:
    """Where anatomy and silhouette put a limb: mask u8 (H, W) 0/1, and its half widths (4,) px."""
    line = figure.limb_line(name)
    radii = np.array(_HALF_WIDTH[name[:3]], np.float32) * figure.metre
    canvas: U8 = np.zeros(alpha.shape, np.uint8)
    outlines = []
    for i in range(3):
        a, b = line[i], line[i + 1]
        length = float(np.linalg.norm(b - a))
        if length < 1:
            continue
        normal = np.array([-(b - a)[1], (b - a)[0]], np.float32) / length
        steps = np.linspace(0, 1, max(3, int(length / 4)), dtype=np.float32)
        centre = a + steps[:, None] * (b - a)
        base = radii[i] + steps * (radii[i + 1] - radii[i])
        sides = [_reach(alpha, centre, sign * normal, base) for sign in (1, -1)]
        both = np.isfinite(sides[0]) & np.isfinite(sides[1])
        # one silhouette: the limb is as wide on its other side; none: cloth over anatomy
        widths = [
            np.where(np.isfinite(s), s, np.where(np.isfinite(o), o, base * _CLOTH))
            for s, o in (sides, sides[::-1])
        ]
        widths = [np.where(both, w, np.clip(w, 0.8 * base, 1.5 * base)) for w in widths]
        widths = [_smooth(w) for w in widths]
        outlines.append((centre, normal, widths))
        edge = np.concatenate(
            [centre + widths[0][:, None] * normal, (centre - widths[1][:, None] * normal)[::-1]]
        )
        cv2.fillPoly(canvas, [np.rint(edge * 8).astype(np.int32)], 1, shift=3)
        radii[i + 1] = max(radii[i + 1], float(widths[0][-1] + widths[1][-1]) / 2)
        if i == 0:
            radii[0] = max(radii[0], float(np.median(widths[0] + widths[1])) / 2)
    for point, radius in zip(line, radii, strict=True):
        cv2.circle(canvas, tuple(int(v) for v in np.rint(point)), int(radius * 0.98), 1, -1)
    return canvas, radii


def _reach(alpha: U8, centre: F32, direction: F32, base: F32) -> F32:
    """How far the person reaches from each centre along ``direction``, px; inf: beyond the limb."""
    height, width = alpha.shape
    far = np.full(len(centre), np.inf, np.float32)
    for step in np.arange(2.2, 0.3, -0.05):
        x, y = (centre + (step * base)[:, None] * direction).T
        inside = (x >= 0) & (y >= 0) & (x < width - 1) & (y < height - 1)
        row = np.clip(y.astype(int), 0, height - 1)
        column = np.clip(x.astype(int), 0, width - 1)
        far = np.where(inside & (alpha[row, column] < 128), (step * base).astype(np.float32), far)
    return far


def _smooth(values: F32) -> F32:
    """Median then mean along a limb: a fold or a cuff does not kink the tube."""
    n = len(values)
    window = max(3, n // 4 * 2 + 1)
    padded = np.pad(values, window // 2, mode="edge")
    view = np.lib.stride_tricks.sliding_window_view(padded, window)
    middle = np.pad(np.median(view, 1), window // 2, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(middle, window).mean(1), np.float32)


def _arm(
    image: U8, alpha: U8, free: NDArray[np.bool_], figure: Figure, name: str
) -> NDArray[np.bool_]:
    """Pixels (H, W) of one arm among those still free."""
    mask, radii = tube(figure, name, alpha)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.zeros(free.shape, bool)
    pad = int(2 * radii.max()) + 4
    box = np.s_[
        max(0, rows[0] - pad) : rows[-1] + 1 + pad, max(0, columns[0] - pad) : columns[-1] + 1 + pad
    ]
    scale = min(1.0, _WORK / figure.metre)
    whole = (free[box].shape[1], free[box].shape[0])
    size = (max(8, round(whole[0] * scale)), max(8, round(whole[1] * scale)))
    small = cv2.resize(image[box], size, interpolation=cv2.INTER_AREA)
    tubed = cv2.resize(mask[box], size, interpolation=cv2.INTER_AREA)
    open_ = cv2.resize(free[box].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    signed = cv2.distanceTransform(1 - tubed, cv2.DIST_L2, 5) - cv2.distanceTransform(
        tubed, cv2.DIST_L2, 5
    )
    band = _BAND * float(np.median(radii[:3])) * scale
    start = (figure.limb_line(name)[0] - [box[1].start, box[0].start]) * scale
    grid = np.stack(np.meshgrid(np.arange(size[0]), np.arange(size[1])), -1) - start
    # the cut over the shoulder is free of edges: both sides move as one there
    local = band * np.clip(np.linalg.norm(grid, axis=-1) / (1.5 * radii[0] * scale) - 0.7, 0.05, 1)
    share = _settle(small, signed / np.maximum(local, 1), open_)
    share = cv2.resize(share, whole, interpolation=cv2.INTER_LINEAR)
    share = cv2.GaussianBlur(share, (0, 0), max(0.8, 0.08 * float(np.median(radii[:3]))))
    # the shadow in the crease goes with the arm: on the trunk it would stay as a dark line
    crease = max(1, round(_CREASE * figure.metre))
    own = np.zeros(free.shape, bool)
    own[box] = cv2.dilate((share > 0.5).astype(np.uint8), _disc(crease)) > 0
    return _main(own & free, mask > 0)


def _fingers(
    image: U8, own: NDArray[np.bool_], free: NDArray[np.bool_], figure: Figure, name: str
) -> NDArray[np.bool_]:
    """Pixels about the hand that have its colour and touch it: fingers outside the tube."""
    _, _, wrist, tip = figure.limb_line(name)
    near = np.zeros(own.shape, np.uint8)
    ends = [tuple(int(v) for v in np.rint(p)) for p in (wrist + 0.3 * (tip - wrist), tip)]
    cv2.line(near, ends[0], ends[1], 1, max(1, int(2 * _FINGERS * figure.metre)))
    core = np.zeros(own.shape, np.uint8)
    cv2.line(core, ends[0], ends[1], 1, max(1, int(0.05 * figure.metre)))
    sample = (core > 0) & own
    if sample.sum() < 30:
        return np.zeros(own.shape, bool)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    middle = np.median(lab[sample], 0)
    spread = np.maximum(np.median(np.abs(lab[sample] - middle), 0) * 1.5, (14.0, 3.5, 3.5))
    alike = (np.abs(lab - middle) / spread).max(-1) < 2
    candidate = (alike & free & (near > 0) & ~own).astype(np.uint8)
    candidate = cv2.morphologyEx(candidate, cv2.MORPH_OPEN, _disc(1))
    _, pieces = cv2.connectedComponents(candidate | (own & (near > 0)).astype(np.uint8))
    touching = np.unique(pieces[sample])
    grown = np.isin(pieces, touching[touching > 0]) & (candidate > 0)
    edge = cv2.dilate(grown.astype(np.uint8), _disc(max(1, round(_CREASE * figure.metre))))
    return np.asarray((edge > 0) & free)


def _settle(image: U8, signed: F32, inside: NDArray[np.bool_]) -> F32:
    """Share f32 (H, W) 0..1 of the near side: 1 where ``signed`` < -1, 0 where it is > 1."""
    prior = np.clip(0.5 - 0.5 * signed, 0, 1).astype(np.float32)
    return walk(image, prior, (np.abs(signed) < 1) & inside, inside, pull=0.004, sweeps=_SWEEPS)


def _below(image: U8, free: NDArray[np.bool_], figure: Figure, legs: list[str]) -> U8:
    """Trunk or leg for each free pixel, u8 (H, W)."""
    height, width = free.shape
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    xy = np.stack([columns[free], rows[free]], 1).astype(np.float32)
    hips = [figure.limb_line(n)[0] for n in legs]
    shoulders = [figure.marks[i, :2] for i in (12, 11)]
    order = hips if hips[0][0] > hips[1][0] else hips[::-1]
    trunk = to_polygon(xy, np.asarray([*order, *shoulders], np.float32))
    distance = []
    for name in legs:
        line = figure.limb_line(name)
        distance.append(np.minimum.reduce([to_segment(xy, line[i], line[i + 1]) for i in range(3)]))
    left, right = distance
    # between the legs the photo's edges decide
    signed = np.full(free.shape, 9.0, np.float32)
    band = 0.5 * _HALF_WIDTH["leg"][1] * figure.metre
    signed[free] = (left - right) / max(band, 1)
    share = _settle(image, signed, free)
    share = cv2.GaussianBlur(share, (0, 0), max(0.8, 0.008 * figure.metre))
    out: U8 = np.zeros(free.shape, np.uint8)
    nearer = np.where(share[free] > 0.5, LIMBS.index(legs[0]), LIMBS.index(legs[1]))
    out[free] = np.where(trunk < np.minimum(left, right), 0, nearer)
    return out


def _front_to_back(figure: Figure, names: list[str]) -> list[str]:
    """Limbs by how near their far half comes to the camera."""

    def depth(name: str) -> float:
        _, middle, end, *tips = (figure.marks[i, 2] for i in LIMB_MARKS[name])
        return float(middle + 2 * end + sum(tips))

    return sorted(names, key=depth)


def _main(own: NDArray[np.bool_], near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Components of ``own`` that hold a good part of the tube."""
    count, labels = cv2.connectedComponents(own.astype(np.uint8), connectivity=4)
    if count <= 2:
        return own
    inside = np.bincount(labels[own & near], minlength=count).astype(float)
    inside[0] = 0
    keep = inside > 0.15 * inside.max()
    keep[0] = False
    return np.asarray(keep[labels])


def _adopt(labels: U8, person: NDArray[np.bool_]) -> U8:
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


def _disc(radius: int) -> U8:
    shape = (2 * radius + 1, 2 * radius + 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, shape), np.uint8)
