"""Matte: the person's alpha at photo resolution, and foreground colours without background."""

from __future__ import annotations

import cv2
import numpy as np

from engines.types import F32, U8, check

_SURE, _MAYBE = 0.9, 0.08  # network probabilities taken as person, as background
_BAND = 0.018  # of the person's size: how far the network's outline may be off


def matte(image: U8, mask: F32) -> U8:
    """Alpha u8 (H, W) of the person: the network's mask snapped to the photo's real edges.

    image: u8 (H, W, 3); mask: f32 (H, W) 0..1. GrabCut (Rother et al. 2004) decides in a narrow
    band around the mask's outline; a colour guided filter (He et al. 2013) makes it soft.
    """
    check("matte.image", image, np.uint8, (None, None, 3))
    check("matte.mask", mask, np.float32, image.shape[:2])
    solid = largest((mask > 0.5).astype(np.uint8))
    if not solid.any():
        return np.zeros(mask.shape, np.uint8)
    mask = mask * cv2.dilate(solid, _disc(3))
    size = float(np.sqrt(solid.sum()))
    band = max(2, round(_BAND * size))
    trimap = np.where(solid > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    # the photo's frame is no outline of the person: erode with the border counted as person
    sure = cv2.erode((mask > _SURE).astype(np.uint8), _disc(band), borderValue=1)
    maybe = cv2.dilate((mask > _MAYBE).astype(np.uint8), _disc(band))
    trimap[sure > 0] = cv2.GC_FGD
    trimap[maybe == 0] = cv2.GC_BGD
    cut = _grab(image, trimap)
    # a thin thing that the network is sure of (a finger, a wrist) survives the cut
    cut = np.maximum(cut, (cv2.erode((mask > 0.97).astype(np.uint8), _disc(1), borderValue=1)))
    cut = largest(_smooth(cut, size))
    # the network's own soft outline where its and the photo's edges disagree little
    alpha = guided(image, cut.astype(np.float32), max(2, round(size * 0.012)), 1e-4 * 255**2)
    alpha = np.clip((alpha - 0.08) / 0.84, 0, 1)
    alpha[cv2.erode(cut, _disc(max(1, band // 2)), borderValue=1) > 0] = 1
    alpha[cv2.dilate(cut, _disc(band)) == 0] = 0
    return np.rint(alpha * 255).astype(np.uint8)


def guided(image: U8, target: F32, radius: int, epsilon: float) -> F32:
    """Colour guided filter (He, Sun, Tang 2013, eq. 14): ``target`` f32 (H, W) led by ``image``."""
    guide = image.astype(np.float32)
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(x: F32) -> F32:
        return np.asarray(cv2.blur(x, size, borderType=cv2.BORDER_REFLECT), np.float32)

    mu, level = mean(guide), mean(target)
    cross = mean(guide * target[..., None]) - mu * level[..., None]
    outer = (guide[..., :, None] * guide[..., None, :]).reshape(*guide.shape[:2], 9)
    outer = np.concatenate([mean(outer[..., i : i + 3]) for i in (0, 3, 6)], -1)
    sigma = outer.reshape(*guide.shape[:2], 3, 3) - mu[..., :, None] * mu[..., None, :]
    sigma += epsilon * np.eye(3, dtype=np.float32)
    slope = np.linalg.solve(sigma, cross[..., None])[..., 0].astype(np.float32)
    offset = level - (slope * mu).sum(-1)
    return np.asarray((mean(slope) * guide).sum(-1) + mean(offset), np.float32)


def foreground(image: U8, alpha: U8) -> tuple[U8, U8]:
    """Person's and background's colours, u8 (H, W, 3) each, where the photo mixes both.

    Blur fusion (Forte 2021, "Approximate fast foreground colour estimation"), two passes. Where
    alpha is 255 the foreground is the photo itself, bit for bit.
    """
    a = (alpha.astype(np.float32) / 255)[..., None]
    photo = image.astype(np.float32)
    front, back = photo, photo
    for radius in (45, 3):
        size = (2 * radius + 1, 2 * radius + 1)
        weight = cv2.blur(a, size)[..., None]
        f = cv2.blur(front * a, size) / (weight + 1e-4)
        b = cv2.blur(back * (1 - a), size) / (1 - weight + 1e-4)
        front = np.clip(f + a * (photo - a * f - (1 - a) * b), 0, 255)
        back = np.clip(b, 0, 255)
    front = np.where(a >= 1, photo, front)
    back = np.where(a <= 0, photo, back)
    return np.rint(front).astype(np.uint8), np.rint(back).astype(np.uint8)


def largest(mask: U8) -> U8:
    """The mask without its crumbs: components under a tenth of the largest go."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count <= 2:
        return mask
    area = stats[:, cv2.CC_STAT_AREA].copy()
    area[0] = 0
    keep = area >= 0.1 * area.max()
    keep[0] = False
    return keep[labels].astype(np.uint8)


def _grab(image: U8, trimap: U8) -> U8:
    """GrabCut on the trimap's own box, u8 (H, W) 0/1."""
    rows, columns = np.flatnonzero((trimap != 0).any(1)), np.flatnonzero((trimap != 0).any(0))
    pad = 24
    box = np.s_[
        max(0, rows[0] - pad) : rows[-1] + 1 + pad, max(0, columns[0] - pad) : columns[-1] + 1 + pad
    ]
    out = np.zeros(trimap.shape, np.uint8)
    part = np.ascontiguousarray(trimap[box])
    decided = np.isin(part, (cv2.GC_FGD, cv2.GC_BGD))
    if not decided.all() and (part == cv2.GC_FGD).any() and (part == cv2.GC_BGD).any():
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.setRNGSeed(0)
        cv2.grabCut(
            np.ascontiguousarray(image[box]), part, None, *models, 2, cv2.GC_INIT_WITH_MASK
        )
    out[box] = np.isin(part, (cv2.GC_FGD, cv2.GC_PR_FGD))
    return out


def _smooth(mask: U8, size: float) -> U8:
    """Outline without pixel noise."""
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.8, size * 0.003))
    return (blurred > 0.5).astype(np.uint8)


def _disc(radius: int) -> U8:
    shape = (2 * radius + 1, 2 * radius + 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, shape), np.uint8)
