"""Measure a card: the device time of a frame and of its steps, bandwidth, sessions side by side.

The frame is the whole of it without codecs: the camera's planes go up, the landmark network looks
at the performer's square, the avatar is drawn, the encoder's planes come down. Times are by events
on the stream. Bandwidth is over the bytes that a kernel has to move at least, beside what the card
reaches when it copies. Sessions side by side draw as fast as they can; in turn they are served as
live: landmarks are waited for, then the picture is drawn, with a network each or one run for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from engines.backdrop import Backdrop
from engines.batch import Batch, OfRows
from engines.camera_cuda import CudaCamera, CudaEye, OnCard
from engines.kernels.cuda import Device
from engines.keypoints.region import Region
from engines.render import Renderer
from engines.render_cuda import CudaRenderer
from engines.scene import Scene
from engines.types import Avatar
from engines.video_cuda import CudaVideo
from realtime.bandwidth import (
    CALL,
    Drawn,
    Listed,
    Step,
    Timed,
    must_move,
    recorded,
    step_times,
    time_us,
)
from realtime.stats import percentile

CAMERA, SIZE = (640, 480), (512, 512)
REGION = Region(320, 260, 460, 0.1)  # a performer before the camera
REPEATS, COUNT = 20, 50
COPY = 1 << 30  # bytes: many times a card's cache
LARGE, CHANNELS = 2048, 32
SESSIONS = (1, 8, 32, 64)
ROUNDS = 100
TURNS = 4  # of each way, one after the other; the best counts


class Session:
    """One performer's frame on a card. engine: the landmark network's, None: no network."""

    def __init__(self, device: Device, avatar: Avatar, engine: OnCard | None) -> None:
        self.device = device
        self.listed = listed = Listed(device)
        renderer = Renderer(avatar, SIZE)
        self.scene = Scene.of(renderer)
        backdrop = Backdrop(avatar, SIZE, renderer.view, "photo")
        self._camera = CudaCamera(listed)
        self._eye: CudaEye | None = None
        self.eye: CudaEye | None = None
        if engine is not None:
            self._eye = CudaEye(listed, self._camera, engine, 1 / 255, 0.0, True)
            self._eye.place(REGION)
            self.eye = CudaEye(device, self._camera, engine, 1 / 255, 0.0, True)
        self._drawing = CudaRenderer(listed, renderer, self.scene, backdrop)
        self._drawing.place(avatar.reference)
        self._video = CudaVideo(listed, self._drawing.rgba)
        self.steps = self._steps()
        for step in self.steps:
            step.run()  # loads what the device loads late
        device.wait()
        self.replay = recorded(device, self.steps)
        self.show = self.steps[0].run
        self.draw = recorded(device, self.steps[self._seen :])

    def _steps(self) -> list[Step]:
        self.listed.steps.clear()
        self._camera.show(np.zeros((CAMERA[1] * 3 // 2, CAMERA[0]), np.uint8))
        if self._eye is not None:
            self._eye.frame()
        self._seen = len(self.listed.steps)
        self._drawing.draw()
        self._video.frame()
        return list(self.listed.steps)


@dataclass(frozen=True, slots=True)
class CardFigures:
    """What was measured. copy: the card's copy, bytes read and written, GB/s; frame_ms: device time
    of the whole frame, p50, p95, p99; steps: its parts; large: kernels alone on large arrays;
    fps: frames per second of each of so many sessions side by side; session_mb: what one takes of
    the card; turns: frames per second of each in turn, with a network each and with one run."""

    copy: float
    frame_ms: tuple[float, float, float]
    steps: list[Timed]
    large: list[Timed]
    fps: dict[int, float]
    session_mb: float
    turns: dict[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def kernels_ms(self) -> float:
        """The frame without copies and network."""
        others = ("upload", "download", CALL)
        return sum(step.us for step in self.steps if step.name not in others) / 1e3

    def table(self) -> str:
        """For people."""
        p50, p95, p99 = self.frame_ms
        lines = [
            f"card's own copy, read and written   {self.copy:9.0f} GB/s",
            f"whole frame, device time            {p50:9.3f} ms  p95 {p95:.3f}, p99 {p99:.3f}",
            f"all kernels together                {self.kernels_ms:9.3f} ms",
            f"memory of one session on the card   {self.session_mb:9.0f} MB",
        ]
        for title, rows in (("step of the frame", self.steps), ("large arrays", self.large)):
            lines.append(f"\n{title:<26}{'us':>9}{'MB':>9}{'GB/s':>9}{'of copy':>9}")
            lines += [
                f"{row.name:<26}{row.us:9.1f}{row.moved / 1e6:9.2f}{row.gb_s:9.0f}"
                f"{row.gb_s / self.copy:9.0%}"
                for row in rows
            ]
        lines.append(f"\n{'sessions on the card':<26}{'frames/s each':>15}{'together':>12}")
        lines += [
            f"{count:<26}{each:15.1f}{count * each:12.1f}" for count, each in self.fps.items()
        ]
        if self.turns:
            title = "in turn, frames/s each"
            lines.append(f"\n{title:<26}{'own runs':>15}{'one run':>12}{'ratio':>9}")
        lines += [
            f"{count:<26}{own:15.1f}{one:12.1f}{one / own:9.2f}"
            for count, (own, one) in self.turns.items()
        ]
        return "\n".join(lines)

    def plain(self) -> dict[str, Any]:
        """For machines."""
        rows = {
            name: [
                {"name": t.name, "us": round(t.us, 2), "bytes": t.moved, "gb_s": round(t.gb_s, 1)}
                for t in timed
            ]
            for name, timed in (("steps", self.steps), ("large", self.large))
        }
        return {
            "copy_gb_s": round(self.copy, 1),
            "frame_ms": dict(zip(("p50", "p95", "p99"), self.frame_ms, strict=True)),
            "kernels_ms": round(self.kernels_ms, 4),
            "fps_each": {str(count): round(each, 1) for count, each in self.fps.items()},
            "session_mb": self.session_mb,
            "fps_in_turn": {
                str(count): {"own_runs": round(own, 1), "one_run": round(one, 1)}
                for count, (own, one) in self.turns.items()
            },
            **rows,
        }


def measure_card(
    open_device: Callable[[], Device],
    open_engine: Callable[[Device], OnCard] | None,
    avatar: Avatar,
    sessions: Sequence[int] = SESSIONS,
    large: int = LARGE,
    copy: int = COPY,
    open_batch: Callable[[Device], OfRows] | None = None,
) -> CardFigures:
    """Measure everything. open_device, open_engine: one for each session; large: side of the large
    arrays, px; copy: bytes; open_batch: the network that sessions share. Raises DeviceError."""
    device = open_device()
    before = device.free()

    def session(device: Device) -> Session:
        return Session(device, avatar, open_engine(device) if open_engine else None)

    one = session(device)
    taken = (before - device.free()) / 1e6
    whole = device.measure(one.replay, 4 * COUNT)[COUNT:]
    steps = [
        Timed(time.name, time.us, must_move(step, drawn))
        for drawn in [drawn_by(one)]
        for step, time in zip(one.steps, step_times(device, one.steps, REPEATS, COUNT), strict=True)
    ]
    ceiling = copied(device, copy)
    alone = large_kernels(device, large)
    together, fps, turns = [one], {}, {}
    shared = open_device()
    batch = Batch(shared, open_batch(shared)) if open_batch else None
    for count in sessions:
        together += [session(open_device()) for _ in range(count - len(together))]
        fps[count] = side_by_side(together[:count])
        if batch is not None:
            turns[count] = both_ways(together[:count], batch)
    p50, p95, p99 = (percentile(whole, share) for share in (0.5, 0.95, 0.99))
    return CardFigures(ceiling.gb_s, (p50, p95, p99), steps, alone, fps, taken, turns)


def drawn_by(session: Session) -> Drawn:
    """What the session's frame draws: the frame up to its raster is run and looked at."""
    device, names = session.device, [step.name for step in session.steps]
    end = names.index("raster") + 1
    for step in session.steps[:end]:
        step.run()
    *_, sheets, box, _, _, _, nearest = session.steps[end - 1].arguments
    here = [device.staging(array.shape, array.dtype.type) for array in (nearest, box, sheets)]
    for array, host in zip((nearest, box, sheets), here, strict=True):
        device.download(array, host)
    device.wait()
    for step in session.steps[end:]:  # empties the rasters
        step.run()
    device.wait()
    area = SIZE[0] * SIZE[1] + 1 & ~1
    return Drawn.of(here[0], here[1].reshape(-1, 4), here[2], area)


