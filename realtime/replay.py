"""Perform a clip with an avatar and write the video.

One output frame per input frame, at the clip's frame rate. The first frame with a person is the
neutral: the avatar stands there as in its photo. Frames without a person hold, then ease to the
photo. --placement performer puts the avatar where the performer stands, in a picture of the clip's
size, to be laid beside the clip.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path

from tqdm import tqdm

from engines.device import choose
from engines.errors import InputError, NoPersonError
from engines.kernels.budget import budget
from realtime import interrupt
from realtime.clip import ClipReader, ClipWriter
from realtime.config import add_card_memory, add_device, card_memory, told
from realtime.puppeteer import Puppeteer
from realtime.shelf import Shelf
from realtime.warmup import warm_up

ONE_IN = 20  # of so many frames one must show a person


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``replay``."""
    parser.add_argument(
        "--avatar", required=True, metavar="NAME_OR_DIR", help="an avatar's name or folder"
    )
    parser.add_argument("--input", required=True, type=Path, metavar="CLIP", help="the performance")
    parser.add_argument(
        "--output", required=True, type=Path, metavar="OUT.mp4", help=".mp4, .mkv, or .webm (alpha)"
    )
    parser.add_argument(
        "--size", default=None, metavar="WxH", help="output size, default 512x512 (or the clip's)"
    )
    parser.add_argument(
        "--background", default="photo", metavar="photo|blur|#rrggbb|PICTURE|none",
        help="what lies behind the avatar (default: photo)",
    )  # fmt: skip
    parser.add_argument(
        "--placement", default="photo", choices=("photo", "performer"),
        help="framed as the photo, or standing where the performer stands",
    )  # fmt: skip
    parser.add_argument("--mirror", action="store_true", help="move as the mirror image")
    parser.add_argument("--avatars", type=Path, metavar="DIR", help="where your avatars are kept")
    add_device(parser)
    add_card_memory(parser)


def parse_size(text: str) -> tuple[int, int]:
    """``512`` or ``640x480`` to (width, height); InputError for anything else."""
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    if match:
        width, height = int(match[1]), int(match[2] or match[1])
        if 64 <= width <= 4096 and 64 <= height <= 4096:
            return width, height
    raise InputError(f"--size: got {text!r}", "wanted WIDTHxHEIGHT or SIDE, each 64 to 4096")


def run(args: argparse.Namespace) -> int:
    """Write the video; prints where and how fast."""
    budget.allowed = card_memory(args.card_memory)
    choice = choose(args.device)
    avatar = Shelf(args.avatars).load(args.avatar)
    if args.output.exists() and args.input.exists() and args.output.samefile(args.input):
        raise InputError(
            f"--output: got {args.output}, which is the input",
            "wanted another file: the clip would be lost",
        )
    with ClipReader(args.input) as clip:
        first = next(iter(clip), None)
    if first is None:
        raise InputError(f"{args.input.name} has no frames", "give a video with a picture in it")
    clip_size = (first.image.shape[1], first.image.shape[0])
    if args.size:
        size = parse_size(args.size)
    else:
        size = clip_size if args.placement == "performer" else (512, 512)
    transparent = args.background == "none"
    tracked = count = 0
    with (
        ClipReader(args.input) as clip,
        ClipWriter(args.output, clip.rate, size, alpha=transparent) as out,
    ):
        warm_up(avatar, sys.stderr, choice.device)
        puppeteer = Puppeteer(
            avatar, size, args.background, placement=args.placement, mirror=args.mirror,
            device=choice.device,
        )  # fmt: skip
        frames = tqdm(
            clip, total=clip.count or None, desc="replay", unit="frame", disable=None,
            file=sys.stderr,
        )  # fmt: skip
        print(told(choice, budget.allowed), file=sys.stderr)
        started = time.perf_counter()
        for frame in frames:
            interrupt.check()
            out.write(puppeteer.process(frame)["rgba"])
            tracked += puppeteer.tracking
            count += 1
        if ONE_IN * tracked < count:
            raise NoPersonError(
                f"{args.input.name} shows a person in {tracked} of {count} frames, "
                f"wanted one in {ONE_IN}",
                "give a clip of one person, head and shoulders at least, or cut it to where they "
                "are seen",
            )
    seconds = time.perf_counter() - started
    print(f"{args.output}: {count} frames, a person in {tracked}, {count / seconds:.1f} frames/s")
    if transparent and not out.alpha:
        print("note: this format has no transparency; write to .webm to keep it", file=sys.stderr)
    if args.json:
        print(
            json.dumps(
                {"output": str(args.output), "frames": count, "tracked": tracked, "size": size,
                 "backend": puppeteer.backend, "seconds": round(seconds, 3)}
            )
        )  # fmt: skip
    return 0
