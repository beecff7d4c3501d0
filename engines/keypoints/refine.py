"""Landmarks moved to the centre of mass of their heat maps."""

from __future__ import annotations

import math

from numba import njit

from engines.types import F32

KERNEL = 7  # cells, MediaPipe pose_landmark_by_roi_cpu.pbtxt: kernel_size
MIN_PEAK = 0.5  # min_confidence_to_refine


@njit(cache=True, nogil=True)
def refine(landmarks: F32, heatmap: F32, kernel: int, min_peak: float) -> None:
    """Move landmarks, in place, to the mean of the heat around them.

    landmarks: f32 (K, 3+), x and y 0..1 of the crop. heatmap: f32 (K, H, W) logits.
    Source: MediaPipe RefineLandmarksFromHeatmapCalculator.
    """
    height, width = heatmap.shape[1], heatmap.shape[2]
    reach = (kernel - 1) // 2
    for k in range(landmarks.shape[0]):
        column = int(landmarks[k, 0] * width)
        row = int(landmarks[k, 1] * height)
        if column < 0 or column >= width or row < 0 or row >= height:
            continue
        total, peak, sum_x, sum_y = 0.0, 0.0, 0.0, 0.0
        for y in range(max(0, row - reach), min(height, row + reach + 1)):
            for x in range(max(0, column - reach), min(width, column + reach + 1)):
                heat = 1.0 / (1.0 + math.exp(-heatmap[k, y, x]))
                total += heat
                peak = max(peak, heat)
                sum_x += heat * x
                sum_y += heat * y
        if peak >= min_peak and total > 0:
            landmarks[k, 0] = sum_x / total / width
            landmarks[k, 1] = sum_y / total / height
