"""A gallery of plain colours, a puppet that draws a disc, an enrolment that reads no photo."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from engines.errors import NoPersonError, PuppetcamError
from engines.types import U8, Avatar, BodyMesh, Camera, Frame, Keypoints, Pose, Progress
from realtime.gallery import AvatarCard, MissingError
from realtime.picture import Drawn, Forms
from realtime.puppet import Swap
from realtime.stats import StageTimes

SIZE = 256
BUNDLED = {"coral": (240, 90, 60), "teal": (20, 150, 140)}
NOTES = {"teal": "arms held"}
BACKGROUND = (30, 30, 60)


def avatar(name: str, colour: tuple[int, int, int]) -> Avatar:
    """A valid avatar with nothing in it but a colour."""
    f32, i32 = np.float32, np.int32
    body = BodyMesh(
        rest=np.zeros((1, 3), f32),
        faces=np.zeros((0, 3), i32),
        bone_index=np.zeros((1, 4), i32),
        bone_weight=np.array([[1, 0, 0, 0]], f32),
        heads=np.zeros((1, 3), f32),
        tails=np.ones((1, 3), f32),
        parents=np.array([-1], i32),
        bone_names=("root",),
        uv=np.zeros((1, 2), f32),
        parts=np.zeros(1, i32),
        part_names=("all",),
        landmarks=np.zeros((33, 3), f32),
        landmark_bones=np.zeros(33, i32),
    )
    pose = Pose(
        np.eye(3, dtype=f32)[None],
        np.ones(1, f32),
        np.zeros(3, f32),
        Camera(1.0, 0.0, 0.0),
        np.ones(1, f32),
    )
    points = Keypoints(
        np.zeros((33, 2), f32), np.zeros(33, f32), np.ones(33, f32), np.zeros((33, 3), f32)
    )
    image = np.full((SIZE, SIZE, 3), colour, np.uint8)
    return Avatar(
        name=name,
        image=image,
        alpha=disc(),
        background=np.full((SIZE, SIZE, 3), BACKGROUND, np.uint8),
        layers=(),
        body=body,
        body_colours=np.zeros((1, 4), np.uint8),
        reference=pose,
        keypoints=points,
        seen=np.ones(33, np.bool_),
        provenance={},
    )


def disc() -> U8:
    """Where the avatar is: 255 in the middle of the picture, 0 around it, u8 (SIZE, SIZE)."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.circle(mask, (SIZE // 2, SIZE // 2), SIZE // 3, 255, -1)
    return mask


class FakeGallery:
    """Two bundled colours and whatever ``enroll`` left in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def cards(self) -> list[AvatarCard]:
        made = [AvatarCard(p.name, tuple(p.read_text().splitlines())) for p in self._made()]
        return [*(AvatarCard(n, (), True, NOTES.get(n, "")) for n in BUNDLED), *made]

    def load(self, name: str) -> Avatar:
        return avatar(name, self._colour(name))

    def thumbnail(self, name: str) -> bytes:
        picture = np.full((80, 64, 3), self._colour(name)[::-1], np.uint8)
        return cv2.imencode(".png", picture)[1].tobytes()

    def delete(self, name: str) -> None:
        (self.folder / name).unlink()

    def _made(self) -> list[Path]:
        return sorted(self.folder.iterdir())

    def _colour(self, name: str) -> tuple[int, int, int]:
        if name not in BUNDLED and not (self.folder / name).exists():
            raise MissingError(f"There is no avatar {name!r}.")
        return BUNDLED.get(name, (200, 200, 40))


class FakePuppet:
    """Draws a disc of the avatar's colour; does nothing with the camera but count frames."""

    backend = "a brush"
    takes_planes = False

    def __init__(self, avatar: Avatar) -> None:
        self.times = StageTimes()
        self.tracking = True
        self.calibrations = 0
        self._avatar, self._background = avatar, "photo"

    def process(self, frame: Frame, forms: Forms = frozenset()) -> Drawn:
        with self.times.stage("draw"):
            return {"rgba": self.still()}

    def still(self) -> U8:
        alpha = self._avatar.alpha
        if self._background == "none":
            return np.dstack((self._avatar.image, alpha))
        ground = self._avatar.background
        if self._background.startswith("#"):
            ground = np.full_like(ground, list(bytes.fromhex(self._background[1:])))
        picture = np.where(alpha[..., None] > 0, self._avatar.image, ground)
        return np.dstack((picture, np.full_like(alpha, 255)))

    def troubles(self) -> list[PuppetcamError]:
        return []

    def calibrate(self) -> None:
        self.calibrations += 1

    def prepare_avatar(self, avatar: Avatar) -> Swap:
        return lambda: setattr(self, "_avatar", avatar)

    def prepare_background(self, spec: str) -> Swap:
        return lambda: setattr(self, "_background", spec)

    def set_mirror(self, on: bool) -> None:
        pass

    def close(self) -> None:
        pass


def enroll(folder: Path, photo: Path, name: str, progress: Progress) -> list[str]:
    """Leaves ``name`` in the folder; "nobody" fails, "crossed" comes with a warning."""
    for step, stage in enumerate(("finding the person", "fitting the body")):
        progress(stage, step / 2)
        time.sleep(0.1)
    if name == "nobody":
        raise NoPersonError("No person was found.", "Use a photo that shows one person.")
    warnings = ["The arms are crossed."] if name == "crossed" else []
    (folder / name).write_text("\n".join(warnings))
    return warnings
