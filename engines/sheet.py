"""A mesh ready to draw: where its points lie in the photo's pose, what carries them, its looks."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from engines.body.kinematics import forward
from engines.kernels.raster import SOLID
from engines.types import F32, I32, U8, Avatar, BodyMesh, Camera, Layer

# Share of a bend that turns about the joint; the rest follows the mean of the maps. With none of
# it a raised arm's shoulder shrinks to a point, with all of it elbows and armpits bulge.
_TURNS = 0.5
_ISLAND_M2 = 0.0015  # less inferred surface than that in one piece flies about as a speck
_SHRINK_BELOW = 0.75  # output px per texel; smaller than that and the picture would shimmer


@dataclass(frozen=True, slots=True)
class Binding:
    """Points and the bones that carry them.

    points: f32 (N, 3) m in the reference pose; centres: f32 (N, 3) m, the joints about which the
    bones of a point turn; index: i32 (N, 4); weight: f32 (N, 4); placed: f32 (N, 3), room for px,
    px, m.
    """

    points: F32
    centres: F32
    index: I32
    weight: F32
    placed: F32 = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "placed", np.zeros_like(self.points))


@dataclass(frozen=True, slots=True)
class Texture:
    """A layer of the photo. pixels: u8 (h, w, 4) premultiplied; xy: f32 (N, 2) px in it.

    ragged: u8 (F,), 1 for triangles with texels that are not solid; plane: f32 (F, 8), room.
    """

    binding: Binding
    faces: I32
    ragged: U8
    pixels: U8
    xy: F32
    plane: F32


@dataclass(frozen=True, slots=True)
class Skin:
    """Body surface that the photo does not show: colours f32 (N, 4) premultiplied.

    covers: what hides the points ``covered`` (indices) in the photo; they appear as they leave it.
    shown: f32 (N, 4), room for the colours of the frame.
    """

    binding: Binding
    faces: I32
    ragged: U8
    colours: F32
    covers: Binding
    covered: I32
    shown: F32
    plane: F32


class Reference:
    """The photo's pose: what sheets are made in."""

    def __init__(self, avatar: Avatar) -> None:
        self.avatar = avatar
        self.maps = forward(avatar.body, avatar.reference)
        self._joints = _joints(avatar.body, self.maps)

    def texture(self, layer: Layer, scale: float) -> Texture:
        """A layer, ``scale`` output px per photo px."""
        pixels = layer.texture.astype(np.float32)
        pixels[:, :, :3] *= pixels[:, :, 3:] / 255
        xy = layer.xy - np.array(layer.origin, np.float32)
        height, width = pixels.shape[:2]
        size = (width, height)
        if scale < _SHRINK_BELOW:
            size = (round(width * scale), round(height * scale))
        size = (max(2, size[0]), max(2, size[1]))
        if size != (width, height):
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)
            xy *= np.array([size[0] / width, size[1] / height], np.float32)
        pixels = np.rint(np.minimum(pixels, pixels[:, :, 3:]))
        texels: U8 = np.ascontiguousarray(pixels, np.uint8)
        points = unproject(layer.xy, layer.depth, self.avatar.reference.camera)
        corners = xy[layer.faces]
        visible = _within(texels[:, :, 3] > 0, corners)
        faces = layer.faces[visible]
        return Texture(
            self._bind(points, layer.bone_index, layer.bone_weight),
            np.array(faces, order="C"),
            _within(texels[:, :, 3] < SOLID, corners[visible]).astype(np.uint8),
            texels,
            np.ascontiguousarray(xy),
            np.zeros((len(faces), 8), np.float32),
        )

    def skins(self) -> dict[str, Skin]:
        """The inferred surface by the layer that it moves with; none where there is nothing."""
        body, colours = self.avatar.body, self.avatar.body_colours.astype(np.float32)
        colours[:, :3] *= colours[:, 3:] / 255
        names = np.array([layer_of(body.bone_names[b]) for b in body.bone_index[:, 0]])
        drawn = (colours[body.faces][:, :, 3] > 0).any(1)
        skins = {}
        for name in np.unique(names):
            faces = body.faces[drawn & (names[body.faces[:, 0]] == name)]
            faces = faces[_area(body.rest, faces) > _ISLAND_M2]
            if len(faces):
                skins[str(name)] = self._skin(str(name), faces, colours)
        return skins

    def _skin(self, name: str, faces: I32, colours: F32) -> Skin:
        body = self.avatar.body
        used, inverse = np.unique(faces, return_inverse=True)
        local: I32 = np.ascontiguousarray(inverse.reshape(-1, 3), np.int32)
        index, weight = body.bone_index[used], body.bone_weight[used]
        points = _skinned(body.rest[used], index, weight, self.maps)
        covered, cover_index, cover_weight = self._cover(name, points, local)
        return Skin(
            self._bind(points, index, weight),
            local,
            np.zeros(len(local), np.uint8),
            np.ascontiguousarray(colours[used]),
            self._bind(points[covered], cover_index, cover_weight),
            covered,
            np.ascontiguousarray(colours[used]),
            np.zeros((len(local), 14), np.float32),
        )

    def _cover(self, name: str, points: F32, faces: I32) -> tuple[I32, I32, F32]:
        """Points that would show in the photo's frame but must not, and what carries their cover.

        The photo is right: in its own pose nothing inferred may show, whatever the body's depths
        say. Such a point is hidden by another layer or, where the body is wider than the person,
        by nothing, and then moves with the trunk. The points around them are hidden too.
        """
        avatar = self.avatar
        camera = avatar.reference.camera
        xy = points[:, :2] * camera.scale + np.array([camera.tx, camera.ty], np.float32)
        height, width = avatar.alpha.shape
        names = [layer.name for layer in avatar.layers]
        first = 0 if name.startswith("leg") else len(names)  # where a part without a layer is drawn
        over = avatar.layers[names.index(name) if name in names else first :]
        others = [layer for layer in avatar.layers if layer.name != name]
        shows = np.asarray(((xy >= 0) & (xy < [width, height])).all(1))
        for layer in over:
            shows &= _alpha(layer, xy) < 255
        covered = np.unique(faces[shows[faces].any(1)]).astype(np.int32)
        xy = xy[covered]
        index = np.zeros((len(covered), 4), np.int32)
        index[:, 0] = avatar.body.bone("spine01")
        weight = np.tile(np.array([1, 0, 0, 0], np.float32), (len(covered), 1))
        for layer in others:  # back to front: the nearest has the last word
            hides = (_alpha(layer, xy) > 0) | (layer.name == "core")
            if hides.any():
                nearest = cKDTree(layer.xy).query(xy[hides])[1]
                index[hides] = layer.bone_index[nearest]
                weight[hides] = layer.bone_weight[nearest]
        return covered, index, weight

    def _bind(self, points: F32, index: I32, weight: F32) -> Binding:
        pair = weight[:, :, None] * weight[:, None, :] * (1 - np.eye(4, dtype=np.float32))
        total = pair.sum((1, 2))
        joints = self._joints[index[:, :, None], index[:, None, :]]
        centres = np.einsum("nij,nijk->nk", pair, joints) / np.maximum(total, 1e-9)[:, None]
        centres = np.where(total[:, None] > 1e-6, points + _TURNS * (centres - points), points)
        return Binding(
            np.array(points, np.float32, order="C"),
            np.array(centres, np.float32, order="C"),
            np.array(index, order="C"),
            np.array(weight, order="C"),
        )


