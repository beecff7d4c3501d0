"""Browsers' stand-ins: real WebRTC peers in this process that talk to a hub over loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from engines.types import U8
from realtime.hub import Hub
from realtime.offer import Offer

CAMERA = (255, 255, 0)  # a colour that no fake avatar has


class Camera(MediaStreamTrack):
    """A camera of one colour. draw: may paint on frame number k."""

    kind = "video"

    def __init__(
        self,
        fps: float = 30.0,
        size: tuple[int, int] = (160, 120),
        draw: Callable[[U8, int], None] | None = None,
    ) -> None:
        super().__init__()
        self.sent = 0
        self._fps, self._size, self._draw = fps, size, draw
        self._start_s = time.monotonic()

    async def recv(self) -> av.VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        await asyncio.sleep(max(0.0, self._start_s + self.sent / self._fps - time.monotonic()))
        image = np.empty((self._size[1], self._size[0], 3), np.uint8)
        image[:] = CAMERA
        if self._draw is not None:
            self._draw(image, self.sent)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = int(self.sent * 90_000 / self._fps), Fraction(1, 90_000)
        self.sent += 1
        return frame


class Client:
    """One peer: what it received and was told."""

    def __init__(self, camera: Camera | None) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.images: list[tuple[float, U8]] = []  # (time.monotonic(), RGB)
        self.messages: list[dict[str, Any]] = []
        self.session = ""
        self.ended = False
        self._reading: list[asyncio.Task[None]] = []
        self.connection.on(
            "track", lambda t: self._reading.append(asyncio.create_task(self._read(t)))
        )
        if camera is not None:
            self.connection.addTrack(camera)
            self.control = self.connection.createDataChannel("control")
            self.control.on("message", lambda data: self.messages.append(json.loads(data)))
        else:
            self.connection.addTransceiver("video", direction="recvonly")

    async def offer(self) -> str:
        await self.connection.setLocalDescription()
        return self.connection.localDescription.sdp

    async def connect(self, hub: Hub, **fields: Any) -> None:
        body = {"sdp": await self.offer(), "type": "offer", **fields}
        sdp, self.session = await hub.answer(Offer.parse(body))
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    def send(self, **message: Any) -> None:
        self.control.send(json.dumps(message))

    @property
    def colour(self) -> tuple[int, int, int]:
        """The newest picture's colour in its top left quarter, RGB."""
        image = self.images[-1][1]
        r, g, b = image[image.shape[0] // 4, image.shape[1] // 4]
        return int(r), int(g), int(b)

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    async def close(self) -> None:
        await self.connection.close()
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)

    async def _read(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
                assert isinstance(frame, av.VideoFrame)
            except MediaStreamError:
                self.ended = True
                return
            self.images.append((time.monotonic(), np.asarray(frame.to_ndarray(format="rgb24"))))


@asynccontextmanager
async def client(hub: Hub, camera: Camera | None = None, **fields: Any) -> AsyncIterator[Client]:
    """A connected peer: a performer with a camera, without one a viewer."""
    peer = Client(camera)
    try:
        await peer.connect(hub, role="viewer" if camera is None else "performer", **fields)
        yield peer
    finally:
        await peer.close()


async def until(what: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for something to become true; TimeoutError if it does not."""
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.01)


def near(a: tuple[int, int, int], b: tuple[int, int, int], most: int = 24) -> bool:
    """Whether two colours are the same but for the codec."""
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) <= most


def no_camera_pixel(client: Client) -> bool:
    """Whether nothing that was received has the camera's colour."""
    assert client.images
    images = np.stack([image for _, image in client.images]).astype(np.int16)
    return bool(np.abs(images - CAMERA).max(axis=-1).min() > 60)
