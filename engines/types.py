"""The nouns that travel through puppetcam: frozen dataclasses that check dtype and shape when made.

Axes (docs/conventions.md): image x right, y down, in pixels; the centre of the top left
pixel lies at (0.5, 0.5). Body space: metres, x to the image's right, y down, z off the camera;
a body that faces the camera has its left hand at larger x. Camera: weak perspective,
``u = scale * x + tx``, ``v = scale * y + ty``, ``depth = scale * z``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]

Layout = Literal["blazepose33"]
LAYOUT_POINTS: dict[str, int] = {"blazepose33": 33}

Progress = Callable[[str, float], None]
"""Told what is being done and the share done, 0..1."""


def check(name: str, array: Any, dtype: type, shape: tuple[int | None, ...]) -> None:
    """Raise TypeError or ValueError unless ``array`` is of this dtype and shape (None = any)."""
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        got = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"{name}: got {got}, wanted an array of {np.dtype(dtype)}")
    if array.shape == shape:  # most often nothing is open; some dozens are checked per frame
        return
    if array.ndim != len(shape) or any(
        want is not None and have != want for have, want in zip(array.shape, shape, strict=True)
    ):
        raise ValueError(f"{name}: got shape {array.shape}, wanted {shape}")


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a camera.

    image: u8 (H, W, 3) RGB, or u8 (H * 3 / 2, W), the planes as they were decoded: YUV420 (BT.601,
    video range), luma, then blue and red of half the sides, which are even.
    captured_s: ``time.monotonic()`` when the camera frame reached us. index counts from 0.
    """

    image: U8
    pts: int = 0
    time_base: Fraction = Fraction(1, 90_000)
    captured_s: float = 0.0
    index: int = 0

    def __post_init__(self) -> None:
        if getattr(self.image, "ndim", 0) != 2:
            check("Frame.image", self.image, np.uint8, (None, None, 3))
            return
        check("Frame.image", self.image, np.uint8, (None, None))
        rows, width = self.image.shape
        if rows % 3 or width % 2:
            raise ValueError(f"Frame.image: got {rows} x {width} planes, wanted even sides")

    def with_image(self, image: U8) -> Frame:
        """The same instant with another picture."""
        return Frame(image, self.pts, self.time_base, self.captured_s, self.index)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        return size_of(self.image)


def size_of(image: U8) -> tuple[int, int]:
    """Width and height, px, of a ``Frame.image``."""
    return image.shape[1], image.shape[0] * 2 // 3 if image.ndim == 2 else image.shape[0]


@dataclass(frozen=True, slots=True)
class Keypoints:
    """Landmarks of one person in one frame.

    xy: f32 (K, 2) px; z: f32 (K,) px, smaller is nearer, relative to the hip centre;
    conf: f32 (K,) 0..1, how surely the point is seen; world: f32 (K, 3) m in body axes, origin at
    the hip centre (the network's own estimate: good for signs of depth, poor for positions).
    """

    xy: F32
    z: F32
    conf: F32
    world: F32
    layout: Layout = "blazepose33"

    def __post_init__(self) -> None:
        k = LAYOUT_POINTS[self.layout]
        check("Keypoints.xy", self.xy, np.float32, (k, 2))
        check("Keypoints.z", self.z, np.float32, (k,))
        check("Keypoints.conf", self.conf, np.float32, (k,))
        check("Keypoints.world", self.world, np.float32, (k, 3))


@dataclass(frozen=True, slots=True)
class Camera:
    """Weak perspective: u = scale * x + tx, v = scale * y + ty (px); scale in px per metre."""

    scale: float
    tx: float
    ty: float


@dataclass(frozen=True, slots=True)
class Pose:
    """A body's pose: what forward kinematics needs.

    rotations: f32 (J, 3, 3), local: a bone turns about its head, in rest axes, inside its parent.
    stretch: f32 (J,), length factor of each bone along its own rest axis (head to tail), not
    inherited by the children's shapes; 1 = as at rest. root: f32 (3,) m, added to the root's head.
    conf: f32 (J,) 0..1. expression: f32 (52,) 0..1, ARKit order, zero where no face is tracked.
    """

    rotations: F32
    stretch: F32
    root: F32
    camera: Camera
    conf: F32
    expression: F32 = field(default_factory=lambda: np.zeros(52, np.float32))

    def __post_init__(self) -> None:
        check("Pose.rotations", self.rotations, np.float32, (None, 3, 3))
        joints = len(self.rotations)
        check("Pose.stretch", self.stretch, np.float32, (joints,))
        check("Pose.root", self.root, np.float32, (3,))
        check("Pose.conf", self.conf, np.float32, (joints,))
        check("Pose.expression", self.expression, np.float32, (52,))


