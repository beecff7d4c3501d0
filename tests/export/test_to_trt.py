"""Ahead-of-time engines: every carried network, compiled by the real library, without a card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engines import trt
from engines.engine_cache import EngineCache
from engines.errors import DeviceError, InputError
from engines.keypoints.carried import find_graph, manifest
from export import cubins, to_trt
from export.__main__ import main
from export.cards import CARDS
from tests.engines.fake_card import fake_trt

TARGETS = ("sm_75", "sm_120")  # the oldest and the newest; continuous integration: all


@pytest.fixture(scope="module")
def rtx() -> Any:
    try:
        return trt.library(to_trt.DEVICE)
    except DeviceError as error:
        pytest.skip(f"{error.message}: {error.hint}")


@pytest.mark.parametrize("name", sorted(manifest()))
def test_every_carried_network_compiles(rtx: Any, name: str, tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    built = to_trt.build_all([name], ["fp16"], TARGETS, cache)
    built += to_trt.build_all([name], ["fp32"], ["sm_86"], cache)
    assert [engine.target for engine in built] == [*TARGETS, "sm_86"]
    assert all(engine.size > 100_000 for engine in built)
    assert len(list(tmp_path.glob("*.engine"))) == len(built)


def test_a_server_finds_what_was_built_ahead(
    rtx: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"selfie_segmentation": manifest()["selfie_segmentation"]}
    monkeypatch.setattr(to_trt, "manifest", lambda: table)
    out = str(tmp_path)
    assert main(["trt", "--target", "sm_86", "--precision", "fp16", "--out", out]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split()[:3] == ["selfie_segmentation", "fp16", "sm_86"]
    assert json.loads(printed[-1]) == {"folder": out, "engines": 1, "compiled": 1}
    digest = find_graph("selfie_segmentation", "fp16").digest
    key = trt.engine_key(
        rtx, "tensorrt-rtx", "selfie_segmentation", digest, "fp16", "NVIDIA RTX A2000", "sm_86"
    )
    plan = EngineCache(tmp_path).read(key)
    assert plan is not None
    assert len(plan) > 100_000


def test_without_the_library(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(device: str) -> Any:
        raise DeviceError(f"{device}: tensorrt_rtx is not installed", "pip install it")

    monkeypatch.setattr(trt, "library", missing)
    assert main(["trt"]) == DeviceError.exit_code
    assert "pip install it" in capsys.readouterr().err


KNOWN = ["sm_75", "sm_86", "sm_120", "sm_121"]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A library that knows KNOWN; what is compiled with it, as "model target"."""
    compiled: list[str] = []

    def build(library: Any, graph: Path, target: str) -> bytes:
        compiled.append(f"{graph.name.split('.')[0]} {target}")
        return b"plan"

    monkeypatch.setattr(trt, "library", lambda device: fake_trt())
    monkeypatch.setattr(trt, "targets", lambda library: KNOWN)
    monkeypatch.setattr(trt, "build", build)
    return compiled


@pytest.mark.parametrize("text", ["", "3090", "86", "SM_86", "sm_86,", "sm_86,sm_85"])
def test_what_is_no_target_is_told_the_cards(
    fake: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    assert main(["trt", f"--target={text}", "--out", str(tmp_path)]) == InputError.exit_code
    told = capsys.readouterr().err
    assert f"got {text.split(',')[-1]!r}" in told
    assert "sm_75 (RTX 20, GTX 16), sm_86 (RTX 30, A10, A40), sm_120 (RTX 50)" in told
    assert not fake


def test_cards_that_it_does_not_compile_for(
    rtx: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trt", "--target", "sm_90", "--out", str(tmp_path)]) == DeviceError.exit_code
    told = capsys.readouterr().err
    assert "TensorRT for RTX does not compile for sm_90 (H100, H200)" in told
    assert "'.[gpu]'" in told


def test_what_is_there_is_not_compiled_again(
    fake: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["trt", "--precision", "fp16", "--out", str(tmp_path), "--target"]
    assert main([*command, "sm_86"]) == 0
    first = len(fake)
    assert first == len(manifest())
    assert main([*command, "sm_86, sm_120"]) == 0
    assert sorted(fake[first:]) == sorted(f"{name} sm_120" for name in manifest())
    *printed, result = capsys.readouterr().out.splitlines()
    assert json.loads(result)["engines"] == 2 * first
    assert json.loads(result)["compiled"] == first
    assert sum(line.endswith("was there") for line in printed) == first


def test_every_target_has_a_name(rtx: Any) -> None:
    assert {*trt.targets(rtx), *cubins.TARGETS} == set(CARDS)


def test_a_folder_that_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file")
    monkeypatch.setattr(trt, "library", lambda device: fake_trt())
    monkeypatch.setattr(trt, "build", lambda *_: b"plan")
    assert main(["trt", "--target", "sm_86", "--out", str(tmp_path / "out")]) == 1
    assert "puppetcam-export: [Errno" in capsys.readouterr().err
