"""Logging, configured once: each line says which session it is about."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from aiohttp.http_exceptions import HttpProcessingError

_session: ContextVar[str] = ContextVar("session", default="-")


@contextmanager
def named_session(name: str) -> Iterator[None]:
    """Lines written in the body, and in tasks started there, carry the session's name."""
    token = _session.set(name[:8])
    try:
        yield
    finally:
        _session.reset(token)


class _SessionName(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.session = _session.get()
        return True


class _NoRequest(logging.Filter):
    """A request that is none is somebody else's mistake: one line, no trace."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg, record.args = "a request could not be read: %s", (error.message,)
            record.exc_info = None
        return True


def configure(level: int = logging.INFO) -> None:
    """Send log lines to stderr. Libraries are heard from WARNING on."""
    handler = logging.StreamHandler()
    handler.addFilter(_SessionName())
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-7s [%(session)s] %(name)s: %(message)s")
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    server = logging.getLogger("aiohttp.server")
    if not server.filters:
        server.addFilter(_NoRequest())
    for name in ("realtime", "engines"):
        logging.getLogger(name).setLevel(level)
