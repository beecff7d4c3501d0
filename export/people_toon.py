"""A hand-painted look: flat bands of light and drawn lines."""

from __future__ import annotations

import cv2
import numpy as np

from export.people_piece import smoothstep
from export.people_render import Layers

BANDS = 5


def paint(layers: Layers) -> Layers:
    """Smooth what is inside, quantise its lightness softly, draw lines where it changes."""
    alpha = layers.alpha[..., None]
    flat = np.sqrt(np.maximum(layers.colour / np.maximum(alpha, 1e-3), 0)).astype(np.float32)
    # Outside the person colour continues, so that the filters see no false edge.
    far = cv2.GaussianBlur(flat * alpha, (0, 0), 6) / np.maximum(
        cv2.GaussianBlur(layers.alpha, (0, 0), 6)[..., None], 1e-3
    )
    flat = np.where(alpha > 0.5, flat, far).astype(np.float32)
    for _ in range(3):
        flat = np.asarray(cv2.bilateralFilter(flat, 9, 0.10, 3.0), np.float32)
    light = flat.mean(2, dtype=np.float32)
    step = light * BANDS
    low = np.floor(step)
    banded = (low + smoothstep(step - low, 0.35, 0.65)) / BANDS
    light = np.maximum(light, 0.02)
    flat *= (0.35 + 0.65 * banded / light)[..., None]
    grey = flat.mean(2, keepdims=True)
    flat = np.clip(grey + 1.18 * (flat - grey), 0, 1.2)
    narrow, wide = (cv2.GaussianBlur(light, (0, 0), s) for s in (0.9, 1.9))
    line = smoothstep((wide - narrow).astype(np.float32), 0.010, 0.045)
    inner = np.asarray(cv2.erode(layers.alpha, np.ones((3, 3), np.uint8)), np.float32)
    line = np.maximum(0.75 * line, 0.85 * (1 - smoothstep(inner, 0.2, 0.9)))
    ink = np.array([0.10, 0.06, 0.09], np.float32)
    flat = flat + cv2.GaussianBlur(line, (0, 0), 0.5)[..., None] * (ink - flat)
    return Layers(np.asarray(flat**2 * alpha, np.float32), layers.alpha)
