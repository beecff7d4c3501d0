"""A network that looks at turned squares of a camera's picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numba
import numpy as np

from engines.base import Arrays, Engine
from engines.keypoints.region import Region
from engines.types import F32, U8, check


@dataclass(frozen=True, slots=True)
class Look:
    """How a network wants to see a square: f32 (1, side, side, 3), gain * RGB + bias.

    replicate: the picture's edge goes on beyond it, else there is black.
    """

    side: int
    gain: float
    bias: float
    replicate: bool


class Eye(Protocol):
    """A network and its look. Not thread safe."""

    @property
    def device(self) -> str:
        """Where the network computes, see ``Engine.device``."""

    def look(self, image: U8, region: Region) -> Arrays:
        """What the network says about a square of ``image``, a ``Frame.image``; by name, valid
        until the next call."""

    def close(self) -> None: ...


class EngineEye:
    """An eye over any engine: cuts the square out on the CPU. Owns ``engine``."""

    def __init__(self, engine: Engine, look: Look) -> None:
        self._engine, self._look = engine, look
        self._crop = np.empty((look.side, look.side, 3), np.uint8)
        self._input = np.empty((1, look.side, look.side, 3), np.float32)
        self._border = cv2.BORDER_REPLICATE if look.replicate else cv2.BORDER_CONSTANT

    @property
    def device(self) -> str:
        return self._engine.device

    def look(self, image: U8, region: Region) -> Arrays:
        """See ``Eye``; planes become RGB first. TypeError or ValueError for no such picture."""
        if image.ndim == 2:
            check("image", image, np.uint8, (None, None))
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_YUV2RGB_I420), np.uint8)
        check("image", image, np.uint8, (None, None, 3))
        region.crop(image, self._crop, self._border)
        gain, bias = np.float32(self._look.gain), np.float32(self._look.bias)
        scale(self._crop.reshape(-1), gain, bias, self._input.reshape(-1))
        return self._engine.run({"image": self._input})

    def close(self) -> None:
        self._engine.close()


@numba.njit(cache=True, nogil=True)
def scale(levels: U8, gain: np.float32, bias: np.float32, out: F32) -> None:
    """gain * level + bias of grey levels u8 (N,), into f32 (N,)."""
    for i in range(len(levels)):
        out[i] = np.float32(levels[i]) * gain + bias
