"""Compiled engines on disk, each under the key of all that it depends on."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from engines.errors import ModelError
from engines.file_lock import file_lock

T = TypeVar("T")
log = logging.getLogger(__name__)

MAGIC = b"puppetcam engine 1\n"
ABANDONED_S = 600.0  # a file is written within seconds


@dataclass(frozen=True, slots=True)
class EngineKey:
    """What an engine depends on.

    model: its name; digest: sha256 of its graph and weights; card: the GPU's name, "any" where an
    engine serves all of its target; target: "sm_86"; library: name and version; precision: "fp16";
    batch: the most rows of a run.
    """

    model: str
    digest: str
    card: str
    target: str
    library: str
    precision: str
    batch: int = 1

    def replaces(self, older: EngineKey) -> bool:
        """Whether it is the same engine made of another model or by another version."""
        same = replace(older, digest=self.digest, library=self.library) == self
        return same and older != self and older.library.split()[0] == self.library.split()[0]

    @property
    def file_name(self) -> str:
        text = json.dumps(asdict(self), sort_keys=True)
        number = hashlib.sha256(text.encode()).hexdigest()[:16]
        return f"{self.model}.{self.precision}.{self.target}.{number}.engine"


class EngineCache:
    """Engines in ``folder`` (None: the user's cache), each built once.

    A file is a line that names the format, one line of JSON (key, size and sha256 of what follows)
    and the engine. It appears whole or not at all.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = usual_folder() if folder is None else folder

    def open(self, key: EngineKey, build: Callable[[], bytes], load: Callable[[bytes], T]) -> T:
        """``load`` of the stored engine; where there is none that loads, ``build`` makes it.

        One thread or process builds an engine while others wait for it. What is stored has been
        loaded once. load raises ModelError for an engine that it refuses: a stored one is then
        built again. A folder that cannot be written to costs a build at each start, nothing more.
        """
        loaded = self._stored(key, load, logging.DEBUG)
        if loaded is not None:
            return loaded
        with ExitStack() as held:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                held.enter_context(file_lock(self.folder / f"{key.file_name}.lock"))
            except OSError as error:
                self._warn(error)
                return load(build())
            loaded = self._stored(key, load)  # somebody may have built it while we waited
            if loaded is not None:
                return loaded
            plan = build()
            loaded = load(plan)
            try:
                self.store(key, plan)
            except OSError as error:
                self._warn(error)
            return loaded

    def recall(self, key: EngineKey) -> bytes | None:
        """What ``keep`` wrote; None if there is none that is whole and can be read."""
        return self._stored(key, lambda content: content)

    def keep(self, key: EngineKey, content: bytes) -> None:
        """``store`` where that can be; else the next start has the work again."""
        try:
            self.store(key, content)
        except OSError as error:
            self._warn(error)

    def store(self, key: EngineKey, plan: bytes) -> Path:
        """Write an engine, whole or not at all, in place of those it replaces; returns where.

        Raises OSError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / key.file_name
        head = {"key": asdict(key), "size": len(plan), "sha256": _sha256(plan)}
        part = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
        try:
            with part.open("wb") as file:
                file.write(MAGIC + json.dumps(head, sort_keys=True).encode() + b"\n")
                file.write(plan)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        self._forget_older(key)
        return path

    def _forget_older(self, key: EngineKey) -> None:
        for part in self.folder.glob(f"{Path(key.file_name).stem}.*.part"):
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > ABANDONED_S:  # its writer was killed
                    part.unlink()
        for path in self.folder.glob(f"{key.model}.{key.precision}.{key.target}.*.engine"):
            with suppress(Exception):  # whatever is in it, it is not ours to judge: it stays
                with path.open("rb") as file:
                    ours = file.readline() == MAGIC
                    older = EngineKey(**json.loads(file.readline())["key"]) if ours else key
                if key.replaces(older):
                    path.unlink()
                    log.info("%s: removed, %s is newer", path.name, key.file_name)

    def read(self, key: EngineKey) -> bytes | None:
        """The stored engine, None if there is none.

        Raises ModelError for a file that is cut off, altered or another's, OSError for one that
        cannot be read.
        """
        path = self.folder / key.file_name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        line, _, plan = content.removeprefix(MAGIC).partition(b"\n")
        try:
            head = json.loads(line) if content.startswith(MAGIC) else None
        except (ValueError, RecursionError):
            head = None
        if not isinstance(head, dict) or head.get("key") != asdict(key):
            raise ModelError(f"engine file {path}: it is not what its name says")
        if len(plan) != head.get("size") or _sha256(plan) != head.get("sha256"):
            raise ModelError(
                f"engine file {path}: got {len(plan)} bytes, wanted {head.get('size')}, unaltered"
            )
        return plan

    def _stored(
        self, key: EngineKey, load: Callable[[bytes], T], level: int = logging.WARNING
    ) -> T | None:
        try:
            plan = self.read(key)
            return None if plan is None else load(plan)
        except (ModelError, OSError) as error:
            log.log(level, "%s; it is built again", error)
            return None

    def _warn(self, error: OSError) -> None:
        log.warning(
            "engine cache %s cannot be written to (%s): engines are built at each start",
            self.folder,
            error.strerror or error,
        )


def usual_folder() -> Path:
    """Where a user's compiled engines are kept."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "puppetcam" / "engines"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
