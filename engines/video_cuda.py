"""A finished picture as the planes that a video encoder takes, made on the device that drew it."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.kernels.cuda import Device
from engines.types import U8


class CudaVideo:
    """rgba: u8 (H, W, 4) on the device, straight alpha, drawn over black; odd sides lose a line.

    out: u8 (H * 3 / 2, W), YUV420 (BT.601, video range) after ``frame`` and the device's ``wait``.
    """

    def __init__(self, device: Device, rgba: Any) -> None:
        self._device, self._rgba = device, rgba
        self._height, self._width = (side // 2 * 2 for side in rgba.shape[:2])
        self.out: U8 = device.staging((self._height * 3 // 2, self._width), np.uint8)
        self._planes = device.array(self.out)

    def frame(self) -> None:
        """A kernel and one download, to be recorded."""
        width, height = self._width, self._height
        flat, area = self._planes.reshape(-1), width * height
        self._device.launch(
            "video", (width // 2, height // 2), width, height, self._rgba.shape[1], self._rgba, 0,
            self._rgba, 1, 1, 1, flat[:area], flat[area : area * 5 // 4], flat[area * 5 // 4 :],
        )  # fmt: skip
        self._device.download(self._planes, self.out)
