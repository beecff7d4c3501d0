"""MediaPipe's networks as ONNX: those that the repository carries, and all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from onnx import ModelProto

from engines.errors import ModelError
from export import wheel as source
from export.keypoints_recipes import CARRIED, RECIPES, Recipe
from export.tflite.builder import Flavour
from export.tflite.convert import convert
from export.tflite.reader import read
from export.tflite.shared import share_weights

LICENCE = "Apache-2.0"
MANIFEST = "models.json"
FP32, FP16 = Flavour("cpu", "fp32"), Flavour("gpu", "fp16")  # the carried ones
FLAVOURS = (FP32, Flavour("cpu", "fp16"), Flavour("gpu", "fp32"), FP16)


def build(recipe: Recipe, networks: dict[str, bytes], flavour: Flavour) -> ModelProto:
    """The model of a recipe. Raises ModelError when the wheel has no such network."""
    path = f"mediapipe/modules/{recipe.path}"
    if path not in networks:
        raise ModelError(f"wheel: no {path} in it")
    keep = [name for name in recipe.outputs if name not in recipe.dropped]
    return convert(read(networks[path]), flavour, list(recipe.outputs), keep)


def carried(networks: dict[str, bytes]) -> dict[str, bytes]:
    """The files of engines/keypoints/models by name: graphs, weights and models.json.

    Each recipe has two graphs, NAME.onnx for every device and NAME.fp16.onnx for TensorRT. All
    graphs of one network share its weights: they are float16 numbers in either.
    """
    files: dict[str, bytes] = {}
    table = {}
    for path in dict.fromkeys(recipe.path for recipe in CARRIED):
        recipes = [recipe for recipe in CARRIED if recipe.path == path]
        models = {recipe.name: build(recipe, networks, FP32) for recipe in recipes}
        halves = {f"{recipe.name}.fp16": build(recipe, networks, FP16) for recipe in recipes}
        weights = f"{recipes[0].name}.weights"
        files[weights] = share_weights([*models.values(), *halves.values()], weights)
        for name, model in (models | halves).items():
            files[f"{name}.onnx"] = serialise(model)
        for recipe in recipes:
            parts = (f"{recipe.name}.onnx", f"{recipe.name}.fp16.onnx", weights)
            table[recipe.name] = {
                "files": {part: _sha256(files[part]) for part in parts},
                "source": f"mediapipe/modules/{path}",
                "source_sha256": _sha256(networks[f"mediapipe/modules/{path}"]),
                "licence": LICENCE,
                "inputs": _shapes(models[recipe.name].graph.input),
                "outputs": _shapes(models[recipe.name].graph.output),
            }
    manifest = {"wheel": source.NAME, "wheel_sha256": source.SHA256, "models": table}
    files[MANIFEST] = (json.dumps(manifest, indent=2) + "\n").encode()
    return files


def everything(networks: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """(file name, bytes) of each recipe in each flavour: "gpu-fp16/hand_landmark.onnx"."""
    for recipe in RECIPES:
        for flavour in FLAVOURS:
            name = f"{flavour.device}-{flavour.dtype}/{recipe.name}.onnx"
            yield name, serialise(build(recipe, networks, flavour))


def write(files: Iterable[tuple[str, bytes]], folder: Path) -> None:
    """Write files below ``folder``, each under its own name."""
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def check(files: dict[str, bytes], folder: Path) -> None:
    """Raise ModelError unless ``folder`` holds exactly these bytes (line ends aside, for text)."""
    wrong = []
    for name, wanted in files.items():
        path = folder / name
        got = path.read_bytes() if path.is_file() else b""
        if name == MANIFEST:
            got = got.replace(b"\r\n", b"\n")
        if got != wanted:
            wrong.append(f"{name}: got sha256 {_sha256(got)}, wanted {_sha256(wanted)}")
    if wrong:
        raise ModelError(
            f"{folder}: {len(wrong)} of {len(files)} files differ\n" + "\n".join(wrong),
            "puppetcam-export keypoints writes them again",
        )


def serialise(model: ModelProto) -> bytes:
    return bytes(model.SerializeToString(deterministic=True))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _shapes(values: Any) -> dict[str, list[int | str]]:
    """By name; the leading dimension is "batch"."""
    return {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in values
    }
