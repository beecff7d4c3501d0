"""Picture and motion metrics, pure functions over arrays."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.blazepose import ELBOWS, HIPS, SHOULDERS, WRISTS, middle
from engines.types import F32, U8, Keypoints

Mask = NDArray[np.bool_]
ARMS = np.array([*ELBOWS, *WRISTS])


def psnr(picture: U8, truth: U8, inside: Mask) -> float:
    """Peak signal-to-noise ratio over the masked pixels, dB; inf where they are equal."""
    difference = picture[inside].astype(np.float64) - truth[inside]
    error = float((difference**2).mean()) if difference.size else 0.0
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def ssim(picture: U8, truth: U8, inside: Mask) -> float:
    """Structural similarity (Wang et al. 2004) of the grey pictures, mean over the mask.

    Gaussian window of sigma 1.5, constants 0.01 and 0.03 of the range.
    """
    a = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64)
    b = cv2.cvtColor(truth, cv2.COLOR_RGB2GRAY).astype(np.float64)

    def blur(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5))

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    both = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = ((2 * mean_a * mean_b + c1) * (2 * both + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    )
    return float(similarity[inside].mean()) if inside.any() else 1.0


def flicker(before: U8, now: U8, after: U8, inside: Mask) -> float:
    """Mean size of the second temporal difference over the mask, grey levels 0..255.

    Steady motion cancels, trembling does not.
    """
    a, b, c = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY).astype(np.float32) for x in (before, now, after))
    return float(np.abs(a - 2 * b + c)[inside].mean()) if inside.any() else 0.0


def torso_length(keypoints: Keypoints) -> float:
    """Distance between the middles of the shoulders and of the hips, px."""
    xy = keypoints.xy
    return float(np.linalg.norm(middle(xy, SHOULDERS) - middle(xy, HIPS)))


def keypoint_errors(found: Keypoints | None, truth: Keypoints, size: tuple[int, int]) -> F32:
    """Distances per landmark in the truth's torso lengths, f32 (33,); NaN where there is no truth.

    A landmark counts where the truth is confident (0.5) and inside the picture ``size`` (w, h).
    ``found`` None = nobody was found: each counts as one torso length.
    """
    xy = truth.xy
    known = (truth.conf > 0.5) & (xy >= 0).all(1) & (xy < np.array(size)).all(1)
    if found is None:
        errors = np.ones(len(xy), np.float32)
    else:
        errors = np.linalg.norm(found.xy - xy, axis=1).astype(np.float32)
        errors /= np.float32(max(torso_length(truth), 1.0))
    errors[~known] = np.nan
    return errors
