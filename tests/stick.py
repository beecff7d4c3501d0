"""A body of sticks, built straight from 33 landmarks: what the solver needs and nothing else."""

from __future__ import annotations

import numpy as np

from engines.types import BodyMesh, Camera, Keypoints, Pose

# bone, parent, head, tail: a landmark, a pair (its middle), or (a, b, t): from a to b by t
SHOULDERS, HIPS, EARS = (11, 12), (23, 24), (7, 8)
BONES: list[tuple[str, str | None, object, object]] = [
    ("root", None, HIPS, ("torso", 0.15)),
    *[
        (f"spine0{5 - i}", f"spine0{6 - i}" if i else "root", ("torso", t), ("torso", t + 0.17))
        for i, t in enumerate((0.15, 0.32, 0.49, 0.66, 0.83))
    ],
    *[
        (f"neck0{i + 1}", f"neck0{i}" if i else "spine01", ("neck", t), ("neck", t + 0.2))
        for i, t in enumerate((0.1, 0.3, 0.5))
    ],
    ("head", "neck03", ("neck", 0.7), ("neck", 1.2)),
]
for s, (sh, el, wr, ix, hip, kn, an, toe) in {
    "L": (11, 13, 15, 19, 23, 25, 27, 31),
    "R": (12, 14, 16, 20, 24, 26, 28, 32),
}.items():
    BONES += [
        (f"clavicle.{s}", "spine01", SHOULDERS, sh),
        (f"upperarm01.{s}", f"clavicle.{s}", sh, (sh, el, 0.5)),
        (f"upperarm02.{s}", f"upperarm01.{s}", (sh, el, 0.5), el),
        (f"lowerarm01.{s}", f"upperarm02.{s}", el, (el, wr, 0.5)),
        (f"lowerarm02.{s}", f"lowerarm01.{s}", (el, wr, 0.5), wr),
        (f"wrist.{s}", f"lowerarm02.{s}", wr, ix),
        (f"upperleg01.{s}", "root", hip, (hip, kn, 0.5)),
        (f"upperleg02.{s}", f"upperleg01.{s}", (hip, kn, 0.5), kn),
        (f"lowerleg01.{s}", f"upperleg02.{s}", kn, (kn, an, 0.5)),
        (f"lowerleg02.{s}", f"lowerleg01.{s}", (kn, an, 0.5), an),
        (f"foot.{s}", f"lowerleg02.{s}", an, toe),
    ]
CARRIER = {
    **dict.fromkeys(range(11), "head"),
    11: "clavicle.L",
    13: "upperarm02.L",
    15: "lowerarm02.L",
    12: "clavicle.R",
    14: "upperarm02.R",
    16: "lowerarm02.R",
    **dict.fromkeys((17, 19, 21), "wrist.L"),
    **dict.fromkeys((18, 20, 22), "wrist.R"),
    23: "root",
    24: "root",
    25: "upperleg02.L",
    26: "upperleg02.R",
    27: "lowerleg02.L",
    28: "lowerleg02.R",
    29: "foot.L",
    31: "foot.L",
    30: "foot.R",
    32: "foot.R",
}


def stick_body(keypoints: Keypoints, px_per_m: float = 300.0) -> tuple[BodyMesh, Pose]:
    """A body whose rest pose lies exactly on the keypoints, and that rest pose."""
    points = np.concatenate([keypoints.xy / px_per_m, keypoints.world[:, 2:]], 1)

    def place(spec: object) -> np.ndarray:
        if isinstance(spec, int):
            return np.asarray(points[spec])
        assert isinstance(spec, tuple)
        if spec[0] == "torso":
            low, high = points[list(HIPS)].mean(0), points[list(SHOULDERS)].mean(0)
            return np.asarray(low + (high - low) * spec[1])
        if spec[0] == "neck":
            low, high = points[list(SHOULDERS)].mean(0), points[list(EARS)].mean(0)
            return np.asarray(low + (high - low) * spec[1])
        if len(spec) == 3:
            return np.asarray(points[spec[0]] + (points[spec[1]] - points[spec[0]]) * spec[2])
        return np.asarray(points[list(spec)].mean(0))

    names = [b[0] for b in BONES]
    heads = np.array([place(b[2]) for b in BONES], np.float32)
    body = BodyMesh(
        rest=heads,
        faces=np.zeros((0, 3), np.int32),
        bone_index=np.zeros((len(names), 4), np.int32),
        bone_weight=np.tile(np.array([1, 0, 0, 0], np.float32), (len(names), 1)),
        heads=heads,
        tails=np.array([place(b[3]) for b in BONES], np.float32),
        parents=np.array([-1 if b[1] is None else names.index(b[1]) for b in BONES], np.int32),
        bone_names=tuple(names),
        uv=np.zeros((len(names), 2), np.float32),
        parts=np.zeros(len(names), np.int32),
        part_names=("stick",),
        landmarks=points.astype(np.float32),
        landmark_bones=np.array([names.index(CARRIER[i]) for i in range(33)], np.int32),
    )
    pose = Pose(
        rotations=np.tile(np.eye(3, dtype=np.float32), (len(names), 1, 1)),
        stretch=np.ones(len(names), np.float32),
        root=np.zeros(3, np.float32),
        camera=Camera(px_per_m, 0.0, 0.0),
        conf=np.ones(len(names), np.float32),
    )
    return body, pose


def standing(width: int = 640, height: int = 480) -> Keypoints:
    """A person of the pencil: stands in the middle, arms a little off the body, all in view."""
    xy = np.zeros((33, 2), np.float32)
    xy[0] = [0, -150]
    xy[1:4] = [[6, -158], [9, -158], [12, -158]]
    xy[4:7] = [[-6, -158], [-9, -158], [-12, -158]]
    xy[7:11] = [[20, -152], [-20, -152], [8, -138], [-8, -138]]
    for side, sign in ((0, 1), (1, -1)):
        xy[11 + side] = [40 * sign, -110]
        xy[13 + side] = [55 * sign, -55]
        xy[15 + side] = [60 * sign, -5]
        xy[17 + side] = [61 * sign, 14]
        xy[19 + side] = [58 * sign, 15]
        xy[21 + side] = [54 * sign, 6]
        xy[23 + side] = [24 * sign, 0]
        xy[25 + side] = [26 * sign, 85]
        xy[27 + side] = [26 * sign, 165]
        xy[29 + side] = [25 * sign, 172]
        xy[31 + side] = [32 * sign, 180]
    world = np.concatenate([xy / 230, np.zeros((33, 1))], 1).astype(np.float32)
    world[[0, 9, 10], 2] = [-0.10, -0.08, -0.08]
    world[1:7, 2] = -0.07
    xy += np.array([width / 2, height / 2], np.float32)
    return Keypoints(xy, np.zeros(33, np.float32), np.ones(33, np.float32), world)


def moved(keypoints: Keypoints, offsets: dict[int, tuple[float, float]]) -> Keypoints:
    """The same person with some landmarks elsewhere (px)."""
    xy = keypoints.xy.copy()
    for point, offset in offsets.items():
        xy[point] += offset
    return Keypoints(xy, keypoints.z, keypoints.conf, keypoints.world)
