"""The renderer and its backdrop on a CUDA device: a pose goes up, a finished picture comes down."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backdrop import Backdrop
from engines.kernels.cuda import Device
from engines.render import HIDDEN_M, SHOWN_M, Renderer
from engines.scene import FINE, Scene
from engines.types import F32, U8, Pose
from engines.video_cuda import CudaPicture, CudaVideo

RGBA = frozenset({"rgba"})

_WARP = 32  # threads that draw one triangle
_EMPTY = 255  # each byte of a raster's pixel without a triangle


class CudaRenderer:
    """Draws what its CPU twins, a renderer and a backdrop, define: one avatar at one size.

    scene: the renderer's. A frame is one upload (the bones' maps and the sheets' order), six
    kernels, what each form of the picture takes, and a download for each; it is recorded once for
    each set of forms and replayed. For another avatar, size or view make another CudaRenderer: all
    it draws with is allocated here. When the device fails (DeviceError) the twins can go on. Not
    for several threads at once. rgba: the frame on the device, u8 (H, W, 4).
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
        self._placed = device.filled(scene.points.shape, np.float32)
        self._colours = device.array(scene.colours)
        self._flow = device.filled((scene.textured, 8), np.float32)
        self._shade = device.filled((skinned, 16), np.float32)
        self._nearest = device.filled((scene.keys,), np.uint64, _EMPTY)
        self._person = device.filled((height, width, 4), np.uint8)
        self.rgba = device.filled((height, width, 4), np.uint8)
        self._outlets: dict[str, CudaPicture | CudaVideo] = {}
        self._recorded: dict[frozenset[str], Callable[[], None]] = {}
        self._picture: Any = None
        self._stance = _Block(device, len(renderer.avatar.body.parents), len(scene.names))
        self._box = np.array(
            [(fine * width, fine * height, 0, 0) for fine in scene.sheets[:, 1]], np.int32
        )
        self.set_backdrop(backdrop)

    def set_backdrop(self, backdrop: Backdrop) -> None:
        """Lay the person over another background of the same size. Raises DeviceError."""
        picture = None if backdrop.picture is None else self._device.array(backdrop.picture)
        if picture is not None and self._picture is not None:
            self._device.copy(picture, self._picture)  # where what is recorded reads it
        else:
            self._picture = picture
            self._recorded.clear()
            self.draw()  # proves that it can, before anybody counts on it
        self._device.wait()

    def render(self, pose: Pose) -> U8:
        """The finished frame, u8 (H, W, 4) straight RGBA, in a buffer that the next call reuses.

        Raises ValueError as ``Renderer.stance`` does, DeviceError if the device fails.
        """
        self.place(pose)
        return self.take()["rgba"]

    def take(self, forms: frozenset[str] = RGBA) -> dict[str, U8]:
        """The frame of what was placed in each of ``forms``, in buffers that the next call reuses.

        forms: "rgba", u8 (H, W, 4) straight; "plain" and "packed", see ``CudaVideo``; none is
        RGBA. Only these are computed and downloaded. Raises ValueError for others, DeviceError if
        the device fails.
        """
        forms = forms or RGBA
        replay = self._recorded.get(forms)
        if replay is not None:
            replay()
            self._device.wait()
        else:
            for form in forms - self._outlets.keys():
                self._outlets[form] = self._outlet(form)
            frame = partial(self._frame, forms)
            frame()  # loads what the device loads late, which a recording must not
            self._device.wait()
            self._recorded[forms] = self._device.record(frame)
        return {form: self._outlets[form].out for form in forms}

    def _outlet(self, form: str) -> CudaPicture | CudaVideo:
        if form == "rgba":
            return CudaPicture(self._device, self.rgba)
        if form not in ("plain", "packed"):
            raise ValueError(f"form: got {form!r}, wanted rgba, plain or packed")
        return CudaVideo(self._device, self.rgba, packed=form == "packed")

    def place(self, pose: Pose) -> None:
        """What the next ``draw`` draws. Raises ValueError as ``Renderer.stance`` does."""
        stance, host = self._renderer.stance(pose), self._stance.host
        host["maps"][:] = stance.maps.ravel()
        host["turn"][:] = stance.turn.ravel()
        host["rest"].reshape(-1, 4)[:, :3] = stance.rest.reshape(-1, 3)
        host["view"][:] = stance.view
        host["order"][:] = self._scene.order(stance.order)
        host["box"][:] = self._box.ravel()

    def _frame(self, forms: frozenset[str]) -> None:
        self.draw()
        for form in sorted(forms):
            self._outlets[form].frame()

    def draw(self) -> None:
        """One upload and six kernels, to be recorded; the frame stays in ``rgba``."""
        scene, fixed, launch = self._scene, self._fixed, self._device.launch
        width, height = self._renderer.size
        stance, placed = self._stance.parts, self._placed
        count, area = len(scene.points), width * height
        first, covered = len(scene.xy), len(scene.covered)
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
            "planes", (len(scene.faces),), len(scene.faces), scene.textured, placed,
            fixed["faces"], fixed["xy"], self._colours, first, self._flow, self._shade,
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
            launch("straighten", (-(-area // 4),), area, self._person, self.rgba)
        else:
            launch("composite", (-(-area // 4),), area, self._person, self._picture, self.rgba)


class _Block:
    """What a frame sends up, in one piece of 4 byte words; each part begins at 16 bytes.

    staged, array: the piece on the host and on the device; host, parts: its parts there.
    """

    def __init__(self, device: Device, joints: int, sheets: int) -> None:
        sizes = {
            "maps": 12 * joints, "turn": 4 * joints, "rest": 12 * joints, "view": 3,
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
