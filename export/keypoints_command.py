"""The ``keypoints`` and ``golden`` subcommands of puppetcam-export."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent / "tests" / "engines" / "keypoints"


def add_parser(commands: Any) -> None:
    """Adds ``keypoints`` and ``golden`` to the subcommands of puppetcam-export."""
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

    parser = commands.add_parser(
        "golden",
        help="MediaPipe's own landmarks, for the parity tests",
        description="Ask MediaPipe's own graph for the landmarks of the parity tests' pictures. "
        "Needs mediapipe 0.10.21 (Python up to 3.12, an environment of its own).",
    )
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="FOLDER",
        help="the PNG files in this folder's folders instead of scikit-image's photos",
    )
    parser.add_argument(
        "--out", type=Path, default=TESTS, help="folder of the JSON files (default: %(default)s)"
    )
    parser.set_defaults(run=run_golden)


def run(arguments: argparse.Namespace) -> int:
    """Write, or with --check compare; prints what was done."""
    from tqdm import tqdm

    from engines.keypoints.carried import FOLDER
    from export import keypoints
    from export.keypoints_recipes import RECIPES
    from export.wheel import networks

    found = networks(arguments.wheel)
    if arguments.all:
        total = len(RECIPES) * len(keypoints.FLAVOURS)
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


def run_golden(arguments: argparse.Namespace) -> int:
    """Write the golden numbers; prints where."""
    import json

    from export.keypoints_cases import cases
    from export.keypoints_golden import golden, pictures
    from export.keypoints_tensors import tensors

    if arguments.pictures:
        answers = {"golden_pictures.json": golden(pictures(arguments.pictures))}
    else:
        images = cases()
        answers = {"golden.json": golden(images), "tensors.json": tensors(images["astronaut"])}
    for file_name, table in answers.items():
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(table[name])}" for name in table)
        (arguments.out / file_name).write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
        print(f"{arguments.out / file_name}: {len(table)} entries")
    return 0
