"""The networks that come with puppetcam, opened only when their bytes are what they should be."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engines import trt
from engines.base import Engine
from engines.camera_cuda import CudaCamera
from engines.engine_cache import EngineCache
from engines.errors import ModelError
from engines.kernels.cuda import Device
from engines.keypoints.card_eye import CardEye
from engines.keypoints.eye import EngineEye, Eye, Look
from engines.ort import OrtEngine, OrtOnCard
from engines.standby import StandbyEye, Tell
from engines.trt import TrtEngine

FOLDER = Path(__file__).parent / "models"
HINT = "puppetcam-export keypoints makes it again"
Precision = Literal["fp32", "fp16"]


@dataclass(frozen=True, slots=True)
class Graph:
    """An ONNX file whose bytes have been checked. digest: sha256 of it and of its weights."""

    path: Path
    digest: str


def manifest(folder: Path = FOLDER) -> dict[str, Any]:
    """models.json: for each network its files with digests, source, licence, inputs, outputs."""
    path = folder / "models.json"
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["models"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path}: cannot be read ({error})", HINT) from error
    return table


def find_graph(name: str, precision: Precision = "fp32", folder: Path = FOLDER) -> Graph:
    """The file of the network ``name``. fp16: strongly typed, as TensorRT wants it; its inputs and
    outputs are float32 like those of fp32.

    Raises ModelError when a file of it is missing or altered.
    """
    table = manifest(folder)
    if name not in table:
        raise ModelError(f"model {name!r}: wanted one of {sorted(table)}", HINT)
    graph = f"{name}.onnx" if precision == "fp32" else f"{name}.{precision}.onnx"
    digests = {}
    for file_name, digest in table[name]["files"].items():
        if file_name != graph and file_name.endswith(".onnx"):
            continue  # the other precision's
        path = folder / file_name
        if not path.is_file():
            raise ModelError(f"model file {path}: not there", HINT)
        got = hashlib.sha256(path.read_bytes()).hexdigest()
        if got != digest:
            raise ModelError(f"model file {path}: got sha256 {got}, wanted {digest}", HINT)
        digests[file_name] = digest
    return Graph(folder / graph, hashlib.sha256(json.dumps(digests).encode()).hexdigest())


def open_model(name: str, device: str = "cpu", threads: int = 1, folder: Path = FOLDER) -> Engine:
    """An engine for the network ``name`` on "cpu", "cuda", "tensorrt" or "tensorrt-rtx".

    A first start on TensorRT waits until the engine is compiled; there is never another device
    instead. Raises ModelError when one of its files is missing or altered, DeviceError for a device
    that is not there.
    """
    if device in trt.EXTRAS:
        return _open_plan(name, device, folder)
    return OrtEngine(find_graph(name, "fp32", folder).path, device, threads)


def open_on_card(
    name: str,
    device: str,
    card: Device,
    report: trt.Report | None = None,
    folder: Path = FOLDER,
    batch: int = 1,
) -> TrtEngine | OrtOnCard:
    """An engine for the network ``name`` that kernels on ``card`` can feed; else as ``open_model``.

    report: told how much of an engine is compiled, 0..1. batch: the most rows of a run.
    """
    if device in trt.EXTRAS:
        return _open_plan(name, device, folder, report, batch)
    return OrtOnCard(find_graph(name, "fp32", folder).path, card, device, batch)


def open_eye(
    name: str,
    look: Look,
    device: str = "cpu",
    threads: int = 1,
    camera: CudaCamera | None = None,
    standby: Tell | None = None,
) -> Eye:
    """An eye over the network ``name`` on ``device``; one on a card looks through ``camera``.

    standby: it serves on the CPU at once, on ``device`` once that is ready, and on the CPU again
    when that fails, which this is told. None: see ``open_model``. Raises what that raises.
    """

    def on_card(report: trt.Report | None = None) -> Eye:
        assert camera is not None
        return CardEye(open_on_card(name, device, camera.device, report), look, camera)

    if device != "cpu" and standby is None:
        return on_card()
    on_cpu = EngineEye(open_model(name, "cpu", threads), look)
    if device == "cpu" or standby is None:
        return on_cpu
    return StandbyEye(on_cpu, on_card, device, standby)


def _open_plan(
    name: str, device: str, folder: Path, report: trt.Report | None = None, batch: int = 1
) -> TrtEngine:
    half = find_graph(name, "fp16", folder)
    return trt.open_engine(device, half.path, half.digest, "fp16", EngineCache(), report, batch)
