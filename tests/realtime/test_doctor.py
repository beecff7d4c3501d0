"""``puppetcam doctor``: what is here, what is missing, what to type."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import ModuleType

import pytest

import engines.device
import engines.driver
from engines.avatar.store import MANIFEST
from engines.driver import Driver
from engines.errors import DeviceError
from realtime import chromium, codec_proof, doctor, shelf
from realtime.__main__ import main
from realtime.codec import Codecs
from realtime.shelf import BUNDLED
from tests.engines.fake_card import FakeLibrary


def test_this_machine_is_ready(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    printed = capsys.readouterr().out
    assert "ready: puppetcam serve" in printed
    found = json.loads(printed.splitlines()[-1])
    assert found["ready"]
    named = {finding["what"]: finding for finding in found["findings"]}
    for what in ("Python", "onnxruntime", "codec libvpx", "compute CPU", "model pose_landmark"):
        assert named[what]["ok"], what
    assert named["avatar kit"]["found"] in printed
    assert named["body"]["found"].endswith("vertices")
    assert all(f["hint"] for f in found["findings"] if f["needed"] and not f["ok"])


def test_an_altered_avatar_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(BUNDLED / "kit", tmp_path / "kit")
    (tmp_path / "kit" / MANIFEST).write_text("{}")
    monkeypatch.setattr(shelf, "BUNDLED", tmp_path)
    monkeypatch.setattr(doctor, "PARTS", (doctor.assets_found,))
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "MISSING avatar kit" in printed
    assert "-> make it again: puppetcam enroll PHOTO --name kit" in printed
    assert "not ready" in printed


def test_a_missing_library_is_named_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "aiortc":
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    missing = [finding for finding in doctor.libraries_found() if not finding.ok]
    assert [finding.what for finding in missing] == ["aiortc"]
    assert missing[0].needed
    assert "pip install" in missing[0].hint


def test_either_distribution_of_onnx_runtime_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "onnxruntime" or name in doctor.FOR_CARDS[2:]:
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    found = {finding.what: finding for finding in doctor.libraries_found()}
    assert found["onnxruntime"].ok
    assert found["cupy-cuda13x"].found == "1.0, for a card"
    assert "tensorrt-rtx-cu13" not in found


def test_a_damaged_onnx_runtime_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", ModuleType("onnxruntime"))
    monkeypatch.setattr(doctor, "PARTS", (doctor.compute_found, doctor.assets_found))
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "not all there" in printed
    assert "pip install --force-reinstall" in printed


def test_a_part_that_cannot_be_imported_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setattr(doctor, "PARTS", (doctor.codecs_found,))
    assert main(["doctor"]) == 1
    assert "MISSING codecs" in capsys.readouterr().out


def test_without_chromium_it_still_serves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUPPETCAM_CHROMIUM", "no-such-browser")
    monkeypatch.setattr(chromium, "PLACES", {})
    monkeypatch.setattr(doctor, "PARTS", (doctor.browser_found,))
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "absent  Chromium" in printed
    assert "no-such-browser" in printed


def test_who_does_the_video_is_said_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver() -> Driver:
        raise DeviceError("no NVIDIA driver", "install it")

    monkeypatch.setattr(engines.driver, "driver", no_driver)
    (found,) = doctor.video_found()
    assert (found.what, found.ok, found.needed) == ("video", True, False)
    assert found.found == "H264 by the CPU (no NVIDIA driver)"
    monkeypatch.setattr(engines.driver, "driver", lambda: Driver(FakeLibrary()))
    monkeypatch.setattr(codec_proof, "choose", lambda: Codecs(None, None, "slower", "slower"))
    (found,) = doctor.video_found()
    assert found.found == "H264 by the CPU (slower)"


def test_a_card_is_named_with_what_can_compute_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(device: str, gpu: Driver) -> None:
        if device != "cuda":
            raise DeviceError(f"{device}: not installed", "pip install it")

    monkeypatch.setattr(engines.driver, "driver", lambda: Driver(FakeLibrary()))
    monkeypatch.setattr(engines.device, "check", refuse)
    named = {finding.what: finding for finding in doctor.compute_found()}
    assert named["compute GPU"].found == "NVIDIA Fake 3060, sm_86, 12 GB, driver for CUDA 13.0"
    assert named["compute cuda"].ok
    assert (named["compute tensorrt"].ok, named["compute tensorrt"].needed) == (False, False)
    assert named["compute tensorrt"].hint == "pip install it"
