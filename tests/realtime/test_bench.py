"""``puppetcam bench``: figures of this machine; no test asks how large they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from engines.avatar.enroll import enroll
from engines.avatar.photo import Photo
from engines.avatar.store import save_avatar
from engines.errors import PuppetcamError
from realtime import bench
from realtime.__main__ import main
from realtime.bench import camera_frames, measure_compute, measure_first_frame, running_server
from realtime.puppeteer import Puppeteer
from tests.realtime.sample import bundled, performance, write_clip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small avatar, so that enrolling it again is quick."""
    folder = tmp_path_factory.mktemp("avatars")
    picture = cv2.resize(bundled("tom").image, (192, 256), interpolation=cv2.INTER_AREA)
    save_avatar(enroll(Photo.of(np.asarray(picture, np.uint8)), "aa"), folder)
    return folder


def test_the_sample_performance_comes_with_puppetcam() -> None:
    frames = camera_frames(bench.SAMPLE, 2)
    assert [frame.image.shape for frame in frames] == [(480, 640, 3)] * 2


def test_every_frame_after_the_warm_up_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "WARM_UP", 3)
    puppeteer = Puppeteer(bundled(), (64, 64))
    frames = [frame.with_image(performance()[0]) for frame in camera_frames(bench.SAMPLE, 2)]
    found = measure_compute(frames, puppeteer, 4)
    assert list(found) == ["keypoints", "solve", "render", "background", "frame"]
    parts = sum(found[name].p50 for name in list(found)[:-1])
    assert 0 < parts <= 2 * found["frame"].p99


def test_the_report_ends_in_json(
    small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bench, "WARM_UP", 2)
    clip = write_clip(tmp_path / "in.mp4", performance()[:3])
    command = ["bench", "--frames", "4", "--input", str(clip), "--avatars", str(small)]
    assert main([*command, "--no-start"]) == 0
    printed = capsys.readouterr().out
    found = json.loads(printed.splitlines()[-1])
    assert found["tracked"]
    assert set(found["compute_ms"]["frame"]) == {"p50", "p95", "p99"}
    assert found["enroll_s"] > 0
    assert found["compute_rss_mb"] > 50
    assert found["machine"]["cores"] >= 1
    assert "frames a second, compute alone" in printed


def test_a_first_frame_takes_a_start(small: Path) -> None:
    (frame,) = camera_frames(bench.SAMPLE, 1)
    assert 0 < measure_first_frame(frame, "aa", small, "cpu") < bench.START_S
    with pytest.raises(PuppetcamError, match="no avatar named 'bob'"):
        measure_first_frame(frame, "bob", small, "cpu")


def test_its_server_is_ready_with_an_address_and_gone_afterwards(small: Path) -> None:
    with running_server(small) as (url, ready_s, process):
        assert url.startswith("http://127.0.0.1:")
        assert ready_s > 0
        assert process.status() != psutil.STATUS_ZOMBIE
    assert not process.is_running()


def test_what_cannot_be_measured_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--input", str(tmp_path / "none.mp4"), "--json"]) == 2
    assert "no clip at" in json.loads(capsys.readouterr().out.splitlines()[-1])["error"]
    shutil.copy(bench.SAMPLE, tmp_path / "in.mp4")
    assert main(["bench", "--input", str(tmp_path / "in.mp4"), "--avatar", "bob"]) == 2
    assert "no avatar named 'bob'" in capsys.readouterr().err
