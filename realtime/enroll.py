"""Make an avatar out of one photo.

The photo shows one person: whole, from the hips up, or head and shoulders, facing the camera, arms
a little off the body for the best cut. What was seen is printed: how well the body fits, warnings
such as limbs that had to be guessed. The avatar is written whole or not at all.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from tqdm import tqdm

from engines.avatar.enroll import enroll
from engines.avatar.photo import open_photo
from engines.avatar.store import check_name, read_manifest, save_avatar
from engines.types import Progress
from realtime.shelf import Shelf


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``enroll``."""
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="a picture file")
    parser.add_argument("--name", required=True, metavar="NAME", help="what to call the avatar")
    parser.add_argument(
        "--avatars", type=Path, metavar="DIR", help="where to keep it (default: your user data)"
    )


def enroll_file(avatars: Path, photo: Path, name: str, progress: Progress) -> list[str]:
    """Enrol a file into the folder ``avatars``; the warnings. The server runs this in a process."""
    avatar = enroll(open_photo(photo), name, progress)
    save_avatar(avatar, avatars)
    return list(avatar.provenance["warnings"])


def run(args: argparse.Namespace) -> int:
    """Enrol, print what was seen."""
    check_name(args.name)
    started = time.perf_counter()
    photo = open_photo(args.photo)
    with tqdm(total=100, desc="enroll", unit="%", disable=None, file=sys.stderr) as bar:

        def show(step: str, done: float) -> None:
            bar.set_postfix_str(step)
            bar.update(round(100 * done) - bar.n)

        avatar = enroll(photo, args.name, show)
    folder = save_avatar(avatar, Shelf(args.avatars).own)
    seconds = time.perf_counter() - started
    seen = avatar.provenance
    print(f"{folder}: made in {seconds:.1f} s, fit error {seen['fit_error_px']} px")
    for warning in seen["warnings"]:
        print(f"  note: {warning}")
    where = "" if args.avatars is None else f' --avatars "{args.avatars}"'
    print(f"perform it: puppetcam serve{where}")
    print(f"or: puppetcam replay --avatar {args.name}{where} --input CLIP --output OUT.mp4")
    if args.json:
        print(
            json.dumps(
                {"avatar": args.name, "folder": str(folder), "seconds": round(seconds, 2),
                 "fit_error_px": seen["fit_error_px"], "warnings": seen["warnings"],
                 "digest": read_manifest(folder)[1]}
            )
        )  # fmt: skip
    return 0
