"""The avatars on disk: those that came with puppetcam and the user's own."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import engines.avatar
from engines.avatar.store import (
    MANIFEST,
    THUMBNAIL,
    check_name,
    load_avatar,
    read_manifest,
    read_seen,
)
from engines.blazepose import ELBOWS, WORDS
from engines.errors import InputError, PuppetcamError
from engines.types import Avatar
from realtime.gallery import AvatarCard, MissingError

BUNDLED = Path(engines.avatar.__file__).parent / "bundled"


def own_avatars() -> Path:
    """Where a user's avatars are kept unless --avatars says otherwise."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "puppetcam" / "avatars"


def held(seen: NDArray[np.bool_]) -> str:
    """Which arms stay as in the photo, in words; seen: bool (33,), what the photo shows.

    The solver moves an arm only where the photo shows its elbow.
    """
    hidden = [word for word, elbow in zip(WORDS.values(), ELBOWS, strict=True) if not seen[elbow]]
    return "arms held" if len(hidden) == 2 else f"{hidden[0]} arm held" if hidden else ""


class Shelf:
    """Avatars by name, the user's own first; one of theirs hides a bundled one of the same name.

    own: the folder of the user's avatars; None: the usual place. It need not exist yet.
    """

    def __init__(self, own: Path | str | None = None, bundled: Path = BUNDLED) -> None:
        self.own = own_avatars() if own is None else Path(own)
        self._bundled = bundled

    def cards(self) -> list[AvatarCard]:
        """Every avatar, in the order in which to show them.

        The user's own, then the bundled ones, those with the fewest warnings first: they move best.
        Damaged ones come last; their warning says what is wrong, so that the user can mend them.
        """
        cards: dict[str, AvatarCard] = {}
        damaged: set[str] = set()
        for folder in self._folders():
            try:
                manifest, _ = read_manifest(folder)
                note = held(read_seen(folder))
            except PuppetcamError as error:
                warnings, note = (error.message,), ""
                if folder.name not in cards:
                    damaged.add(folder.name)
            else:
                warnings = tuple(manifest["provenance"].get("warnings", ()))
            bundled = folder.parent == self._bundled
            cards.setdefault(folder.name, AvatarCard(folder.name, warnings, bundled, note))
        return sorted(
            cards.values(), key=lambda c: (c.name in damaged, c.bundled and len(c.warnings))
        )

    def load(self, name: str | None) -> Avatar:
        """By name, by folder, or (None) the first; MissingError, or ModelError if damaged.

        A name on the shelf goes before a folder of that name where puppetcam was started.
        """
        if name is None:
            cards = self.cards()
            if not cards:
                raise MissingError("there is no avatar", "puppetcam enroll PHOTO --name NAME")
            name = cards[0].name
        on_shelf = any(folder.name == name for folder in self._folders())
        if not on_shelf and (Path(name) / MANIFEST).is_file():
            return load_avatar(Path(name))
        return load_avatar(self.folder(name))

    def folder(self, name: str) -> Path:
        """Where the avatar called ``name`` lies; MissingError if nowhere."""
        for folder in self._folders():
            if folder.name == name:
                return folder
        known = ", ".join(card.name for card in self.cards()) or "none"
        raise MissingError(
            f"no avatar named {name[:80]!r}; there are: {known}",
            f"puppetcam enroll PHOTO --name {name if name.isalnum() else 'NAME'}",
        )

    def thumbnail(self, name: str) -> bytes:
        """A small picture, PNG; MissingError."""
        try:
            return (self.folder(name) / THUMBNAIL).read_bytes()
        except OSError as error:
            raise MissingError(
                f"{name} has no thumbnail ({error.strerror})", "enrol it anew"
            ) from error

    def delete(self, name: str) -> None:
        """Remove one of the user's own; MissingError, or InputError for a bundled one."""
        folder = self.folder(check_name(name))
        if folder.parent == self._bundled:
            raise InputError(f"{name} came with puppetcam and stays", "delete avatars of your own")
        if folder.is_symlink():
            folder.unlink()  # what it leads to is not on this shelf
            return
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise InputError(
                f"{name} cannot be removed ({error.strerror})", f"who may write to {self.own}?"
            ) from error

    def _folders(self) -> Iterator[Path]:
        # A leading dot: an avatar that is being written (engines.avatar.store).
        for place in (self.own, self._bundled):
            try:
                entries = sorted(place.iterdir())
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise InputError(
                    f"the avatars in {place} cannot be read ({error.strerror})",
                    "let yourself read that folder, or take another with --avatars DIR",
                ) from error
            yield from (e for e in entries if not e.name.startswith(".") and _is_avatar(e))


def _is_avatar(folder: Path) -> bool:
    """Whether it holds a manifest; one that may not be looked into does: it is shown as damaged."""
    try:
        return (folder / MANIFEST).is_file()
    except PermissionError:
        return True
