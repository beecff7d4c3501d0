from __future__ import annotations

import numpy as np
import pytest

from engines.keypoints.detector import (
    LOOK,
    SIZE,
    Detector,
    anchors,
    decode,
    overlap,
    sigmoid,
    suppress,
)
from engines.keypoints.eye import EngineEye
from tests.engines.keypoints.fakes import FakeEngine


def test_anchors() -> None:
    points = anchors()
    assert points.shape == (28 * 28 * 2 + 14 * 14 * 2 + 7 * 7 * 6, 2)
    # Two a cell, cells of 1/28, row by row.
    np.testing.assert_allclose(points[:4] * 56, [[1, 1], [1, 1], [3, 1], [3, 1]], rtol=1e-6)
    np.testing.assert_allclose(points[56] * 56, [1, 3], rtol=1e-6)
    np.testing.assert_allclose(points[28 * 28 * 2] * 28, [1, 1], rtol=1e-6)
    np.testing.assert_allclose(points[-6:] * 14, np.full((6, 2), 13), rtol=1e-6)


def test_decode() -> None:
    raw = np.zeros((1, 12), np.float32)
    raw[0] = [22.4, -22.4, 44.8, 89.6, 0, 0, 22.4, 44.8, 0, -22.4, 0, 0]
    boxes, scores = decode(raw, np.zeros(1, np.float32), np.array([[0.5, 0.5]], np.float32))
    # Centre (0.6, 0.4), size (0.2, 0.4).
    np.testing.assert_allclose(boxes[0, :4], [0.5, 0.2, 0.7, 0.6], rtol=1e-5)
    np.testing.assert_allclose(boxes[0, 4:], [0.5, 0.5, 0.6, 0.7, 0.5, 0.4, 0.5, 0.5], rtol=1e-5)
    assert scores[0] == 0.5


def test_sigmoid_of_extremes() -> None:
    values = sigmoid(np.array([-1e9, 0, 1e9], np.float32))
    assert values.tolist() == pytest.approx([0, 0.5, 1])


def test_overlap() -> None:
    box = np.array([0, 0, 2, 2], np.float32)
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [2, 2, 3, 3], [0, 0, 1, 1]], np.float32)
    # Itself; 2 of 6; nothing; 1 of 4.
    np.testing.assert_allclose(overlap(box, others), [1, 2 / 6, 0, 0.25])


def test_suppress_blends_a_cluster_by_score() -> None:
    boxes = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]], np.float32)
    means, scores = suppress(boxes, np.array([0.6, 0.9, 0.7], np.float32))
    # The first two overlap by 80 of 120; (0.9 * 2 + 0.6 * 0) / 1.5 = 1.2.
    expected = np.array([[1.2, 0, 11.2, 10], [50, 50, 60, 60]])
    np.testing.assert_allclose(means, expected, rtol=1e-6)
    np.testing.assert_allclose(scores, [0.9, 0.7])


def test_suppress_keeps_what_hardly_overlaps() -> None:
    boxes = np.array([[0, 0, 10, 10], [6, 0, 16, 10]], np.float32)  # 40 of 160
    means, _ = suppress(boxes, np.array([0.9, 0.8], np.float32))
    np.testing.assert_array_equal(means, boxes)


def test_suppress_nothing() -> None:
    means, scores = suppress(np.zeros((0, 12), np.float32), np.zeros(0, np.float32))
    assert means.shape == (0, 12)
    assert scores.shape == (0,)


def blank() -> FakeEngine:
    count = len(anchors())
    return FakeEngine(
        {
            "boxes": np.zeros((1, count, 12), np.float32),
            "scores": np.full((1, count, 1), -10, np.float32),
        }
    )


@pytest.mark.parametrize(("height", "width"), [(100, 200), (200, 100)])
def test_detects_in_letterboxed_images(height: int, width: int) -> None:
    engine = blank()
    # An anchor in the last 7x7 grid's middle: (0.5, 0.5), a person of 56 px, upright.
    index = len(anchors()) - 6 * (7 * 3 + 4)
    engine.answer["scores"][0, index] = 2
    engine.answer["boxes"][0, index] = [0, 0, 56, 56, 0, 0, 0, -56, 0, 0, 0, 0]
    image = np.full((height, width, 3), 255, np.uint8)
    found = Detector(EngineEye(engine, LOOK)).detect(image)
    assert len(found) == 1
    assert found[0].score == pytest.approx(1 / (1 + np.exp(-2)))
    # The square's side is 200 px: 56 of 224 are 50 px.
    region = found[0].region
    assert (region.x, region.y) == pytest.approx((width / 2, height / 2))
    assert region.side == pytest.approx(2 * 50 * 1.25)
    # What the network saw: white, with black bars of a quarter each (-1).
    seen = engine.fed["image"]
    assert seen.shape == (1, SIZE, SIZE, 3)
    assert seen[0, SIZE // 2, SIZE // 2].tolist() == [1, 1, 1]
    bar = seen[0, 20, SIZE // 2] if width > height else seen[0, SIZE // 2, 20]
    assert bar.tolist() == [-1, -1, -1]


def test_two_people_best_first() -> None:
    engine = blank()
    for index, score in ((0, 1.0), (len(anchors()) - 1, 3.0)):
        engine.answer["scores"][0, index] = score
        engine.answer["boxes"][0, index] = [0, 0, 20, 20, 0, 0, 0, -20, 0, 0, 0, 0]
    found = Detector(EngineEye(engine, LOOK)).detect(np.zeros((224, 224, 3), np.uint8))
    assert [round(d.region.x) for d in found] == [208, 4]


def test_a_person_without_size_is_nobody() -> None:
    engine = blank()
    engine.answer["scores"][0, 0] = 5
    assert Detector(EngineEye(engine, LOOK)).detect(np.zeros((50, 50, 3), np.uint8)) == []


def test_wrong_image() -> None:
    with pytest.raises(ValueError, match="image"):
        Detector(EngineEye(blank(), LOOK)).detect(np.zeros((5, 5, 4), np.uint8))
    with pytest.raises(TypeError, match="image"):
        Detector(EngineEye(blank(), LOOK)).detect(np.zeros((5, 5, 3), np.float32))


def test_close() -> None:
    engine = blank()
    Detector(EngineEye(engine, LOOK)).close()
    assert engine.closed
