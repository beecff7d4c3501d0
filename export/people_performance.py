"""The sample performance: fourteen seconds of gestures before a webcam, looping."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from scipy.interpolate import PchipInterpolator

from engines.types import F32, U8
from export.people_body import Figure
from export.people_hair import Strands
from export.people_piece import Piece
from export.people_pose import Poser, bone_maps, expression
from export.people_render import Lens, Light, develop, render
from export.people_room import room

SECONDS, RATE = 14, 30
WIDTH, HEIGHT = 640, 480
Way = tuple[float, float, float]


@dataclass(frozen=True)
class Arm:
    """Directions of an arm's parts (x outward, y down, z off the camera) and turns in degrees."""

    upper: Way = (0.24, 0.97, 0.02)
    lower: Way = (0.17, 0.97, -0.16)
    hand: Way = (0.13, 0.97, -0.20)
    twist: float = 0.0
    roll: float = -8.0
    curl: float = 13.0
    close: float = 1.0


@dataclass(frozen=True)
class Key:
    """What the performer does at an instant; angles in degrees."""

    at_s: float
    left: Arm = Arm()
    right: Arm = Arm()
    yaw: float = 0.0
    nod: float = 0.0
    tilt: float = 0.0
    lean: float = 0.0
    turn: float = 0.0
    shrug: float = 0.0
    smile: float = 0.8
    brows: float = 0.0
    jaw: float = 0.0


REST = Key(0)
WAVE_OUT = Arm((0.62, 0.76, -0.18), (0.42, -0.86, -0.30), (0.62, -0.78, -0.16), 0, -170, 3, 0.0)
WAVE_IN = replace(WAVE_OUT, lower=(0.08, -0.92, -0.36), hand=(-0.18, -0.96, -0.22))
ASIDE = Arm((0.96, 0.16, -0.10), (0.52, -0.82, -0.22), (0.40, -0.90, -0.10), 0, -150, 4, 0.2)
SHRUG = Arm((0.42, 0.90, -0.06), (0.72, 0.30, -0.62), (0.86, 0.16, -0.48), 0, -95, 8, 0.2)
TOGETHER = Arm((0.32, 0.90, -0.28), (-0.93, -0.30, -0.50), (-0.16, -0.94, -0.28), 0, -125, 4, 0.8)

KEYS = (
    Key(0.0),
    Key(1.0),
    Key(1.35, nod=15, smile=0.85),
    Key(1.7, nod=-6, brows=0.5, smile=0.9),
    Key(2.05, nod=13, smile=0.9),
    Key(2.4, smile=0.85),
    Key(2.95, yaw=30, nod=2, turn=6),
    Key(3.25, yaw=30, nod=2, turn=6),
    Key(3.95, yaw=-30, nod=2, turn=-6),
    Key(4.2, yaw=-28, nod=2, turn=-5),
    Key(4.85, right=WAVE_OUT, tilt=-4, smile=0.9, brows=0.4),
    Key(5.1, right=WAVE_IN, tilt=-3, smile=1.0, brows=0.4, jaw=0.12),
    Key(5.35, right=WAVE_OUT, tilt=-4, smile=1.0, brows=0.4, jaw=0.15),
    Key(5.6, right=WAVE_IN, tilt=-3, smile=1.0, brows=0.4, jaw=0.12),
    Key(5.85, right=WAVE_OUT, tilt=-4, smile=0.9, brows=0.3),
    Key(6.55),
    Key(7.3, left=ASIDE, right=ASIDE, nod=-4, smile=0.8),
    Key(7.75, left=ASIDE, right=ASIDE, nod=-5, smile=0.9, brows=0.3),
    Key(8.35),
    Key(8.85, left=SHRUG, right=SHRUG, shrug=13, tilt=7, brows=0.9, smile=0.25),
    Key(9.25, left=SHRUG, right=SHRUG, shrug=13, tilt=8, brows=0.9, smile=0.3),
    Key(10.0, left=TOGETHER, right=TOGETHER, nod=6, smile=0.8),
    Key(10.6, left=TOGETHER, right=TOGETHER, nod=8, smile=0.8),
    Key(11.3),
    Key(11.75, lean=11, tilt=3),
    Key(12.45, lean=-11, tilt=-3),
    Key(12.9, yaw=16, nod=-9, brows=0.4),
    Key(13.25, yaw=-14, nod=-6, brows=0.3),
    Key(13.7),
    Key(14.0),
)
BLINKS_S = (0.6, 2.45, 4.3, 6.2, 8.1, 9.5, 11.1, 12.7, 13.6)


