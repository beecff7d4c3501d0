"""True glass-to-glass through a real Chromium: ``puppetcam bench --browser``.

The camera is a file whose frames carry marks (``realtime.mark``). The page shows it as its own
preview, with the time at which Chromium captured each frame, and sends it; the server copies each
mark into the avatar frame made of that camera frame; the page reads it off the returned video at
the moment it is shown. Same page, same clock, every frame.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.errors import DeviceError, InputError, PuppetcamError
from engines.types import U8
from realtime.chromium import find_chromium
from realtime.clip import ClipReader
from realtime.mark import NUMBERS, write_mark

SAMPLE = Path(__file__).parent.parent / "web" / "sample.mp4"
CAPTURE_FRAMES = 240  # 110 MB at 640x480
WARM_UP_S = 3.0
CONNECT_S = 30.0
# A capture repeats its numbers: a frame that took longer than this would be taken for a later one.
LONGEST_MS = 4000.0

# --use-fake-ui...: no permission question. The mDNS feature hides loopback addresses otherwise.
FLAGS = (
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--autoplay-policy=no-user-gesture-required",
)

# The control channel opens a moment after the connection; the page then says what it wants itself.
ASK_FOR_MARKS = """async () => {
  const { link } = await import("/app.js");
  while (!link.send({ type: "mark", on: true })) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}"""

# Runs in the page. `camera`: [number, captured ms, presented] of the preview; `screen`: [number,
# shown ms, presented] of the avatar. number: -1 where no mark was readable. presented: how many
# frames the browser has shown; two between two callbacks call back once.
WATCH = """async () => {
  const { readLuma } = await import("/mark.js");
  const seen = (window.seen = { camera: [], screen: [] });
  const watch = (id, list, when) => {
    const video = document.getElementById(id);
    const look = async (now, frame) => {
      const at = when(performance.now(), frame);
      video.requestVideoFrameCallback(look);
      list.push([(await readLuma(video)) ?? -1, at, frame.presentedFrames]);
    };
    video.requestVideoFrameCallback(look);
  };
  watch("own", seen.camera, (shown, frame) => frame.captureTime ?? shown);
  watch("avatar", seen.screen, (shown) => shown);
}"""

Log = NDArray[np.float64]


def write_capture(path: Path, pictures: Iterable[U8], rate: int = 30) -> int:
    """Write pictures, u8 (H, W, 3) of one even size, as a camera for Chromium, each with its mark.

    path: a .y4m file (raw: 0.46 MB a frame at 640x480). Numbers count from 0. Returns the number
    of frames. Raises InputError if there is none or they differ in size.
    """
    count, size = 0, (0, 0)
    with path.open("wb") as file:
        for picture in pictures:
            height, width = picture.shape[:2]
            if count == 0:
                size = (height, width)
                file.write(f"YUV4MPEG2 W{width} H{height} F{rate}:1 Ip A1:1 C420mpeg2\n".encode())
            if (height, width) != size or height % 2 or width % 2:
                raise InputError(
                    f"capture frame {count}: got {width}x{height}, wanted {size[1]}x{size[0]}, even"
                )
            marked = np.ascontiguousarray(picture)
            marked = marked.copy() if marked is picture else marked
            write_mark(marked, count % NUMBERS)
            frame = av.VideoFrame.from_ndarray(marked, format="rgb24").reformat(format="yuv420p")
            file.write(b"FRAME\n" + frame.to_ndarray().tobytes())
            count += 1
    if count == 0:
        raise InputError("capture: got no pictures, wanted at least one")
    return count


def sample_pictures() -> Iterator[U8]:
    """The sample performance's first frames, u8 (480, 640, 3)."""
    with ClipReader(SAMPLE) as clip:
        for frame in islice(clip, CAPTURE_FRAMES):
            yield np.asarray(cv2.resize(frame.image, (640, 480)), np.uint8)


