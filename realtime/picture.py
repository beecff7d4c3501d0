"""A finished picture on its way out, and the forms that viewers get it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from engines.packed import bleed
from engines.types import U8, check
from realtime.mark import mark_planes

Form = Literal["plain", "packed"]
"""What a viewer gets. plain: on black where transparent; packed: colours above alpha, twice as
high."""
Forms = frozenset[Form]

Drawn = Mapping[str, U8]
"""A picture as it was drawn: "rgba", u8 (H, W, 4), straight alpha; or in forms, as the planes that
an encoder takes (YUV420, BT.601, video range, sides even): plain u8 (H * 3 / 2, W), packed u8
(3 * H, W)."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What was drawn of the camera frame of time ``captured_s``; mark: that frame's."""

    drawn: Drawn
    captured_s: float
    mark: int | None = None

    def __post_init__(self) -> None:
        if not self.drawn:
            raise ValueError("Picture.drawn: got nothing")
        for name, array in self.drawn.items():
            shape = (None, None, 4) if name == "rgba" else (None, None)
            check(f"Picture {name}", array, np.uint8, shape)

    def serves(self, form: Form) -> bool:
        """Whether there are planes in this form, or what they can be made of."""
        return form in self.drawn or "rgba" in self.drawn

    def planes(self, form: Form) -> U8:
        """What an encoder takes, see ``Drawn``; KeyError unless it ``serves`` this form."""
        return self.drawn[form] if form in self.drawn else planes_of(self.drawn["rgba"], form)

    def marked(self) -> U8:
        """The plain form with the mark, if there is one; KeyError as ``planes``."""
        planes = self.planes("plain")
        if self.mark is None:
            return planes
        planes = planes.copy()  # others are sent the same ones
        mark_planes(planes, self.mark)
        return planes


def planes_of(image: U8, form: Form) -> U8:
    """``image``, u8 (H, W, 4) RGBA, in this form, see ``Drawn``; odd sides lose a line."""
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    image = np.ascontiguousarray(image[:height, :width])
    if form == "plain":
        on_black = cv2.cvtColor(image, cv2.COLOR_RGBA2mRGBA)
        return np.asarray(cv2.cvtColor(on_black, cv2.COLOR_RGBA2YUV_I420), np.uint8)
    colours = cv2.cvtColor(bleed(image), cv2.COLOR_RGBA2YUV_I420)
    packed = np.full((3 * height, width), 128, np.uint8)  # Y (2H, W), then U and V (H/2, W) each
    packed[:height] = colours[:height]
    packed[height : 2 * height] = cv2.LUT(image[:, :, 3], _LUMA)
    chroma = colours[height:].reshape(2, height // 2, width // 2)
    planes = packed[2 * height :].reshape(2, height, width // 2)
    planes[:, : height // 2] = chroma
    return packed


_LUMA: U8 = np.rint(16 + np.arange(256) * (219 / 255)).astype(np.uint8)  # full to video range
