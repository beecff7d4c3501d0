"""Measure the picture: a clip performed by its own first frame.

The first frame with a person becomes the avatar; the rest of the clip is performed with it and
compared with what the camera really saw, inside the person: PSNR, SSIM, the landmarks found again
on the output (errors in torso lengths), flicker. Beside it stand the same figures for the photo
standing still: an avatar that does not beat them is no use. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from engines.avatar.enroll import enroll
from engines.avatar.photo import Photo
from engines.device import choose
from engines.errors import InputError, NoPersonError
from engines.kernels.budget import budget
from engines.keypoints.people import PeopleFinder, Person
from engines.render import View
from engines.types import F32, U8
from realtime import interrupt
from realtime.clip import ClipReader, ClipWriter
from realtime.config import add_card_memory, add_device, card_memory, told
from realtime.metrics import ARMS, Mask, flicker, keypoint_errors, psnr, ssim
from realtime.puppeteer import Puppeteer


@dataclass(frozen=True, slots=True)
class Likeness:
    """How close a video comes to the truth, means over its frames.

    psnr dB and ssim inside the true person; keypoints, arms: landmark errors in torso lengths;
    flicker: second temporal difference inside the person, grey levels; missed: frames of the output
    in which no person was found (they count with an error of one torso length).
    """

    psnr: float
    ssim: float
    arms: float
    keypoints: float
    flicker: float
    missed: int


@dataclass(frozen=True, slots=True)
class Score:
    """avatar: the performed video; still: the photo standing still; truth_flicker: the clip's."""

    clip: str
    frames: int
    avatar: Likeness
    still: Likeness
    truth_flicker: float


class Comparison:
    """Gathers one video's likeness frame by frame."""

    def __init__(self) -> None:
        self._psnr: list[float] = []
        self._ssim: list[float] = []
        self._errors: list[F32] = []
        self._flicker: list[float] = []
        self._recent: list[tuple[U8, Mask]] = []
        self._missed = 0

    def add(self, picture: U8, found: Person | None, truth_picture: U8, truth: Person) -> None:
        """One frame of the video and what the camera saw at that instant."""
        inside = truth.mask > 0.5
        size = (picture.shape[1], picture.shape[0])
        self._psnr.append(min(60.0, psnr(picture, truth_picture, inside)))
        self._ssim.append(ssim(picture, truth_picture, inside))
        keypoints = None if found is None else found.keypoints
        self._errors.append(keypoint_errors(keypoints, truth.keypoints, size))
        self._missed += found is None
        self._recent = [*self._recent, (picture.copy(), inside)][-3:]
        if len(self._recent) == 3:
            (a, in_a), (b, in_b), (c, in_c) = self._recent
            self._flicker.append(flicker(a, b, c, in_a & in_b & in_c))

    def likeness(self) -> Likeness:
        """Means over all frames so far."""
        errors = np.array(self._errors)
        return Likeness(
            psnr=float(np.mean(self._psnr)),
            ssim=float(np.mean(self._ssim)),
            arms=_mean(errors[:, ARMS]),
            keypoints=_mean(errors),
            flicker=float(np.mean(self._flicker)) if self._flicker else 0.0,
            missed=self._missed,
        )


def _mean(errors: F32) -> float:
    return float(np.nanmean(errors)) if np.isfinite(errors).any() else float("nan")


