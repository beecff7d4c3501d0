"""The people that come with puppetcam: who they are and what they wear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from export.people_body import Traits
from export.people_clothes import Bottom, Top
from export.people_hair import Style
from export.people_piece import RGB
from export.people_render import Light
from export.people_skin import Face

BIG_EYES = {"l-eye-scale-incr": 0.35, "r-eye-scale-incr": 0.35}
SMILE = {
    "mouthSmileLeft": 1.0,
    "cheekSquintLeft": 0.5,
    "mouthDimpleLeft": 0.4,
    "eyeWideLeft": 0.25,
    "browInnerUp": 0.2,
}


@dataclass(frozen=True)
class Person:
    """Someone to render. frame: where the photo ends below: "body", "hips" or "chest"."""

    traits: Traits
    face: Face
    brow: RGB
    hair: Style
    top: Top
    bottom: Bottom
    paper: RGB
    frame: str = "body"
    collar: tuple[float, float] | None = None
    beard: Style | None = None
    shoes: RGB = (236, 234, 228)
    sole: RGB = (250, 250, 248)
    lashes: float = 1.0
    heavy: float = 1.0
    smile: Mapping[str, float] = field(default_factory=lambda: SMILE)
    light: Light = field(default_factory=Light)
    toon: bool = False


CAST: dict[str, Person] = {
    "mira": Person(
        Traits(
            {
                "gender": 1.0,
                "age": 0.60,
                "muscle": 0.55,
                "weight": 0.42,
                "height": 0.55,
                "proportions": 0.85,
                "cupsize": 0.45,
                "firmness": 0.7,
                "african": 0.55,
                "asian": 0.1,
                "caucasian": 0.35,
            },
            BIG_EYES
            | {
                "mouth-upperlip-volume-incr": 0.3,
                "mouth-lowerlip-volume-incr": 0.3,
                "nose-scale-horiz-incr": -0.2,
                "chin-width-incr": -0.5,
                "head-fat-incr": -0.25,
            },
        ),
        Face((172, 116, 86), (160, 78, 74), (74, 46, 28), (24, 16, 13)),
        brow=(26, 18, 14),
        hair=Style(
            (24, 16, 13),
            (62, 38, 26),
            0.125,
            0.115,
            lift=1.4,
            weight=0.35,
            curl=(0.0065, 3.2),
            clump=0.6,
            volume=0.035,
            rough=0.22,
            count=17000,
            steps=22,
            hairline=0.66,
        ),
        top=Top((222, 160, 58), (206, 142, 46), sleeve=0.26, hem=0.05, collar=-0.018, slack=0.012),
        bottom=Bottom((52, 70, 104)),
        collar=(0.0065, 0.0065),
        paper=(150, 172, 178),
        shoes=(236, 234, 228),
    ),
    "tom": Person(
        Traits(
            {
                "gender": 0.0,
                "age": 0.70,
                "muscle": 0.5,
                "weight": 0.52,
                "height": 0.45,
                "proportions": 0.7,
                "cupsize": 0.5,
                "firmness": 0.5,
                "african": 0.0,
                "asian": 0.0,
                "caucasian": 1.0,
            },
            BIG_EYES | {"nose-volume-incr": 0.2, "eyebrows-trans-up": 0.1},
        ),
        Face((224, 172, 144), (186, 112, 102), (76, 104, 116), (92, 54, 30), age=0.3),
        brow=(88, 52, 30),
        hair=Style(
            (92, 52, 28),
            (150, 92, 50),
            0.065,
            0.022,
            comb=(0.75, -0.25, 0.85),
            part=-0.35,
            lift=0.16,
            weight=0.0,
            clump=0.5,
            volume=0.022,
            rough=0.09,
            count=19000,
            hairline=0.66,
        ),
        beard=Style(
            (104, 56, 28), (150, 86, 44), 0.0105, 0.0105, rough=0.20, count=9000, width=0.00018
        ),
        top=Top(
            (52, 92, 84), (44, 80, 74), sleeve=0.99, hem=0.05, slack=0.015, band=0.045, knit=190
        ),
        bottom=Bottom((70, 66, 62)),
        collar=(0.010, 0.011),
        paper=(196, 182, 164),
        frame="hips",
        lashes=0.7,
        heavy=1.25,
    ),
    "edith": Person(
        Traits(
            {
                "gender": 1.0,
                "age": 0.88,
                "muscle": 0.45,
                "weight": 0.55,
                "height": 0.4,
                "proportions": 0.6,
                "cupsize": 0.5,
                "firmness": 0.4,
                "african": 0.0,
                "asian": 0.75,
                "caucasian": 0.25,
            },
            BIG_EYES
            | {
                "l-cheek-volume-incr": 0.3,
                "r-cheek-volume-incr": 0.3,
                "mouth-upperlip-volume-incr": 0.2,
            },
        ),
        Face((222, 180, 150), (178, 92, 92), (56, 38, 28), (150, 146, 142), age=0.8),
        brow=(112, 106, 102),
        hair=Style(
            (148, 146, 146),
            (206, 204, 202),
            0.17,
            0.10,
            comb=(0.75, -0.1, 0.7),
            part=0.55,
            lift=0.12,
            weight=1.1,
            curl=(0.004, 1.2),
            clump=0.55,
            volume=0.024,
            rough=0.08,
            count=17000,
            hairline=0.57,
            silver=0.25,
            steps=20,
        ),
        top=Top(
            (150, 66, 84),
            (134, 56, 74),
            sleeve=0.99,
            hem=0.05,
            slack=0.014,
            collar=-0.018,
            knit=200,
        ),
        bottom=Bottom((60, 58, 66)),
        collar=(0.013, 0.014),
        paper=(172, 186, 170),
        lashes=0.6,
        frame="chest",
    ),
    "kit": Person(
        Traits(
            {
                "gender": 0.35,
                "age": 0.38,
                "muscle": 0.5,
                "weight": 0.45,
                "height": 0.5,
                "proportions": 0.6,
                "cupsize": 0.5,
                "firmness": 0.5,
                "african": 0.2,
                "asian": 0.2,
                "caucasian": 0.6,
            },
            {
                "l-eye-scale-incr": 0.9,
                "r-eye-scale-incr": 0.9,
                "nose-point-up": 0.5,
                "nose-scale-horiz-incr": -0.3,
                "head-fat-incr": 0.15,
            },
        ),
        Face((244, 196, 164), (206, 110, 104), (60, 130, 110), (200, 96, 40)),
        brow=(150, 70, 32),
        hair=Style(
            (196, 88, 36),
            (240, 150, 70),
            0.085,
            0.055,
            comb=(0.25, -0.35, -0.25),
            lift=0.6,
            weight=0.15,
            clump=0.85,
            volume=0.020,
            rough=0.28,
            count=15000,
            width=0.00022,
        ),
        top=Top(
            (92, 108, 190),
            (240, 200, 90),
            sleeve=0.98,
            hem=0.04,
            collar=-0.018,
            slack=0.018,
            band=0.03,
            fold=1.2,
        ),
        bottom=Bottom((70, 74, 92)),
        collar=(0.016, 0.040),
        paper=(250, 214, 150),
        shoes=(226, 78, 66),
        toon=True,
    ),
}
