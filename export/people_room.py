"""What stands behind the rendered people: a studio's paper roll, and a living room out of focus."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from engines.types import F32
from export.people_piece import RGB, linear
from export.people_render import Lens

Shadow = Callable[[F32], F32]


def _rays(lens: Lens) -> tuple[F32, F32]:
    """Slopes x/z and y/z of every pixel's ray, each f32 (H, W)."""
    across = (np.arange(lens.width) + 0.5 - lens.width / 2) / lens.height * lens.tall
    down = (np.arange(lens.height) + 0.5 - lens.height / 2) / lens.height * lens.tall
    x, y = np.meshgrid(across / lens.distance, down / lens.distance)
    return x.astype(np.float32), y.astype(np.float32)


def _wobble(shape: tuple[int, int], cells: int, random: np.random.Generator) -> F32:
    """Soft blotches, about -1..1."""
    rough = random.standard_normal((cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(rough, shape[::-1], interpolation=cv2.INTER_CUBIC))


def studio(lens: Lens, colour: RGB, floor: float | None, shadow: Shadow | None, seed: int) -> F32:
    """A paper roll, brighter towards the window on the left: linear RGB (H, W, 3)."""
    random = np.random.default_rng(seed)
    height, width = lens.height, lens.width
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    centre = 0.36 * width / height
    pool = np.exp(-(((x - centre) / 0.62) ** 2 + ((y - 0.38) / 0.72) ** 2))
    light = 0.50 + 0.62 * pool + 0.012 * _wobble((height, width), 9, random)
    if floor is not None:
        sx, sy = _rays(lens)
        eye = lens.eye
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(sy > 1e-4, (floor - eye[1]) / sy, 1e6)
        deep = reach + eye[2]
        # The roll bends up about a metre and a half behind the feet.
        on = 1 / (1 + np.exp(np.clip((deep - 1.5) / 0.22, -30, 30)))
        light = light * (1 - on) + on * (0.93 + 0.10 * pool - 0.03 * np.clip(deep, -1, 2))
        if shadow is not None:
            flat = on > 0.02
            ground = np.stack(
                [eye[0] + sx[flat] * reach[flat], np.full(flat.sum(), floor), deep[flat]], 1
            ).astype(np.float32)
            dark = np.ones((height, width), np.float32)
            dark[flat] = shadow(np.ascontiguousarray(ground))
            soft = np.asarray(cv2.GaussianBlur(dark, (0, 0), height / 400))
            light = light * (1 - on * (1 - soft) * 0.9)
    return np.asarray(light[..., None] * linear(colour), np.float32)


def room(width: int, height: int, seed: int) -> F32:
    """A living room seen past someone at a desk: linear RGB (H, W, 3), already out of focus."""
    random = np.random.default_rng(seed)
    s = 2
    w, h = width * s, height * s
    image = np.empty((h, w, 3), np.float32)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    x, y = x / h, y / h
    image[:] = linear((203, 194, 180))
    image *= (1.06 - 0.42 * np.clip(x / 1.33, 0, 1) - 0.10 * y)[..., None]

    def box(x0: float, y0: float, x1: float, y1: float, colour: RGB, light: float = 1.0) -> None:
        left, top, right, bottom = (round(v * h) for v in (x0, y0, x1, y1))
        patch = image[max(0, top) : bottom, max(0, left) : right]
        patch[:] = linear(colour) * light

    # The window and its curtains, on the left.
    box(-0.02, -0.05, 0.25, 0.62, (240, 238, 232))
    for k in range(2):
        for j in range(3):
            box(
                0.0 + 0.122 * k,
                -0.04 + 0.215 * j,
                0.112 + 0.122 * k,
                0.165 + 0.215 * j,
                (226, 238, 248),
                1.5,
            )
    tree = np.exp(-(((x - 0.10) / 0.09) ** 2 + ((y - 0.44) / 0.10) ** 2))
    inside = (x < 0.24) & (y < 0.60)
    image += np.where(inside, tree, 0)[..., None] * (linear((140, 178, 120)) - image) * 0.7
    curtain = (x > 0.20) & (x < 0.315) & (y < 0.80)
    pleat = 0.82 + 0.18 * np.sin(x * 190)
    image = np.where(curtain[..., None], linear((214, 170, 130)) * pleat[..., None], image)
    # A shelf of books on the right, a picture, a lamp, a plant, a sofa.
    box(0.93, 0.02, 1.36, 0.70, (120, 84, 58), 0.75)
    for row in range(3):
        top, bottom = 0.045 + 0.218 * row, 0.235 + 0.218 * row
        box(0.95, top, 1.36, bottom, (70, 50, 38), 0.7)
        at = 0.955
        while at < 1.33:
            thick = random.uniform(0.012, 0.03)
            tall = random.uniform(0.10, 0.165)
            hue = [
                (176, 72, 60),
                (58, 96, 128),
                (216, 190, 140),
                (74, 116, 92),
                (232, 226, 214),
                (150, 110, 150),
                (206, 140, 70),
            ][random.integers(7)]
            if random.random() > 0.16:
                box(at, bottom - tall, at + thick, bottom, hue, 0.8)
            at += thick + 0.002
    box(0.47, 0.06, 0.80, 0.32, (92, 72, 56), 0.9)
    box(0.48, 0.072, 0.79, 0.308, (236, 230, 218), 0.9)
    box(0.515, 0.105, 0.755, 0.275, (120, 160, 176), 0.85)
    box(0.515, 0.20, 0.755, 0.275, (196, 160, 112), 0.85)
    box(0.30, 0.74, 1.36, 1.02, (86, 112, 116), 0.75)
    box(0.28, 0.70, 0.62, 0.95, (96, 124, 128), 0.8)
    box(0.66, 0.70, 1.00, 0.95, (96, 124, 128), 0.75)
    box(0.40, 0.66, 0.56, 0.84, (222, 164, 92), 0.8)
    stem = (np.abs(x - 0.872) < 0.006) & (y > 0.42) & (y < 0.78)
    image = np.where(stem[..., None], linear((60, 50, 44)), image)
    shade_ = (np.abs(x - 0.872) < 0.045 + 0.10 * (y - 0.30)) & (y > 0.30) & (y < 0.44)
    image = np.where(shade_[..., None], linear((255, 214, 150)) * 1.15, image)
    image += (
        0.20
        * np.exp(-(((x - 0.872) / 0.17) ** 2 + ((y - 0.37) / 0.17) ** 2))[..., None]
        * linear((255, 196, 120))
    )
    canvas = np.ascontiguousarray(image)
    for _ in range(46):
        angle = random.uniform(-2.6, -0.5)
        long = random.uniform(0.07, 0.17)
        x0, y0 = 0.345 + random.uniform(-0.01, 0.01), 0.66
        x1, y1 = x0 + long * np.cos(angle), y0 + 1.35 * long * np.sin(angle)
        leaf = linear((70, 120, 70)) * random.uniform(0.5, 1.4)
        cv2.ellipse(
            canvas,
            (int((x0 + x1) / 2 * h), int((y0 + y1) / 2 * h)),
            (int(long * 0.62 * h), int(0.014 * h)),
            float(np.degrees(np.arctan2(y1 - y0, x1 - x0))),
            0,
            360,
            [float(c) for c in leaf],
            -1,
            cv2.LINE_AA,
        )
    image = canvas
    box(0.315, 0.65, 0.375, 0.75, (190, 110, 80), 0.8)
    # Out of focus, by a disc as a lens does.
    radius = int(0.0135 * h)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(
        np.float32
    )
    far = cv2.filter2D(image, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)
    far = cv2.GaussianBlur(far, (0, 0), 0.004 * h)
    return np.asarray(cv2.resize(far, (width, height), interpolation=cv2.INTER_AREA), np.float32)
