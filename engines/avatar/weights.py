"""Weights: which bones carry a point of the photo, and how much.

A limb's share grows smoothly where a point comes nearer to the limb's segments than to what lies
above the joint, so that the boundary is the crease's bisector (from shoulder tip to armpit, from
hip to crotch) at any bend. Core and limbs use the same function: they move as one where they meet.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.avatar.figure import LIMBS, Figure
from engines.blazepose import EYES, MOUTH, middle
from engines.types import F32, I32

_SPINE = ("root", "spine05", "spine04", "spine03", "spine02", "spine01")
_NECK = ("neck01", "neck02", "neck03", "head")
_CHAIN = {
    "arm": ("upperarm01", "lowerarm01", "wrist"),
    "leg": ("upperleg01", "lowerleg01", "foot"),
}
# half width of the blend at each joint, m
_BLEND = {"arm": (0.095, 0.04, 0.025), "leg": (0.10, 0.06, 0.03)}
_SOFT = 0.6  # half width of the blend along spine and neck, in bones
_INSET = {"arm": 0.075, "leg": 0.0}  # the trunk's edge lies this far inside the joint, m
_CAP = {"arm": (0.07, 0.15), "leg": (0.10, 0.22)}  # the core follows a limb near its root only, m


def bind(figure: Figure, layer: str, xy: F32) -> tuple[I32, F32]:
    """Bones i32 (N, 4) and weights f32 (N, 4), rows sum to 1, for points f32 (N, 2) px."""
    shares: dict[str, F32] = {}
    if layer == "core":
        limbs = {name: _limb_shares(figure, name, xy, core=True) for name in LIMBS[1:]}
        moved = sum((sum(s.values()) for s in limbs.values()), np.zeros(len(xy), np.float32))
        scale = 1 / np.maximum(1, moved)
        for parts in limbs.values():
            for bone, share in parts.items():
                shares[bone] = share * scale
        rest = 1 - np.minimum(1, moved)
    else:
        shares = _limb_shares(figure, layer, xy, core=False)
        rest = 1 - sum(shares.values(), np.zeros(len(xy), np.float32))
    for bone, share in _trunk_shares(figure, xy).items():
        shares[bone] = shares.get(bone, 0) + share * rest
    return _top4(figure, shares, len(xy))


def _limb_shares(figure: Figure, name: str, xy: F32, *, core: bool) -> dict[str, F32]:
    """Share of each bone of one limb; what is left belongs to the trunk."""
    kind, side = name[:3], name[-1]
    line = figure.limb_line(name)
    distances = [to_segment(xy, line[i], line[i + 1]) for i in range(3)]
    above = _above(figure, name, xy)
    out: dict[str, F32] = {}
    passed = np.ones(len(xy), np.float32)
    if core:
        above = np.minimum(above, _to_trunk(figure, xy, _INSET[kind] * figure.metre))
        near, far = (r * figure.metre for r in _CAP[kind])
        gap = _length(xy - line[0])
        passed = smoothstep(((near + far) / 2 - gap) / ((far - near) / 2))
    for i, bone in enumerate(_CHAIN[kind]):
        below = np.minimum.reduce(distances[i:])
        crossed = smoothstep((above - below) / (_BLEND[kind][i] * figure.metre))
        out[f"{bone}.{side}"] = passed * crossed
        if i:
            previous = f"{_CHAIN[kind][i - 1]}.{side}"
            out[previous] = out[previous] - passed * crossed
        passed = passed * crossed
        above = np.minimum(above, distances[i]) if i else distances[0]
    return out


def _above(figure: Figure, name: str, xy: F32) -> F32:
    """Distance to the trunk's bones that hold this limb: collar bone, or pelvis."""
    kind, side = name[:3], name[-1]
    root = figure.limb_line(name)[0]
    if kind == "arm":
        neck = figure.bones["neck01"]
        # the collar line runs level with the joint: the shoulder's top belongs to it
        inner = neck + 0.15 * (root - neck)
        return to_segment(xy, inner, root)
    other = figure.bones[f"upperleg01.{'R' if side == 'L' else 'L'}"]
    return np.minimum(
        to_segment(xy, root, other), to_segment(xy, (root + other) / 2, figure.bones["spine05"])
    )


def _to_trunk(figure: Figure, xy: F32, inset: float) -> F32:
    """Distance to the trunk's plate (shoulders and hips, drawn in by ``inset`` px) and the head."""
    left, right = (figure.bones[f"upperarm01.{s}"] for s in "LR")
    hips = [figure.bones[f"upperleg01.{s}"] for s in "LR"]
    across = (left - right) / max(float(np.linalg.norm(left - right)), 1e-6)
    inset = min(inset, 0.4 * float(np.linalg.norm(left - right)))
    corners = [left - inset * across, right + inset * across, hips[1], hips[0]]
    plate = to_polygon(xy, np.asarray(corners, np.float32))
    centre, radius = head_circle(figure)
    face = np.maximum(0, _length(xy - centre) - radius)
    neck = to_segment(xy, centre, figure.bones["neck01"])
    return np.asarray(np.minimum(np.minimum(plate, face), neck), np.float32)


