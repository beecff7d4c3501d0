"""The renderer: an avatar in a pose to a picture of the person alone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engines.body.kinematics import forward, relative
from engines.kernels.sheet import FAR, blend_colours, blend_texture, clear, raster
from engines.kernels.skin import skin
from engines.types import F32, I32, U8, Avatar, Camera, Pose

# How far behind the chest (m) wrist and elbow must be for an arm to be drawn behind the trunk.
BEHIND_M, HYSTERESIS_M = 0.12, 0.06
ARMS = ("arm.L", "arm.R")


@dataclass(frozen=True, slots=True)
class View:
    """From photo px to output px: out = scale * photo + (dx, dy)."""

    scale: float = 1.0
    dx: float = 0.0
    dy: float = 0.0

    @staticmethod
    def fit(avatar: Avatar, size: tuple[int, int]) -> View:
        """The photo fills the output, the person as far in the middle as the photo allows."""
        height, width = avatar.alpha.shape
        scale = max(size[0] / width, size[1] / height)
        columns = np.flatnonzero((avatar.alpha > 127).any(0))
        rows = np.flatnonzero((avatar.alpha > 127).any(1))
        middle = (columns[0] + columns[-1] + 1) / 2 if len(columns) else width / 2
        head = rows[0] if len(rows) else 0
        dx = float(np.clip(size[0] / 2 - scale * middle, size[0] - scale * width, 0))
        dy = float(np.clip(0.08 * size[1] - scale * head, size[1] - scale * height, 0))
        return View(scale, dx, dy)

    def camera(self, camera: Camera) -> Camera:
        """The photo's camera seen through this view."""
        return Camera(
            camera.scale * self.scale,
            camera.tx * self.scale + self.dx,
            camera.ty * self.scale + self.dy,
        )


class _Sheet:
    """One mesh ready to draw: reference points, binding, and either a texture or colours."""

    def __init__(self, points: F32, index: I32, weight: F32, faces: I32) -> None:
        self.points, self.index, self.weight, self.faces = points, index, weight, faces
        self.placed = np.empty_like(points)
        self.source: F32 | None = None
        self.texture: U8 | None = None
        self.colours: F32 | None = None


