"""A hand-made avatar: the stick body with a grey trunk and a red left arm as textured layers."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from engines.types import Avatar, BodyMesh, Layer, Pose
from tests.stick import standing, stick_body

SIZE = (640, 480)


def _layer(name: str, box: tuple[int, int, int, int], colour: int, bone: int) -> Layer:
    left, top, right, bottom = box
    rng = np.random.default_rng(colour)
    texture = rng.integers(40, 200, (bottom - top, right - left, 4), np.uint8)
    texture[:, :, 0] = colour
    texture[:, :, 3] = 255
    columns = np.arange(left, right + 1, 10)
    rows = np.arange(top, bottom + 1, 10)
    xy = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2).astype(np.float32)
    w, h = len(columns), len(rows)
    corner = (np.arange(h - 1)[:, None] * w + np.arange(w - 1)).ravel()
    faces = np.concatenate(
        [
            np.stack([corner, corner + w, corner + 1], 1),
            np.stack([corner + 1, corner + w, corner + w + 1], 1),
        ]
    ).astype(np.int32)
    weight = np.zeros((len(xy), 4), np.float32)
    weight[:, 0] = 1
    index = np.zeros((len(xy), 4), np.int32)
    index[:, 0] = bone
    depth = np.zeros(len(xy), np.float32)
    return Layer(name, texture, (left, top), xy, depth, faces, index, weight)


def avatar(body: BodyMesh | None = None, pose: Pose | None = None) -> Avatar:
    """640x480; the trunk covers x 280 to 360, y 130 to 240, the arm x 360 to 390, y 130 to 240."""
    person = standing(*SIZE)
    if body is None or pose is None:
        body, pose = stick_body(person)
    core = _layer("core", (280, 130, 360, 240), 90, body.bone("spine03"))
    arm = _layer("arm.L", (360, 130, 390, 240), 200, body.bone("upperarm01.L"))
    rng = np.random.default_rng(7)
    image = rng.integers(0, 255, (480, 640, 3), np.uint8)
    alpha = np.zeros((480, 640), np.uint8)
    for layer in (core, arm):
        x, y = layer.origin
        h, w = layer.texture.shape[:2]
        image[y : y + h, x : x + w] = layer.texture[:, :, :3]
        alpha[y : y + h, x : x + w] = 255
    return Avatar(
        name="figure",
        image=image,
        alpha=alpha,
        background=np.full((480, 640, 3), 128, np.uint8),
        layers=(core, arm),
        body=body,
        body_colours=np.zeros((len(body.rest), 4), np.uint8),
        reference=pose,
        keypoints=person,
        seen=np.ones(33, np.bool_),
        provenance={"warnings": []},
    )


def with_hand(offset: tuple[float, float]) -> tuple[Avatar, np.ndarray]:
    """The figure with an inferred triangle on its left wrist, and the triangle's middle in px."""
    body, pose = stick_body(standing(*SIZE))
    at = body.heads[body.bone("wrist.L")] + np.array([*offset, 0], np.float32)
    hand = at + np.array([[-0.03, 0, 0], [0.03, 0, 0], [0, 0.1, 0]], np.float32)
    rest = np.concatenate([body.rest, hand])
    n = len(body.rest)
    index = np.zeros((n + 3, 4), np.int32)
    index[n:, 0] = body.bone("wrist.L")
    weight = np.tile(np.array([1, 0, 0, 0], np.float32), (n + 3, 1))
    body = replace(
        body,
        rest=rest,
        faces=np.array([[n, n + 2, n + 1]], np.int32),
        bone_index=index,
        bone_weight=weight,
        uv=np.zeros((n + 3, 2), np.float32),
        parts=np.zeros(n + 3, np.int32),
    )
    colours = np.zeros((n + 3, 4), np.uint8)
    colours[n:] = [250, 200, 150, 255]
    return replace(avatar(body, pose), body_colours=colours), hand.mean(0)[:2] * 300


def read_only(figure: Avatar) -> Avatar:
    """The same avatar, its arrays not to be written."""

    def lock(thing: object) -> None:
        for name in (f.name for f in fields(thing)):  # type: ignore[arg-type]
            value = getattr(thing, name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    for thing in (figure, figure.body, figure.reference, *figure.layers):
        lock(thing)
    return figure
