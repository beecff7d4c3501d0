"""The sample performance and the bundled avatars, small: what the tests perform with."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from engines.types import U8, Avatar, Frame
from realtime.bench import SAMPLE
from realtime.clip import ClipReader, ClipWriter
from realtime.shelf import Shelf

NOBODY = np.full((120, 160, 3), 110, np.uint8)


@cache
def bundled(name: str = "kit") -> Avatar:
    """One of the avatars that come with puppetcam."""
    return Shelf(Path("there-is-none")).load(name)


@cache
def performance() -> tuple[U8, ...]:
    """The first two seconds, every third frame: 20 pictures, u8 (120, 160, 3)."""
    found = []
    with ClipReader(SAMPLE) as clip:
        for frame in clip:
            if frame.index == 60:
                break
            if frame.index % 3 == 0:
                small = cv2.resize(frame.image, (160, 120), interpolation=cv2.INTER_AREA)
                found.append(np.asarray(small, np.uint8))
    return tuple(found)


def frame_of(picture: U8, index: int, rate: float = 10) -> Frame:
    """A camera picture as the ``index``-th frame."""
    return Frame(np.ascontiguousarray(picture), captured_s=index / rate, index=index)


def write_clip(path: Path, pictures: Sequence[U8], rate: int = 10) -> Path:
    """The pictures as a video."""
    height, width = pictures[0].shape[:2]
    with ClipWriter(path, Fraction(rate), (width, height), alpha=False) as out:
        for picture in pictures:
            out.write(picture)
    return path
