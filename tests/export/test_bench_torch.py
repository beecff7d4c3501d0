"""The frame in torch, where torch is installed; no test asks how fast it is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from export import bench_torch
from export.__main__ import main
from export.bench_torch import TorchFrame

torch = pytest.importorskip("torch", reason="no torch: pip install -e '.[export]'")


def test_the_frame_looks_and_draws() -> None:
    seen: list[np.ndarray[Any, Any]] = []
    frame = TorchFrame("cpu", seen.append)
    with torch.inference_mode():
        assert len(frame.measure(2)) == 2
    assert [(image.shape, image.dtype) for image in seen] == [((1, 256, 256, 3), np.float32)] * 2
    assert seen[0].max() < 0.6  # green: planes of zeros
    out = frame._out.numpy()
    assert out[:512].std() > 1
    assert abs(float(out[512:].mean()) - 128) < 20


def test_the_command_ends_in_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_torch, "WARM_UP", 1)
    monkeypatch.setattr(bench_torch, "COUNT", 2)
    assert main(["bench-torch", "--device", "cpu"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["drawing_ms"] > 0
    assert found["frame_ms"] > 0


def test_without_a_card_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["bench-torch"]) == 4
    assert "sees no card" in capsys.readouterr().err
