"""A finished picture as those who watch take it, made on the device that drew it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from engines.kernels.cuda import Device
from engines.packed import CELL, FAINT, REACH, SIGMA
from engines.types import U8


class CudaPicture:
    """rgba as it is, u8 (H, W, 4) on the device. out: after ``frame`` and the device's ``wait``."""

    def __init__(self, device: Device, rgba: Any) -> None:
        self._device, self._rgba = device, rgba
        self.out: U8 = device.staging(rgba.shape, np.uint8)

    def frame(self) -> None:
        """One download, to be recorded."""
        self._device.download(self._rgba, self.out)


class CudaVideo:
    """The planes that a video encoder takes, YUV420 (BT.601, video range).

    rgba: u8 (H, W, 4) on the device, straight alpha; odd sides lose a line. out: u8 after ``frame``
    and the device's ``wait``: (H * 3 / 2, W), drawn over black, or packed (3 H, W), colours above
    alpha, see ``engines.packed``.
    """

    def __init__(self, device: Device, rgba: Any, packed: bool = False) -> None:
        self._device, self._rgba, self._packed = device, rgba, packed
        self._height, self._width = (side // 2 * 2 for side in rgba.shape[:2])
        high = self._height * (1 + packed)
        self.out: U8 = device.staging((high * 3 // 2, self._width), np.uint8)
        self.out[high:] = 128  # alpha's own chroma, which nothing writes
        self._planes = device.array(self.out)
        flat, area = self._planes.reshape(-1), high * self._width
        self._luma, self._blue, self._red = (
            flat[:area],
            flat[area : area * 5 // 4],
            flat[area * 5 // 4 :],
        )
        self._columns = self._rows = 1
        self._spread = rgba  # not read
        if packed:
            self._columns = max(1, self._width // CELL)
            self._rows = max(1, self._height // CELL)
            shape = (self._rows, self._columns, 4)
            self._cells = device.filled(shape, np.float32)
            self._spread = device.filled(shape, np.uint8)
            weights = cv2.getGaussianKernel(2 * REACH + 1, SIGMA, cv2.CV_32F)
            self._weights = device.array(np.asarray(weights).ravel())

    def frame(self) -> None:
        """A kernel, packed three, and one download, to be recorded."""
        launch, width, height = self._device.launch, self._width, self._height
        stride, columns, rows = self._rgba.shape[1], self._columns, self._rows
        if self._packed:
            launch(
                "cells", (columns, rows), width, height, stride, self._rgba, columns, rows,
                self._cells,
            )  # fmt: skip
            launch(
                "bleed", (columns, rows), columns, rows, self._cells, REACH, self._weights, FAINT,
                self._spread,
            )  # fmt: skip
        launch(
            "video", (-(-width // 4), height // 2), width, height, stride, self._rgba,
            int(self._packed), self._spread, columns, rows, 1, self._luma, self._blue, self._red,
        )  # fmt: skip
        self._device.download(self._planes, self.out)