class Renderer:
    """Draws one avatar at one output size (width, height) through one view."""

    def __init__(
        self, avatar: Avatar, size: tuple[int, int] = (512, 512), view: View | None = None
    ) -> None:
        self.avatar, self.size = avatar, size
        self.view = View.fit(avatar, size) if view is None else view
        self._reference = forward(avatar.body, avatar.reference)
        self._maps = np.empty_like(self._reference)
        self._person: F32 = np.zeros((size[1], size[0], 4), np.float32)
        self._depth: F32 = np.full((size[1], size[0]), FAR, np.float32)
        self._face: I32 = np.zeros((size[1], size[0]), np.int32)
        self._bary: F32 = np.zeros((size[1], size[0], 2), np.float32)
        self._behind = dict.fromkeys(ARMS, False)
        self._groups = self._prepare()

    def render(self, pose: Pose) -> F32:
        """The person, f32 (H, W, 4) premultiplied RGBA 0..255. The buffer is the renderer's own.

        Raises ValueError if the pose holds anything that is not a finite number.
        """
        if not all(np.isfinite(x).all() for x in (pose.rotations, pose.stretch, pose.root)):
            raise ValueError("pose: got a number that is not finite")
        forward(self.avatar.body, pose, self._maps)
        moved = relative(self._maps, self._reference)
        camera = self.view.camera(pose.camera)
        view = np.array([camera.scale, camera.tx, camera.ty, 0], np.float32)
        self._person.fill(0)
        for name in self._order():
            for sheet in self._groups[name]:
                maps = self._maps if sheet.texture is None else moved
                skin(sheet.points, sheet.index, sheet.weight, maps, view, sheet.placed)
                self._draw(sheet)
        return self._person

    def _draw(self, sheet: _Sheet) -> None:
        height, width = self._depth.shape
        low, high = sheet.placed.min(0), sheet.placed.max(0)
        box = np.array(
            [
                max(0, int(low[0]) - 1),
                max(0, int(low[1]) - 1),
                min(width, int(high[0]) + 2),
                min(height, int(high[1]) + 2),
            ],
            np.int32,
        )
        if box[0] >= box[2] or box[1] >= box[3]:
            return
        clear(box, self._depth)
        bounds = np.array([width, height, 0, 0], np.int32)
        raster(
            sheet.placed, sheet.faces, sheet.texture is None,
            self._depth, self._face, self._bary, bounds,
        )  # fmt: skip
        if sheet.texture is not None and sheet.source is not None:
            blend_texture(
                sheet.faces, sheet.source, sheet.texture,
                self._depth, self._face, self._bary, bounds, self._person,
            )  # fmt: skip
        elif sheet.colours is not None:
            blend_colours(
                sheet.faces, sheet.colours,
                self._depth, self._face, self._bary, bounds, self._person,
            )  # fmt: skip

    def _order(self) -> list[str]:
        """Group names back to front for the present pose."""
        body = self.avatar.body

        def depth(bone: str) -> float:
            j = body.bone(bone)
            return float(self._maps[j, 2, :3] @ body.heads[j] + self._maps[j, 2, 3])

        chest = depth("spine01")
        reach: dict[str, float] = {}
        for arm in ARMS:
            side = arm[-1]
            reach[arm] = (depth(f"wrist.{side}") + depth(f"lowerarm01.{side}")) / 2 - chest
            limit = BEHIND_M - HYSTERESIS_M * self._behind[arm]
            self._behind[arm] = min(depth(f"wrist.{side}") - chest, reach[arm]) > limit
        names = [n for n in self._groups if n not in ARMS]
        arms = sorted((a for a in ARMS if a in self._groups), key=lambda a: -reach[a])
        back = [a for a in arms if self._behind[a]]
        front = [a for a in arms if not self._behind[a]]
        return [*back, *names, *front]

    def _prepare(self) -> dict[str, list[_Sheet]]:
        avatar, camera = self.avatar, self.avatar.reference.camera
        groups: dict[str, list[_Sheet]] = {}
        inferred = self._inferred()
        order = [layer.name for layer in avatar.layers]
        for name in ("leg.L", "leg.R"):
            if name in inferred and name not in order:
                order.insert(0, name)
        order += [n for n in inferred if n not in order]
        layers = {layer.name: layer for layer in avatar.layers}
        shrink = min(1.0, self.view.scale)
        for name in order:
            sheets = groups.setdefault(name, [])
            if name in inferred:
                sheets.append(inferred[name])
            if name not in layers:
                continue
            layer = layers[name]
            points = np.stack(
                [
                    (layer.xy[:, 0] - camera.tx) / camera.scale,
                    (layer.xy[:, 1] - camera.ty) / camera.scale,
                    layer.depth,
                ],
                1,
            ).astype(np.float32)
            sheet = _Sheet(points, layer.bone_index, layer.bone_weight, layer.faces)
            flat = layer.texture.astype(np.float32)
            flat[:, :, :3] *= flat[:, :, 3:] / 255
            factor = np.ones(2, np.float32)
            if shrink < 0.75:  # sampled about one to one, or the picture shimmers
                h, w = flat.shape[:2]
                small = (max(2, round(w * shrink)), max(2, round(h * shrink)))
                flat = np.asarray(cv2.resize(flat, small, interpolation=cv2.INTER_AREA), np.float32)
                factor = np.array([small[0] / w, small[1] / h], np.float32)
            sheet.texture = np.ascontiguousarray(np.rint(flat), np.uint8)
            sheet.source = (layer.xy - np.array(layer.origin, np.float32)) * factor
            sheets.append(sheet)
        return groups

    def _inferred(self) -> dict[str, _Sheet]:
        """The body's surface that the photo does not show, by the group that it moves with."""
        body, colours = self.avatar.body, self.avatar.body_colours.astype(np.float32)
        region = np.array([layer_of(body.bone_names[b]) for b in body.bone_index[:, 0]])
        drawn = (colours[body.faces][:, :, 3] > 0).any(1)
        premultiplied = colours.copy()
        premultiplied[:, :3] *= colours[:, 3:] / 255
        out = {}
        for name in ("leg.L", "leg.R", "core", *ARMS):
            faces = body.faces[drawn & (region[body.faces[:, 0]] == name)]
            if not len(faces):
                continue
            used, local = np.unique(faces, return_inverse=True)
            sheet = _Sheet(
                np.ascontiguousarray(body.rest[used]),
                np.ascontiguousarray(body.bone_index[used]),
                np.ascontiguousarray(body.bone_weight[used]),
                np.ascontiguousarray(local.reshape(-1, 3), np.int32),
            )
            sheet.colours = np.ascontiguousarray(premultiplied[used])
            out[name] = sheet
        return out


def layer_of(bone: str) -> str:
    """The layer that a bone's surface is drawn with."""
    stem, _, side = bone.partition(".")
    if stem.startswith(("upperarm", "lowerarm", "wrist", "finger", "metacarpal")):
        return f"arm.{side}"
    if stem.startswith(("upperleg", "lowerleg", "foot", "toe")):
        return f"leg.{side}"
    return "core"