def score_clip(path: Path, video: Path | None = None, device: str = "cpu") -> Score:
    """Score one clip; with ``video`` the truth and the avatar are written side by side there.

    Raises NoPersonError if no frame shows a person, InputError if fewer than three follow it.
    """
    performed, still, real = Comparison(), Comparison(), Comparison()
    puppeteer: Puppeteer | None = None
    photo: U8 | None = None
    photo_person: Person | None = None
    writer: ClipWriter | None = None
    count = 0
    with ExitStack() as opened:
        clip = opened.enter_context(ClipReader(path))
        finder = opened.enter_context(PeopleFinder())
        frames = tqdm(
            clip, total=clip.count or None, desc=path.stem, unit="frame", disable=None,
            file=sys.stderr,
        )  # fmt: skip
        for frame in frames:
            interrupt.check()
            truth = next(iter(finder.find(frame.image)), None)
            if truth is None:
                continue
            if photo is not None and frame.image.shape != photo.shape:
                raise InputError(
                    f"{path.name} changes its size: frame {frame.index} has "
                    f"{_size(frame.image)} px, the first with a person {_size(photo)}",
                    "give a clip of one size, or cut it where the size changes",
                )
            size = (frame.image.shape[1], frame.image.shape[0])
            if puppeteer is None:
                avatar = enroll(Photo.of(frame.image, path.name), "score")
                scale = size[0] / avatar.image.shape[1]  # enrolment may have made it smaller
                puppeteer = Puppeteer(avatar, size, "photo", view=View(scale), device=device)
                puppeteer.process(frame)
                photo, photo_person = frame.image, truth
                if video is not None:
                    writer = opened.enter_context(
                        ClipWriter(video, clip.rate, (2 * size[0], size[1]), alpha=False)
                    )
                continue
            assert photo is not None
            picture = np.ascontiguousarray(puppeteer.process(frame)["rgba"][:, :, :3])
            found = next(iter(finder.find(picture)), None)
            performed.add(picture, found, frame.image, truth)
            still.add(photo, photo_person, frame.image, truth)
            real.add(frame.image, truth, frame.image, truth)
            if writer is not None:
                writer.write(np.concatenate([frame.image, picture], 1))
            count += 1
    if puppeteer is None:
        raise NoPersonError(f"nobody was found in {path.name}", "give a clip that shows a person")
    if count < 3:
        raise InputError(
            f"{path.name} shows a person in {count + 1} frames",
            "wanted at least 4: the first is the photo, the others are compared",
        )
    return Score(path.stem, count, performed.likeness(), still.likeness(), real.likeness().flicker)


def _size(image: U8) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``score``."""
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP", help="one or more videos")
    parser.add_argument(
        "--video",
        type=Path,
        metavar="DIR",
        help="write truth and avatar side by side to this folder",
    )
    add_device(parser)
    add_card_memory(parser)


def run(args: argparse.Namespace) -> int:
    """Print a table and, as the last line, JSON."""
    budget.allowed = card_memory(args.card_memory)
    choice = choose(args.device)
    print(told(choice, budget.allowed), file=sys.stderr)
    if args.video:
        args.video.mkdir(parents=True, exist_ok=True)
    scores = [
        score_clip(
            clip,
            args.video / f"{clip.parent.name}_{clip.stem}.mp4" if args.video else None,
            choice.device,
        )
        for clip in args.clips
    ]
    print(
        f"{'clip':<14}{'':>8}{'psnr':>8}{'ssim':>8}{'arms':>8}{'all':>8}{'flicker':>9}{'missed':>8}"
    )
    for s in scores:
        for name, row in (("avatar", s.avatar), ("still", s.still)):
            print(
                f"{s.clip if name == 'avatar' else '':<14}{name:>8}{row.psnr:8.2f}{row.ssim:8.3f}"
                f"{row.arms:8.3f}{row.keypoints:8.3f}{row.flicker:9.2f}{row.missed:8d}"
            )
        print(f"{'':<14}{'truth':>8}{'':>32}{s.truth_flicker:9.2f}")
    mean = {
        "psnr": _average([s.avatar.psnr for s in scores]),
        "psnr_still": _average([s.still.psnr for s in scores]),
        "ssim": _average([s.avatar.ssim for s in scores]),
        "ssim_still": _average([s.still.ssim for s in scores]),
        "arms": _average([s.avatar.arms for s in scores]),
        "arms_still": _average([s.still.arms for s in scores]),
        "keypoints": _average([s.avatar.keypoints for s in scores]),
        "keypoints_still": _average([s.still.keypoints for s in scores]),
        "flicker": _average([s.avatar.flicker for s in scores]),
        "flicker_truth": _average([s.truth_flicker for s in scores]),
    }
    clips = [asdict(s, dict_factory=_null) for s in scores]
    print(json.dumps({"device": choice.device, "mean": _null([*mean.items()]), "clips": clips}))
    return 0


def _average(values: list[float]) -> float:
    """The mean over the clips that have such a figure, NaN where none has."""
    known = [value for value in values if value == value]
    return round(float(np.mean(known)), 4) if known else float("nan")


def _null(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict in which what is not a number is null: JSON knows no NaN."""
    return {key: None if value != value else value for key, value in items}