@dataclass(frozen=True, slots=True)
class BodyMesh:
    """A shaped body at rest.

    rest: f32 (V, 3) m; faces: i32 (F, 3), outward normals by the right-hand rule; bone_index:
    i32 (V, 4); bone_weight: f32 (V, 4), rows sum to 1, falling; heads, tails: f32 (J, 3) m;
    parents: i32 (J,), -1 at the root, parents before children; uv: f32 (V, 2) 0..1;
    parts: i32 (V,), index into part_names; landmarks: f32 (33, 3) m, where the 33 BlazePose points
    lie on this body at rest; landmark_bones: i32 (33,), the bone that carries each.
    """

    rest: F32
    faces: I32
    bone_index: I32
    bone_weight: F32
    heads: F32
    tails: F32
    parents: I32
    bone_names: tuple[str, ...]
    uv: F32
    parts: I32
    part_names: tuple[str, ...]
    landmarks: F32
    landmark_bones: I32

    def __post_init__(self) -> None:
        check("BodyMesh.rest", self.rest, np.float32, (None, 3))
        vertices, joints = len(self.rest), len(self.parents)
        check("BodyMesh.faces", self.faces, np.int32, (None, 3))
        check("BodyMesh.bone_index", self.bone_index, np.int32, (vertices, 4))
        check("BodyMesh.bone_weight", self.bone_weight, np.float32, (vertices, 4))
        check("BodyMesh.heads", self.heads, np.float32, (joints, 3))
        check("BodyMesh.tails", self.tails, np.float32, (joints, 3))
        check("BodyMesh.parents", self.parents, np.int32, (joints,))
        check("BodyMesh.uv", self.uv, np.float32, (vertices, 2))
        check("BodyMesh.parts", self.parts, np.int32, (vertices,))
        check("BodyMesh.landmarks", self.landmarks, np.float32, (33, 3))
        check("BodyMesh.landmark_bones", self.landmark_bones, np.int32, (33,))
        if len(self.bone_names) != joints:
            raise ValueError(f"BodyMesh.bone_names: got {len(self.bone_names)}, wanted {joints}")

    def bone(self, name: str) -> int:
        """Index of a bone by name; KeyError if there is none."""
        try:
            return self.bone_names.index(name)
        except ValueError:
            raise KeyError(f"no bone named {name!r}") from None


@dataclass(frozen=True, slots=True)
class Layer:
    """One cut-out of the photo, bound to the skeleton: the relief of a body region.

    texture: u8 (H, W, 4) RGBA (straight alpha) over the whole photo frame's ``origin`` box;
    origin: (x, y) px of the texture's top left corner in the photo. xy: f32 (N, 2) px in the photo;
    depth: f32 (N,) m, body z in the reference pose; faces: i32 (F, 3); bone_index: i32 (N, 4);
    bone_weight: f32 (N, 4). name: "core", "arm.L", ...; drawn back to front in the order that the
    pose's depths give, ties in list order.
    """

    name: str
    texture: U8
    origin: tuple[int, int]
    xy: F32
    depth: F32
    faces: I32
    bone_index: I32
    bone_weight: F32

    def __post_init__(self) -> None:
        check("Layer.texture", self.texture, np.uint8, (None, None, 4))
        check("Layer.xy", self.xy, np.float32, (None, 2))
        n = len(self.xy)
        check("Layer.depth", self.depth, np.float32, (n,))
        check("Layer.faces", self.faces, np.int32, (None, 3))
        check("Layer.bone_index", self.bone_index, np.int32, (n, 4))
        check("Layer.bone_weight", self.bone_weight, np.float32, (n, 4))


@dataclass(frozen=True, slots=True)
class Avatar:
    """One photo made live: everything that rendering and solving need, immutable.

    image: u8 (H, W, 3), the enrolled photo (working size); alpha: u8 (H, W), the person in it;
    background: u8 (H, W, 3), the photo without the person; layers: the relief, back to front;
    body: the fitted body; body_colours: u8 (V, 4) RGBA per body vertex, alpha 0 where the photo
    itself shows the surface (the relief draws it) and 255 where it is only inferred (outside the
    frame, behind another limb); reference: the photo's pose;
    keypoints: the photo's own landmarks; seen: bool (33,), which landmarks the photo shows;
    provenance: source file name and digest, tool version, date, fit error, warnings.
    """

    name: str
    image: U8
    alpha: U8
    background: U8
    layers: tuple[Layer, ...]
    body: BodyMesh
    body_colours: U8
    reference: Pose
    keypoints: Keypoints
    seen: NDArray[np.bool_]
    provenance: Mapping[str, Any]
    digest: str = ""

    def __post_init__(self) -> None:
        check("Avatar.image", self.image, np.uint8, (None, None, 3))
        height, width = self.image.shape[:2]
        check("Avatar.alpha", self.alpha, np.uint8, (height, width))
        check("Avatar.background", self.background, np.uint8, (height, width, 3))
        check("Avatar.body_colours", self.body_colours, np.uint8, (len(self.body.rest), 4))
        check("Avatar.seen", self.seen, np.bool_, (33,))
