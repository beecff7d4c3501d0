"""Measure the speed of this machine, stage by stage.

Compute: the sample performance goes through the same puppeteer that live sessions use, in one
process, at the camera's 640x480 and the output's 512x512 RGBA; the first frames are warm-up. On a
card the device time of a frame and its steps, bandwidth, and sessions side by side. Then enrolment
of a bundled photo, memory, and the start of the server. --browser adds the whole loop:
Chromium plays a capture whose frames carry a number, the server copies the number into the avatar
picture of the same frame, and the page reads it back: true glass-to-glass. Percentiles in ms; the
last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from fractions import Fraction
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
from tqdm import tqdm

from engines.device import choose
from engines.driver import ON_CPU, driver
from engines.errors import DeviceError, InputError, PuppetcamError
from engines.kernels.cuda import CudaDevice
from engines.keypoints.carried import open_on_card
from engines.types import U8, Frame
from realtime import interrupt, priority
from realtime.bench_card import measure_card
from realtime.card import machine_card
from realtime.clip import ClipReader, ClipWriter
from realtime.config import add_device
from realtime.picture import Forms
from realtime.puppeteer import Puppeteer
from realtime.shelf import Shelf
from realtime.stats import StageStats, StageTimes

LIVE: Forms = frozenset(["plain"])  # what the performer's page is sent
WARM_UP = 30
START_S = 180.0  # a first start compiles
BATCH = 8  # rows of the network that sessions share
SAMPLE = Path(__file__).parent.parent / "web" / "sample.mp4"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``bench``."""
    parser.add_argument("--frames", type=int, default=300, help="frames to measure (default 300)")
    parser.add_argument(
        "--input", type=Path, metavar="CLIP", help="default: the sample performance"
    )
    parser.add_argument("--avatar", metavar="NAME_OR_DIR", help="default: the first bundled one")
    parser.add_argument("--avatars", type=Path, metavar="DIR", help="where your avatars are kept")
    parser.add_argument(
        "--browser", type=float, nargs="?", const=30.0, metavar="SECONDS",
        help="also glass-to-glass through Chromium (default 30 s)",
    )  # fmt: skip
    parser.add_argument("--no-start", action="store_true", help="skip the start of the server")
    parser.add_argument(
        "--kernels", action="store_true",
        help="only what the CUDA kernels do on the card: needs CuPy, but no network's engine",
    )  # fmt: skip
    parser.add_argument(
        "--save", type=Path, metavar="DIR", help="also write what is printed to a file there"
    )
    add_device(parser)


def camera_frames(path: Path, count: int) -> list[Frame]:
    """The clip's first frames at 640x480, at most ``count``; InputError if there are none."""
    with ClipReader(path) as clip:
        frames = []
        for frame in clip:
            image = np.asarray(cv2.resize(frame.image, (640, 480)), np.uint8)
            frames.append(frame.with_image(image))
            if len(frames) == count:
                break
    if not frames:
        raise InputError(f"{path.name} has no frames", "give a video that shows a person")
    return frames


def measure_compute(frames: list[Frame], puppeteer: Puppeteer, count: int) -> dict[str, StageStats]:
    """Stage times of ``count`` frames after a warm-up; the whole frame is the stage "frame"."""
    clock = cycle(frames)
    whole = StageTimes(kept=count)
    started = time.monotonic()
    for i in tqdm(
        range(WARM_UP + count), desc="compute", unit="frame", file=sys.stderr, disable=None
    ):
        interrupt.check()
        if i == WARM_UP:
            puppeteer.times.clear()
        source = next(clock)
        frame = Frame(source.image, i * 3000, source.time_base, started + i / 30, i)
        begin = time.perf_counter()
        puppeteer.process(frame, LIVE)
        if i >= WARM_UP:
            whole.add("frame", time.perf_counter() - begin)
    return {**puppeteer.times.stats(), **whole.stats()}


def measure_enrolment(avatar_name: str | None, avatars: Path | None) -> float:
    """Seconds to enrol the photo of an avatar again."""
    from engines.avatar.enroll import enroll
    from engines.avatar.photo import Photo

    photo = Shelf(avatars).load(avatar_name).image
    begin = time.perf_counter()
    enroll(Photo.of(photo, "bench"), "bench")
    return time.perf_counter() - begin


def measure_first_frame(frame: Frame, avatar: str, avatars: Path | None, device: str) -> float:
    """Seconds from a start to the first frame written, by ``replay`` of that frame, in a process of
    its own; what is compiled at a first start has been before. PuppetcamError if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        clip, out = Path(folder) / "in.mp4", Path(folder) / "out.mp4"
        with ClipWriter(clip, Fraction(30), frame.size, alpha=False) as writer:
            writer.write(frame.image)
        command = [sys.executable, "-m", "realtime", "replay", "--avatar", avatar]
        command += ["--input", str(clip), "--output", str(out), "--device", device]
        command += ["--avatars", str(avatars)] if avatars else []
        begin = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_S)
        took = time.perf_counter() - begin
        if done.returncode:
            raise PuppetcamError(f"replay failed: {done.stderr[-400:]}", " ".join(command[1:]))
    return took


@contextmanager
def running_server(
    avatars: Path | None, device: str = "auto"
) -> Iterator[tuple[str, float, psutil.Process]]:
    """A server of its own: (address, seconds until it was ready, process)."""
    command = [sys.executable, "-m", "realtime", "serve", "--port", "0", "--json"]
    command += ["--device", device]
    if avatars:
        command += ["--avatars", str(avatars)]
    begin = time.perf_counter()
    with tempfile.TemporaryFile("w+") as complaints:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True)
        watchdog = threading.Timer(START_S, server.kill)
        watchdog.start()
        try:
            assert server.stdout is not None
            for line in server.stdout:
                if line.startswith("{"):
                    watchdog.cancel()
                    ready_s = time.perf_counter() - begin
                    yield json.loads(line)["url"], ready_s, psutil.Process(server.pid)
                    return
            complaints.seek(0)
            raise PuppetcamError(
                f"the server was not ready within {START_S:.0f} s: {complaints.read()[-400:]}",
                "puppetcam serve",
            )
        finally:
            watchdog.cancel()
            server.terminate()
            server.wait(15)
            if server.stdout is not None:
                server.stdout.close()


class Report:
    """Prints lines and keeps them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: object = "") -> None:
        """Print one."""
        print(line)
        self.lines.append(str(line))

    def save(self, folder: Path, title: str) -> Path:
        """Write all to a file that is named after ``title`` and the day; returns it."""
        folder.mkdir(parents=True, exist_ok=True)
        day = time.strftime("%Y-%m-%d")
        words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
        path = folder / f"{day}-{words}.md"
        *text, result = self.lines
        body = "\n".join(text)
        path.write_text(
            f"# {title}, {day}\n\n```text\n{body}\n```\n\n```json\n{result}\n```\n", "utf-8"
        )
        return path


