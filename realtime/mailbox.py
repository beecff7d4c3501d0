"""A slot for one thing: the newest. What nobody took in time is dropped and counted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class MailboxClosed(Exception):
    """The mailbox was closed; nothing will come any more."""


class Mailbox(Generic[T]):
    """A newest-only slot between threads and event loops.

    ``put`` and ``poll`` may be called from any thread, ``take`` from one task at a time.
    ``on_put`` is called after each put, on the putting thread. ``dropped`` counts the items that
    were replaced before anyone took them.
    """

    def __init__(self, on_put: Callable[[], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._on_put = on_put
        self._item: T | None = None
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None
        self._closed = False
        self.dropped = 0

    @property
    def closed(self) -> bool:
        return self._closed

    def put(self, item: T) -> None:
        """Leave an item, in place of an unread one. After ``close`` it is dropped."""
        with self._lock:
            if self._closed:
                self.dropped += 1
                return
            if self._item is not None:
                self.dropped += 1
            self._item = item
            waiter, self._waiter = self._waiter, None
        _wake(waiter)
        if self._on_put is not None:
            self._on_put()

    def poll(self) -> T | None:
        """Take the item if there is one."""
        with self._lock:
            item, self._item = self._item, None
            return item

    async def take(self) -> T:
        """Wait for an item and take it. Raises MailboxClosed after ``close``."""
        while True:
            with self._lock:
                if self._closed:
                    raise MailboxClosed
                item, self._item = self._item, None
                if item is not None:
                    return item
                loop = asyncio.get_running_loop()
                arrived = loop.create_future()
                self._waiter = (loop, arrived)
            await arrived

    def close(self) -> None:
        """Drop what is left and wake the taker."""
        with self._lock:
            self._closed = True
            self._item = None
            waiter, self._waiter = self._waiter, None
        _wake(waiter)


def _wake(waiter: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None) -> None:
    if waiter is not None:
        loop, arrived = waiter
        loop.call_soon_threadsafe(_arrive, arrived)


def _arrive(arrived: asyncio.Future[None]) -> None:
    if not arrived.done():  # the taker may have been cancelled meanwhile
        arrived.set_result(None)
