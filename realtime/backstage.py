"""What performs behind the server: the shelf of avatars, the puppeteer, enrolment."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from realtime.enroll import enroll_file
from realtime.hub import Backstage
from realtime.puppeteer import BACKEND, Puppeteer
from realtime.shelf import Shelf
from realtime.warmup import warm_up


def open_backstage(args: argparse.Namespace) -> Backstage:
    """Load and compile what a first frame needs; says what it compiles when that takes long."""
    shelf = Shelf(args.avatars)
    warm_up(shelf.load(None), sys.stderr)
    return Backstage(
        gallery=shelf,
        make_puppet=lambda avatar: Puppeteer(avatar),
        enroll=partial(enroll_file, shelf.own),
        backend=BACKEND,
    )
