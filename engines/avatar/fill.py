"""Fill: colours for pixels that a picture does not show, from those that it does."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt

from engines.avatar.region import Mask, blur, box_of
from engines.types import F32, U8

_SWEEPS = 12  # smoothing sweeps per pyramid level
_DETAIL_SIGMA = 0.02  # of the picture's longer side: what counts as detail


def fill(image: U8, known: Mask, detail: float = 1.0, fade_px: float = 1e9) -> U8:
    """The picture u8 (H, W, 3) with every pixel outside ``known`` (H, W) replaced.

    Low frequencies are a membrane (Laplace's equation, solved coarse to fine) through the known
    colours, so there are no streaks; high frequencies are mirrored at the nearest known pixel and
    weighed by ``detail`` and faded over ``fade_px``, so that cloth stays cloth. Known pixels are
    returned as they are.
    """
    if known.all() or not known.any():
        return image.copy()
    out = image.copy()
    box = box_of(~known, _reach(known))
    colours = image[box].astype(np.float32)
    inside = np.ascontiguousarray(known[box])
    smooth = membrane(colours, inside.astype(np.float32))
    if detail > 0:
        smooth += detail * _mirrored_detail(colours, inside, fade_px)
    patch = np.clip(np.rint(smooth), 0, 255).astype(np.uint8)
    out[box] = np.where(inside[..., None], image[box], patch)
    return out


def membrane(values: F32, weight: F32) -> F32:
    """Laplace interpolation of ``values`` f32 (H, W, C) where ``weight`` f32 (H, W) is zero.

    Push-pull over a pyramid (Gortler et al. 1996) whose every level is relaxed by a few Jacobi
    sweeps with the known pixels pinned.
    """
    height, width = weight.shape
    pinned = weight[..., None]
    if min(height, width) <= 4 or weight.min() > 0.999:
        total = max(float(weight.sum()), 1e-6)
        mean = (values * pinned).sum((0, 1)) / total
        return np.asarray(values * pinned + mean * (1 - pinned), np.float32)
    size = ((width + 1) // 2, (height + 1) // 2)
    small_weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(values * pinned, size, interpolation=cv2.INTER_AREA)
    small = small.reshape(size[1], size[0], -1) / np.maximum(small_weight, 1e-6)[..., None]
    coarse = membrane(small.astype(np.float32), np.minimum(1, small_weight * 2).astype(np.float32))
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    fine = values * pinned + fine.reshape(values.shape) * (1 - pinned)
    for _ in range(_SWEEPS):
        blurred = cv2.blur(fine, (3, 3), borderType=cv2.BORDER_REPLICATE).reshape(values.shape)
        fine = values * pinned + blurred * (1 - pinned)
    return np.asarray(fine, np.float32)


def _mirrored_detail(colours: F32, known: Mask, fade_px: float) -> F32:
    """High frequencies of the known side, reflected at its border into the unknown, f32."""
    height, width = known.shape
    sigma = max(2.0, _DETAIL_SIGMA * max(height, width))
    weight = known.astype(np.float32)
    near = np.maximum(blur(weight, sigma), 1e-3)[..., None]
    low = blur(colours * weight[..., None], sigma) / near
    high = (colours - low) * weight[..., None]
    distance, (row, column) = distance_transform_edt(~known, return_indices=True)
    rows, columns = np.mgrid[:height, :width]
    row, column = 2 * row - rows, 2 * column - columns
    row = np.clip(row, 0, height - 1)
    column = np.clip(column, 0, width - 1)
    reachable = known[row, column] & (distance > 0)
    out = high[row, column] * reachable[..., None]
    # the mirror has seams where the nearest border changes: fade them out
    strength = blur(reachable.astype(np.float32), 1.5)
    strength *= np.exp(-((distance / fade_px) ** 2)).astype(np.float32)
    return np.asarray(out * strength[..., None], np.float32)


def _reach(known: Mask) -> int:
    """How far the known border matters: twice the deepest unknown pixel."""
    return 4 + 2 * int(distance_transform_edt(~known).max())
