"""BlazePose's landmark network: 33 points of the person inside a region.

Source: Bazarevsky et al. 2020, BlazePose, section 3; MediaPipe pose_landmark_by_roi_cpu.pbtxt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from engines.base import Engine
from engines.blazepose import EYES, MOUTH, middle
from engines.keypoints.detector import sigmoid
from engines.keypoints.refine import KERNEL, MIN_PEAK, refine
from engines.keypoints.region import Region
from engines.types import F32, U8, Keypoints, check

SIZE = 256  # px, side of the network's input
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
    """Reads landmarks inside a region. Owns ``engine``; not thread safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._crop = np.empty((SIZE, SIZE, 3), np.uint8)
        self._input = np.empty((1, SIZE, SIZE, 3), np.float32)

    def read(self, image: U8, region: Region) -> Reading:
        """Landmarks of the person in ``region`` of ``image`` u8 (H, W, 3) RGB."""
        check("image", image, np.uint8, (None, None, 3))
        region.crop(image, self._crop, cv2.BORDER_REPLICATE)
        np.multiply(self._crop, np.float32(1 / 255), out=self._input[0])
        outputs = self._engine.run({"image": self._input})
        raw = outputs["landmarks"].reshape(-1, 5)
        xyz: F32 = np.divide(raw[:, :3], SIZE, dtype=np.float32)
        refine(xyz, outputs["heatmap"][0], KERNEL, MIN_PEAK)
        xy = region.to_image(xyz[:, :2])
        # Visibility: not hidden. Presence: inside the picture. Seen: both.
        conf = np.prod(sigmoid(raw[:POINTS, 3:5]), axis=1)
        world = outputs["world"].reshape(-1, 3)[:POINTS].copy()
        cos, sin = math.cos(region.rotation), math.sin(region.rotation)
        world[:, :2] = world[:, :2] @ np.array([[cos, sin], [-sin, cos]], np.float32)
        mask = outputs["mask"][0, 0] if "mask" in outputs else None
        return Reading(
            Keypoints(
                xy=xy[:POINTS],
                z=xyz[:POINTS, 2] * np.float32(region.side),
                conf=conf,
                world=world,
            ),
            float(outputs["score"].ravel()[0]),
            region,
            Region.from_points(xy[AUXILIARY[0]], xy[AUXILIARY[1]]),
            mask,
        )

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()
