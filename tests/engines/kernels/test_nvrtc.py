"""Where NVRTC is found, in folders laid out as its wheels are."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

from engines.errors import DeviceError
from engines.kernels.nvrtc import Nvrtc

WHEELS = {
    "CUDA 13, Linux": ("cu13/lib", ["libnvrtc-builtins.so.13.5", "libnvrtc.so.13"]),
    "CUDA 12, Linux": (
        "cuda_nvrtc/lib",
        ["libnvrtc-builtins.alt.so.12.9", "libnvrtc.alt.so.12", "libnvrtc.so.12"],
    ),
    "CUDA 13, Windows": ("cu13/bin/x86_64", ["nvrtc-builtins64_135.dll", "nvrtc64_130_0.dll"]),
    "CUDA 12, Windows": (
        "cuda_nvrtc/bin",
        ["nvrtc-builtins64_129.dll", "nvrtc64_120_0.alt.dll", "nvrtc64_120_0.dll"],
    ),
}  # where each puts what; the library last


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the libraries that are loaded; the wheels are in tmp_path."""
    names: list[str] = []
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    monkeypatch.setattr(ctypes, "CDLL", lambda path: names.append(Path(path).name))
    return names


@pytest.mark.parametrize("wheel", WHEELS)
def test_in_a_wheel(tmp_path: Path, loaded: list[str], wheel: str) -> None:
    folder, names = WHEELS[wheel]
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "cu13" / "include").mkdir(parents=True, exist_ok=True)
    for name in [*names, "nvrtc.h"]:
        (tmp_path / folder / name).touch()
    Nvrtc()
    wanted = [names[0]] if "Windows" in wheel else []  # it finds the other one by its name
    assert loaded == [*wanted, names[-1]]


def test_nowhere(loaded: list[str]) -> None:
    with pytest.raises(DeviceError, match=r"NVRTC.*not there") as caught:
        Nvrtc()
    assert caught.value.hint == "pip install nvidia-cuda-nvrtc"
    assert loaded == []
