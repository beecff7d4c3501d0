"""What lies behind the avatar: the photo's own background, blur, a colour, a picture, nothing."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from engines.avatar.photo import open_photo
from engines.errors import InputError
from engines.kernels.lay import composite, straighten
from engines.render import View
from engines.types import U8, Avatar


class Backdrop:
    """Lays the person over a background of the output's size; ``spec`` is one of

    ``photo``, ``blur``, ``none`` (transparent), ``#rrggbb``, or the path of a picture, which is
    scaled to cover the output. Raises InputError for anything else.

    picture: u8 (H, W, 4) opaque, None where transparent.
    """

    def __init__(self, avatar: Avatar, size: tuple[int, int], view: View, spec: str) -> None:
        self.spec = spec
        picture = _picture(avatar, size, view, spec)
        self.picture = None if picture is None else _opaque(picture)
        self._out: U8 = np.zeros((size[1], size[0], 4), np.uint8)

    def under(self, person: U8) -> U8:
        """The finished frame, u8 (H, W, 4) straight RGBA, in a buffer that the next call reuses.

        person: u8 (H, W, 4) premultiplied RGBA.
        """
        if self.picture is None:
            straighten(person, self._out)
        else:
            composite(person, self.picture, self._out)
        return self._out


def _opaque(picture: U8) -> U8:
    return np.ascontiguousarray(np.dstack([picture, np.full_like(picture[:, :, 0], 255)]))


def _picture(avatar: Avatar, size: tuple[int, int], view: View, spec: str) -> U8 | None:
    if spec == "none":
        return None
    width, height = size
    if re.fullmatch(r"#[0-9a-fA-F]{6}", spec):
        colour = tuple(int(spec[i : i + 2], 16) for i in (1, 3, 5))
        return np.full((height, width, 3), colour, np.uint8)
    if spec in ("photo", "blur"):
        place = np.array([[view.scale, 0, view.dx], [0, view.scale, view.dy]], np.float64)
        place[:, 2] += 0.5 * view.scale - 0.5  # OpenCV counts pixel centres as whole numbers
        quality = cv2.INTER_AREA if view.scale < 1 else cv2.INTER_LINEAR
        photo = cv2.warpAffine(
            avatar.background, place, size, flags=quality, borderMode=cv2.BORDER_REFLECT_101
        )
        blurred = cv2.GaussianBlur(photo, (0, 0), width / 40)
        if spec == "blur":
            return np.asarray(blurred)
        # Beyond the photo's edge its mirror image goes on, blurred, so that nobody looks twice.
        edge = cv2.warpAffine(np.ones(avatar.alpha.shape, np.float32), place, size)
        inside = cv2.GaussianBlur(cv2.erode(edge, np.ones((9, 9))), (0, 0), 4)[:, :, None]
        inside = np.where(edge.all(), np.float32(1), inside)
        return np.asarray(np.rint(photo * inside + blurred * (1 - inside)), np.uint8)
    return _cover(Path(spec), size)


def _cover(path: Path, size: tuple[int, int]) -> U8:
    if not path.is_file():
        raise InputError(
            f"background: got {str(path)!r}, which is no file",
            "wanted photo, blur, none, #rrggbb or the path of a picture",
        )
    try:
        picture = open_photo(path, long_side=2 * max(size)).image
    except InputError as error:
        raise InputError(f"background: {error.message}", "give another PNG or JPEG") from error
    height, width = picture.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    big = cv2.resize(
        picture, (max(size[0], round(width * scale)), max(size[1], round(height * scale))),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
    )  # fmt: skip
    top, left = (big.shape[0] - size[1]) // 2, (big.shape[1] - size[0]) // 2
    return np.ascontiguousarray(big[top : top + size[1], left : left + size[0]])
