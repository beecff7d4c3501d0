from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engines.errors import ModelError
from engines.keypoints.carried import FOLDER, Precision, find_graph, manifest, open_model
from engines.ort import OrtEngine


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The pose landmark network alone, in a folder of its own."""
    for name in ("models.json", "pose_landmark.onnx", "pose_landmark.weights"):
        shutil.copy(FOLDER / name, tmp_path / name)
    return tmp_path


def test_every_carried_network_opens_as_described() -> None:
    table = manifest()
    files = {file for entry in table.values() for file in entry["files"]}
    assert files | {"models.json"} == {path.name for path in FOLDER.iterdir()}
    for name, entry in table.items():
        with open_model(name) as engine:
            for specs, described in (
                (engine.inputs, entry["inputs"]),
                (engine.outputs, entry["outputs"]),
            ):
                assert {s.name: ["batch", *s.shape[1:]] for s in specs} == described
                assert {s.shape[0] for s in specs} == {1}
        assert entry["licence"] == "Apache-2.0"


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", sorted(manifest()))
def test_rows_of_a_batch_do_not_know_of_each_other(name: str, precision: Precision) -> None:
    path = find_graph(name, precision).path
    with OrtEngine(path) as one, OrtEngine(path, batch=None) as many:
        shape = one.inputs[0].shape
        images = np.random.default_rng(0).random((3, *shape[1:]), np.float32)
        together = many.run({"image": images})
        for row in range(3):
            for output, values in one.run({"image": images[row : row + 1]}).items():
                largest = max(1.0, float(np.abs(values).max()))
                got = together[output][row : row + 1]
                np.testing.assert_allclose(got, values, atol=1e-6 * largest, err_msg=output)


def test_no_file_is_16_megabytes() -> None:
    assert all(path.stat().st_size < 16e6 for path in FOLDER.iterdir())


def test_unknown_name() -> None:
    with pytest.raises(ModelError, match="'pose': wanted one of"):
        open_model("pose")


@pytest.mark.parametrize("name", ["pose_landmark.onnx", "pose_landmark.weights"])
def test_missing_file(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ModelError, match=f"{name}: not there") as caught:
        open_model("pose_landmark", folder=copy)
    assert caught.value.hint.startswith("puppetcam-export keypoints")


@pytest.mark.parametrize("name", ["pose_landmark.onnx", "pose_landmark.weights"])
def test_altered_file(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name}: got sha256"):
        open_model("pose_landmark", folder=copy)


def test_precisions_share_weights_and_have_digests_of_their_own() -> None:
    single, half = find_graph("pose_landmark"), find_graph("pose_landmark", "fp16")
    assert (single.path.name, half.path.name) == ("pose_landmark.onnx", "pose_landmark.fp16.onnx")
    assert single.digest != half.digest
    assert len(list(FOLDER.glob("pose_landmark*.weights"))) == 1


def test_digest_tells_other_weights(copy: Path) -> None:
    before = find_graph("pose_landmark", folder=copy).digest
    table = json.loads((copy / "models.json").read_text())
    (copy / "pose_landmark.weights").write_bytes(b"retrained")
    digest = hashlib.sha256(b"retrained").hexdigest()
    table["models"]["pose_landmark"]["files"]["pose_landmark.weights"] = digest
    (copy / "models.json").write_text(json.dumps(table))
    assert find_graph("pose_landmark", folder=copy).digest != before


@pytest.mark.parametrize("text", ["", "{}", "[1", json.dumps({"other": 1})])
def test_unreadable_manifest(copy: Path, text: str) -> None:
    (copy / "models.json").write_text(text)
    with pytest.raises(ModelError, match=r"models\.json: cannot be read"):
        open_model("pose_landmark", folder=copy)
