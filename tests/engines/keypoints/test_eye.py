"""What a network is given to see."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from engines.keypoints.detector import LOOK as DETECTOR_LOOK
from engines.keypoints.eye import EngineEye, Look, scale
from engines.keypoints.landmarks import LOOK as LANDMARKER_LOOK
from engines.keypoints.region import Region
from engines.types import U8
from tests.engines.keypoints.fakes import FakeEngine


def test_grey_levels_to_the_last_bit() -> None:
    # The networks feel single grey levels: exactly what numpy makes of them.
    levels, out = np.arange(256, dtype=np.uint8), np.empty(256, np.float32)
    scale(levels, np.float32(LANDMARKER_LOOK.gain), np.float32(0), out)
    np.testing.assert_array_equal(out, levels * np.float32(1 / 255))
    scale(levels, np.float32(DETECTOR_LOOK.gain), np.float32(DETECTOR_LOOK.bias), out)
    np.testing.assert_array_equal(out, levels * np.float32(2 / 255) - np.float32(1))


def moving(height: int, width: int) -> U8:
    """Smooth colours, u8 (H, W, 3)."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x * 200 / width, y * 200 / height, (x + y) * 2 % 180], -1).astype(np.uint8)


@pytest.mark.parametrize("replicate", [False, True])
def test_planes_are_seen_as_the_picture_they_are_of(replicate: bool) -> None:
    video = av.VideoFrame.from_ndarray(moving(96, 128), format="rgb24").reformat(format="yuv420p")
    planes = np.asarray(video.to_ndarray(), np.uint8)
    rgb = np.asarray(video.to_ndarray(format="rgb24"), np.uint8)
    assert planes.shape == (144, 128)
    engine = FakeEngine({"y": np.zeros(1, np.float32)})
    eye = EngineEye(engine, Look(64, 1.0, 0.0, replicate))
    eye.look(rgb, Region(70, 30, 90, 0.2))
    wanted = engine.fed["image"]
    border = cv2.BORDER_REPLICATE if replicate else cv2.BORDER_CONSTANT
    crop: U8 = np.empty((64, 64, 3), np.uint8)
    Region(70, 30, 90, 0.2).crop(rgb, crop, border)
    np.testing.assert_array_equal(wanted[0], crop)
    eye.look(planes, Region(70, 30, 90, 0.2))
    assert np.abs(engine.fed["image"] - wanted).max() <= 3  # levels: OpenCV rounds otherwise
    assert np.abs(engine.fed["image"] - wanted).mean() < 1.5


def test_what_is_no_picture() -> None:
    eye = EngineEye(FakeEngine({}), DETECTOR_LOOK)
    here = Region(1, 1, 2, 0)
    with pytest.raises(ValueError, match="image"):
        eye.look(np.zeros((5, 5, 4), np.uint8), here)
    with pytest.raises(TypeError, match="image"):
        eye.look(np.zeros((6, 4), np.float32), here)
