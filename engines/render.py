"""The renderer: an avatar in a pose to a picture of the person alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.body.kinematics import forward, inverted, relative
from engines.kernels.fade import fade
from engines.kernels.finite import finite
from engines.kernels.lay import lay_colours, lay_texture
from engines.kernels.planes import planes
from engines.kernels.raster import raster
from engines.kernels.skin import skin
from engines.kernels.turns import turns
from engines.sheet import Binding, Reference, Skin, Texture
from engines.types import F32, I32, U8, Avatar, Camera, Pose

# How far behind the chest (m) wrist and elbow must be for an arm to be drawn behind the trunk.
BEHIND_M, HYSTERESIS_M = 0.12, 0.06
ARMS = ("arm.L", "arm.R")
_LEGS = ("leg.L", "leg.R")
# How far (m) inferred skin is from what hid it in the photo when it begins to show, and when it
# shows wholly.
HIDDEN_M, SHOWN_M = np.float32(0.02), np.float32(0.07)
_NO_TEXTURE: U8 = np.zeros((1, 1, 4), np.uint8)

HEADROOM, TALLEST = 0.1, 0.84  # of the output's height: above the head; head to foot


@dataclass(frozen=True, slots=True)
class View:
    """From photo px to output px: out = scale * photo + (dx, dy)."""

    scale: float = 1.0
    dx: float = 0.0
    dy: float = 0.0

    @staticmethod
    def fit(avatar: Avatar, size: tuple[int, int]) -> View:
        """The photo fills the output, the person as far in the middle as the photo allows.

        A person whose feet the photo shows is shown from head to foot, even if the photo does not
        fill the output then.
        """
        height, width = avatar.alpha.shape
        scale = max(size[0] / width, size[1] / height)
        columns = np.flatnonzero((avatar.alpha > 127).any(0))
        rows = np.flatnonzero((avatar.alpha > 127).any(1))
        middle = (columns[0] + columns[-1] + 1) / 2 if len(columns) else width / 2
        head = int(rows[0]) if len(rows) else 0
        if len(rows) and rows[-1] < height - 3:
            scale = min(scale, TALLEST * size[1] / (rows[-1] - head + 1))
        return View(
            scale,
            _fitted(size[0], scale * width, size[0] / 2 - scale * middle),
            _fitted(size[1], scale * height, HEADROOM * size[1] - scale * head),
        )

    def camera(self, camera: Camera) -> Camera:
        """The photo's camera seen through this view."""
        return Camera(
            camera.scale * self.scale,
            camera.tx * self.scale + self.dx,
            camera.ty * self.scale + self.dy,
        )


def _fitted(side: int, drawn: float, wish: float) -> float:
    """Where the photo begins, px: at ``wish``, but covering the output where it can."""
    return float(np.clip(wish, side - drawn, 0)) if drawn >= side else wish


@dataclass(frozen=True, slots=True)
class Stance:
    """What one pose does to an avatar's points, and the names of what is drawn, back to front.

    maps: f32 (J, 3, 4), from the photo's pose, m; turn: f32 (J, 4) and rest: f32 (J, 3, 3), see
    ``kernels.turns``; view: f32 (3,), scale px/m, tx px, ty px.
    """

    maps: F32
    turn: F32
    rest: F32
    view: F32
    order: list[str]


