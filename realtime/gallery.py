"""The avatars that can be performed, as the server sees them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engines.errors import InputError
from engines.types import Avatar

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_RESERVED = re.compile(r"(?i)con|prn|aux|nul|(com|lpt)\d")  # no file of Windows may be called so


class MissingError(InputError):
    """There is no avatar, performance or job of this name."""


@dataclass(frozen=True, slots=True)
class AvatarCard:
    """What the page shows of an avatar. bundled: came with the project, cannot be deleted."""

    name: str
    warnings: tuple[str, ...] = ()
    bundled: bool = False


class Gallery(Protocol):
    """Avatars by name. Every method may block; the server calls them on helper threads."""

    def cards(self) -> list[AvatarCard]:
        """All avatars, in the order in which to show them."""

    def load(self, name: str) -> Avatar:
        """Raises MissingError, or ModelError for a damaged one."""

    def thumbnail(self, name: str) -> bytes:
        """A small picture, PNG or JPEG. Raises MissingError."""

    def delete(self, name: str) -> None:
        """Raises MissingError, or InputError for a bundled one."""


Progress = Callable[[float, str], None]
"""Told the share done (0..1) and what is being done."""

Enroller = Callable[[Path, str, Progress], list[str]]
"""Makes an avatar of a photo under a name and returns its warnings. Runs in a process of its own,
so it must be importable by name. Raises PuppetcamError."""


def checked_name(name: str) -> str:
    """The name, if an avatar may be called so. Raises InputError."""
    if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
        raise InputError(
            f"An avatar cannot be called {name[:40]!r}.",
            "Use 1 to 40 letters (a-z), digits, - and _, beginning with a letter or digit.",
        )
    return name
