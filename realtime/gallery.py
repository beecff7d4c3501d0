"""The avatars that can be performed, as the server sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engines.errors import InputError
from engines.types import Avatar, Progress


class MissingError(InputError):
    """There is no avatar, performance or job of this name."""


@dataclass(frozen=True, slots=True)
class AvatarCard:
    """What the page shows of an avatar. note: a line on its picture, on how it moves.

    bundled: came with the project, cannot be deleted.
    """

    name: str
    warnings: tuple[str, ...] = ()
    bundled: bool = False
    note: str = ""


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


Enroller = Callable[[Path, str, Progress], list[str]]
"""Makes an avatar of a photo under a name and returns its warnings. Runs in a process of its own,
so it must be importable by name. Raises PuppetcamError."""
