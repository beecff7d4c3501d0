"""The engines against MediaPipe's own graph and runtime (numbers: puppetcam-export golden)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.keypoints.carried import manifest, open_model
from engines.keypoints.detector import LOOK as DETECTOR_LOOK
from engines.keypoints.detector import Detector, sigmoid
from engines.keypoints.eye import EngineEye
from engines.keypoints.landmarks import LOOK, Landmarker
from engines.keypoints.people import to_person
from engines.types import U8
from export.keypoints_cases import cases
from export.keypoints_golden import mask_cells, pictures
from export.keypoints_tensors import picture, sample

HERE = Path(__file__).parent
DATA = Path(os.environ.get("PUPPETCAM_DATA", HERE.parents[3] / "shared" / "data"))
MEAN_PX = 0.15  # over all points of all pictures
MEDIAN_PX = 0.15  # of each picture's points
Networks = tuple[Detector, Landmarker]


def golden(name: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((HERE / name).read_text(encoding="utf-8"))
    return table


@pytest.fixture(scope="module")
def networks() -> Iterator[Networks]:
    with open_model("pose_detection") as one, open_model("pose_landmark_mask") as two:
        yield Detector(EngineEye(one, DETECTOR_LOOK)), Landmarker(EngineEye(two, LOOK))


def compare(images: dict[str, U8], table: dict[str, Any], networks: Networks) -> None:
    detector, landmarker = networks
    assert len(table) >= 8
    errors = []
    for name, wanted in table.items():
        image = images[name]
        assert hashlib.sha256(image.tobytes()).hexdigest() == wanted["sha256"], name
        region = detector.detect(image)[0].region
        got = (region.x, region.y, region.side, region.rotation)
        assert got == pytest.approx(wanted["region"], abs=0.01), name
        reading = landmarker.read(image, region)
        points = reading.keypoints
        away = np.linalg.norm(points.xy - np.array(wanted["xy"]), axis=1)
        errors.append(away)
        # A point on the border of a heat map's cell may fall into either, 4 px apart: the median.
        assert np.median(away) <= MEDIAN_PX, f"{name}: {away.round(2)}"
        assert np.median(np.abs(points.z - wanted["z"])) < 1, name
        seen = np.array(wanted["visibility"]) * np.array(wanted["presence"])
        np.testing.assert_allclose(points.conf, seen, atol=0.02, err_msg=name)
        world = np.linalg.norm(points.world - np.array(wanted["world"]), axis=1)
        assert world.mean() < 0.003, name
        mask = mask_cells(to_person(image, reading).mask)
        assert np.abs(mask - np.array(wanted["mask"])).mean() < 0.002, name
    assert np.mean(errors) <= MEAN_PX


def test_landmarks_equal_mediapipe(networks: Networks) -> None:
    compare(cases(), golden("golden.json"), networks)


@pytest.mark.skipif(
    not DATA.is_dir(), reason="no test pictures: set PUPPETCAM_DATA to their folder"
)
def test_landmarks_equal_mediapipe_on_real_pictures(networks: Networks) -> None:
    compare(pictures(DATA), golden("golden_pictures.json"), networks)


@pytest.mark.parametrize("name", sorted(manifest()))
def test_network_equals_mediapipe(name: str) -> None:
    wanted = golden("tensors.json")[name]
    with open_model(name) as engine:
        _, height, width, _ = engine.inputs[0].shape
        pixels = picture(cases()["astronaut"], height, width)
        feed = np.multiply(pixels[None], np.float32(1 / 255))
        for output, values in engine.run({"image": feed}).items():
            flat = values.transpose(0, 2, 3, 1) if values.ndim == 4 else values
            largest = max(1.0, float(np.abs(wanted[output]).max()))
            got = sample(flat.ravel())
            if "pose_landmark" in name and output == "mask":  # ill-conditioned logits
                expected = sigmoid(np.array(wanted[output], np.float32))
                np.testing.assert_allclose(sigmoid(got), expected, atol=1e-3)
            else:
                np.testing.assert_allclose(got, wanted[output], atol=1e-4 * largest)
