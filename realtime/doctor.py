"""What is here, what is missing, and what to type.

Looks at Python, the libraries, codecs, compute providers, cameras, the bundled models and avatars,
and at Chromium for the browser tests. Exit code 0 when the live loop can run, 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engines.errors import PuppetcamError
from realtime import priority
from realtime.chromium import find_chromium

LIBRARIES = ("numpy", "numba", "opencv-python-headless", "onnxruntime", "av", "aiortc", "aiohttp")
FOR_CARDS = (
    "onnxruntime-gpu",
    "cupy-cuda13x",
    "cupy-cuda12x",
    "nvidia-cuda-nvrtc",
    "nvidia-cuda-nvrtc-cu12",
    "tensorrt-rtx-cu13",
    "tensorrt-rtx-cu12",
    "tensorrt-cu13",
    "tensorrt-cu12",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. needed: the live loop cannot run without it."""

    what: str
    ok: bool
    found: str
    needed: bool = True
    hint: str = ""


def python_found() -> Iterator[Finding]:
    """The interpreter."""
    ok = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding(
        "Python", ok, f"{platform.python_version()} on {platform.platform()}",
        hint="wanted 3.11 to 3.13: make a virtual environment with one of these",
    )  # fmt: skip


def libraries_found() -> Iterator[Finding]:
    """The installed distributions; what a card needs only where it is there."""
    found = {name: _version(name) for name in (*LIBRARIES, *FOR_CARDS)}
    for name in LIBRARIES:
        either = found[name] or (name == "onnxruntime" and found["onnxruntime-gpu"])
        yield Finding(name, bool(either), either or "not installed", hint="pip install -e .")
    for name in FOR_CARDS:
        if found[name]:
            yield Finding(name, True, f"{found[name]}, for a card", needed=False)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def codecs_found() -> Iterator[Finding]:
    """Video encoders, proven by opening them."""
    import av
    from av.error import FFmpegError

    for codec, use, needed in (
        ("libx264", "H264, the first choice", False),
        ("libvpx", "VP8, the fallback", True),
        ("libvpx-vp9", "replay to .webm with transparency", False),
    ):
        try:
            context: Any = av.CodecContext.create(codec, "w")
            context.width, context.height, context.pix_fmt = 64, 64, "yuv420p"
            context.time_base = Fraction(1, 30)
            context.open()
            yield Finding(f"codec {codec}", True, use, needed)
        except (FFmpegError, ValueError) as error:
            yield Finding(
                f"codec {codec}", False, f"cannot be opened ({error}): {use}", needed,
                "pip install --force-reinstall av==18.1.0",
            )  # fmt: skip


def compute_found() -> Iterator[Finding]:
    """ONNX Runtime's providers, the card, and what can compute on it."""
    from engines.device import ON_CARD, check
    from engines.driver import driver
    from engines.ort import available_providers

    providers = available_providers()
    # Azure's is in every wheel, and works for nobody who does not ask for it.
    said = ", ".join(name for name in providers if not name.startswith("Azure"))
    yield Finding("compute CPU", "CPUExecutionProvider" in providers, said)
    try:
        gpu = driver()
    except PuppetcamError as error:
        yield Finding("compute GPU", False, f"{error.message}; not needed", False, error.hint)
        return
    cuda, card = ".".join(map(str, gpu.cuda)), gpu.card
    what = f"{card.name}, {card.target}, {card.memory / 2**30:.0f} GB, driver for CUDA {cuda}"
    yield Finding("compute GPU", True, what, False)
    for device in ON_CARD:
        try:
            check(device, gpu)
        except PuppetcamError as error:
            yield Finding(f"compute {device}", False, error.message, False, error.hint)
        else:
            yield Finding(f"compute {device}", True, f"--device {device}", False)


def video_found() -> Iterator[Finding]:
    """Who would encode and decode H264 beside a card, and why."""
    from engines.driver import driver
    from realtime.codec import Codecs
    from realtime.codec_proof import choose

    try:
        driver()
    except PuppetcamError as error:
        codecs = Codecs(encoder_why=error.message, decoder_why=error.message)
    else:
        codecs = choose()
    yield Finding("video", True, str(codecs), needed=False)


def priority_found() -> Iterator[Finding]:
    """Whether the compute thread comes first when a browser keeps every core busy."""
    ok = priority.granted()
    yield Finding(
        "priority", ok, "granted to the compute thread" if ok else "refused by the system",
        needed=False,
        hint="a busy browser costs frames; Linux: sudo prlimit --nice=26 --pid $$, then serve",
    )  # fmt: skip


def cameras_found() -> Iterator[Finding]:
    """Cameras, as far as the system lists them; the browser is what opens them."""
    if sys.platform != "linux":
        yield Finding("camera", True, "the browser asks the system", needed=False)
        return
    devices = sorted(str(p) for p in Path("/dev").glob("video*"))
    yield Finding(
        "camera", bool(devices), ", ".join(devices) or "none",
        needed=False, hint="without one, choose the sample performance on the page",
    )  # fmt: skip


def assets_found() -> Iterator[Finding]:
    """The models, the body and the bundled avatars, against their digests."""
    from engines.avatar.store import load_avatar
    from engines.body.mesh import load_body
    from engines.keypoints.carried import manifest, open_model
    from realtime.shelf import BUNDLED

    def attempt(what: str, check: Callable[[], str]) -> Finding:
        try:
            return Finding(what, True, check())
        except PuppetcamError as error:
            return Finding(what, False, error.message, hint=error.hint)

    def model(name: str) -> str:
        with open_model(name) as engine:
            return f"opens on {engine.device}"

    yield attempt("models", lambda: f"{len(manifest())} recorded")
    for name in manifest():
        yield attempt(f"model {name}", partial(model, name))
    yield attempt("body", lambda: f"{len(load_body().mean.rest)} vertices")
    for folder in sorted(p for p in BUNDLED.iterdir() if p.is_dir()):
        digest = partial(lambda folder: load_avatar(folder).digest[:12], folder)
        yield attempt(f"avatar {folder.name}", digest)


def browser_found() -> Iterator[Finding]:
    """Chromium, for the browser tests and the glass-to-glass measurement."""
    try:
        yield Finding("Chromium", True, str(find_chromium()), needed=False)
    except PuppetcamError as error:
        yield Finding("Chromium", False, error.message, needed=False, hint=error.hint)


PARTS = (
    python_found,
    libraries_found,
    codecs_found,
    compute_found,
    video_found,
    priority_found,
    cameras_found,
    assets_found,
    browser_found,
)


def _findings(part: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What a part of the report finds; a library that is not there is a finding too."""
    try:
        return list(part())
    except (ImportError, PuppetcamError) as error:
        hint = getattr(error, "hint", "") or "pip install -e ."
        said = getattr(error, "message", error)
        what = part.__name__.removesuffix("_found")
        return [Finding(what, False, f"cannot be looked at ({said})", hint=hint)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``doctor`` takes no arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """Print the report."""
    findings = [finding for part in PARTS for finding in _findings(part)]
    for f in findings:
        mark = "ok     " if f.ok else ("MISSING" if f.needed else "absent ")
        print(f"{mark} {f.what:<24} {f.found}")
        if not f.ok and f.hint:
            print(f"        {'':<24} -> {f.hint}")
    healthy = all(f.ok for f in findings if f.needed)
    print("ready: puppetcam serve" if healthy else "not ready: mend what is MISSING above")
    if args.json:
        print(json.dumps({"ready": healthy, "findings": [asdict(f) for f in findings]}))
    return 0 if healthy else 1
