"""Matte: the person's alpha at photo resolution, and foreground colours without background."""

from __future__ import annotations

import cv2
import numpy as np

from engines.avatar.region import Mask, blur, box_of, dilate, erode, resized
from engines.avatar.walk import walk
from engines.types import F32, U8, check

_SURE = 0.95  # network probability beyond which colour has no say
_WORK = 512  # px, the longer side of the person's box while the outline is sought
_SWEEPS = 60


def matte(image: U8, mask: F32) -> U8:
    """Alpha u8 (H, W) of the person: the network's mask snapped to the photo's real edges.

    image: u8 (H, W, 3); mask: f32 (H, W) 0..1. Where the network is unsure, colours vote: is this
    pixel like the person or like the background nearby, if those differ at all? A random walker
    draws the outline to the photo's edges, a colour guided filter makes it soft.
    """
    check("matte.image", image, np.uint8, (None, None, 3))
    check("matte.mask", mask, np.float32, image.shape[:2])
    solid = largest(mask > 0.5)
    alpha: U8 = np.zeros(mask.shape, np.uint8)
    if not solid.any():
        return alpha
    size = float(np.sqrt(solid.sum()))
    mask = mask * dilate(solid, max(2, round(0.03 * size)))
    box = box_of(mask > 0.02, round(0.1 * size))
    scale = min(1.0, _WORK / max(mask[box].shape))
    whole = (mask[box].shape[1], mask[box].shape[0])
    small = (max(8, round(whole[0] * scale)), max(8, round(whole[1] * scale)))
    little = resized(image[box], small)
    share = _outline(little, resized(mask[box], small), size * scale)
    outline = largest(share > 0.5)
    radius = max(2, round(size * scale * 0.012))
    slope, offset = guided(little, outline.astype(np.float32), radius, 1e-4 * 255**2)
    soft = (resized(slope, whole) * image[box]).sum(-1) + resized(offset, whole)
    soft = np.clip((soft - 0.1) / 0.8, 0, 1)
    cut = resized(outline.astype(np.float32), whole) > 0.5
    radius = max(2, round(size * 0.012))
    soft[(soft > 0.97) | erode(cut, radius)] = 1
    soft[~dilate(cut, radius)] = 0
    alpha[box] = np.rint(soft * 255)
    return alpha


def _outline(image: U8, mask: F32, size: float) -> F32:
    """The person's share f32 (h, w) 0..1 of each pixel: network, colour vote, edges."""
    sides = mask > _SURE, mask < 1 - _SURE
    vote = sum(votes(image, *sides, max(2.0, reach * size)) for reach in (0.04, 0.12))
    odds = np.log(np.clip(mask, 0.01, 0.99) / np.clip(1 - mask, 0.01, 0.99)) + vote
    open_ = np.where(mask < 1 - _SURE, 0, 1 / (1 + np.exp(-odds)))
    share = np.where(mask > _SURE, 1, open_).astype(np.float32)
    between = (share > 0.03) & (share < 0.97)
    everywhere = np.ones(mask.shape, bool)
    return walk(image, share, between, everywhere, pull=0.05, sweeps=_SWEEPS)


def votes(image: U8, front: Mask, back: Mask, sigma: float) -> F32:
    """What a pixel's colour says, f32 (H, W): 2 person for sure, -2 background for sure.

    Its distance from the mean colours of both sides within about ``sigma`` px, in CIELAB and in
    their spreads; 0 where a side is not near or both look the same.
    """
    scaled = image.astype(np.float32) / 255
    colours = np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB), np.float32)
    gaps, near = [], np.ones(front.shape, np.float32)
    for side in (front, back):
        own = side.astype(np.float32)[..., None]
        weight = blur(own, sigma)[..., None] + 1e-6
        mean = blur(colours * own, sigma) / weight
        square = blur(colours**2 * own, sigma) / weight
        spread = np.maximum(square - mean**2, 0).sum(-1) + 16.0
        gaps.append(((colours - mean) ** 2).sum(-1) / spread)
        near = near * np.clip(weight[..., 0] / 0.02, 0, 1)
    return np.asarray(np.clip(0.5 * (gaps[1] - gaps[0]), -2, 2) * near, np.float32)


def guided(image: U8, target: F32, radius: int, epsilon: float) -> tuple[F32, F32]:
    """Colour guided filter (He, Sun, Tang 2013, eq. 14-16): ``target`` f32 (H, W) led by ``image``.

    Gives the filter's mean slope f32 (H, W, 3) and offset f32 (H, W): slope . image + offset. They
    are smooth, so they may be found on a small picture and used on a large one (He, Sun 2015).
    """
    guide = image.astype(np.float32)
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(x: F32) -> F32:
        return np.asarray(cv2.blur(x, size, borderType=cv2.BORDER_REFLECT), np.float32)

    mu, level = mean(guide), mean(target)
    cross = mean(guide * target[..., None]) - mu * level[..., None]
    r, g, b = np.moveaxis(guide, -1, 0)
    mr, mg, mb = np.moveaxis(mu, -1, 0)
    rr, gg, bb = mean(r * r) - mr * mr, mean(g * g) - mg * mg, mean(b * b) - mb * mb
    rg, rb, gb = mean(r * g) - mr * mg, mean(r * b) - mr * mb, mean(g * b) - mg * mb
    rr, gg, bb = rr + epsilon, gg + epsilon, bb + epsilon
    # the symmetric 3 x 3 covariance, inverted by cofactors
    c00, c01, c02 = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    c11, c12, c22 = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    determinant = np.maximum(rr * c00 + rg * c01 + rb * c02, epsilon**3)
    x, y, z = np.moveaxis(cross, -1, 0)
    slope = np.stack(
        [c00 * x + c01 * y + c02 * z, c01 * x + c11 * y + c12 * z, c02 * x + c12 * y + c22 * z], -1
    )
    slope = np.asarray(slope / determinant[..., None], np.float32)
    return mean(slope), mean(np.asarray(level - (slope * mu).sum(-1), np.float32))


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


def largest(mask: Mask) -> Mask:
    """The mask without its crumbs: components under a tenth of the largest go."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    if count <= 2:
        return mask
    area = stats[:, cv2.CC_STAT_AREA].copy()
    area[0] = 0
    keep = area >= 0.1 * area.max()
    keep[0] = False
    return np.asarray(keep[labels])
