"""Walk: a random walker that lets a soft guess settle on the photo's edges."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.types import F32, U8


def walk(
    image: U8,
    prior: F32,
    between: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    pull: float,
    sweeps: int,
) -> F32:
    """Probability f32 (H, W) 0..1 that a random walker meets the near side first (Grady 2006).

    prior: f32 (H, W), 1 on the near side, 0 on the far one, a guess between; only ``between``
    pixels move. The walker stays on ``inside`` pixels, hardly crosses the edges of ``image`` and
    is drawn to its guess by ``pull`` (Grady 2005, with priors). Solved by Jacobi sweeps: the band
    between is narrow.
    """
    colours = cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.float32)
    steps = []
    for axis in (0, 1):
        difference = np.abs(np.diff(colours, axis=axis)).max(-1)
        pair = _pairs(inside, axis)
        near = _pairs(between, axis) & pair
        typical = float(np.median(difference[near])) if near.any() else 1.0
        weight = 1 / (1 + (difference / max(2.0, 1.5 * typical)) ** 2) ** 2
        steps.append(np.where(pair, weight + 1e-3, 0).astype(np.float32))
    vertical, horizontal = steps
    total = np.full(prior.shape, pull, np.float32)
    total[:-1] += vertical
    total[1:] += vertical
    total[:, :-1] += horizontal
    total[:, 1:] += horizontal
    share = prior.copy()
    for _ in range(sweeps):
        new = pull * prior
        new[:-1] += vertical * share[1:]
        new[1:] += vertical * share[:-1]
        new[:, :-1] += horizontal * share[:, 1:]
        new[:, 1:] += horizontal * share[:, :-1]
        share = np.where(between, new / total, prior)
    return np.asarray(share, np.float32)


def _pairs(mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Neighbours along an axis that are both in ``mask``."""
    return mask[1:] & mask[:-1] if axis == 0 else mask[:, 1:] & mask[:, :-1]
