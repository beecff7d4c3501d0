"""``puppetcam-export cubins``: the CUDA kernels as machine code, compiled without a card."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from engines.errors import InputError
from engines.kernels.cubin import CUBINS, OPTIONS, source, store
from engines.kernels.nvrtc import Nvrtc
from export.cards import named

TARGETS = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")


def add_parser(commands: Any) -> None:
    """Adds ``cubins`` to the subcommands of puppetcam-export."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "cubins",
        help="the CUDA kernels compiled for every card, without one",
        description="Compile engines/kernels/*.cu with NVRTC (pip install nvidia-cuda-nvrtc). "
        "Without these files the kernels are compiled at their first start.",
    )
    parser.add_argument(
        "--target",
        default=",".join(TARGETS),
        metavar="SM,...",
        help="compute capabilities, commas between (default: all): " + named(TARGETS),
    )
    parser.add_argument(
        "--output", type=Path, default=CUBINS, metavar="FOLDER", help="(default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write one file for each target and remove those of older sources."""
    targets = [target.strip() for target in arguments.target.split(",")]
    for target in targets:
        if target not in TARGETS:
            raise InputError(f"target: got {target!r}", f"wanted some of {named(TARGETS)}")
    compiler = Nvrtc()
    folder: Path = arguments.output
    for target in targets:
        cubin = compiler.compile(source(), target, OPTIONS)
        path = store(folder, target, cubin)
        print(f"{path.name}: {len(cubin) // 1024} KB")
    major, minor = compiler.version()
    print(f"{len(targets)} files in {folder}, compiled by NVRTC {major}.{minor}")
    return 0
