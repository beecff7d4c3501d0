"""The browser benchmark's arithmetic, and a short run of the whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest

from engines.errors import InputError
from realtime import bench_browser
from realtime.bench_browser import latencies, measure, summarise, write_capture
from realtime.mark import read_mark
from tests.web.conftest import LiveServer
from tests.web.scene import scene


def test_each_frame_counts_once_against_its_own_capture() -> None:
    # Number 0 comes twice: the capture has looped.
    camera = np.array([[0, 1000], [1, 1033], [2, 1066], [0, 1100]], float)
    screen = np.array([[0, 1050], [0, 1066], [-1, 1083], [2, 1130], [0, 1140], [9, 1150]], float)
    assert latencies(camera, screen).tolist() == [[1050, 50], [1130, 64], [1140, 40]]


def test_a_frame_seen_only_after_the_loop_is_left_out() -> None:
    assert latencies(np.array([[5.0, 0.0]]), np.array([[5.0, 4001.0]])).size == 0


def test_summary_has_the_percentiles_rates_and_the_slope() -> None:
    # 30 frames per second for a minute; latency grows from 40 ms by 6 ms per minute.
    times = np.arange(1801) * (1e3 / 30)
    late = 40 + 6 * times / 60_000
    numbers = np.arange(1801.0)
    presented = 7 + numbers
    found = summarise(np.c_[numbers, times, presented], np.c_[numbers, times + late, presented])
    assert found["frames"] == 1801
    assert found["fps_camera"] == found["fps_new"] == 30.0
    assert found["glass_slope_ms_per_minute"] == pytest.approx(6.0, abs=0.01)
    glass = [found[f"glass_{name}_ms"] for name in ("p50", "p95", "p99", "max")]
    assert glass == [43.0, 45.7, 45.9, 46.0]


def test_nothing_seen_is_no_figure() -> None:
    found = summarise(np.zeros((0, 3)), np.array([[-1.0, 5.0, 1.0]]))
    assert found == {"frames": 0, "unreadable": 1}


def test_frames_that_share_a_callback_were_shown_all_the_same() -> None:
    # 30 frames in a second; each third callback comes with two frames.
    numbers = np.array([n for n in range(31) if n % 3 != 1], float)
    log = np.c_[numbers, numbers * 1e3 / 30, numbers + 1]
    found = summarise(log, log)
    assert (found["fps_camera"], found["fps_shown"], found["fps_new"]) == (30.0, 30.0, 20.0)


def test_a_capture_is_a_camera_with_marks(tmp_path: Path) -> None:
    path = tmp_path / "camera.y4m"
    assert write_capture(path, scene(5, 320, 240)) == 5
    with av.open(str(path)) as container:
        frames = [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for frame in container.decode(video=0)
        ]
    assert [read_mark(frame) for frame in frames] == [0, 1, 2, 3, 4]
    assert frames[0].shape == (240, 320, 3)


def test_a_capture_of_changing_size_is_refused(tmp_path: Path) -> None:
    pictures = [np.zeros((240, 320, 3), np.uint8), np.zeros((480, 640, 3), np.uint8)]
    with pytest.raises(InputError, match="got 640x480, wanted 320x240"):
        write_capture(tmp_path / "camera.y4m", pictures)
    with pytest.raises(InputError, match="no pictures"):
        write_capture(tmp_path / "camera.y4m", [])


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_a_short_run_measures_every_frame(
    server: LiveServer, capture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_browser, "WARM_UP_S", 0.5)
    # On a thread of its own: this one may have Playwright's loop already.
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(measure, server.url, 2.0, capture).result()
    assert found["camera"] == "320x240"
    assert found["avatar"] == "256x256"
    assert found["frames"] > 10
    assert 0 < found["glass_p50_ms"] <= found["glass_p95_ms"] < 4000
