"""Enrol the avatars that come with puppetcam: the rendered people and the astronaut.

The astronaut is NASA's portrait of Eileen Collins, public domain, as bundled with scikit-image.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from engines.avatar.enroll import enroll
from engines.avatar.photo import Photo, open_photo
from engines.avatar.store import save_avatar

PEOPLE = Path(__file__).parent / "people"
TARGET = Path(__file__).parent.parent / "engines" / "avatar" / "bundled"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``avatars`` to the command line."""
    parser = commands.add_parser("avatars", help="enrol the bundled avatars", description=__doc__)
    parser.set_defaults(run=run)
    parser.add_argument(
        "--out", type=Path, default=TARGET, metavar="DIR", help="where to write them"
    )


def run(args: argparse.Namespace) -> int:
    """Enrol each photo and print what enrolment says."""
    import skimage.data

    astronaut = np.ascontiguousarray(skimage.data.astronaut())  # type: ignore[no-untyped-call]
    photos = {"astronaut": Photo.of(astronaut, "scikit-image astronaut.png")}
    photos |= {p.stem: open_photo(p) for p in sorted(PEOPLE.glob("*.jpg"))}
    for name, photo in photos.items():
        avatar = enroll(photo, name)
        folder = save_avatar(avatar, args.out)
        size = sum(f.stat().st_size for f in folder.iterdir()) / 1e6
        print(f"{name}: {size:.1f} MB, fit {avatar.provenance['fit_error_px']} px")
        for warning in avatar.provenance["warnings"]:
            print(f"  {warning}")
    return 0
