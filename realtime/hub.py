"""All sessions of one process, and what they share: the compute thread, the gallery, the room."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiortc import RTCIceServer

from engines.avatar.store import check_name
from engines.kernels.budget import MB, budget
from engines.types import U8, Avatar
from realtime import admission, memory, transport
from realtime.codec import Codecs
from realtime.gallery import Enroller, Gallery, MissingError
from realtime.log import named_session
from realtime.offer import Offer
from realtime.puppet import Puppet, PuppetMaker
from realtime.session import Session
from realtime.worker import Worker

T = TypeVar("T")
log = logging.getLogger(__name__)

TIDY_S = 1.0  # after a performance has ended


@dataclass(frozen=True, slots=True)
class Backstage:
    """What performs, as the live loop needs it.

    backend: what will compute, in words. planes: whether it may take camera frames as planes.
    codecs: who encodes and decodes video.
    """

    gallery: Gallery
    make_puppet: PuppetMaker
    enroll: Enroller
    backend: str
    planes: bool = False
    codecs: Codecs = field(default_factory=Codecs)


class Hub:
    """Answers offers. Lives on the event loop.

    capacity: how many performances may run, None to measure. version: told to the page.
    """

    def __init__(
        self,
        backstage: Backstage,
        capacity: int | None = None,
        ice_servers: Sequence[RTCIceServer] = (),
        version: str = "",
    ) -> None:
        self._fallen = 0
        self._loop = asyncio.get_running_loop()
        transport.apply(backstage.planes, backstage.codecs, self._codec_fell)
        self.backstage, self.version = backstage, version
        self.sessions: dict[str, Session] = {}  # oldest first
        self._ice_servers = ice_servers
        self._worker = Worker()
        self._admission = admission.Admission(capacity)
        self._joining = asyncio.Lock()
        self._tidying = self._closed = False
        self._helpers = ThreadPoolExecutor(2, thread_name_prefix="helper")

    async def answer(self, offer: Offer) -> tuple[str, str]:
        """The answer's SDP and the session's name.

        Raises OfferError, BusyError, MissingError, ModelError; nothing is left behind then.
        """
        if offer.role == "viewer":
            session = self._watched(offer.session)
            with named_session(session.name):
                return await session.view(offer), session.name
        async with self._joining:  # two offers under one name must not make two sessions
            name = offer.session or secrets.token_urlsafe(12)
            with named_session(name):
                return await self._perform(offer, name), name

    def health(self) -> dict[str, Any]:
        """What /healthz says."""
        running, declared = self._admission.running, self._admission.declared
        newest = next(reversed(self.sessions.values()), None)
        known = declared is not None or running > 0
        return {
            "status": "ok",
            "sessions": running,
            "viewers": sum(session.viewers for session in self.sessions.values()),
            "capacity": self._admission.places(self._worker.load.share()) if known else None,
            "backend": newest.performance.backend if newest else self.backstage.backend,
            "video": str(self.backstage.codecs),
            "card_mb": budget.used() // MB,
            "failures": self._fallen + sum(s.performance.failures for s in self.sessions.values()),
            "version": self.version,
        }

    async def help(self, call: Callable[..., T], *arguments: Any) -> T:
        """Run a blocking call on a helper thread."""
        return await asyncio.get_running_loop().run_in_executor(self._helpers, call, *arguments)

    async def close(self) -> None:
        """End every session and the threads."""
        self._closed = True
        await asyncio.gather(*(session.close() for session in list(self.sessions.values())))
        await self.help(self._worker.close)
        self._helpers.shutdown()

    async def _perform(self, offer: Offer, name: str) -> str:
        present = self.sessions.get(name)
        if present is not None:
            answer = await present.perform(offer)
            if offer.avatar not in (None, present.avatar):
                present.change_avatar(offer.avatar)
            return answer
        self._admission.enter(self._worker.load.share())
        try:
            session = await self._open(name, offer.avatar)
        except BaseException:
            self._admission.leave()
            raise
        self.sessions[name] = session
        try:
            return await session.perform(offer)
        except BaseException:
            await session.close()
            raise

    async def _open(self, name: str, wanted: str | None) -> Session:
        chosen = wanted or await self._first_avatar()
        avatar = await self._load(chosen)
        puppet, still = await self.help(self._puppet, avatar)
        log.info("a performance of %s begins", chosen)
        return Session(
            name,
            puppet,
            still,
            chosen,
            self._worker,
            self._load,
            self._ended,
            self._ice_servers,
            self.version,
        )

    def _puppet(self, avatar: Avatar) -> tuple[Puppet, U8]:
        """Helper thread: a puppet and what it shows at first."""
        puppet = self.backstage.make_puppet(avatar)
        return puppet, puppet.still()

    def _ended(self, session: Session) -> None:
        del self.sessions[session.name]
        self._admission.leave()
        if not self._tidying:  # once for all that end together, when they have closed
            self._tidying = True
            asyncio.get_running_loop().call_later(TIDY_S, self._tidy)

    def _codec_fell(self, text: str) -> None:
        """Called on a codec's thread."""
        self._loop.call_soon_threadsafe(self._tell_all, text)

    def _tell_all(self, text: str) -> None:
        """The performers share the card, so each is told."""
        self._fallen += 1
        for session in self.sessions.values():
            session.tell("warning", text, "The CPU does that now.")

    def _tidy(self) -> None:
        self._tidying = False
        if not self._closed:
            self._helpers.submit(memory.give_back)

    def _watched(self, name: str | None) -> Session:
        if name is None and self.sessions:
            return next(reversed(self.sessions.values()))
        if name in self.sessions:
            return self.sessions[name]
        raise MissingError(
            "There is no performance to watch yet." if name is None else "It has not begun yet.",
            "Open the performer's page and start the camera.",
        )

    async def _first_avatar(self) -> str:
        cards = await self.help(self.backstage.gallery.cards)
        if not cards:
            raise MissingError("There is no avatar yet.", "Make one: upload a photo of a person.")
        return cards[0].name

    async def _load(self, name: str) -> Avatar:
        # A name, never a path: it comes from the page.
        return await self.help(self.backstage.gallery.load, check_name(name))
