"""``puppetcam-export bench-torch``: our frame on a card, and the same the usual way, in one run.

The usual way: torch's ``grid_sample`` draws, ONNX Runtime finds the landmarks. torch gets the
easier work: each layer's flow is given to it, so that it neither skins nor rasterises, and inferred
skin is left out. Both are timed as they are used, with the wait for the landmarks in the midst.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import engines.avatar
from engines.avatar.store import load_avatar
from engines.backdrop import Backdrop
from engines.camera_cuda import CudaCamera, CudaEye, OnCard
from engines.device import choose
from engines.errors import DeviceError
from engines.kernels.cuda import CudaDevice, Device
from engines.keypoints.carried import open_model, open_on_card
from engines.keypoints.landmarks import LOOK
from engines.keypoints.region import Region
from engines.render import Renderer
from engines.render_cuda import CudaRenderer
from engines.scene import Scene
from engines.types import Avatar

CAMERA, SIZE, CROP = (640, 480), (512, 512), 256
LAYERS = 6  # of an avatar with arms and legs
REGION = Region(320, 260, 460, 0.1)  # a performer before the camera
AVATAR = Path(engines.avatar.__file__).parent / "bundled" / "kit"
WARM_UP, COUNT = 30, 200
TO_RGB = ((1.164, 0.0, 1.596), (1.164, -0.392, -0.813), (1.164, 2.017, 0.0))  # BT.601, video range
TO_YUV = ((0.257, 0.504, 0.098), (-0.148, -0.291, 0.439), (0.439, -0.368, -0.071))


@dataclass
class TorchFrame:
    """One performer's frame on ``device`` ("cuda" or "cpu"), every tensor made beforehand.

    look: what the landmark network does with f32 (1, 256, 256, 3) on the host, None: no network.
    """

    device: str
    look: Callable[[np.ndarray[Any, Any]], object] | None = None

    def __post_init__(self) -> None:
        import torch
        from torch.nn.functional import affine_grid

        self._torch = torch
        (wide, high), (width, height) = CAMERA, SIZE

        def made(*shape: int) -> Any:
            return torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(self.device)

        pinned = self.device == "cuda"
        self._planes = torch.zeros((high * 3 // 2, wide), dtype=torch.uint8, pin_memory=pinned)
        self._out = torch.zeros((height * 3 // 2, width), dtype=torch.uint8, pin_memory=pinned)
        turn = torch.tensor([[[0.7, -0.05, 0.0], [0.05, 0.9, 0.1]]], device=self.device)
        self._square = affine_grid(turn, [1, 3, CROP, CROP], align_corners=False)
        self._textures = made(LAYERS, 4, height, width)
        whole = torch.tensor([[[1.0, 0.02, 0.01], [-0.02, 1.0, 0.01]]], device=self.device)
        self._flows = affine_grid(
            whole.expand(LAYERS, 2, 3), [LAYERS, 4, height, width], align_corners=False
        )
        self._ground = made(3, height, width)
        self._to_rgb = torch.tensor(TO_RGB, device=self.device)
        self._to_yuv = torch.tensor(TO_YUV, device=self.device)

    def run(self) -> None:
        """The whole frame: planes up, landmarks, layers, planes down."""
        from torch.nn.functional import avg_pool2d, grid_sample, interpolate

        torch, (wide, high), (width, height) = self._torch, CAMERA, SIZE
        planes = self._planes.to(self.device, non_blocking=True).float()
        luma = planes[:high][None, None]
        chroma = planes[high:].reshape(1, 2, high // 2, wide // 2)
        yuv = torch.cat([luma - 16, interpolate(chroma, scale_factor=2.0) - 128], 1)
        rgb = torch.einsum("ij,njhw->nihw", self._to_rgb, yuv).clamp(0, 255) / 255
        square = grid_sample(rgb, self._square, padding_mode="border", align_corners=False)
        if self.look is not None:
            self.look(square.permute(0, 2, 3, 1).contiguous().cpu().numpy())
        drawn = grid_sample(self._textures, self._flows, align_corners=False)
        picture = self._ground
        for layer in drawn:  # premultiplied, back to front
            picture = layer[:3] + (1 - layer[3]) * picture
        yuv = torch.einsum("ij,jhw->ihw", self._to_yuv, picture * 255)
        self._out[:height].copy_((yuv[0] + 16).clamp(0, 255).byte(), non_blocking=True)
        small = (avg_pool2d(yuv[None, 1:], 2)[0] + 128).clamp(0, 255).byte()
        self._out[height:].copy_(small.reshape(height // 2, width), non_blocking=True)

    def measure(self, count: int) -> list[float]:
        """How long each of ``count`` frames took, ms: by events on a card, else by the clock."""
        took = []
        for _ in range(count):
            if self.device == "cpu":
                start = time.perf_counter()
                self.run()
                took.append(1e3 * (time.perf_counter() - start))
                continue
            begin, end = (self._torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            self.run()
            end.record()
            end.synchronize()
            took.append(begin.elapsed_time(end))
        return took


class OwnFrame:
    """One performer's frame through our kernels on ``card``. network: the landmark network, None:
    the picture alone."""

    def __init__(self, card: Device, network: OnCard | None, avatar: Avatar) -> None:
        self._card, self._avatar = card, avatar
        wide, high = CAMERA
        # Two pictures: the camera does not send the one again that it sent last.
        self._pictures = [np.full((high * 3 // 2, wide), 128, np.uint8) for _ in range(2)]
        self._camera = CudaCamera(card)
        self._eye = None
        if network is not None:
            look = LOOK.gain, LOOK.bias, LOOK.replicate
            self._eye = CudaEye(card, self._camera, network, *look)
        renderer = Renderer(avatar, SIZE)
        backdrop = Backdrop(avatar, SIZE, renderer.view, "photo")
        self._drawing = CudaRenderer(card, renderer, Scene.of(renderer), backdrop)

    def run(self) -> None:
        """The whole frame: planes up, landmarks, layers, planes down."""
        self._pictures.reverse()
        self._camera.show(self._pictures[0])
        if self._eye is not None:
            self._eye.look(REGION)
        self._drawing.place(self._avatar.reference)
        self._drawing.take(frozenset(["plain"]))

    def measure(self, count: int) -> list[float]:
        """How long each of ``count`` frames took, ms, by events."""
        return self._card.measure(self.run, count)


def add_parser(commands: Any) -> None:
    """Adds ``bench-torch`` to the subcommands of puppetcam-export."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "bench-torch",
        help="our frame on a card against the same in torch and ONNX Runtime",
        description=__doc__,
    )
    parser.add_argument(
        "--device", choices=("cuda", "cpu"), default="cuda", help="cpu: torch's frame alone"
    )
    parser.add_argument("--kernels", action="store_true", help="without the landmark network")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the medians and, as the last line, JSON."""
    import torch

    device = arguments.device
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError("torch: it sees no card", "--device cpu tries it without one")
    result: dict[str, Any] = {"torch": torch.__version__, "device": device}
    if device == "cuda":
        result["card"] = torch.cuda.get_device_name()
    with torch.inference_mode():
        result["drawing_ms"] = measured(TorchFrame(device))
        if not arguments.kernels:
            with open_model("pose_landmark", device) as engine:
                frame = TorchFrame(device, lambda image: engine.run({"image": image}))
                result["frame_ms"] = measured(frame)
    if device == "cuda":
        result |= own(arguments.kernels)
        for name in ("drawing_ms", "frame_ms"):
            if name in result:
                result[f"{name[:-3]}_ratio"] = round(result[name] / result[f"own_{name}"], 2)
    for name, value in result.items():
        if isinstance(value, float):
            print(f"{name:<16}{value:9.3f}")
    print(json.dumps(result))
    return 0


def own(kernels: bool) -> dict[str, Any]:
    """Our frame on this machine's card. kernels: without the network."""
    card, avatar = CudaDevice(), load_avatar(AVATAR)
    result: dict[str, Any] = {"own_drawing_ms": measured(OwnFrame(card, None, avatar))}
    if not kernels:
        result["own_device"] = chosen = choose("auto").device
        with open_on_card("pose_landmark", chosen, card) as network:
            result["own_frame_ms"] = measured(OwnFrame(card, network, avatar))
    return result


def measured(frame: TorchFrame | OwnFrame) -> float:
    """The median frame, ms."""
    frame.measure(WARM_UP)
    return round(median(frame.measure(COUNT)), 4)
