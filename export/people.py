"""The people that come with puppetcam, rendered: photos to enrol and a sample performance.

Bodies are Anny's (CC0); clothes, hair, light and rooms are made here, so the pictures are the
project's own. ``--out`` writes the photos, ``--performance`` the clip; both are seeded.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from engines.errors import InputError
from engines.types import F32, U8
from export.people_body import Figure, read_figures
from export.people_brows import beard, beard_area, brows, lashes
from export.people_cast import CAST, Person
from export.people_clothes import Measures, bottom, roll, shoe, top
from export.people_hair import Head, Strands, grow, scalp
from export.people_performance import pictures, times, write
from export.people_piece import Piece, worn
from export.people_pose import Poser, bone_maps, expression
from export.people_render import Lens, contact, develop, render
from export.people_room import studio
from export.people_skin import eyeball, skin
from export.people_toon import paint

PEOPLE = Path(__file__).parent / "people"
PERFORMER = "tom"
SIZE = (768, 1024)


@dataclass(frozen=True)
class Dressed:
    """A person's pieces, ready to pose."""

    figure: Figure
    pieces: list[Piece]
    strands: list[Strands]


def dress(figure: Figure, person: Person, seed: int) -> Dressed:
    """Clothes, eyes and hair for a body."""
    at = Measures.of(figure)
    trousers = bottom(figure, at, person.bottom)
    shirt, bands = top(figure, at, person.top, trousers)
    clad = np.ascontiguousarray(np.where((shirt.cut > 0)[:, None], shirt.rest, figure.rest))
    head = Head.of(figure, clad)
    grows = figure.bones("head", "neck02", "neck03") > 0.4
    stubble = 0.85 * scalp(head, figure.rest, person.hair.hairline) * (figure.masks["ears"] < 0.3)
    hair = [
        grow(head, person.hair, seed),
        brows(head, person.brow, seed + 1, heavy=person.heavy),
        lashes(head, (20, 14, 12), seed + 2, person.lashes),
    ]
    if person.beard is not None:
        stubble = np.maximum(stubble, 0.6 * beard_area(head, figure.rest))
        hair.append(beard(head, person.beard, seed + 3))
    stubble = (stubble * grows).astype(np.float32)
    hidden = np.maximum(shirt.cut, trousers.cut)
    # What lies deep under the shirt is not drawn.
    trousers = replace(trousers, cut=np.minimum(trousers.cut, 0.05 - shirt.cut))
    pieces = [skin(figure, person.face, hidden, stubble), shirt, bands, trousers]
    for side in "LR":
        pieces.append(eyeball(figure, side, person.face.iris))
        pieces.append(shoe(figure, side, person.shoes, person.sole))
    if person.collar is not None:
        pieces.append(roll(figure, shirt, person.top.trim, *person.collar))
    return Dressed(figure, [worn(piece) for piece in pieces], hair)


def stand(figure: Figure, spread: float) -> Poser:
    """Upright, the arms ``spread`` degrees away from the body, relaxed."""
    poser = Poser(figure)
    out, down = np.sin(np.radians(spread)), np.cos(np.radians(spread))
    for side in "LR":
        poser.arm(side, (out, down, 0.02), (out * 0.8, down, -0.16), roll=-8, curl=13)
        poser.turn(f"upperleg01.{side}", z=2.5 if side == "L" else -2.5)
    return poser


def view(figure: Figure, frame: str) -> Lens:
    """The lens for a photo."""
    crown = float(figure.rest[:, 1].min()) - 0.03
    width, height = SIZE
    if frame == "body":
        sole = float(figure.rest[:, 1].max())
        return Lens((0, (crown + sole) / 2 + 0.01, 0), (sole - crown) * 1.13, width, height)
    low = {"hips": 0.27, "chest": -0.29}[frame]
    tall = (low - crown) * 1.10
    return Lens((0, low - tall / 2, 0), tall, width, height, 2.6)


def photo(dressed: Dressed, person: Person, seed: int, scale: int = 3) -> U8:
    """The person's photo, u8 (1024, 768, 3) RGB."""
    figure = dressed.figure
    lens = view(figure, person.frame)
    maps = bone_maps(
        figure, stand(figure, {"body": 27, "hips": 14, "chest": 14}[person.frame]).matrices()
    )
    moved = expression(figure, person.smile)
    layers = render(dressed.pieces, dressed.strands, maps, moved, lens, person.light, scale)
    if person.toon:
        layers = paint(layers)
    floor = float(max(piece.rest[:, 1].max() for piece in dressed.pieces))

    def shadow(points: F32) -> F32:
        return contact(dressed.pieces, maps, lens, person.light, points)

    behind = (
        studio(lens, person.paper, floor, shadow, seed)
        if person.frame == "body"
        else studio(lens, person.paper, None, None, seed)
    )
    return develop(layers.colour + (1 - layers.alpha[..., None]) * behind, seed)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``people`` to the command line."""
    parser = commands.add_parser(
        "people", help="render the bundled people and the sample performance", description=__doc__
    )
    parser.set_defaults(run=run)
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the photos here")
    parser.add_argument("--only", choices=sorted(CAST), help="one person's photo")
    parser.add_argument("--performance", type=Path, metavar="FILE", help="write the clip here")


def run(args: argparse.Namespace) -> int:
    """Render what is asked for."""
    if args.out is None and args.performance is None:
        raise InputError(
            "people: nothing to make", f"puppetcam-export people --out {PEOPLE} --performance FILE"
        )
    figures = read_figures({name: person.traits for name, person in CAST.items()})
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        for seed, (name, person) in enumerate(CAST.items()):
            if args.only in (None, name):
                picture = photo(dress(figures[name], person, seed), person, seed)
                target = args.out / f"{name}.jpg"
                cv2.imwrite(str(target), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
                print(f"{target}: {target.stat().st_size / 1e3:.0f} kB")
    if args.performance is not None:
        dressed = dress(figures[PERFORMER], CAST[PERFORMER], list(CAST).index(PERFORMER))
        frames = pictures(dressed.figure, dressed.pieces, dressed.strands, times())
        write(args.performance, tqdm(frames, total=len(times()), unit="frame"))
        print(f"{args.performance}: {args.performance.stat().st_size / 1e3:.0f} kB")
    return 0
