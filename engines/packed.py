"""Packed alpha: a picture with transparency as one opaque picture, colours above, alpha below.

Video codecs for the web carry no alpha. The page puts the two halves together again and cuts off
the codec's noise at both ends of alpha. Colours are continued past the edge of the person, as the
codec would otherwise mix the edge with whatever lies in the transparent pixels.
"""

from __future__ import annotations

import cv2
import numpy as np

from engines.types import U8

CELL = 8  # px: colours are continued in steps of this size
REACH = 5  # cells that a colour is continued over
SIGMA = 1.2  # cells: nearer colours count more
FAINT = 1e-3  # of 255: less of a colour than this is none


def bleed(image: U8) -> U8:
    """Give transparent pixels the colours of the nearest visible ones, blurred.

    image: u8 (H, W, 4) RGBA, straight alpha. Returns u8 (H, W, 4); alpha and every pixel that is
    not wholly transparent stay as they are.
    """
    hidden = cv2.threshold(image[:, :, 3], 0, 255, cv2.THRESH_BINARY_INV)[1]
    if not hidden.any():
        return image
    height, width = hidden.shape
    small = (max(1, width // CELL), max(1, height // CELL))
    weighted = cv2.cvtColor(image, cv2.COLOR_RGBA2mRGBA)
    cells = cv2.resize(weighted, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    size = (2 * REACH + 1, 2 * REACH + 1)
    mean = np.asarray(cv2.GaussianBlur(cells, size, SIGMA), np.float32)
    weight = mean[:, :, 3:]
    near = np.clip(weight / FAINT - 1.0, 0.0, 1.0)  # far away there is nothing to continue: grey
    mean = mean * (255.0 / np.maximum(weight, FAINT)) * near + 128.0 * (1.0 - near)
    mean[:, :, 3] = 0.0
    colour = np.clip(mean, 0.0, 255.0).astype(np.uint8)
    spread = cv2.resize(colour, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.copyTo(spread, hidden, image.copy()), np.uint8)
