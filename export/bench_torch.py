"""``puppetcam-export bench-torch``: the frame that ``puppetcam bench`` measures, the usual way.

torch's ``grid_sample`` draws, ONNX Runtime finds the landmarks. torch gets the easier work: each
layer's flow is given to it, so that it neither skins nor rasterises, and inferred skin is left out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from engines.errors import DeviceError
from engines.keypoints.carried import open_model

CAMERA, SIZE, CROP = (640, 480), (512, 512), 256
LAYERS = 6  # of an avatar with arms and legs
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


def add_parser(commands: Any) -> None:
    """Adds ``bench-torch`` to the subcommands of puppetcam-export."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "bench-torch",
        help="the measured frame in torch and ONNX Runtime, to compare",
        description=__doc__,
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
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
    for name in ("drawing_ms", "frame_ms"):
        if name in result:
            print(f"{name:<12}{result[name]:9.3f}")
    print(json.dumps(result))
    return 0


def measured(frame: TorchFrame) -> float:
    """The median frame, ms."""
    frame.measure(WARM_UP)
    return round(median(frame.measure(COUNT)), 4)
