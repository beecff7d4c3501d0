"""Gaps: slivers of background beside an arm, which the network calls person."""

from __future__ import annotations

import cv2
import numpy as np

from engines.avatar.figure import LIMBS, Figure
from engines.avatar.matte import votes
from engines.avatar.region import box_of, dilate, distance, resized
from engines.avatar.weights import to_segment
from engines.types import U8

_BAND = 0.02  # m inside the arm's cut
_FREE = 0.12  # m about the shoulder, where arm and trunk are one
_HAND = 0.05  # m above the wrist, and all below: skin may look like a wall
_NEAR = 0.10  # m from which the background's colours are taken
_RIM = 0.004  # m
_WORK = 230.0  # px per metre, for the votes
_SURE = -1.0  # vote from which a pixel is background
_LENGTH, _THIN = 0.03, 0.25  # m at least; share of its length's square that a sliver may fill


def without_gaps(image: U8, alpha: U8, labels: U8, figure: Figure) -> U8:
    """Labels u8 (H, W) in which slivers of background stay with the trunk.

    On a moving arm they would be bright lines; at rest beside the trunk, before the background
    whose colour they have, nobody sees them.
    """
    out = labels.copy()
    person = alpha > 127
    for name in ("arm.L", "arm.R"):
        arm = person & (labels == LIMBS.index(name))
        band = arm & (distance(person & (labels == 0)) < _BAND * figure.metre)
        rows, columns = np.nonzero(band)
        if not len(rows):
            continue
        xy = np.stack([columns + 0.5, rows + 0.5], 1).astype(np.float32)
        shoulder, elbow, wrist, tip = figure.limb_line(name)
        length = max(float(np.linalg.norm(wrist - elbow)), 1.0)
        above = wrist + (elbow - wrist) * min(1.0, _HAND * figure.metre / length)
        hand = np.minimum(to_segment(xy, above, wrist), to_segment(xy, wrist, tip))
        sleeve = np.minimum(to_segment(xy, shoulder, elbow), to_segment(xy, elbow, above))
        fit = (np.linalg.norm(xy - shoulder, axis=1) > _FREE * figure.metre) & (sleeve < hand)
        band[rows[~fit], columns[~fit]] = False
        if not band.any():
            continue
        box = box_of(band, round(2.5 * _NEAR * figure.metre))
        height, width = band[box].shape
        scale = min(1.0, _WORK / figure.metre)
        small = (max(8, round(width * scale)), max(8, round(height * scale)))
        front, back = (
            resized(side[box].astype(np.uint8), small) > 0 for side in (person & ~band, alpha == 0)
        )
        sigma = max(2.0, _NEAR * figure.metre * scale)
        vote = resized(votes(resized(image[box], small), front, back, sigma), (width, height))
        gap = ((vote < _SURE) & band[box]).astype(np.uint8)
        _, pieces, stats, _ = cv2.connectedComponentsWithStats(gap, connectivity=8)
        width, height, area = (stats[:, i].astype(float) for i in (2, 3, 4))
        long = np.hypot(width, height)
        sliver = (long > _LENGTH * figure.metre) & (area < _THIN * long**2)
        sliver[0] = False
        # with the mixed pixels at its rim
        taken = dilate(sliver[pieces], max(1, round(_RIM * figure.metre))) & arm[box]
        out[box][taken] = 0
    return out
