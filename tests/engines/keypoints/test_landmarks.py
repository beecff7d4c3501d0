from __future__ import annotations

import math

import numpy as np
import pytest

from engines.keypoints.eye import EngineEye
from engines.keypoints.landmarks import LOOK, Landmarker
from engines.keypoints.refine import KERNEL, refine
from engines.keypoints.region import Region
from tests.engines.keypoints.fakes import FakeEngine, landmark_answer

IMAGE = np.zeros((100, 200, 3), np.uint8)


def hot(cells: dict[tuple[int, int], float]) -> np.ndarray:
    """One heat map of 64 x 64 logits, cold but for ``cells`` (row, column)."""
    heatmap = np.full((1, 64, 64), -50, np.float32)
    for at, logit in cells.items():
        heatmap[(0, *at)] = logit
    return heatmap


def test_refine_moves_to_the_hot_cell() -> None:
    landmark = np.array([[20.5 / 64, 30.5 / 64, 0.1]], np.float32)
    refine(landmark, hot({(32, 22): 40}), KERNEL, 0.5)
    np.testing.assert_allclose(landmark, [[22 / 64, 32 / 64, 0.1]], rtol=1e-5)


def test_refine_takes_the_mean() -> None:
    landmark = np.array([[20.5 / 64, 30.5 / 64, 0]], np.float32)
    # Heat 1 and 0.5: (19 * 1 + 22 * 0.5) / 1.5 = 20.
    refine(landmark, hot({(30, 19): 40, (30, 22): 0}), KERNEL, 0.5)
    np.testing.assert_allclose(landmark, [[20 / 64, 30 / 64, 0]], rtol=1e-5)


def test_refine_sees_three_cells_far() -> None:
    landmark = np.array([[20.5 / 64, 30.5 / 64, 0]], np.float32)
    refine(landmark, hot({(30, 24): 40}), KERNEL, 0.5)
    np.testing.assert_allclose(landmark, [[20.5 / 64, 30.5 / 64, 0]])


@pytest.mark.parametrize("at", [(0.2, 0.2), (-0.2, 0.5), (1.2, 0.5), (0.5, 1.0)])
def test_refine_leaves_cold_and_outside_points(at: tuple[float, float]) -> None:
    landmark = np.array([[*at, 0]], np.float32)
    refine(landmark, hot({(13, 13): -1}), KERNEL, 0.5)
    np.testing.assert_array_equal(landmark, np.array([[*at, 0]], np.float32))


def test_refine_at_the_corner() -> None:
    landmark = np.array([[0.0, 0.0, 0]], np.float32)
    refine(landmark, hot({(2, 1): 40}), KERNEL, 0.5)
    np.testing.assert_allclose(landmark, [[1 / 64, 2 / 64, 0]], rtol=1e-5)


def test_points_in_an_upright_region() -> None:
    engine = FakeEngine(landmark_answer(0.75))
    points = engine.answer["landmarks"].reshape(39, 5)
    points[:] = [128, 128, 0, 0, 0]
    points[5] = [0, 256, 64, 50, 0]
    engine.answer["world"].reshape(39, 3)[5] = [0.1, 0.2, -0.3]
    got = Landmarker(EngineEye(engine, LOOK)).read(IMAGE, Region(100, 50, 80, 0.0))
    assert got.score == 0.75
    np.testing.assert_allclose(got.keypoints.xy[0], [100, 50])
    np.testing.assert_allclose(got.keypoints.xy[5], [60, 90])
    assert got.keypoints.z[5] == pytest.approx(64 / 256 * 80)
    # Visible for sure, present by half; the others by a half each.
    assert got.keypoints.conf[5] == pytest.approx(0.5)
    assert got.keypoints.conf[0] == pytest.approx(0.25)
    np.testing.assert_allclose(got.keypoints.world[5], [0.1, 0.2, -0.3], rtol=1e-6)


def test_points_in_a_turned_region() -> None:
    engine = FakeEngine(landmark_answer())
    points = engine.answer["landmarks"].reshape(39, 5)
    points[0, :2] = [128, 0]
    points[33, :2] = [128, 128]
    points[34, :2] = [128, 64]
    engine.answer["world"].reshape(39, 3)[0] = [0, -1, 0.5]
    got = Landmarker(EngineEye(engine, LOOK)).read(IMAGE, Region(100, 50, 80, math.pi / 2))
    # A quarter turn clockwise: up in the crop is right in the image.
    np.testing.assert_allclose(got.keypoints.xy[0], [140, 50], atol=1e-4)
    np.testing.assert_allclose(got.keypoints.world[0], [1, 0, 0.5], atol=1e-6)
    # The next region: about the centre, through a point 20 px to the right.
    assert got.next_region.x == pytest.approx(100)
    assert got.next_region.side == pytest.approx(2 * 20 * 1.25)
    assert got.next_region.rotation == pytest.approx(math.pi / 2)


def test_heat_maps_are_used() -> None:
    engine = FakeEngine(landmark_answer())
    engine.answer["heatmap"][0, 0, 34, 33] = 40
    got = Landmarker(EngineEye(engine, LOOK)).read(IMAGE, Region(100, 50, 64, 0.0))
    np.testing.assert_allclose(got.keypoints.xy[0], [100 + 1, 50 + 2], rtol=1e-5)


def test_mask_only_where_the_network_has_one() -> None:
    engine = FakeEngine(landmark_answer())
    mask = Landmarker(EngineEye(engine, LOOK)).read(IMAGE, Region(100, 50, 64, 0.0)).mask
    assert mask is not None
    assert mask.shape == (256, 256)
    del engine.answer["mask"]
    assert Landmarker(EngineEye(engine, LOOK)).read(IMAGE, Region(100, 50, 64, 0.0)).mask is None


def test_network_sees_the_region_0_to_1() -> None:
    engine = FakeEngine(landmark_answer())
    image = np.zeros((100, 200, 3), np.uint8)
    image[40:60, 90:110] = 255
    Landmarker(EngineEye(engine, LOOK)).read(image, Region(100, 50, 10, 0.3))
    np.testing.assert_allclose(engine.fed["image"], 1, rtol=1e-6)


@pytest.mark.parametrize(("logit", "conf"), [(-1e9, 0.0), (0.0, 0.5), (1e9, 1.0), (np.nan, np.nan)])
def test_confidence_of_extremes(logit: float, conf: float) -> None:
    engine = FakeEngine(landmark_answer())
    engine.answer["landmarks"].reshape(39, 5)[0] = [128, 128, 0, logit, 1e9]
    got = Landmarker(EngineEye(engine, LOOK)).read(IMAGE, Region(100, 50, 80, 0.0)).keypoints.conf
    np.testing.assert_array_equal(got[0], np.float32(conf))
