"""The frame in torch, where torch is installed; no test asks how fast it is."""

from __future__ import annotations

import ctypes
import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.avatar.store import load_avatar
from engines.keypoints.carried import find_graph
from engines.ort import OrtOnCard
from export import bench_torch
from export.__main__ import main
from export.bench_torch import AVATAR, OwnFrame, TorchFrame
from tests.engines.kernels.host import HostDevice


def test_our_frame_looks_and_draws(
    kernels_on_host: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_torch, "SIZE", (64, 64))
    crossed = Counter[str]()

    class Bus(HostDevice):
        def upload(self, host: NDArray[Any], array: Any) -> None:
            crossed["up"] += host.nbytes
            super().upload(host, array)

        def download(self, array: Any, host: NDArray[Any]) -> None:
            crossed["down"] += host.nbytes
            super().download(array, host)

    card = Bus(kernels_on_host)
    with OrtOnCard(find_graph("pose_landmark").path, card, "cpu") as network:
        frame = OwnFrame(card, network, load_avatar(AVATAR))
        frame.measure(2)
        crossed.clear()
        assert len(frame.measure(3)) == 3
    assert 3 * 460_800 < crossed["up"] < 3 * 480_000  # each frame's planes, and the bones' maps
    assert 3 * 6144 < crossed["down"] < 3 * 9000  # the picture's planes, and landmarks
    bare = OwnFrame(card, None, load_avatar(AVATAR))
    assert len(bare.measure(1)) == 1


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="no torch: pip install -e '.[export]'")


def test_torchs_frame_looks_and_draws(torch: Any) -> None:
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
    torch: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_torch, "WARM_UP", 1)
    monkeypatch.setattr(bench_torch, "COUNT", 2)
    assert main(["bench-torch", "--device", "cpu"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["drawing_ms"] > 0
    assert found["frame_ms"] > 0


def test_without_a_card_it_says_so(
    torch: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["bench-torch"]) == 4
    assert "sees no card" in capsys.readouterr().err
