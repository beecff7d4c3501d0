"""Tube: where anatomy and silhouette put a limb."""

from __future__ import annotations

import cv2
import numpy as np

from engines.avatar.figure import Figure
from engines.types import F32, U8

# half widths along a limb, m: at its root, middle joint, end joint and tip
HALF_WIDTH = {"arm": (0.062, 0.050, 0.040, 0.045), "leg": (0.095, 0.062, 0.045, 0.045)}
_CLOTH = 1.2  # sleeves stand off the arm where no silhouette says how far


def tube(figure: Figure, name: str, alpha: U8) -> tuple[U8, F32]:
    """Where anatomy and silhouette put a limb: mask u8 (H, W) 0/1, and its half widths (4,) px."""
    line = figure.limb_line(name)
    radii = np.array(HALF_WIDTH[name[:3]], np.float32) * figure.metre
    canvas: U8 = np.zeros(alpha.shape, np.uint8)
    for i in range(3):
        a, b = line[i], line[i + 1]
        length = float(np.linalg.norm(b - a))
        if length < 1:
            continue
        normal = np.array([-(b - a)[1], (b - a)[0]], np.float32) / length
        steps = np.linspace(0, 1, max(3, int(length / 4)), dtype=np.float32)
        centre = a + steps[:, None] * (b - a)
        base = radii[i] + steps * (radii[i + 1] - radii[i])
        sides = [_reach(alpha, centre, sign * normal, base) for sign in (1, -1)]
        both = np.isfinite(sides[0]) & np.isfinite(sides[1])
        # one silhouette: the limb is as wide on its other side; none: cloth over anatomy
        widths = [
            np.where(np.isfinite(s), s, np.where(np.isfinite(o), o, base * _CLOTH))
            for s, o in (sides, sides[::-1])
        ]
        widths = [np.where(both, w, np.clip(w, 0.8 * base, 1.5 * base)) for w in widths]
        widths = [_smooth(w) for w in widths]
        edge = np.concatenate(
            [centre + widths[0][:, None] * normal, (centre - widths[1][:, None] * normal)[::-1]]
        )
        cv2.fillPoly(canvas, [np.rint(edge * 8).astype(np.int32)], 1, shift=3)
        radii[i + 1] = max(radii[i + 1], float(widths[0][-1] + widths[1][-1]) / 2)
        if i == 0:
            radii[0] = max(radii[0], float(np.median(widths[0] + widths[1])) / 2)
    for point, radius in zip(line, radii, strict=True):
        cv2.circle(canvas, tuple(int(v) for v in np.rint(point)), int(radius * 0.98), 1, -1)
    return canvas, radii


def _reach(alpha: U8, centre: F32, direction: F32, base: F32) -> F32:
    """How far the person reaches from each centre along ``direction``, px; inf: beyond the limb."""
    height, width = alpha.shape
    far = np.full(len(centre), np.inf, np.float32)
    for step in np.arange(2.2, 0.3, -0.05):
        x, y = (centre + (step * base)[:, None] * direction).T
        inside = (x >= 0) & (y >= 0) & (x < width - 1) & (y < height - 1)
        row = np.clip(y.astype(int), 0, height - 1)
        column = np.clip(x.astype(int), 0, width - 1)
        far = np.where(inside & (alpha[row, column] < 128), (step * base).astype(np.float32), far)
    return far


def _smooth(values: F32) -> F32:
    """Median then mean along a limb: a fold or a cuff does not kink the tube."""
    n = len(values)
    window = max(3, n // 4 * 2 + 1)
    padded = np.pad(values, window // 2, mode="edge")
    view = np.lib.stride_tricks.sliding_window_view(padded, window)
    middle = np.pad(np.median(view, 1), window // 2, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(middle, window).mean(1), np.float32)