def measure(
    url: str,
    seconds: float = 30.0,
    capture: Path | None = None,
) -> dict[str, Any]:
    """Perform for a while in Chromium against a running ``puppetcam serve`` and time every frame.

    url: the performer page. capture: a .y4m file of ``write_capture``; None: one is made of the
    sample performance. Times are from Chromium's capture of the camera frame to the callback that
    shows its avatar frame. Raises DeviceError without Chromium or Playwright, InputError without a
    capture, PuppetcamError if the page does not go live.
    """
    if capture is None:
        with tempfile.TemporaryDirectory(prefix="puppetcam-") as folder:
            made = Path(folder) / "camera.y4m"
            write_capture(made, sample_pictures())
            return measure(url, seconds, made)
    if not capture.is_file():
        raise InputError(f"no capture at {capture}", "make one with write_capture")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise DeviceError(
            "the package playwright is not installed", 'pip install "puppetcam[test]"'
        ) from error
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={capture.resolve()}"]
    chromium = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(url)
        page.click("#start-camera")
        started = time.monotonic()
        while page.get_attribute("#status", "data-state") != "live":
            if time.monotonic() - started > CONNECT_S:
                notice = page.inner_text("#notices") or page.inner_text("#status")
                raise PuppetcamError(
                    f"the page did not go live in {CONNECT_S:.0f} s; it says: {notice}",
                    "does puppetcam serve run at this address?",
                )
            page.wait_for_timeout(50)
        live_s = time.monotonic() - started
        page.evaluate(ASK_FOR_MARKS)
        page.wait_for_timeout(1e3 * WARM_UP_S)
        page.evaluate(WATCH)
        began = time.monotonic()
        camera, screen = [], []
        bar = tqdm(total=seconds, desc="browser", unit="s", file=sys.stderr, disable=None)
        while (elapsed := time.monotonic() - began) < seconds:
            page.wait_for_timeout(1e3 * min(1.0, seconds - elapsed))
            # Moved out every second: ten minutes of lists would weigh on the page.
            part = page.evaluate(
                "() => ({camera: seen.camera.splice(0), screen: seen.screen.splice(0)})"
            )
            camera += part["camera"]
            screen += part["screen"]
            bar.update(min(seconds, time.monotonic() - began) - bar.n)
        bar.close()
        facts = page.evaluate(
            """() => ["own", "avatar"].map((id) => document.getElementById(id))
                 .map((video) => `${video.videoWidth}x${video.videoHeight}`)"""
        )
        version = browser.version
        browser.close()
    return {
        "seconds": round(seconds, 1),
        "chromium": version,
        "camera": facts[0],
        "avatar": facts[1],
        "live_after_s": round(live_s, 2),
        **summarise(
            np.asarray(camera, float).reshape(-1, 3), np.asarray(screen, float).reshape(-1, 3)
        ),
    }


def latencies(camera: Log, screen: Log) -> Log:
    """Match marks on the screen with the camera's.

    camera: f64 (N, 2+), number and capture time in ms; screen: f64 (M, 2+), number (-1: none) and
    time shown in ms. Returns f64 (L, 2): time shown and latency, both ms, for each first showing of
    a frame whose capture was seen at most ``LONGEST_MS`` before.
    """
    matched = []
    last = -1.0
    for number, shown in screen[:, :2]:
        if number < 0 or number == last:
            continue
        last = number
        captured = camera[(camera[:, 0] == number) & (camera[:, 1] <= shown), 1]
        if captured.size and shown - captured[-1] <= LONGEST_MS:
            matched.append((shown, shown - captured[-1]))
    return np.asarray(matched, float).reshape(-1, 2)


def summarise(camera: Log, screen: Log) -> dict[str, Any]:
    """Both logs as figures; see ``latencies``, with a third column: frames presented so far.

    frames: how many were followed from the camera to the screen; unreadable: shown without a mark.
    fps_camera, fps_shown: frames presented per second, by the browser's own count, in the preview
    and of the avatar; fps_new: those that were followed: the page is not called back for each (the
    standard's "best effort"). Figures for which too little was seen are left out.
    """
    found = latencies(camera, screen)
    result: dict[str, Any] = {
        "frames": len(found),
        "unreadable": int((screen[:, 0] < 0).sum()),
    }
    for name, times, count in (
        ("fps_camera", camera[:, 1], camera[:, 2]),
        ("fps_shown", screen[:, 1], screen[:, 2]),
        ("fps_new", found[:, 0], np.arange(len(found))),
    ):
        if len(times) >= 2:
            rate = (count[-1] - count[0]) * 1e3 / (times[-1] - times[0])
            result[name] = round(float(rate), 2)
    if len(found) >= 2:
        for name, share in (("p50", 50), ("p95", 95), ("p99", 99), ("max", 100)):
            result[f"glass_{name}_ms"] = round(float(np.percentile(found[:, 1], share)), 1)
        minutes = (found[:, 0] - found[0, 0]) / 60_000
        result["glass_slope_ms_per_minute"] = round(
            float(np.polyfit(minutes, found[:, 1], 1)[0]), 2
        )
    return result
