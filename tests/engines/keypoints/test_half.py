"""The float16 graphs against the float32 ones, both on ONNX Runtime's CPU.

ONNX Runtime computes most float16 operators in float32 and rounds between them: this bounds what
rounding does to weights and activations; how a card sums up is measured on a card.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from engines.keypoints.carried import find_graph, manifest
from engines.keypoints.detector import LOOK as DETECTOR_LOOK
from engines.keypoints.detector import Detector, sigmoid
from engines.keypoints.eye import EngineEye
from engines.keypoints.landmarks import LOOK, Landmarker
from engines.ort import OrtEngine
from engines.types import F32, U8
from export.keypoints_cases import cases

# network: largest and mean error over all outputs, shares of each output's largest value; about
# twice what was measured
BOUNDS = {
    "pose_detection": (6e-3, 2e-4),
    "pose_landmark": (5e-3, 4e-3),
    "pose_landmark_mask": (5e-3, 4e-3),
    "face_landmark_with_attention": (5e-3, 4e-3),
    "selfie_segmentation": (4e-2, 3e-4),
}
LOGITS = {"heatmap", "mask", "scores"}
PICTURES = ("astronaut_mirrored", "astronaut_dark", "camera_far")
MEDIAN_PX = 0.1  # of a picture's 33 points; a border between heat map cells moves single ones


def probabilities(name: str, output: str, values: F32) -> F32:
    is_logit = output in LOGITS and name != "selfie_segmentation"  # that one ends in a sigmoid
    return sigmoid(values) if is_logit else values


def test_every_network_has_a_bound() -> None:
    assert set(BOUNDS) == set(manifest())


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_half_agrees(name: str) -> None:
    largest, mean = BOUNDS[name]
    with (
        OrtEngine(find_graph(name).path) as single,
        OrtEngine(find_graph(name, "fp16").path) as half,
    ):
        assert (single.inputs, single.outputs) == (half.inputs, half.outputs)
        _, height, width, _ = single.inputs[0].shape
        for picture in PICTURES:
            pixels = cv2.resize(cases()[picture], (width, height), interpolation=cv2.INTER_AREA)
            feed = {"image": np.multiply(pixels[None], np.float32(1 / 255))}
            wanted, got = single.run(feed), half.run(feed)
            for output, values in wanted.items():
                a = probabilities(name, output, values)
                b = probabilities(name, output, got[output])
                error = np.abs(a - b) / max(1.0, float(np.abs(a).max()))
                assert error.mean() <= mean, (picture, output)
                if (name, output) != ("pose_landmark_mask", "mask"):  # ill-conditioned at edges
                    assert error.max() <= largest, (picture, output)


@pytest.fixture(scope="module")
def landmarkers() -> Iterator[tuple[Landmarker, Landmarker]]:
    with (
        OrtEngine(find_graph("pose_landmark").path) as single,
        OrtEngine(find_graph("pose_landmark", "fp16").path) as half,
    ):
        yield Landmarker(EngineEye(single, LOOK)), Landmarker(EngineEye(half, LOOK))


@pytest.mark.parametrize("picture", PICTURES)
def test_half_sees_the_same_pose(picture: str, landmarkers: tuple[Landmarker, Landmarker]) -> None:
    image: U8 = cases()[picture]
    with OrtEngine(find_graph("pose_detection").path) as engine:
        region = Detector(EngineEye(engine, DETECTOR_LOOK)).detect(image)[0].region
    single, half = (landmarker.read(image, region) for landmarker in landmarkers)
    away = np.linalg.norm(single.keypoints.xy - half.keypoints.xy, axis=1)
    assert np.median(away) <= MEDIAN_PX
    assert np.abs(single.keypoints.conf - half.keypoints.conf).max() < 0.01
    world = np.linalg.norm(single.keypoints.world - half.keypoints.world, axis=1)
    assert world.mean() < 0.001  # m
