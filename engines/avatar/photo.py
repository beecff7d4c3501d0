"""Photo: a picture file or its bytes, upright, as RGB and alpha at working size."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engines.errors import InputError
from engines.types import U8, check

LONG_SIDE = 1024  # px, working size
MIN_SIDE = 64  # px
MAX_PIXELS = 40_000_000
MAX_BYTES = 64 * 2**20
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
HINT = "wanted a JPEG, PNG or WebP photo of a person"


@dataclass(frozen=True, slots=True)
class Photo:
    """One upright picture. image: u8 (H, W, 3) RGB; alpha: u8 (H, W) where the file has a
    meaningful one, else None; name: the file's own; digest: sha256 of the file; warnings: plain
    sentences on what was done to it.
    """

    image: U8
    alpha: U8 | None = None
    name: str = "photo"
    digest: str = ""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check("Photo.image", self.image, np.uint8, (None, None, 3))
        if self.alpha is not None:
            check("Photo.alpha", self.alpha, np.uint8, self.image.shape[:2])

    @classmethod
    def of(cls, image: U8, name: str = "photo") -> Photo:
        """A picture already in memory, u8 (H, W, 3) RGB; InputError if its size is no good."""
        check("image", image, np.uint8, (None, None, 3))
        height, width = image.shape[:2]
        _check_size(name, width, height)
        digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()
        return cls(_fit(np.ascontiguousarray(image)), None, name, digest)


def open_photo(source: Path | bytes, name: str = "", long_side: int = LONG_SIDE) -> Photo:
    """Read a picture: EXIF orientation applied, first frame of an animation, 16 bits to 8.

    long_side: px, what it is shrunk to if it is larger.
    The size is judged from the header, before anything is decoded. Raises InputError for a missing,
    truncated or foreign file, for a side under 64 px and for more than 40 megapixels.
    """
    if isinstance(source, Path):
        name = name or source.name
        try:
            if source.stat().st_size > MAX_BYTES:
                raise _too_heavy(name, source.stat().st_size)
            data = source.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"{source}: cannot be read ({reason})", "give the path of a photo that you may read"
            ) from error
    else:
        name, data = name or "upload", bytes(source)
        if len(data) > MAX_BYTES:
            raise _too_heavy(name, len(data))
    notes: list[str] = []
    rgb, alpha = _decode(data, name, long_side, notes)
    return Photo(rgb, alpha, name, hashlib.sha256(data).hexdigest(), tuple(notes))


def _decode(data: bytes, name: str, long_side: int, notes: list[str]) -> tuple[U8, U8 | None]:
    if not data:
        raise InputError(f"{name} is empty", HINT)
    try:
        with warnings.catch_warnings():
            # our own limits are stricter than the library's warnings
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                _check_size(name, *picture.size)
                if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO":
                    notes.append(f"{name} is animated: its first frame was taken.")
                picture.draft("RGB", (2 * long_side, 2 * long_side))
                picture.load()
                upright = ImageOps.exif_transpose(picture)
                return _planes(upright, long_side)
    except UnidentifiedImageError as error:
        start = data[:24].decode("ascii", "replace").strip()
        raise InputError(f"{name} is no picture: it starts with {start!r}", HINT) from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{name} is too large ({error})", "wanted at most 40 megapixels: shrink it"
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(
            f"{name} is damaged: {error}", "the file ends early or is broken: save it again"
        ) from error


def _planes(picture: Image.Image, long_side: int) -> tuple[U8, U8 | None]:
    """RGB and meaningful alpha, at working size."""
    if picture.mode.startswith("I") or picture.mode == "F":
        deep = np.asarray(picture, np.float64)
        top = 65535.0 if deep.max() > 255 else 255.0
        grey = np.clip(np.rint(deep * (255 / top)), 0, 255).astype(np.uint8)
        return _fit(np.repeat(grey[..., None], 3, 2), long_side), None
    if "A" in picture.getbands() or "transparency" in picture.info:
        whole = np.asarray(picture.convert("RGBA"))
        alpha = np.ascontiguousarray(whole[..., 3])
        if alpha.min() < 250 and (alpha > 127).mean() > 0.01:
            # colours under clear pixels are arbitrary: stand the person before a plain wall
            share = alpha.astype(np.float32)[..., None] / 255
            rgb = np.rint(whole[..., :3] * share + 200 * (1 - share)).astype(np.uint8)
            return _fit(rgb, long_side), _fit(alpha, long_side)
    return _fit(np.asarray(picture.convert("RGB")), long_side), None


def _fit(image: U8, long_side: int = LONG_SIDE) -> U8:
    height, width = image.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(image)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _check_size(name: str, width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE:
        raise InputError(
            f"{name} is too small: got {width} x {height} px, wanted at least {MIN_SIDE} px a side",
            "take a larger photo: a person 500 px tall looks good",
        )
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{name} is too large: got {width * height / 1e6:.0f} megapixels "
            f"({width} x {height}), wanted at most {MAX_PIXELS / 1e6:.0f}",
            "shrink it: 1024 px on the long side is enough",
        )


def _too_heavy(name: str, size: int) -> InputError:
    return InputError(
        f"{name} is too large: got {size / 2**20:.0f} MiB, wanted at most {MAX_BYTES >> 20}",
        "save it as JPEG",
    )
