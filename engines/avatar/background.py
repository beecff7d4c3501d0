"""Background: the photo without the person."""

from __future__ import annotations

import cv2
import numpy as np

from engines.avatar.fill import fill
from engines.types import U8


def background(image: U8, alpha: U8) -> U8:
    """The photo u8 (H, W, 3) with the person (alpha u8 (H, W)) filled from what surrounds them.

    The margin around the person is filled too: shadows and light that they cast sit there. Detail
    fades towards the middle of the hole; a trace of the photo's own grain goes over it.
    """
    size = float(np.sqrt((alpha > 127).sum())) if (alpha > 127).any() else 0.0
    if size == 0:
        return image.copy()
    margin = max(2, round(size * 0.02))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    hole = cv2.dilate((alpha > 4).astype(np.uint8), disc) > 0
    filled = fill(image, ~hole, fade_px=margin)
    soft = cv2.GaussianBlur(filled, (0, 0), max(1.0, size * 0.01))
    # smooth inside the hole, the photo untouched outside it, no step at its rim
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
    blend = np.clip(depth / max(4.0, size * 0.05), 0, 1)[..., None]
    out = filled * (1 - blend) + soft * blend
    # the hole must not look like plastic: the photo's own grain, measured outside it
    residue = image.astype(np.float32) - cv2.GaussianBlur(image, (0, 0), 1.0)
    grain = float(np.median(np.abs(residue[~hole]))) * 1.48 if (~hole).any() else 0.0
    noise = np.random.default_rng(0).normal(0, grain, hole.shape).astype(np.float32)
    out += (noise * (depth > 0))[..., None]
    return np.where(hole[..., None], np.clip(np.rint(out), 0, 255), image).astype(np.uint8)
