"""The networks that come with puppetcam, opened only when their bytes are what they should be."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from engines.errors import ModelError
from engines.ort import OrtEngine

FOLDER = Path(__file__).parent / "models"
HINT = "puppetcam-export keypoints makes it again"


def manifest(folder: Path = FOLDER) -> dict[str, Any]:
    """models.json: for each network its files with digests, source, licence, inputs, outputs."""
    path = folder / "models.json"
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["models"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path}: cannot be read ({error})", HINT) from error
    return table


def open_model(
    name: str, device: str = "cpu", threads: int = 1, folder: Path = FOLDER
) -> OrtEngine:
    """An engine for the network ``name``.

    Raises ModelError when one of its files is missing or altered, DeviceError as OrtEngine does.
    """
    table = manifest(folder)
    if name not in table:
        raise ModelError(f"model {name!r}: wanted one of {sorted(table)}", HINT)
    for file_name, digest in table[name]["files"].items():
        path = folder / file_name
        if not path.is_file():
            raise ModelError(f"model file {path}: not there", HINT)
        got = hashlib.sha256(path.read_bytes()).hexdigest()
        if got != digest:
            raise ModelError(f"model file {path}: got sha256 {got}, wanted {digest}", HINT)
    return OrtEngine(folder / f"{name}.onnx", device, threads)
