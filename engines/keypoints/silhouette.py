"""Silhouette: a second network's word on where a person ends."""

from __future__ import annotations

import cv2
import numpy as np

from engines.keypoints.carried import open_model
from engines.keypoints.people import Person
from engines.types import F32, U8, check

SIZE = 256  # px, the network's picture
_AROUND = 1.25  # side of what it looks at, in the person's own
_NEAR = 0.06  # of that side: farther from the person's own mask it tells of other things
_HEAD = (1.3, 2.0)  # head widths about the face: where it has its whole say, and none
_SURE = 0.99  # no network is surer than this
_SAY = 0.6  # the selfie network's share of the say: its outlines are the cleaner ones


def silhouette(image: U8, person: Person) -> F32:
    """The person's mask f32 (H, W) 0..1, with the selfie network's word about hair and shoulders.

    image: u8 (H, W, 3) RGB. The pose network spills over what lies behind the head; the selfie
    network draws heads well, and loses hands and takes what is held for the person. So it has its
    say about the head alone, as a share of the log odds. Not for people who stand close together.
    Raises ModelError when the model file is missing or altered.
    """
    check("silhouette.image", image, np.uint8, (*person.mask.shape, 3))
    height, width = person.mask.shape
    x0, y0, x1, y1 = (float(v) for v in person.box)
    half = 0.5 * _AROUND * max(x1 - x0, y1 - y0, 8.0)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    left, right = max(0, int(x - half)), min(width, int(x + half) + 1)
    top, bottom = max(0, int(y - half)), min(height, int(y + half) + 1)
    around = image[top:bottom, left:right]
    small = cv2.resize(around, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    engine = open_model("selfie_segmentation")
    try:
        seen = engine.run({"image": small[None].astype(np.float32) / np.float32(255)})["mask"][0, 0]
        selfie = cv2.resize(seen, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    finally:
        engine.close()
    own = person.mask[top:bottom, left:right]
    say = _SAY * _about_head(person.keypoints.xy - np.array([left, top], np.float32), own.shape)
    reach = 2 * max(1, round(_NEAR * 2 * half)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    near = cv2.dilate((own > 0.5).astype(np.uint8), disc)
    out = person.mask.copy()
    odds = (1 - say) * _log_odds(own) + say * _log_odds(np.asarray(selfie, np.float32))
    out[top:bottom, left:right] = np.where(say > 0, near / (1 + np.exp(-odds)), own)
    return out


def _about_head(xy: F32, shape: tuple[int, ...]) -> F32:
    """1 about the head of the landmarks f32 (33, 2) px, falling to 0 below the shoulders."""
    eyes, mouth = (xy[2] + xy[5]) / 2, (xy[9] + xy[10]) / 2
    size = max(float(np.linalg.norm(xy[7] - xy[8])), 2 * float(np.linalg.norm(eyes - mouth)), 4.0)
    centre = xy[:11].mean(0)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    gap = np.hypot(columns + 0.5 - centre[0], rows + 0.5 - centre[1]) / size
    return np.asarray(np.clip((_HEAD[1] - gap) / (_HEAD[1] - _HEAD[0]), 0, 1), np.float32)


def _log_odds(share: F32) -> F32:
    share = np.clip(share, 1 - _SURE, _SURE)
    return np.asarray(np.log(share / (1 - share)), np.float32)
