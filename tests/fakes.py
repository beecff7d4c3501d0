"""Stand-ins for what performs: tiny avatars and a puppet that paints instead of rendering.

``python -m tests.fakes --port 8088`` serves the page with them.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np

from engines.errors import InputError, NoPersonError, PuppetcamError
from engines.types import (
    U8,
    Avatar,
    BodyMesh,
    Camera,
    Frame,
    Keypoints,
    Pose,
    Progress,
)
from realtime import log, serve
from realtime.gallery import AvatarCard, MissingError
from realtime.hub import Backstage
from realtime.picture import Drawn, Forms, planes_of
from realtime.puppet import Swap
from realtime.stats import StageTimes

COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 200)}
SIZE = 64


def tiny_avatar(name: str = "red", size: int = SIZE) -> Avatar:
    """A valid avatar with a one-bone body, of one colour."""
    body = BodyMesh(
        rest=np.zeros((3, 3), np.float32),
        faces=np.array([[0, 1, 2]], np.int32),
        bone_index=np.zeros((3, 4), np.int32),
        bone_weight=np.tile(np.array([1, 0, 0, 0], np.float32), (3, 1)),
        heads=np.zeros((1, 3), np.float32),
        tails=np.zeros((1, 3), np.float32),
        parents=np.array([-1], np.int32),
        bone_names=("root",),
        uv=np.zeros((3, 2), np.float32),
        parts=np.zeros(3, np.int32),
        part_names=("body",),
        landmarks=np.zeros((33, 3), np.float32),
        landmark_bones=np.zeros(33, np.int32),
    )
    pose = Pose(
        np.eye(3, dtype=np.float32)[None],
        np.ones(1, np.float32),
        np.zeros(3, np.float32),
        Camera(1.0, 0.0, 0.0),
        np.ones(1, np.float32),
    )
    points = np.zeros(33, np.float32)
    keypoints = Keypoints(
        np.zeros((33, 2), np.float32), points, points, np.zeros((33, 3), np.float32)
    )
    image = np.empty((size, size, 3), np.uint8)
    image[:] = COLOURS[name]
    return Avatar(
        name,
        image,
        np.full((size, size), 255, np.uint8),
        image,
        (),
        body,
        np.zeros((3, 4), np.uint8),
        pose,
        keypoints,
        np.ones(33, np.bool_),
        {},
    )


class FakePuppet:
    """Paints the avatar's colour and a bar at the camera's mean brightness; never a camera pixel.

    work_s: how long a frame takes. fail: an exception to raise for every frame, None: work.
    """

    def __init__(self, avatar: Avatar, work_s: float = 0.0) -> None:
        self.times = StageTimes()
        self.backend = "fake"
        self.tracking = True
        self.takes_planes = False  # else it does as one on a card does
        self.saw, self.forms = 0, Forms()
        self.work_s = work_s
        self.fail: Exception | None = None
        self.background = "photo"
        self.mirror = False
        self.calibrations = 0
        self.frames = self.stills = 0
        self.closed = False
        self.survived: list[PuppetcamError] = []  # what it tells of
        self.threads: set[str] = set()  # that drew frames
        self.builders: list[str] = []  # threads that built a change
        self._avatar = avatar

    def process(self, frame: Frame, forms: Forms = frozenset()) -> Drawn:
        self.threads.add(threading.current_thread().name)
        self.frames += 1
        with self.times.stage("paint"):
            if self.fail is not None:
                raise self.fail
            time.sleep(self.work_s)
            image = self._painted()
            size = len(image)
            column = int(frame.image.mean()) * (size - 4) // 255
            image[size // 2 :, column : column + 4, :3] = 255
            self.saw, self.forms = frame.image.ndim, forms
            if self.takes_planes and forms:
                return {form: planes_of(image, form) for form in forms}
            return {"rgba": image}

    def still(self) -> U8:
        self.stills += 1
        return self._painted()

    def _painted(self) -> U8:
        image = np.dstack([self._avatar.image, self._avatar.alpha])
        if self.background == "none":  # a person in the middle, nothing around
            quarter = len(image) // 4
            image[:, :quarter, 3] = image[:, -quarter:, 3] = 0
        return image

    def troubles(self) -> list[PuppetcamError]:
        troubles, self.survived = self.survived, []
        return troubles

    def calibrate(self) -> None:
        self.calibrations += 1

    def prepare_avatar(self, avatar: Avatar) -> Swap:
        return self._built("_avatar", avatar)

    def prepare_background(self, spec: str) -> Swap:
        return self._built("background", spec)

    def _built(self, name: str, value: object) -> Swap:
        self.builders.append(threading.current_thread().name)
        return lambda: setattr(self, name, value)

    def set_mirror(self, on: bool) -> None:
        self.mirror = on

    def close(self) -> None:
        self.closed = True


class FakeGallery:
    """red, green and blue; blue is the user's own."""

    def __init__(self, size: int = SIZE, load_s: float = 0.0) -> None:
        self.size, self.load_s = size, load_s
        self.names = list(COLOURS)

    def cards(self) -> list[AvatarCard]:
        return [
            AvatarCard(n, ("arms are crossed",) * (n == "blue"), n != "blue") for n in self.names
        ]

    def load(self, name: str) -> Avatar:
        time.sleep(self.load_s)
        return tiny_avatar(self._known(name), self.size)

    def thumbnail(self, name: str) -> bytes:
        image = cv2.cvtColor(tiny_avatar(self._known(name)).image, cv2.COLOR_RGB2BGR)
        return bytes(cv2.imencode(".png", image)[1])

    def delete(self, name: str) -> None:
        if self._known(name) != "blue":
            raise InputError(f"{name} came with the project.", "Delete your own avatars only.")
        self.names.remove(name)

    def _known(self, name: str) -> str:
        if name not in self.names:
            raise MissingError(f"There is no avatar {name!r}.", "Choose another.")
        return name


def fake_enroll(photo: Path, name: str, progress: Progress) -> list[str]:
    """Looks at the first byte: n: no person; x: crash; s: slow; anything else: done.

    A slow one keeps a file "half" beside the photo while it lasts.
    """
    kind = photo.read_bytes()[:1]
    progress("Looking for a person", 0.5)
    if kind == b"n":
        raise NoPersonError("There is no person in the photo.", "Choose another photo.")
    if kind == b"x":
        sys.exit(3)
    if kind == b"s":
        half = photo.with_name("half")
        half.touch()
        try:
            time.sleep(30.0)
        finally:
            half.unlink()
    return [f"{name}: arms are crossed"]


def fake_backstage(size: int = SIZE, made: list[FakePuppet] | None = None) -> Backstage:
    """made: gets every puppet that is made."""

    def make_puppet(avatar: Avatar) -> FakePuppet:
        puppet = FakePuppet(avatar)
        if made is not None:
            made.append(puppet)
        return puppet

    return Backstage(FakeGallery(size), make_puppet, fake_enroll, "a fake puppet")


if __name__ == "__main__":
    log.configure()
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    try:
        sys.exit(serve.run(parser.parse_args(), lambda _: fake_backstage(512)))
    except PuppetcamError as error:
        sys.exit(f"error: {error}")
