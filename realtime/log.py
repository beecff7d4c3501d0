"""Logging, configured once: each line says which session it is about."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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


def configure(level: int = logging.INFO) -> None:
    """Send log lines to stderr, once per process. Libraries are heard from WARNING on."""
    handler = logging.StreamHandler()
    handler.addFilter(_SessionName())
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-7s [%(session)s] %(name)s: %(message)s")
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in ("realtime", "engines"):
        logging.getLogger(name).setLevel(level)