def _area(rest: F32, faces: I32) -> F32:
    """For each triangle the area of the surface that it hangs together with, f32 (F,) m2."""
    if not len(faces):
        return np.zeros(0, np.float32)
    a, b, c = faces.T
    edges = coo_matrix((np.ones(2 * len(a), bool), (np.r_[a, b], np.r_[b, c])), [len(rest)] * 2)
    surface = connected_components(edges, directed=False)[1][a]
    sides = np.cross(rest[b] - rest[a], rest[c] - rest[a])
    areas = np.bincount(surface, np.linalg.norm(sides, axis=1) / 2)
    return np.asarray(areas[surface], np.float32)


def layer_of(bone: str) -> str:
    """The layer that a bone's surface is drawn with."""
    stem, _, side = bone.partition(".")
    if stem.startswith(("upperarm", "lowerarm", "wrist", "finger", "metacarpal")):
        return f"arm.{side}"
    if stem.startswith(("upperleg", "lowerleg", "foot", "toe")):
        return f"leg.{side}"
    return "core"


def unproject(xy: F32, depth: F32, camera: Camera) -> F32:
    """Photo px (N, 2) and body depth (N,) m to body space, f32 (N, 3) m."""
    x, y = (xy[:, 0] - camera.tx) / camera.scale, (xy[:, 1] - camera.ty) / camera.scale
    return np.stack([x, y, depth], 1).astype(np.float32)


def _skinned(rest: F32, index: I32, weight: F32, maps: F32) -> F32:
    blended = np.einsum("nk,nkij->nij", weight, maps[index])
    moved = np.einsum("nij,nj->ni", blended[:, :, :3], rest) + blended[:, :, 3]
    return np.asarray(moved, np.float32)


def _joints(body: BodyMesh, maps: F32) -> F32:
    """For each two bones the point about which they turn, f32 (J, J, 3) m.

    The lower one's head, or the middle of the heads of two that do not carry one another.
    """
    heads = np.einsum("jab,jb->ja", maps[:, :, :3], body.heads) + maps[:, :, 3]
    carries = np.eye(len(heads), dtype=bool)
    for j, parent in enumerate(body.parents):
        if parent >= 0:
            carries[:, j] |= carries[:, parent]
    first, second = heads[:, None], heads[None]
    lower = np.where(carries[:, :, None], second, first)
    apart = ~(carries | carries.T)
    middle = (first + second) / 2
    return np.asarray(np.where(apart[:, :, None], middle, lower), np.float32)


def _within(texels: NDArray[np.bool_], corners: F32) -> NDArray[np.bool_]:
    """Which triangles f32 (F, 3, 2) px have one of the texels (h, w) in the box about them."""
    height, width = texels.shape
    sums = cv2.integral(texels.astype(np.uint8))
    left, top = np.clip(np.floor(corners.min(1)) - 1, 0, [width, height]).astype(int).T
    right, bottom = np.clip(np.ceil(corners.max(1)) + 1, 0, [width, height]).astype(int).T
    count = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return np.asarray(count > 0)


def _alpha(layer: Layer, xy: F32) -> U8:
    """The layer's alpha at photo px (N, 2), u8 (N,), 0 beyond its texture."""
    x, y = np.floor(xy).astype(np.int64).T - np.array(layer.origin)[:, None]
    height, width = layer.texture.shape[:2]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    alpha = layer.texture[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1), 3]
    return np.where(inside, alpha, 0).astype(np.uint8)