def _trunk_shares(figure: Figure, xy: F32) -> dict[str, F32]:
    """Spine, neck, head and collar bones: shares that sum to 1."""
    centre, radius = head_circle(figure)
    base = figure.bones["neck01"]
    out: dict[str, F32] = {}
    passed = np.ones(len(xy), np.float32)
    previous = ""
    for chain, start, end in (
        (_SPINE, figure.bones[_SPINE[0]], base),
        (_NECK, base, base + 0.55 * (centre - base)),
    ):
        # joints stand evenly on a straight axis: a bowed neck may fold up in the picture
        axis = end - start
        length = max(float(np.linalg.norm(axis)), 0.05 * figure.metre)
        along = (xy - start) @ _unit(axis) / length * len(chain)
        for i, bone in enumerate(chain):
            if previous:
                crossed = smoothstep((along - i) / _SOFT) * passed
                out[previous] = out[previous] - crossed
                passed = crossed
            out[bone] = passed
            previous = bone
    # the chin hangs below the head bone's joint, and is head all the same
    face = smoothstep((1.25 - _length(xy - centre) / radius) / 0.25)
    out = {bone: share * (1 - face) for bone, share in out.items()}
    out["head"] = out["head"] + face
    for side in "LR":
        root = figure.bones[f"upperarm01.{side}"]
        spine = to_segment(xy, base, figure.bones["root"])
        nearer = spine - 1.7 * to_segment(xy, base, root)
        share = smoothstep(nearer / (0.06 * figure.metre) - 1)
        taken = np.zeros(len(xy), np.float32)
        for bone in (*_SPINE, _NECK[0]):
            taken = taken + out[bone] * share
            out[bone] = out[bone] * (1 - share)
        out[f"clavicle.{side}"] = taken
    return out


def head_circle(figure: Figure) -> tuple[F32, float]:
    """Centre (2,) px and radius px of the circle that holds the face from brow to chin."""
    eyes = middle(figure.marks[:, :2], EYES)
    mouth = middle(figure.marks[:, :2], MOUTH)
    down = mouth - eyes
    length = max(float(np.linalg.norm(down)), 0.05 * figure.metre)
    return np.asarray(eyes + 0.35 * down, np.float32), 1.25 * length


def to_segment(xy: F32, a: F32, b: F32) -> F32:
    """Distance f32 (N,) of points to the segment from a to b."""
    along = b - a
    t = np.clip((xy - a) @ along / max(float(along @ along), 1e-6), 0, 1)
    return np.asarray(np.linalg.norm(xy - a - t[:, None] * along, axis=1), np.float32)


def to_polygon(xy: F32, corners: F32) -> F32:
    """Distance f32 (N,) of points to a polygon, 0 inside it."""
    count = len(corners)
    edges = [to_segment(xy, corners[i], corners[(i + 1) % count]) for i in range(count)]
    inside = np.zeros(len(xy), bool)
    for i in range(count):
        (x0, y0), (x1, y1) = corners[i], corners[(i + 1) % count]
        spans = (y0 > xy[:, 1]) != (y1 > xy[:, 1])
        slope = (x1 - x0) / (y1 - y0) if y1 != y0 else 0.0
        inside ^= spans & (xy[:, 0] < x0 + (xy[:, 1] - y0) * slope)
    return np.asarray(np.where(inside, 0, np.minimum.reduce(edges)), np.float32)


def smoothstep(x: NDArray[np.floating[Any]]) -> F32:
    """0 below -1, 1 above 1, smooth between, f32."""
    t = np.clip((x + 1) / 2, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _length(v: F32) -> F32:
    return np.asarray(np.linalg.norm(v, axis=1), np.float32)


def _unit(v: F32) -> F32:
    return np.asarray(v / max(float(np.linalg.norm(v)), 1e-6), np.float32)


def _top4(figure: Figure, shares: dict[str, F32], count: int) -> tuple[I32, F32]:
    bones = np.array([figure.index[b] for b in shares], np.int32)
    table = np.stack([np.asarray(s, np.float32) for s in shares.values()], 1)
    order = np.argsort(-table, 1, kind="stable")[:, :4]
    weight = np.take_along_axis(table, order, 1)
    weight = np.maximum(weight, 0)
    weight /= np.maximum(weight.sum(1, keepdims=True), 1e-6)
    return np.ascontiguousarray(bones[order], np.int32), np.ascontiguousarray(weight, np.float32)
