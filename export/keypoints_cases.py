"""Pictures that anybody can make again, bit by bit, to measure the keypoints' parity on.

Both photos come with scikit-image (the astronaut: NASA, public domain; the cameraman: CC0), and
whole-number arithmetic keeps the results the same for all versions of all libraries.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.types import U8


def cases() -> dict[str, U8]:
    """u8 (H, W, 3) RGB by name; each shows one person."""
    import skimage.data

    data: Any = skimage.data  # half typed
    astronaut: U8 = data.astronaut()
    camera: U8 = np.repeat(data.camera()[:, :, None], 3, axis=2)
    return {
        "astronaut": astronaut,
        "astronaut_mirrored": np.ascontiguousarray(astronaut[:, ::-1]),
        "astronaut_portrait": np.ascontiguousarray(astronaut[0:360, 90:360]),
        "astronaut_half": halved(astronaut),
        "astronaut_leaning": turned(astronaut, 12),
        "astronaut_leaning_back": turned(astronaut, -25),
        "astronaut_dark": (astronaut // 4).astype(np.uint8),
        "astronaut_noisy": noisy(astronaut, 20),
        "astronaut_far": on_canvas(halved(astronaut), 480, 640),
        "astronaut_tall": on_canvas(astronaut, 960, 540),
        "camera": camera,
        "camera_mirrored": np.ascontiguousarray(camera[:, ::-1]),
        "camera_far": on_canvas(halved(camera), 480, 640),
    }


def halved(image: U8) -> U8:
    """Half the size: means of 2x2 pixels."""
    height, width = image.shape[:2]
    blocks = image.reshape(height // 2, 2, width // 2, 2, 3).astype(np.uint16)
    out: U8 = (blocks.sum(axis=(1, 3)) // 4).astype(np.uint8)
    return out


def turned(image: U8, degrees: int) -> U8:
    """Turned about the middle, nearest pixel, black outside."""
    height, width = image.shape[:2]
    # Rounded, because the last bit of sin and cos differs between machines.
    cos = round(float(np.cos(np.deg2rad(degrees))) * 65536)
    sin = round(float(np.sin(np.deg2rad(degrees))) * 65536)
    y, x = np.mgrid[:height, :width]
    y, x = y - height // 2, x - width // 2
    from_x = ((cos * x + sin * y) >> 16) + width // 2
    from_y = ((cos * y - sin * x) >> 16) + height // 2
    inside = (from_x >= 0) & (from_x < width) & (from_y >= 0) & (from_y < height)
    out = np.zeros_like(image)
    out[inside] = image[from_y[inside], from_x[inside]]
    return out


def noisy(image: U8, amount: int) -> U8:
    """Plus or minus up to ``amount``, by Knuth's multiplicative hash of the place."""
    place = np.arange(image.size, dtype=np.int64).reshape(image.shape)
    noise = (place * 2654435761 % 2**32 >> 9) % (2 * amount + 1) - amount
    out: U8 = np.clip(image.astype(np.int64) + noise, 0, 255).astype(np.uint8)
    return out


def on_canvas(image: U8, height: int, width: int) -> U8:
    """On a grey canvas, at the bottom in the middle; cut where it is larger."""
    rows, columns = min(height, image.shape[0]), min(width, image.shape[1])
    out = np.full((height, width, 3), 96, np.uint8)
    left, from_left = (width - columns) // 2, (image.shape[1] - columns) // 2
    out[height - rows :, left : left + columns] = image[:rows, from_left : from_left + columns]
    return out
