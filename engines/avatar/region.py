"""Region: operations on masks and pictures of one size that several steps of enrolment share."""

from __future__ import annotations

from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.types import F32, U8

Mask = NDArray[np.bool_]
Box = tuple[slice, slice]
Plane = TypeVar("Plane", U8, F32)


def disc(radius: int) -> U8:
    """A filled circle, u8 (2r + 1, 2r + 1) 0/1."""
    shape = (2 * radius + 1, 2 * radius + 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, shape), np.uint8)


def dilate(mask: Mask, radius: int) -> Mask:
    """Pixels at most about ``radius`` px from the mask."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc(radius)) > 0)


def erode(mask: Mask, radius: int) -> Mask:
    """Pixels farther than about ``radius`` px from what is not mask; the frame counts as mask."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), disc(radius), borderValue=1) > 0)


def close(mask: Mask, radius: int) -> Mask:
    """Morphological closing by a disc, through distances: any radius at one price."""
    padded = np.pad(mask, radius + 2)
    near = distance(padded) <= radius
    inside = distance(~near) > radius
    return np.asarray(inside[radius + 2 : -radius - 2, radius + 2 : -radius - 2])


def distance(mask: Mask) -> F32:
    """Distance of each pixel to the mask, f32 (H, W) px; 0 inside it."""
    if not mask.any():
        return np.full(mask.shape, 1e6, np.float32)
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def blur(plane: F32, sigma: float) -> F32:
    """Gaussian blur of f32 (H, W) or (H, W, C)."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def resized(plane: Plane, size: tuple[int, int]) -> Plane:
    """The plane at (width, height): averaged when it shrinks, bilinear when it grows."""
    shrinks = size[0] * size[1] < plane.shape[0] * plane.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cast(Plane, cv2.resize(plane, size, interpolation=how))


def box_of(mask: Mask, pad: int) -> Box:
    """The slices that hold the mask and ``pad`` px about it, inside the frame."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (
        slice(max(0, int(rows[0]) - pad), min(mask.shape[0], int(rows[-1]) + 1 + pad)),
        slice(max(0, int(columns[0]) - pad), min(mask.shape[1], int(columns[-1]) + 1 + pad)),
    )