def copied(device: Device, size: int) -> Timed:
    """The card's copy of ``size`` bytes, read and written."""
    source, target = (device.filled((size,), np.uint8) for _ in range(2))
    listed = Listed(device)
    listed.copy(source, target)
    return Timed("copy", time_us(device, listed.steps, REPEATS, COUNT), 2 * size)


def large_kernels(device: Device, side: int) -> list[Timed]:
    """warp over side x side x 32 channels, float and half, and composite over as many, of bytes."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    wave = np.sin(y / 40)
    flow = np.stack([x + 0.5 + 3 * wave, y + 0.5 - 2 * wave], -1)[None].astype(np.float32)
    listed = Listed(device)
    there = listed.array(flow), listed.array(np.ones((1, side, side), np.float32))
    for name, dtype in (("warp_float", np.float32), ("warp_half", np.float16)):
        shape = (side, side, CHANNELS)
        words = CHANNELS * np.dtype(dtype).itemsize // 16
        listed.launch(
            name, (side * side * words,), 1, side * side, words, side, side,
            listed.filled((1, *shape), dtype), *there, listed.filled(shape, dtype),
        )  # fmt: skip
    count = side * side * CHANNELS // 4  # as many pixels of four bytes
    person, under, out = (listed.filled((count, 4), np.uint8, byte) for byte in (100, 0, 0))
    listed.launch("composite", (-(-count // 4),), count, person, under, out)
    return [
        Timed(f"{s.name} {side}x{side}", time_us(device, [s], REPEATS, COUNT), s.moved)
        for s in listed.steps
    ]


def side_by_side(sessions: Sequence[Session], rounds: int = ROUNDS) -> float:
    """Frames per second of each, all of them drawing as fast as they can, by the clock."""
    for session in sessions:
        session.replay()
    for session in sessions:
        session.device.wait()
    begin = perf_counter()
    for _ in range(rounds):
        for session in sessions:
            session.replay()
        for session in sessions:
            session.device.wait()
    return rounds / (perf_counter() - begin)


def both_ways(sessions: Sequence[Session], batch: Batch) -> tuple[float, float]:
    """Frames per second of each in turn: with a network each, and with ``batch`` for all."""
    served = [(session, session.eye) for session in sessions if session.eye is not None]
    found = [(in_turn(served, None), in_turn(served, batch)) for _ in range(TURNS)]
    return max(own for own, _ in found), max(one for _, one in found)


def in_turn(served: Sequence[tuple[Session, CudaEye]], batch: Batch | None) -> float:
    """Frames per second of each, by the clock, served one after the other as live sessions are."""
    size = 1 if batch is None else batch.rows
    parts = [served[first : first + size] for first in range(0, len(served), size)]

    def frames() -> None:
        for part in parts:
            for session, eye in part:
                session.show()
                if batch is not None:
                    batch.begin(eye, REGION)
            for session, eye in part:
                if batch is None:
                    eye.look(REGION)
                else:
                    batch.finish(eye)
                session.draw()
                session.device.wait()

    frames()  # records
    begin, rounds = perf_counter(), max(1, ROUNDS // TURNS)
    for _ in range(rounds):
        frames()
    return rounds / (perf_counter() - begin)
