"""Compile every kernel before the first frame, and say so while it takes long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TextIO

import numpy as np

from engines.kernels.warm_up import warm_up as warm_up_kernels
from engines.types import Avatar, Frame
from realtime.puppeteer import Puppeteer

SILENT_S = 1.5  # a compiled start is shorter than this and needs no word


def warm_up(avatar: Avatar, out: TextIO, device: str = "cpu") -> None:
    """Run a few frames through a puppeteer; what is compiled is kept for the next start."""
    began = time.perf_counter()
    said = False

    def say() -> None:
        nonlocal said
        if not said:
            said = True
            out.write("first start: compiling kernels, about a minute, kept for the next\n")
            out.flush()

    def step(what: str, do: Callable[[], object]) -> None:
        start = time.perf_counter()
        late = threading.Timer(SILENT_S, say)  # a word while it takes long, not only afterwards
        late.daemon = True
        late.start()
        try:
            do()
        finally:
            late.cancel()
            late.join()
        took = time.perf_counter() - start
        if took > SILENT_S:
            say()
            out.write(f"  {what}: {took:.1f} s\n")
            out.flush()

    step("drawing kernels", lambda: warm_up_kernels(lambda name: None))
    puppeteer: list[Puppeteer] = []
    step(
        "models and landmarks", lambda: puppeteer.append(Puppeteer(avatar, (64, 64), device=device))
    )
    photo = np.ascontiguousarray(avatar.image)
    step("tracking and solve", lambda: puppeteer[0].process(Frame(photo, captured_s=0.0)))
    step("drawing", puppeteer[0].still)
    for i in range(2):
        puppeteer[0].process(Frame(photo, captured_s=(i + 1) / 30))
    puppeteer[0].close()
    if said:
        out.write(f"ready after {time.perf_counter() - began:.1f} s\n")
