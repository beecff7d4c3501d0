"""Imports run one way: realtime -> engines <- export; torch only in export."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOUSE = {"realtime", "engines", "export", "web"}
ALLOWED = {
    "realtime": {"realtime", "engines"},
    "engines": {"engines"},
    "export": {"export", "engines"},
}
# A heavy or optional library may be imported in the named files only.
ONLY_IN = {
    "torch": {"export/"},
    "tensorflow": set(),
    "jax": set(),
    "mediapipe": {"export/"},
    "onnx": {"export/"},
    "anny": {"export/"},
    "onnxruntime": {"engines/ort.py", "export/"},
    "cupy": {"engines/kernels/cuda.py"},
    "cupyx": {"engines/kernels/cuda.py"},
    "tensorrt": {"engines/trt.py"},
    "tensorrt_rtx": {"engines/trt.py"},
    "asyncio": {"realtime/"},
    "aiohttp": {"realtime/"},
    "aiortc": {"realtime/"},
}


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            names.add(node.module or "")
    return names


def modules() -> list[Path]:
    return sorted(p for top in ALLOWED for p in (ROOT / top).rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    where = path.relative_to(ROOT).as_posix()
    top = where.split("/")[0]
    for name in imports(path):
        head = name.split(".")[0]
        if head in HOUSE:
            assert head in ALLOWED[top], f"{where} imports {name}: {top} may not import {head}"
        if head in ONLY_IN:
            allowed = any(
                where == p or (p.endswith("/") and where.startswith(p)) for p in ONLY_IN[head]
            )
            assert allowed, f"{where} imports {name}: only {sorted(ONLY_IN[head]) or 'nothing'} may"
