"""One WebRTC connection: answered within a deadline, connected within another, closed for sure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamTrack

from engines.errors import BusyError
from realtime.offer import Offer, OfferError
from realtime.track import PuppetTrack
from realtime.transport import prefer_h264, with_start_bitrate

log = logging.getLogger(__name__)

ANSWER_S = 10.0
CONNECT_S = 10.0
UPLINK_KBPS = 1500


class Peer:
    """A connection that sends one track, and takes at most one video and one control channel.

    on_video: called with the peer's video track. on_control: called with the control channel.
    on_closed: awaited once, when the connection is over for whatever reason.
    """

    def __init__(
        self,
        track: PuppetTrack,
        ice_servers: Sequence[RTCIceServer],
        on_closed: Callable[[], Awaitable[None]],
        on_video: Callable[[MediaStreamTrack], None] | None = None,
        on_control: Callable[[RTCDataChannel], None] | None = None,
    ) -> None:
        self.track = track
        self._on_closed, self._on_video, self._on_control = on_closed, on_video, on_control
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None
        # An empty list, not None: the library would ask a public STUN server for our address.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=list(ice_servers)))
        self._connection.on("connectionstatechange", self._follow)
        self._connection.on("track", self._took)
        self._connection.on("datachannel", self._opened)

    @property
    def state(self) -> str:
        return self._connection.connectionState

    async def answer(self, offer: Offer) -> str:
        """The answer's SDP. Raises OfferError or BusyError; the peer is closed then."""
        try:
            async with asyncio.timeout(ANSWER_S):
                sdp = await self._negotiate(offer)
        except TimeoutError:
            await self.close()
            raise BusyError(
                f"The offer could not be answered within {ANSWER_S:.0f} s.", "Try again."
            ) from None
        except BaseException:
            await self.close()
            raise
        self.start(self._give_up())
        return sdp

    async def _negotiate(self, offer: Offer) -> str:
        connection = self._connection
        connection.addTrack(self.track)
        prefer_h264(connection.getTransceivers()[0])
        try:
            await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        except Exception as error:  # the library raises whatever its parser runs into
            log.info("refused an offer: %r", error)
            raise OfferError(
                "The offer cannot be read, or asks for what we do not have."
            ) from error
        for transceiver in connection.getTransceivers()[1:]:
            transceiver.direction = "inactive"  # sound, a second camera: nobody would read them
        await connection.setLocalDescription()
        return with_start_bitrate(connection.localDescription.sdp, UPLINK_KBPS)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine for as long as the connection lives."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    async def close(self) -> None:
        """Close the connection and wait for that. Safe to call twice, and from its own tasks."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.track.stop()
        await self._connection.close()
        await self._on_closed()

    async def _give_up(self) -> None:
        """Close a connection that does not come about, or goes the same way unnoticed."""
        await asyncio.sleep(CONNECT_S)
        if self.state != "connected":
            log.info("no connection after %.0f s (%s)", CONNECT_S, self.state)
            self._end()

    def _follow(self) -> None:
        log.info("connection %s", self.state)
        if self.state in ("failed", "closed"):
            self._end()

    def _end(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())

    def _took(self, track: MediaStreamTrack) -> None:
        on_video, self._on_video = self._on_video, None
        if track.kind == "video" and on_video is not None:
            on_video(track)

    def _opened(self, channel: RTCDataChannel) -> None:
        if channel.label == "control" and self._on_control is not None:
            self._on_control(channel)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the connection ends after an error", exc_info=error)
            self._end()