def numbers(key: Key) -> list[float]:
    """A key's movement as plain numbers."""
    out: list[float] = []
    for arm in (key.left, key.right):
        out += [*arm.upper, *arm.lower, *arm.hand, arm.twist, arm.roll, arm.curl, arm.close]
    return out + [getattr(key, f.name) for f in fields(Key)[3:]]


def key_from(values: F32, at_s: float) -> Key:
    """The inverse of ``numbers``."""
    v = [float(x) for x in values]

    def arm(k: int) -> Arm:
        return Arm(
            (v[k], v[k + 1], v[k + 2]), (v[k + 3], v[k + 4], v[k + 5]),
            (v[k + 6], v[k + 7], v[k + 8]), *v[k + 9 : k + 13],
        )  # fmt: skip

    return Key(at_s, arm(0), arm(13), *v[26:])


def at(time_s: float) -> Key:
    """The performer at an instant of the loop: eased keys and a slight sway of whole periods."""
    track = PchipInterpolator([k.at_s for k in KEYS], np.array([numbers(k) for k in KEYS]))
    key = key_from(track(time_s % SECONDS), time_s)
    turn = 2 * np.pi * time_s / SECONDS
    return replace(
        key,
        lean=key.lean + 0.8 * np.sin(2 * turn),
        yaw=key.yaw + 1.6 * np.sin(3 * turn),
        nod=key.nod + 0.9 * np.sin(5 * turn),
        tilt=key.tilt + 0.9 * np.sin(2 * turn + 0.6) - 0.9 * np.sin(0.6),
        shrug=key.shrug + 0.7 * (1 - np.cos(4 * turn)),
    )


def pose(figure: Figure, key: Key) -> F32:
    """Local rotations of a key, f32 (J, 3, 3)."""
    poser = Poser(figure)
    for bone in ("spine04", "spine03", "spine02"):
        poser.turn(bone, y=key.turn / 3, z=key.lean / 3)
    for bone, share in (("neck01", 0.2), ("neck02", 0.2), ("neck03", 0.2), ("head", 0.4)):
        poser.turn(
            bone, x=key.nod * share, y=key.yaw * share, z=(key.tilt - 0.5 * key.lean) * share
        )
    for side, arm in (("L", key.left), ("R", key.right)):
        poser.turn(f"clavicle.{side}", z=-key.shrug if side == "L" else key.shrug)
        poser.arm(side, arm.upper, arm.lower, arm.hand, arm.twist, arm.roll, arm.curl, arm.close)
        poser.turn(f"upperleg01.{side}", z=2.5 if side == "L" else -2.5)
    return poser.matrices()


def expressed(figure: Figure, key: Key) -> F32:
    """The skin's displacement, with blinks, f32 (V, 3) m."""
    blink = max(np.exp(-(((key.at_s - t) / 0.075) ** 2)) for t in BLINKS_S)
    return expression(figure, {
        "mouthSmileLeft": key.smile, "cheekSquintLeft": 0.4 * key.smile,
        "browInnerUp": key.brows, "browOuterUpLeft": 0.7 * key.brows, "jawOpen": key.jaw,
        "eyeBlinkLeft": float(blink), "eyeWideLeft": 0.45 * (1 - float(blink)),
    })  # fmt: skip


def lens(figure: Figure) -> Lens:
    """A webcam that shows the performer from the hips up and both hands when raised."""
    crown = float(figure.rest[:, 1].min())
    tall = (0.26 - crown) * 1.12
    return Lens((0, 0.26 - tall / 2, 0), tall, WIDTH, HEIGHT, 2.6)


def pictures(
    figure: Figure, pieces: list[Piece], strands: list[Strands], times_s: list[float]
) -> Iterator[U8]:
    """The performance at these instants: u8 (480, 640, 3) RGB."""
    behind = room(WIDTH, HEIGHT, 5)
    light = Light(count=24)
    for time_s in times_s:
        key = at(time_s)
        maps = bone_maps(figure, pose(figure, key))
        layers = render(pieces, strands, maps, expressed(figure, key), lens(figure), light, 2)
        picture = layers.colour + (1 - layers.alpha[..., None]) * behind
        yield develop(picture, round(time_s * RATE), grain=0.004)


def times() -> list[float]:
    """The instants of all frames; the one after the last is the first again."""
    return [k / RATE for k in range(SECONDS * RATE)]


def write(path: Path, images: Iterator[U8], rate: int = RATE) -> None:
    """H.264 constrained baseline, yuv420p, playable while it loads."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream("libx264", rate=Fraction(rate))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"profile": "baseline", "preset": "veryslow", "crf": "20"}
        for image in images:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode(None))
