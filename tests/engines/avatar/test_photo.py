from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.avatar.photo import LONG_SIDE, Photo, open_photo
from engines.errors import InputError


def picture(width: int = 96, height: int = 80) -> Image.Image:
    """Left half red, right half blue, a white top row."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 200
    pixels[:, width // 2 :, 2] = 200
    pixels[:8] = 255
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    start = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", start) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_files_come_through_exactly(kind: str) -> None:
    photo = open_photo(encoded(picture(), kind), "x")
    assert (photo.image == np.asarray(picture())).all()
    assert photo.alpha is None
    assert len(photo.digest) == 64


def test_a_path_gives_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "anna.jpg"
    path.write_bytes(encoded(picture(), "JPEG", quality=95))
    photo = open_photo(path)
    assert photo.name == "anna.jpg"
    assert photo.image.shape == (80, 96, 3)


def test_exif_orientation_is_applied() -> None:
    turned = picture().transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    photo = open_photo(encoded(turned, "PNG", exif=exif))
    assert photo.image.shape == (80, 96, 3)
    assert (photo.image == np.asarray(picture())).all()


def test_alpha_is_kept_when_it_says_something() -> None:
    image = picture().convert("RGBA")
    clear = np.asarray(image).copy()
    clear[:, :30, 3] = 0
    photo = open_photo(encoded(Image.fromarray(clear), "PNG"))
    assert photo.alpha is not None
    assert (photo.alpha[:, :30] == 0).all()
    assert (photo.image[20:, :30] == 200).all()
    assert open_photo(encoded(image, "PNG")).alpha is None


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK"])
def test_other_modes_become_rgb(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    photo = open_photo(encoded(picture().convert(mode), kind))
    assert photo.image.shape == (80, 96, 3)
    assert (photo.image[2] > 250).all()


def test_sixteen_bits_become_eight() -> None:
    deep = np.tile(np.linspace(0, 65535, 96).astype(np.uint16), (80, 1))
    photo = open_photo(encoded(Image.fromarray(deep), "PNG"))
    assert photo.image[5, 0, 0] == 0
    assert photo.image[5, -1, 0] == 255
    assert abs(int(photo.image[5, 48, 1]) - 129) <= 1


def test_an_animation_gives_its_first_frame_and_a_warning() -> None:
    data = encoded(picture(), "GIF", save_all=True, append_images=[Image.new("RGB", (96, 80))])
    photo = open_photo(data, "dance.gif")
    assert photo.image[40, 10, 0] > 150
    assert photo.warnings == ("dance.gif is animated: its first frame was taken.",)


def test_large_pictures_shrink_to_working_size() -> None:
    photo = open_photo(encoded(picture(2000, 1000), "JPEG"))
    assert photo.image.shape == (LONG_SIDE // 2, LONG_SIDE, 3)
    assert photo.image[256, 100, 0] > 180


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"hello, I am a text", "is no picture: it starts with 'hello"),
        (encoded(picture(16, 16), "PNG"), "16 x 16 px, wanted at least 64"),
        (encoded(picture(500, 60), "PNG"), "500 x 60 px, wanted at least 64"),
        (encoded(picture(), "PNG")[:150], "is damaged"),
        (encoded(picture(400, 400), "JPEG")[:2000], "is damaged"),
        (png_header(10_000, 10_000), "got 100 megapixels (10000 x 10000), wanted at most 40"),
        (png_header(60_000, 60_000), "too large"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "x.jpg"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no picture"),
    ],
    ids=["empty", "text", "tiny", "thin", "cut png", "cut jpeg", "100 MP", "bomb", "zeros", "svg"],
)
def test_bad_files_say_what_is_wrong(data: bytes, says: str) -> None:
    with pytest.raises(InputError) as caught:
        open_photo(data, "x.jpg")
    assert says in caught.value.message
    assert caught.value.hint


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        open_photo(tmp_path / "none.jpg")
    with pytest.raises(InputError, match="cannot be read"):
        open_photo(tmp_path)


def test_a_picture_in_memory_is_checked_too() -> None:
    assert Photo.of(np.zeros((100, 90, 3), np.uint8), "frame").name == "frame"
    with pytest.raises(InputError, match="too small"):
        Photo.of(np.zeros((10, 90, 3), np.uint8))
    with pytest.raises(TypeError):
        Photo.of(np.zeros((100, 90, 3), np.float32))