def run(args: argparse.Namespace) -> int:
    """Print the machine card, the table and, as the last line, JSON."""
    report = Report()
    cv2.setNumThreads(1)  # as in the server
    card = machine_card()
    report.say(card)
    if args.kernels:
        where, device = card_name(), "kernels"
        report.say(f"CUDA kernels on {where}")
        result = measure_kernels(args, report)
    else:
        choice = choose(args.device)
        where, device = choice.card.name if choice.card else card.processor, choice.device
        report.say(choice)
        result = measure_all(args, choice.device, report)
    report.say(json.dumps({"machine": asdict(card), **result}))
    if args.save:
        path = report.save(args.save, f"{where} {device}")
        print(f"saved to {path}", file=sys.stderr)
    return 0


def card_name() -> str:
    """The card's; DeviceError where there is none."""
    try:
        return driver().card.name
    except DeviceError as error:
        hint = error.hint.replace(ON_CPU, "leave --kernels out")  # --device does not count here
        raise DeviceError(error.message, hint) from error


def measure_kernels(args: argparse.Namespace, report: Report) -> dict[str, Any]:
    """The card alone, without any network."""
    figures = measure_card(CudaDevice, None, Shelf(args.avatars).load(args.avatar))
    report.say(f"\n{figures.table()}")
    return {"card": figures.plain()}


def to_planes(image: U8) -> U8:
    """RGB u8 (H, W, 3) of even sides as the planes of a ``Frame``."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8)


def measure_all(args: argparse.Namespace, device: str, report: Report) -> dict[str, Any]:
    """Everything that the options ask for, on ``device``."""
    say = report.say
    avatar = Shelf(args.avatars).load(args.avatar)
    frames = camera_frames(args.input or SAMPLE, 600)
    puppeteer = Puppeteer(avatar, (512, 512), "photo", device=device)
    puppeteer.process(frames[0], LIVE)
    first = frames[0]
    if puppeteer.takes_planes:  # as they come from the decoder
        frames = [frame.with_image(to_planes(frame.image)) for frame in frames]
    stages = measure_compute(frames, puppeteer, args.frames)
    tracked = puppeteer.tracking
    clip_bytes = sum(frame.image.nbytes for frame in frames)  # live, there is one frame
    rss_mb = (psutil.Process().memory_info().rss - clip_bytes) / 2**20
    result: dict[str, Any] = {
        "backend": puppeteer.backend,
        "priority": priority.granted(),
        "compute_ms": {name: asdict(s) for name, s in stages.items()},
        "tracked": tracked,
        "compute_rss_mb": round(rss_mb, 1),
    }
    say(f"\n{'stage, ms':<14}{'p50':>9}{'p95':>9}{'p99':>9}")
    for name, s in stages.items():
        say(f"{name:<14}{s.p50:9.2f}{s.p95:9.2f}{s.p99:9.2f}")
    say(f"\nframes a second, compute alone   {1000 / stages['frame'].p50:8.1f}")
    say(f"memory of the compute process    {rss_mb:8.0f} MB")
    if device != "cpu":
        puppeteer.close()
        network = partial(open_on_card, "pose_landmark", device)
        figures = measure_card(
            CudaDevice, network, avatar, open_batch=partial(network, batch=BATCH)
        )
        say(f"\n{figures.table()}\n")
        result["card"] = figures.plain()
    result["enroll_s"] = round(measure_enrolment(args.avatar, args.avatars), 2)
    say(f"enrolment of one photo           {result['enroll_s']:8.1f} s")
    if not args.no_start:
        first_s = measure_first_frame(first, args.avatar or avatar.name, args.avatars, device)
        result["first_frame_s"] = round(first_s, 2)
        say(f"a start's first frame after      {first_s:8.1f} s")
    if not args.no_start or args.browser:
        with running_server(args.avatars, device) as (url, ready_s, process):
            result["serve_ready_s"] = round(ready_s, 2)
            say(f"server ready after               {ready_s:8.1f} s")
            if args.browser:
                from realtime.bench_browser import measure

                before = process.memory_info().rss / 2**20
                result["browser"] = measure(url, args.browser)
                after = process.memory_info().rss / 2**20
                result["serve_rss_mb"] = {"before": round(before, 1), "after": round(after, 1)}
                say(f"server's memory                  {after:8.0f} MB, {before:.0f} before")
                for key, value in result["browser"].items():
                    if not isinstance(value, (list, dict)):
                        say(f"{key:<33}{value:>8}")
    return result
