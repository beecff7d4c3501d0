"""A drawn person with known parts: what enrolment is tested on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from engines.body.fit import Fit, fit
from engines.body.mesh import load_body
from engines.types import F32, U8, Keypoints

SKIN, SHIRT, TROUSERS, SLEEVE = (214, 170, 140), (60, 90, 160), (70, 70, 74), (48, 76, 142)
METRE = 180.0  # px
WIDTH, HEIGHT = 320, 400


@dataclass(frozen=True)
class Drawing:
    """image: u8 (H, W, 3); parts: u8 (H, W), 0 background, 1 trunk and head, 2 the arm at larger x,
    3 the other arm, 4 and 5 the legs; background: u8 (H, W, 3) without the person."""

    image: U8
    parts: U8
    background: U8
    keypoints: Keypoints

    @property
    def mask(self) -> F32:
        """What a network would say: blurred."""
        person = (self.parts > 0).astype(np.float32)
        return np.asarray(cv2.GaussianBlur(person, (0, 0), 2.0), np.float32)


def places(crossed: bool = False) -> dict[int, tuple[float, float]]:
    """The 33 points in metres from the hip centre, y down; left at larger x."""
    out = {0: (0.0, -0.70)}
    out |= {i: (0.012 * (i - 0.5), -0.735) for i in (1, 2, 3)}
    out |= {i: (-0.012 * (i - 3.5), -0.735) for i in (4, 5, 6)}
    out |= {7: (0.075, -0.70), 8: (-0.075, -0.70), 9: (0.025, -0.645), 10: (-0.025, -0.645)}
    for side, sign in ((0, 1.0), (1, -1.0)):
        elbow, wrist, hand = (0.235, -0.27), (0.25, -0.03), (0.25, 0.06)
        if crossed:
            wrist, hand = (-0.05, -0.25 + 0.03 * sign), (-0.13, -0.25 + 0.03 * sign)
        limb = {11: (0.18, -0.52), 13: elbow, 15: wrist, 17: hand, 19: hand, 21: hand,
                23: (0.095, 0.0), 25: (0.11, 0.42), 27: (0.115, 0.83), 29: (0.11, 0.87),
                31: (0.13, 0.90)}  # fmt: skip
        out |= {i + side: (sign * x, y) for i, (x, y) in limb.items()}
    return out


@cache
def draw(crop: int = HEIGHT, crossed: bool = False) -> Drawing:
    """The person before a soft gradient; ``crop``: rows of the picture that are kept."""
    centre = np.array([WIDTH / 2, 190.0])
    metres = places(crossed)
    xy = np.array([metres[i] for i in range(33)]) * METRE + centre
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    background = np.stack([120 + rows * 0.2, 150 + columns * 0.15, 170 - rows * 0.1], -1)
    background = background.astype(np.uint8)
    image, parts = background.copy(), np.zeros((HEIGHT, WIDTH), np.uint8)

    def paint(shape: U8, part: int, colour: tuple[int, int, int]) -> None:
        image[shape > 0] = colour
        parts[shape > 0] = part

    def line(points: list[int], width: float) -> U8:
        canvas: U8 = np.zeros((HEIGHT, WIDTH), np.uint8)
        way = np.rint(xy[points] * 8).astype(np.int32)
        cv2.polylines(canvas, [way], False, 1, int(width * METRE), shift=3)
        return canvas

    for part, hip in ((4, 23), (5, 24)):
        paint(line([hip, hip + 2, hip + 4], 0.13), part, TROUSERS)
        paint(line([hip + 4, hip + 8], 0.08), part, (40, 36, 34))
    trunk: U8 = np.zeros((HEIGHT, WIDTH), np.uint8)
    outline = [(-0.17, -0.56), (0.17, -0.56), (0.17, 0.03), (-0.17, 0.03)]
    corners = np.array(outline) * METRE + centre
    cv2.fillConvexPoly(trunk, np.rint(corners * 8).astype(np.int32), 1, shift=3)
    paint(trunk, 1, SHIRT)
    head: U8 = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(head, tuple(np.rint(xy[0] - [0, 6]).astype(int)), int(0.1 * METRE), 1, -1)
    neck = np.array([[-0.045, -0.66], [0.045, -0.66], [0.045, -0.54], [-0.045, -0.54]])
    cv2.fillConvexPoly(head, np.rint((neck * METRE + centre) * 8).astype(np.int32), 1, shift=3)
    paint(head, 1, SKIN)
    for part, shoulder in ((2, 11), (3, 12)):
        paint(line([shoulder, shoulder + 2, shoulder + 4], 0.105), part, SLEEVE)
        xy[shoulder + 6] += 0.6 * (xy[shoulder + 6] - xy[shoulder + 4])  # fingers
        paint(line([shoulder + 4, shoulder + 6], 0.085), part, SKIN)
        xy[shoulder + 6] = xy[shoulder + 8]
    grain = np.random.default_rng(1).normal(0, 2.0, image.shape)
    image = np.clip(image + grain, 0, 255).astype(np.uint8)
    world = np.concatenate([(xy - centre) / METRE, np.zeros((33, 1))], 1)
    if crossed:
        world[[15, 16, 17, 18, 19, 20, 21, 22], 2] = -0.2
        world[[16, 18, 20, 22], 2] -= 0.06
    conf = np.where(xy[:, 1] < crop, 0.99, 0.1)
    keypoints = Keypoints(
        xy=xy.astype(np.float32),
        z=(world[:, 2] * METRE).astype(np.float32),
        conf=conf.astype(np.float32),
        world=world.astype(np.float32),
    )
    return Drawing(image[:crop].copy(), parts[:crop].copy(), background[:crop].copy(), keypoints)


@cache
def fitted(crop: int = HEIGHT, crossed: bool = False) -> Fit:
    """The real body fitted to the drawing."""
    drawing = draw(crop, crossed)
    return fit(load_body(), drawing.keypoints, drawing.mask, drawing.image.shape)
