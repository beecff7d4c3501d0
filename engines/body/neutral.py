"""A performer's neutral: what "standing as in the photo" looks like for this person and camera."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from engines.blazepose import EARS, HIPS, MIRROR, SHOULDERS, Pair, middle
from engines.types import F32, Keypoints


def mirrored(keypoints: Keypoints, width: int) -> Keypoints:
    """The same person in a mirror: left and right exchanged, x measured from the other edge."""
    xy, world = keypoints.xy[MIRROR].copy(), keypoints.world[MIRROR].copy()
    xy[:, 0] = width - xy[:, 0]
    world[:, 0] *= -1
    return Keypoints(xy, keypoints.z[MIRROR], keypoints.conf[MIRROR], world, keypoints.layout)


def scaled(keypoints: Keypoints, factor: float) -> Keypoints:
    """The same person in a picture ``factor`` times as large."""
    size = np.float32(factor)
    return replace(keypoints, xy=keypoints.xy * size, z=keypoints.z * size)


STEADY = 0.03  # torso lengths: a landmark this near to its neutral has not moved on purpose


class Neutral(NamedTuple):
    """A performer's neutral, as the compiled steps take it.

    xy: f32 (33, 2) px of the performer's picture; conf (33,); world f32 (33, 3) m.

    scale: avatar px per performer px for body and limbs; head_scale: the same for the head.
    unit: the performer's torso length, px (speeds and dead zones are measured in it).
    """

    xy: F32
    conf: F32
    world: F32
    scale: float
    head_scale: float
    unit: float

    def refined(self, keypoints: Keypoints, count: int) -> Neutral:
        """The mean with one more picture of the same stance, the ``count``-th.

        The landmark network trembles by some pixels; a neutral from one picture would carry that
        error for good. Landmarks that have moved on purpose are left out.
        """
        step = keypoints.xy - self.xy
        still = (np.linalg.norm(step, axis=1) < STEADY * self.unit)[:, None]
        share = np.where(still, 1.0 / count, 0.0).astype(np.float32)
        world = self.world + share * (keypoints.world - self.world)
        return self._replace(xy=self.xy + share * step, world=world)


def calibrate(keypoints: Keypoints, photo: F32) -> Neutral:
    """Make this instant the neutral; ``photo`` f32 (33, 2) px: the same landmarks in the photo.

    The scale is locked here: leaning towards the camera later does not grow the avatar.
    """
    xy = keypoints.xy

    def span(points: F32, a: Pair, b: Pair | None = None) -> float:
        if b is None:
            return float(np.linalg.norm(points[a[0]] - points[a[1]]))
        return float(np.linalg.norm(middle(points, a) - middle(points, b)))

    wide, wide_photo = span(xy, SHOULDERS), span(photo, SHOULDERS)
    hips = float(keypoints.conf[list(HIPS)].min())
    # Hips below the picture are a guess: believe the shoulders alone then.
    tall, tall_photo = span(xy, SHOULDERS, HIPS), span(photo, SHOULDERS, HIPS)
    weight = min(1.0, max(0.0, (hips - 0.3) / 0.4))
    scale = (wide_photo + weight * tall_photo) / max(wide + weight * tall, 1.0)
    head, head_photo = span(xy, EARS), span(photo, EARS)
    head_scale = head_photo / head if head > 4 and head_photo > 4 else scale
    # A turned head shrinks the ears' distance: do not let it say more than the body does.
    head_scale = float(np.clip(head_scale, 0.7 * scale, 1.4 * scale))
    unit = max(tall if weight > 0.5 else 1.5 * wide, 8.0)
    return Neutral(
        xy.copy(), keypoints.conf.copy(), keypoints.world.copy(), scale, head_scale, unit
    )
