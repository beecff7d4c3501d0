"""The ``keypoints`` subcommand of puppetcam-export."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(commands: Any) -> None:
    """Adds ``keypoints`` to the subcommands of puppetcam-export."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "keypoints",
        help="MediaPipe's networks to engines/keypoints/models",
        description="Convert the networks of the pinned mediapipe wheel to ONNX and write those "
        "that puppetcam carries into engines/keypoints/models.",
    )
    parser.add_argument(
        "--wheel", type=Path, help="an already downloaded wheel (else: pip downloads 36 MB)"
    )
    parser.add_argument(
        "--all",
        type=Path,
        metavar="FOLDER",
        help="write every network there instead, for CPU and GPU, fp32 and fp16 (160 MB)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing: exit code 5 unless the carried files are what this would write",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write, or with --check compare; prints what was done."""
    from tqdm import tqdm

    from engines.keypoints.carried import FOLDER
    from export import keypoints
    from export.wheel import networks

    found = networks(arguments.wheel)
    if arguments.all:
        total = len(keypoints.RECIPES) * len(keypoints.FLAVOURS)
        keypoints.write(tqdm(keypoints.everything(found), total=total), arguments.all)
        print(f"{total} files written to {arguments.all}")
        return 0
    files = keypoints.carried(found)
    if arguments.check:
        keypoints.check(files, FOLDER)
        print(f"{len(files)} files in {FOLDER} are what the wheel gives")
    else:
        keypoints.write(files.items(), FOLDER)
        print(f"{len(files)} files written to {FOLDER}")
    return 0
