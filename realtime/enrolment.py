"""Enrolments: a photo becomes an avatar in a process of its own, while live frames go on."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import psutil

from engines.errors import BusyError, PuppetcamError
from realtime.gallery import Enroller, MissingError

log = logging.getLogger(__name__)

DEADLINE_S = 120.0
STOP_S = 2.0  # that an enrolment has to tidy up once it is told to end
KEPT = 32  # jobs that can still be asked for


@dataclass(frozen=True, slots=True)
class Job:
    """How far an enrolment is. progress: 0..1. avatar: the name, once it is done."""

    state: Literal["running", "done", "failed"] = "running"
    progress: float = 0.0
    stage: str = "Starting"
    warnings: tuple[str, ...] = ()
    error: str = ""
    hint: str = ""
    avatar: str | None = None

    def message(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


class Enrolments:
    """Runs one enrolment at a time. Lives on the event loop."""

    def __init__(self, enroll: Enroller) -> None:
        self._enroll = enroll
        self._jobs: dict[str, Job] = {}
        self._running: asyncio.Task[None] | None = None

    def begin(self, photo: Path, name: str, done: Callable[[], None]) -> str:
        """Start on a photo; the job's id. done: called when the photo is not needed any more.

        Raises BusyError while another enrolment runs.
        """
        if self._running is not None:
            raise BusyError("Another photo is being enrolled.", "Try again in a few seconds.")
        job = secrets.token_urlsafe(12)
        self._jobs[job] = Job()
        for old in list(self._jobs)[:-KEPT]:
            del self._jobs[old]
        self._running = asyncio.create_task(self._run(job, photo, name, done))
        return job

    def job(self, job: str) -> Job:
        """Raises MissingError."""
        try:
            return self._jobs[job]
        except KeyError:
            raise MissingError("There is no such job (any more).", "Start a new one.") from None

    async def close(self) -> None:
        """Stop the running enrolment."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _run(self, job: str, photo: Path, name: str, done: Callable[[], None]) -> None:
        """Follow the process; the job ends once nothing of it is left."""
        seen = failed(Job(), "The enrolment was stopped.", "Start it again.")
        try:
            async with asyncio.timeout(DEADLINE_S):
                seen = await self._follow(job, photo, name)
        except TimeoutError:
            seen = failed(seen, f"It took longer than {DEADLINE_S:.0f} s.", "Try another photo.")
        except Exception:
            log.exception("the enrolment could not be started")
            seen = failed(seen, "The enrolment could not be started.", "The log says more.")
        finally:
            self._running = None
            self._jobs[job] = seen
            done()

    async def _follow(self, job: str, photo: Path, name: str) -> Job:
        """How it ended."""
        context = multiprocessing.get_context("spawn")  # fork would copy our threads' locks
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(
            target=_enroll, args=(theirs, self._enroll, photo, name), name="enroll", daemon=True
        )
        events: asyncio.Queue[tuple[str, Any] | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, _start, child)
            theirs.close()
            threading.Thread(
                target=_listen, args=(ours, loop, events), name="enroll", daemon=True
            ).start()
            while (event := await events.get()) is not None:
                seen = follow(self._jobs[job], *event, name)
                if seen.state != "running":
                    return seen
                self._jobs[job] = seen
            return failed(
                self._jobs[job], "The enrolment ended without a word.", "The log says more."
            )
        finally:
            if child.pid is not None:
                child.terminate()
                await loop.run_in_executor(None, child.join, STOP_S)
                child.kill()
                await loop.run_in_executor(None, child.join)
                child.close()


def failed(job: Job, error: str, hint: str) -> Job:
    """The job, ended by an error."""
    return replace(job, state="failed", error=error, hint=hint)


def follow(job: Job, kind: str, value: Any, name: str) -> Job:
    """The job after an event from its process."""
    if kind == "progress":
        stage, share = value
        return replace(job, progress=min(1.0, max(job.progress, share)), stage=stage)
    if kind == "done":
        return replace(
            job, state="done", progress=1.0, stage="Done", warnings=tuple(value), avatar=name
        )
    return failed(job, *value)


def _start(child: multiprocessing.process.BaseProcess) -> None:
    """Thread: start the process deaf to Ctrl-C, which a terminal sends to it too."""
    if sys.platform == "win32":
        child.start()
        return
    resource_tracker.ensure_running()  # with the process, it would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        child.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _listen(
    pipe: Connection,
    loop: asyncio.AbstractEventLoop,
    events: asyncio.Queue[tuple[str, Any] | None],
) -> None:
    """Thread: hand on what the process says, then None when its end of the pipe closes."""
    with pipe:
        while True:
            try:
                event = pipe.recv()
            except (EOFError, OSError):
                event = None
            if loop.is_closed():
                return
            loop.call_soon_threadsafe(events.put_nowait, event)
            if event is None:
                return


def _enroll(pipe: Connection, enroll: Enroller, photo: Path, name: str) -> None:
    """The process: enrol and say how it goes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was half written is removed
    process = psutil.Process()  # live frames come first
    process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if os.name == "nt" else 10)
    try:
        try:
            warnings = enroll(
                photo, name, lambda stage, share: pipe.send(("progress", (stage, share)))
            )
        finally:  # nothing is half written now; exiting once more at exit would be a trace
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        pipe.send(("done", warnings))
    except PuppetcamError as error:
        pipe.send(("failed", (error.message, error.hint)))
    except Exception:
        log.exception("the enrolment failed")
        pipe.send(("failed", ("This photo could not be enrolled.", "Try another photo.")))
