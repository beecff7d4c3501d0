"""The renderer and its backdrop on a CUDA device: a pose goes up, a finished picture comes down."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backdrop import Backdrop
from engines.kernels.cuda import Device
from engines.render import HIDDEN_M, SHOWN_M, Renderer
from engines.scene import FINE, Scene
from engines.types import F32, U8, Pose

_WARP = 32  # threads that draw one triangle
_EMPTY = np.uint64(2**64 - 1)  # a raster's pixel without a triangle


class CudaRenderer:
    """Draws what its CPU twins, a renderer and a backdrop, define: one avatar at one size.

    scene: the renderer's. Every buffer is allocated here. A frame is one upload (the bones' maps
    and the sheets' order), seven kernels and one download, recorded once and replayed; for another
    avatar, size or view make another CudaRenderer. When the device fails (DeviceError) the twins
    can go on. Not for several threads at once. rgba: the frame on the device, u8 (H, W, 4).
    """

    def __init__(
        self, device: Device, renderer: Renderer, scene: Scene, backdrop: Backdrop
    ) -> None:
        self._device, self._renderer, self._scene = device, renderer, scene
        width, height = renderer.size
        self._fixed = {
            name: device.array(getattr(scene, name))
            for name in (
                "points", "centres", "index", "weight", "sheet", "faces", "xy", "colours",
                "covered", "texels", "sheets",
            )
        }  # fmt: skip
        skinned = len(scene.faces) - scene.textured
        self._placed = device.array(np.zeros_like(scene.points))
        self._colours = device.array(scene.colours)
        self._flow = device.array(np.zeros((scene.textured, 8), np.float32))
        self._shade = device.array(np.zeros((skinned, 16), np.float32))
        self._nearest = device.array(np.full(scene.keys, _EMPTY))
        self._person = device.array(np.zeros((height, width, 4), np.float32))
        self.rgba = device.array(np.zeros((height, width, 4), np.uint8))
        self._out: U8 = device.staging((height, width, 4), np.uint8)
        self._stance = _Block(device, len(renderer.avatar.body.parents), len(scene.names))
        self._box = np.array(
            [(fine * width, fine * height, 0, 0) for fine in scene.sheets[:, 1]], np.int32
        )
        self.set_backdrop(backdrop)

    def set_backdrop(self, backdrop: Backdrop) -> None:
        """Lay the person over another background of the same size."""
        picture = backdrop.picture
        self._picture = None if picture is None else self._device.array(picture)
        self._frame()  # loads what the device loads late, which a recording must not
        self._device.wait()
        self._replay = self._device.record(self._frame)

    def render(self, pose: Pose) -> U8:
        """The finished frame, u8 (H, W, 4) straight RGBA, in a buffer that the next call reuses.

        Raises ValueError as ``Renderer.stance`` does, DeviceError if the device fails.
        """
        self.place(pose)
        return self.take()

    def take(self) -> U8:
        """The frame of what was placed; DeviceError if the device fails."""
        self._replay()
        self._device.wait()
        return self._out

    def place(self, pose: Pose) -> None:
        """What the next ``draw`` draws. Raises ValueError as ``Renderer.stance`` does."""
        stance, host = self._renderer.stance(pose), self._stance.host
        host["maps"][:] = stance.maps.ravel()
        host["turn"][:] = stance.turn.ravel()
        host["rest"][:] = stance.rest.ravel()
        host["view"][:] = stance.view
        host["order"][:] = self._scene.order(stance.order)
        host["box"][:] = self._box.ravel()

    def _frame(self) -> None:
        self.draw()
        self._device.download(self.rgba, self._out)

    def draw(self) -> None:
        """One upload and seven kernels, to be recorded; the frame stays in ``rgba``."""
        scene, fixed, launch = self._scene, self._fixed, self._device.launch
        width, height = self._renderer.size
        stance, placed = self._stance.parts, self._placed
        count, area = len(scene.points), width * height
        first, covered = len(scene.xy), len(scene.covered)
        skinned = len(scene.faces) - scene.textured
        self._device.upload(self._stance.staged, self._stance.array)
        launch(
            "skin", (count,), count, fixed["points"], fixed["centres"], fixed["index"],
            fixed["weight"], fixed["sheet"], stance["maps"], stance["turn"], stance["rest"],
            stance["view"], width, height, placed, stance["box"],
        )  # fmt: skip
        launch(
            "fade", (covered,), covered, fixed["colours"], placed[first:], fixed["covered"],
            placed[count - covered :], float(HIDDEN_M), float(SHOWN_M), stance["view"],
            float(FINE), self._colours,
        )  # fmt: skip
        launch(
            "planes_texture", (scene.textured,), scene.textured, placed, fixed["faces"],
            fixed["xy"], self._flow,
        )  # fmt: skip
        launch(
            "planes_colours", (skinned,), skinned, placed, fixed["faces"][scene.textured :],
            self._colours, first, self._shade,
        )  # fmt: skip
        launch(
            "raster", (_WARP * len(scene.faces),), len(scene.faces), placed, fixed["faces"],
            fixed["sheets"], stance["box"], fixed["texels"], self._flow, width, self._nearest,
        )  # fmt: skip
        launch(
            "paint", (width, height), width, height, len(scene.names), stance["order"],
            fixed["sheets"], stance["box"], self._nearest, fixed["texels"], self._flow,
            self._shade, self._person,
        )  # fmt: skip
        if self._picture is None:
            launch("straighten", (area,), area, self._person, self.rgba)
        else:
            launch("composite", (area,), area, self._person, self._picture, self.rgba)


class _Block:
    """What a frame sends up, in one piece of 4 byte words; each part begins at 16 bytes.

    staged, array: the piece on the host and on the device; host, parts: its parts there.
    """

    def __init__(self, device: Device, joints: int, sheets: int) -> None:
        sizes = {
            "maps": 12 * joints, "turn": 4 * joints, "rest": 9 * joints, "view": 3,
            "order": sheets, "box": 4 * sheets,
        }  # fmt: skip
        self.staged: F32 = device.staging(
            (sum(-(-n // 4) * 4 for n in sizes.values()),), np.float32
        )
        self.array = device.array(self.staged)
        self.host: dict[str, NDArray[Any]] = {}
        self.parts: dict[str, Any] = {}
        begin = 0
        for name, size in sizes.items():
            host, part = (a[begin : begin + size] for a in (self.staged, self.array))
            whole = name in ("order", "box")
            self.host[name] = host.view(np.int32) if whole else host
            self.parts[name] = part.view(np.int32) if whole else part
            begin += -(-size // 4) * 4
