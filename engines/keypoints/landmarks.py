"""BlazePose's landmark network: 33 points of the person inside a region.

Source: Bazarevsky et al. 2020, BlazePose, section 3; MediaPipe pose_landmark_by_roi_cpu.pbtxt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np

from engines.blazepose import EYES, MOUTH, middle
from engines.keypoints.eye import Eye, Look
from engines.keypoints.refine import KERNEL, MIN_PEAK, refine
from engines.keypoints.region import Region
from engines.types import F32, U8, Keypoints

SIZE = 256  # px, side of the network's input
LOOK = Look(SIZE, 1 / 255, 0.0, replicate=True)
POINTS = 33
AUXILIARY = (33, 34)  # rows of the body's centre and of the end of its circle


@dataclass(frozen=True, slots=True)
class Reading:
    """What the network says about ``region``.

    score: 0..1, how surely there is a person; next_region: where to look in the next frame;
    mask: f32 (256, 256) logits in the region, None where the network has no mask.
    """

    keypoints: Keypoints
    score: float
    region: Region
    next_region: Region
    mask: F32 | None = None

    @property
    def face(self) -> float:
        """Eyes to mouth as a share of the region's side.

        People: 1/24 to 1/47. A hand taken for a body: below 1/50 in nine frames of ten. A chest
        taken for a body: over 1/22.
        """
        xy = self.keypoints.xy
        return math.dist(middle(xy, EYES), middle(xy, MOUTH)) / self.region.side


class Landmarker:
    """Reads landmarks inside a region. Owns ``eye``, whose look is LOOK; not thread safe."""

    def __init__(self, eye: Eye) -> None:
        self._eye = eye

    def read(self, image: U8, region: Region) -> Reading:
        """Landmarks of the person in ``region`` of ``image``, a ``Frame.image``."""
        outputs = self._eye.look(image, region)
        raw, metres = outputs["landmarks"].reshape(-1, 5), outputs["world"].reshape(-1, 3)
        if "refined" in outputs:  # on the card, so that the heat maps need not come down
            xyz: F32 = outputs["refined"]
        else:
            xyz = np.divide(raw[:, :3], SIZE, dtype=np.float32)
            refine(xyz, outputs["heatmap"][0], KERNEL, MIN_PEAK)
        xy, z, conf = np.empty((len(raw), 2), np.float32), *np.empty((2, POINTS), np.float32)
        world = np.empty((POINTS, 3), np.float32)
        cos, sin = math.cos(region.rotation), math.sin(region.rotation)
        _place(raw, xyz, metres, region.matrix(1), (cos, sin, region.side), xy, z, conf, world)
        mask = outputs["mask"][0, 0] if "mask" in outputs else None
        return Reading(
            Keypoints(xy=xy[:POINTS], z=z, conf=conf, world=world),
            float(outputs["score"].ravel()[0]),
            region,
            Region.from_points(xy[AUXILIARY[0]], xy[AUXILIARY[1]]),
            mask,
        )

    def close(self) -> None:
        """Close the eye."""
        self._eye.close()


@numba.njit(cache=True)
def _place(raw, xyz, metres, matrix, turned, xy, z, conf, world):  # type: ignore[no-untyped-def]
    """The network's rows in the image.

    raw: f32 (39, 5), as the network gives them; xyz: f32 (39, 3), refined, of the crop's side;
    metres: f32 (39, 3); matrix: the region's, to px of the image; turned: cosine and sine of its
    rotation, and its side, px. Writes xy f32 (39, 2), z (33,), conf (33,),
    world (33, 3).
    """
    for i in range(len(xy)):
        for k in range(2):
            xy[i, k] = matrix[k, 0] * xyz[i, 0] + matrix[k, 1] * xyz[i, 1] + matrix[k, 2]
    cos, sin, side = turned
    for i in range(len(z)):
        z[i] = xyz[i, 2] * side
        # Visibility: not hidden. Presence: inside the picture. Seen: both.
        conf[i] = _sigmoid(raw[i, 3]) * _sigmoid(raw[i, 4])
        world[i, 0] = cos * metres[i, 0] - sin * metres[i, 1]
        world[i, 1] = sin * metres[i, 0] + cos * metres[i, 1]
        world[i, 2] = metres[i, 2]


@numba.njit(cache=True)
def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-float(logit)))