class Renderer:
    """Draws one avatar at one output size (width, height) through one view.

    Layers are painted front to back, each with a depth buffer of its own; inferred skin lies right
    beneath the layer that it moves with. Not for several threads at once.
    """

    def __init__(
        self, avatar: Avatar, size: tuple[int, int] = (512, 512), view: View | None = None
    ) -> None:
        self.avatar, self.size = avatar, size
        self.view = View.fit(avatar, size) if view is None else view
        reference = Reference(avatar)
        self._undo, joints = inverted(reference.maps), len(reference.maps)
        self._parents: I32 = np.array(avatar.body.parents)
        self._maps = np.empty_like(reference.maps)
        self._local: F32 = np.tile(np.array([1, 0, 0, 0], np.float32), (joints, 1))
        self._turn: F32 = np.empty((joints, 4), np.float32)
        self._rest: F32 = np.empty((joints, 3, 3), np.float32)
        self.skins = reference.skins()
        self.textures = {
            layer.name: reference.texture(layer, self.view.scale) for layer in avatar.layers
        }
        width, height = size
        self._person: U8 = np.zeros((height, width, 4), np.uint8)
        self._box: I32 = np.zeros(4, np.int32)
        self._depth: F32 = np.empty((height, width), np.float32)
        self._face: I32 = np.empty((height, width), np.int32)
        fine = (2 * height, 2 * width) if self.skins else (0, 0)
        self._fine_depth: F32 = np.empty(fine, np.float32)
        self._fine_face: I32 = np.empty(fine, np.int32)
        self._trunk, self._arms, self._behind = _stacked(list(self.textures), list(self.skins))
        bone = avatar.body.bone
        self._chest = bone("spine01")
        self._hands = {a: (bone(f"wrist.{a[-1]}"), bone(f"lowerarm01.{a[-1]}")) for a in self._arms}

    def render(self, pose: Pose) -> U8:
        """The person, u8 (H, W, 4) premultiplied RGBA. The buffer is the renderer's own

        and the next call reuses it. Raises ValueError as ``stance`` does.
        """
        stance = self.stance(pose)
        moved, view = stance.maps, stance.view
        self._person.fill(0)
        for name in reversed(stance.order):
            if name in self.textures:
                self._draw_texture(self.textures[name], moved, view)
            if name in self.skins:
                self._draw_skin(self.skins[name], moved, view)
        return self._person

    def stance(self, pose: Pose) -> Stance:
        """Where a pose takes the avatar; it stands near the last one: call it once per frame.

        Raises ValueError if the pose holds anything that is not a finite number, or a stretch that
        is not above zero.
        """
        camera = self.view.camera(pose.camera)
        view = np.array([camera.scale, camera.tx, camera.ty], np.float32)
        if not finite(pose.rotations, pose.stretch, pose.root, view):
            raise ValueError("pose: got a number that is not finite")
        if (pose.stretch <= 0).any():
            raise ValueError(f"pose.stretch: got {pose.stretch.min()}, wanted above 0")
        forward(self.avatar.body, pose, self._maps)
        moved = relative(self._maps, self._undo)
        turns(moved, self._parents, self._local, self._turn, self._rest)
        return Stance(moved, self._turn, self._rest, view, self._order())

    def _place(self, binding: Binding, moved: F32, view: F32) -> None:
        skin(
            binding.points, binding.centres, binding.index, binding.weight,
            moved, self._turn, self._rest, view, binding.placed,
        )  # fmt: skip

    def _draw_texture(self, sheet: Texture, moved: F32, view: F32) -> None:
        placed, box, face = sheet.binding.placed, self._box, self._face
        self._place(sheet.binding, moved, view)
        planes(placed, sheet.faces, sheet.xy, sheet.plane)
        raster(
            placed, sheet.faces, False, sheet.ragged, sheet.plane, sheet.pixels,
            self._depth, face, box,
        )  # fmt: skip
        lay_texture(sheet.plane, sheet.pixels, face, box, self._person)

    def _draw_skin(self, sheet: Skin, moved: F32, view: F32) -> None:
        placed, covered, box, face = sheet.binding.placed, sheet.covered, self._box, self._fine_face
        fine = view * np.float32(2)
        self._place(sheet.binding, moved, fine)
        raster(
            placed, sheet.faces, True, sheet.ragged, sheet.plane, _NO_TEXTURE,
            self._fine_depth, face, box,
        )  # fmt: skip
        if box[0] >= box[2] or box[1] >= box[3]:
            return
        if len(covered):
            self._place(sheet.covers, moved, fine)
            metre = fine[0]
            fade(
                sheet.colours, placed, covered, sheet.covers.placed,
                HIDDEN_M * metre, SHOWN_M * metre, sheet.shown,
            )  # fmt: skip
        planes(placed, sheet.faces, sheet.shown, sheet.plane)
        lay_colours(sheet.plane, face, box, self._person)

    def _order(self) -> list[str]:
        """Names of what is drawn, back to front, for the present pose."""
        heads = self.avatar.body.heads

        def depth(bone: int) -> float:
            return float(self._maps[bone, 2, :3] @ heads[bone] + self._maps[bone, 2, 3])

        chest = depth(self._chest)
        reach: dict[str, float] = {}
        for arm in self._arms:
            wrist, elbow = map(depth, self._hands[arm])
            reach[arm] = (wrist + elbow) / 2 - chest
            limit = BEHIND_M - HYSTERESIS_M * (arm in self._behind)
            if min(wrist - chest, reach[arm]) > limit:
                self._behind.add(arm)
            else:
                self._behind.discard(arm)
        if len(self._arms) == 2:
            back, front = self._arms
            if reach[front] > reach[back] + HYSTERESIS_M / 2:
                self._arms.reverse()
        return [
            *(arm for arm in self._arms if arm in self._behind),
            *self._trunk,
            *(arm for arm in self._arms if arm not in self._behind),
        ]


def _stacked(layers: list[str], skins: list[str]) -> tuple[list[str], list[str], set[str]]:
    """How the photo is stacked: legs and trunk, arms, each back to front; arms behind the trunk."""
    trunk = [name for name in (*layers, *skins) if name not in ARMS]
    trunk = [*(n for n in _LEGS if n in trunk and n not in layers), *dict.fromkeys(trunk)]
    arms = [name for name in dict.fromkeys((*layers, *skins)) if name in ARMS]
    first = layers.index("core") if "core" in layers else 0
    return list(dict.fromkeys(trunk)), arms, {n for n in layers[:first] if n in ARMS}
