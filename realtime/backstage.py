"""What performs behind the server: the shelf of avatars, the puppeteer, enrolment."""

from __future__ import annotations

import argparse
import sys
from functools import partial

import cv2

from engines.device import NETWORKS, choose, words
from engines.kernels.budget import budget
from realtime import codec_proof
from realtime.codec import Codecs
from realtime.config import told
from realtime.enroll import enroll_file
from realtime.hub import Backstage
from realtime.puppeteer import Puppeteer
from realtime.shelf import Shelf
from realtime.warmup import warm_up


def open_backstage(args: argparse.Namespace) -> Backstage:
    """Load and compile what a first frame needs; says what it compiles when that takes long.

    Raises DeviceError for a device that is not there.
    """
    choice = choose(args.device)
    print(told(choice, budget.allowed), file=sys.stderr)
    codecs = codecs_beside(choice.device)
    if choice.device != "cpu":
        print(f"video {codecs}", file=sys.stderr)
    # OpenCV's idle threads spin, at the cost of everyone else's: 1.5 frames/s beside a browser.
    cv2.setNumThreads(1)
    shelf = Shelf(args.avatars)
    warm_up(shelf.load(None), sys.stderr)
    return Backstage(
        gallery=shelf,
        make_puppet=partial(Puppeteer, device=choice.device, live=True),
        enroll=partial(enroll_file, shelf.own),
        backend=to_come(choice.device),
        planes=choice.device != "cpu",
        codecs=codecs,
    )


def codecs_beside(device: str) -> Codecs:
    """Who encodes and decodes where ``device`` computes."""
    if device == "cpu":
        return Codecs()
    if budget.allowed is not None:
        why = "what the card's codecs take of it cannot be limited"
        return Codecs(encoder_why=why, decoder_why=why)
    return codec_proof.choose()


def to_come(device: str) -> str:
    """What computes before the first performance: a card is not named before it does."""
    now = words("cpu", "cpu")
    return now if device == "cpu" else f"{now}, until {NETWORKS[device]} ({device}) is ready"
