"""The machine a measurement was made on."""

from __future__ import annotations

import contextlib
import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

import psutil

from engines.version import version

LIBRARIES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "numba",
    "aiortc",
    "av",
    "cupy-cuda13x",
    "cupy-cuda12x",
    "tensorrt-cu13",
    "tensorrt-rtx-cu13",
)


@dataclass(frozen=True, slots=True)
class MachineCard:
    """What a figure cannot be read without. memory_gb: main memory."""

    processor: str
    cores: int
    memory_gb: float
    system: str
    python: str
    versions: dict[str, str]

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_gb:.0f} GB, {self.system}, "
            f"Python {self.python}, {parts}"
        )


def machine_card() -> MachineCard:
    """This machine."""
    processor = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        names = [x for x in listing.read_text().splitlines() if x.startswith("model name")]
        processor = names[0].split(":", 1)[1].strip() if names else processor
    affinity = getattr(os, "sched_getaffinity", None)
    return MachineCard(
        processor=processor,
        cores=len(affinity(0)) if affinity else os.cpu_count() or 1,
        memory_gb=psutil.virtual_memory().total / 2**30,
        system=platform.system(),
        python=platform.python_version(),
        versions={"puppetcam": version(), **_installed()},
    )


def _installed() -> dict[str, str]:
    """The versions of those of LIBRARIES that are here."""
    found = {}
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = installed(name)
    return found
