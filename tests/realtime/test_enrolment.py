"""Enrolments in a process of their own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from engines.errors import BusyError
from realtime import enrolment
from realtime.enrolment import Enrolments, Job, follow
from realtime.gallery import MissingError
from tests.fakes import fake_enroll
from tests.realtime.peers import until


async def enrol(tmp_path: Path, photo: bytes) -> Job:
    path = tmp_path / "photo"
    path.write_bytes(photo)
    done: list[int] = []
    enrolments = Enrolments(fake_enroll)
    job = enrolments.begin(path, "zoe", lambda: done.append(1))
    assert enrolments.job(job).state == "running"
    await until(lambda: done, 20)
    await enrolments.close()
    return enrolments.job(job)


async def test_a_photo_becomes_an_avatar(tmp_path: Path) -> None:
    assert await enrol(tmp_path, b"photo") == Job(
        "done", 1.0, "Done", ("zoe: arms are crossed",), avatar="zoe"
    )


async def test_a_photo_without_a_person(tmp_path: Path) -> None:
    job = await enrol(tmp_path, b"nobody")
    assert (job.state, job.avatar) == ("failed", None)
    assert (job.error, job.hint) == ("There is no person in the photo.", "Choose another photo.")


async def test_a_crash_is_a_failure(tmp_path: Path) -> None:
    job = await enrol(tmp_path, b"x")
    assert (job.state, job.error) == ("failed", "The enrolment ended without a word.")


async def test_one_at_a_time_and_a_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolment, "DEADLINE_S", 0.05)
    path = tmp_path / "photo"
    path.write_bytes(b"slow")
    done: list[int] = []
    enrolments = Enrolments(fake_enroll)
    job = enrolments.begin(path, "zoe", lambda: done.append(1))
    with pytest.raises(BusyError, match="Another photo"):
        enrolments.begin(path, "kim", lambda: None)
    await until(lambda: done, 20)
    assert "longer than" in enrolments.job(job).error


async def test_close_stops_the_running_one(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(b"slow")
    done: list[int] = []
    enrolments = Enrolments(fake_enroll)
    enrolments.begin(path, "zoe", lambda: done.append(1))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(enrolments.close(), 20)
    assert done == [1]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a word")
async def test_a_stopped_one_leaves_nothing_half_written(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(b"slow")
    enrolments = Enrolments(fake_enroll)
    enrolments.begin(path, "zoe", path.unlink)
    await until((tmp_path / "half").exists, 20)
    await asyncio.wait_for(enrolments.close(), 5)
    assert list(tmp_path.iterdir()) == []


def test_unknown_jobs() -> None:
    with pytest.raises(MissingError):
        Enrolments(fake_enroll).job("nothing")


def test_progress_never_goes_back() -> None:
    job = follow(Job(), "progress", ("Fitting", 0.6), "zoe")
    job = follow(job, "progress", ("Filling", 0.2), "zoe")
    assert (job.progress, job.stage) == (0.6, "Filling")


async def test_the_next_may_begin_once_a_job_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(b"photo")
    enrolments = Enrolments(fake_enroll)
    first = enrolments.begin(path, "zoe", lambda: None)
    await until(lambda: enrolments.job(first).state == "done", 20)
    enrolments.begin(path, "kim", lambda: None)
    await enrolments.close()


async def test_what_cannot_start_fails(tmp_path: Path) -> None:
    enrolments = Enrolments(lambda photo, name, progress: [])  # cannot be sent to a process
    job = enrolments.begin(tmp_path / "photo", "zoe", lambda: None)
    await until(lambda: enrolments.job(job).state == "failed", 20)
    assert enrolments.job(job).error == "The enrolment could not be started."
