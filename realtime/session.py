"""A session: one performance, its performer's connection and its viewers' connections."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiortc import RTCDataChannel, RTCIceServer
from aiortc.mediastreams import MediaStreamTrack

from engines.errors import BusyError, InputError, PuppetcamError
from engines.types import U8, Avatar
from realtime import control
from realtime.offer import Offer
from realtime.peer import Peer
from realtime.performance import Performance
from realtime.picture import Form
from realtime.puppet import Puppet
from realtime.track import PuppetTrack, read_camera
from realtime.worker import Worker

log = logging.getLogger(__name__)

STATS_S = 1.0
LINGER_S = 5.0  # with viewers, a performance outlives its performer's connection: pages reload
MAX_VIEWERS = 8

Loader = Callable[[str], Awaitable[Avatar]]
"""Loads an avatar by name, off the loop's thread."""


class Session:
    """Lives on the event loop. on_closed: called once, when it is over."""

    def __init__(
        self,
        name: str,
        puppet: Puppet,
        still: U8,
        avatar: str,
        worker: Worker,
        load: Loader,
        on_closed: Callable[[Session], None],
        ice_servers: Sequence[RTCIceServer] = (),
        version: str = "",
    ) -> None:
        self.name, self.avatar = name, avatar
        self._loop = asyncio.get_running_loop()
        self._load, self._on_closed = load, on_closed
        self._ice_servers, self._version = ice_servers, version
        self._performer: Peer | None = None
        self._viewers: set[Peer] = set()
        self._channel: RTCDataChannel | None = None
        self._unsent: deque[dict[str, Any]] = deque(maxlen=8)  # said before the channel opened
        self._swap: asyncio.Task[None] | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        self.performance = Performance(name, puppet, still, worker, self.tell)

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    # --- connections --------------------------------------------------------------------------

    async def perform(self, offer: Offer) -> str:
        """Connect the performer, in place of an earlier connection. Returns the answer's SDP.

        Raises OfferError or BusyError; an earlier connection then stays.
        """

        def on_video(track: MediaStreamTrack) -> None:
            peer.start(read_camera(track, self.performance.arrived))

        def on_control(channel: RTCDataChannel) -> None:
            peer.start(self._report(channel))

        peer = self._connect("plain", marked=True, on_video=on_video, on_control=on_control)
        sdp = await peer.answer(offer)
        if self._closing is not None:  # it lingered, and ended while the offer was being answered
            await peer.close()
            raise BusyError("The performance has just ended.", "Try again.")
        earlier, self._performer = self._performer, peer
        self._channel = None
        self._stop_lingering()
        if earlier is not None:
            await earlier.close()
        return sdp

    async def view(self, offer: Offer) -> str:
        """Connect a viewer. Returns the answer's SDP. Raises OfferError or BusyError."""
        if len(self._viewers) >= MAX_VIEWERS:
            raise BusyError(
                f"The performance has {MAX_VIEWERS} viewers, and no room for more.",
                "Close a stage page that is not needed.",
            )
        peer = self._connect("packed" if offer.alpha else "plain")
        self._viewers.add(peer)
        return await peer.answer(offer)

    def _connect(
        self,
        form: Form,
        marked: bool = False,
        on_video: Callable[[MediaStreamTrack], None] | None = None,
        on_control: Callable[[RTCDataChannel], None] | None = None,
    ) -> Peer:
        track = PuppetTrack(self.performance.last(form), form, marked)
        self.performance.watch(form, track.outbox)

        async def gone() -> None:
            self._gone(peer)

        peer = Peer(track, self._ice_servers, gone, on_video, on_control)
        return peer

    def _gone(self, peer: Peer) -> None:
        self.performance.unwatch(peer.track.outbox)
        self._viewers.discard(peer)
        if peer is self._performer:
            self._performer = self._channel = None
            if self._viewers:
                self._linger = self._loop.call_later(LINGER_S, self._start_closing)
        if self._performer is None and not self._viewers:
            self._start_closing()

    def _stop_lingering(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    async def close(self) -> None:
        """End the performance and every connection. Safe to call twice."""
        self._start_closing()
        assert self._closing is not None
        await asyncio.shield(self._closing)

    def _start_closing(self) -> None:
        if self._closing is None:
            self._on_closed(self)  # at once: the name is free for the next
            self._closing = asyncio.create_task(self._close())

    async def _close(self) -> None:
        log.info("the performance ends")
        self._stop_lingering()
        if self._swap is not None:
            self._swap.cancel()
        performer, self._performer = self._performer, None
        peers = [*self._viewers, *([performer] if performer is not None else [])]
        await asyncio.gather(*(peer.close() for peer in peers))
        self.performance.close()

    # --- control channel ----------------------------------------------------------------------

    async def _report(self, channel: RTCDataChannel) -> None:
        """Serve a control channel: greet, obey, and send the statistics once a second."""
        self._channel = channel
        channel.on("message", self._obey)
        hello = {"session": self.name, "avatar": self.avatar, "version": self._version}
        self._send({"type": "hello", **hello})
        while self._unsent:
            self._send(self._unsent.popleft())
        while self._channel is channel:
            await asyncio.sleep(STATS_S)
            self._send(self.performance.snapshot().message() | {"viewers": self.viewers})

    def _obey(self, data: str | bytes) -> None:
        try:
            command = control.parse(data)
        except InputError as error:
            self._tell("warning", error.message, error.hint)
            return
        match command.type:
            case "avatar":
                self.change_avatar(command.value)
            case "background":
                self.performance.set_background(command.value)
            case "mirror":
                self.performance.set_mirror(command.value)
            case "mark":
                self.performance.marking = command.value
            case "calibrate":
                self.performance.calibrate()
            case "ping":
                self._send({"type": "pong", "id": command.value})

    def change_avatar(self, name: str) -> None:
        """Begin to load an avatar; it is performed once it is there. The last request wins."""
        if self._swap is not None:
            self._swap.cancel()
        self._swap = asyncio.create_task(self._change_avatar(name))

    async def _change_avatar(self, name: str) -> None:
        """Load an avatar beside the running picture, then perform it."""
        self._send({"type": "avatar", "name": name, "state": "loading"})
        try:
            avatar = await self._load(name)
        except PuppetcamError as error:
            self._tell("error", error.message, error.hint)
            self._send({"type": "avatar", "name": self.avatar, "state": "ready"})
            return
        change = asyncio.wrap_future(self.performance.set_avatar(avatar))
        change.add_done_callback(lambda done: self._changed(name, done))
        await asyncio.shield(change)  # a newer request ends this task, not what is being built
        self._send({"type": "avatar", "name": self.avatar, "state": "ready"})

    def _changed(self, name: str, done: asyncio.Future[bool]) -> None:
        if not done.cancelled() and done.exception() is None and done.result():
            self.avatar = name

    def _tell(self, level: str, text: str, hint: str) -> None:
        message = {"type": "message", "level": level, "text": text, "hint": hint}
        if self._channel is None:
            self._unsent.append(message)
        else:
            self._send(message)

    def tell(self, level: str, text: str, hint: str) -> None:
        """Tell the performer something: level info, warning or error. Any thread."""
        self._loop.call_soon_threadsafe(self._tell, level, text, hint)

    def _send(self, message: dict[str, Any]) -> None:
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(json.dumps(message))
