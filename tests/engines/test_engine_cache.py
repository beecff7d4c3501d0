"""EngineCache: built once, whole or not at all, mended when damaged."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import sys
import threading
import time
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from engines.engine_cache import MAGIC, EngineCache, EngineKey
from engines.errors import ModelError
from engines.file_lock import file_lock

KEY = EngineKey("pose", "d1", "NVIDIA Fake", "sm_86", "tensorrt 10.0", "fp16")
NO_HEADS = ["[" * 100_000, "[]", "\0", '{"key": null}']
NO_LIBRARIES = [json.dumps({"key": asdict(KEY) | {"library": odd}}) for odd in ("", 5)]


class Workshop:
    """Builds b"plan 1", b"plan 2", ... and loads what starts with "plan"."""

    def __init__(self) -> None:
        self.built = 0

    def build(self) -> bytes:
        self.built += 1
        return b"plan %d" % self.built

    def load(self, plan: bytes) -> str:
        if not plan.startswith(b"plan"):
            raise ModelError(f"got {plan!r}")
        return plan.decode()


@pytest.fixture
def shop() -> Workshop:
    return Workshop()


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "deep" / "engines")


def engine_file(cache: EngineCache) -> Path:
    return cache.folder / KEY.file_name


def test_builds_once(cache: EngineCache, shop: Workshop) -> None:
    assert cache.open(KEY, shop.build, shop.load) == "plan 1"
    assert cache.open(KEY, shop.build, shop.load) == "plan 1"
    assert EngineCache(cache.folder).read(KEY) == b"plan 1"
    assert {path.suffix for path in cache.folder.iterdir()} == {".engine", ".lock"}


def test_what_a_killed_writer_left_is_removed(cache: EngineCache, shop: Workshop) -> None:
    cache.folder.mkdir(parents=True)
    left, being_written = (engine_file(cache).with_suffix(f".{n}.part") for n in (1, 2))
    for part in (left, being_written):
        part.write_bytes(b"half")
    os.utime(left, (0, 0))
    cache.open(KEY, shop.build, shop.load)
    assert list(cache.folder.glob("*.part")) == [being_written]


@pytest.mark.parametrize("field", [field.name for field in fields(EngineKey)])
def test_each_part_of_the_key_counts(cache: EngineCache, shop: Workshop, field: str) -> None:
    change: dict[str, Any] = {field: "other"}
    other = replace(KEY, **change)
    cache.open(KEY, shop.build, shop.load)
    assert cache.open(other, shop.build, shop.load) == "plan 2"
    assert cache.open(other, shop.build, shop.load) == "plan 2"


@pytest.mark.parametrize("change", [{"digest": "d2"}, {"library": "tensorrt 11.0"}])
def test_what_it_replaces_is_removed(
    cache: EngineCache, shop: Workshop, change: dict[str, Any]
) -> None:
    cache.open(KEY, shop.build, shop.load)
    newer = replace(KEY, **change)
    cache.open(newer, shop.build, shop.load)
    assert [path.name for path in cache.folder.glob("*.engine")] == [newer.file_name]


@pytest.mark.parametrize(
    "change",
    [
        {"card": "another"},
        {"precision": "fp32"},
        {"library": "tensorrt-rtx 1.7"},
        {"model": "x"},
        {"batch": 8},
    ],
)
def test_what_others_use_stays(cache: EngineCache, shop: Workshop, change: dict[str, Any]) -> None:
    cache.open(KEY, shop.build, shop.load)
    foreign = cache.folder / f"{KEY.model}.{KEY.precision}.{KEY.target}.0.engine"
    foreign.write_bytes(b"whatever")
    cache.open(replace(KEY, **change), shop.build, shop.load)
    cache.store(KEY, b"plan")
    assert len(list(cache.folder.glob("*.engine"))) == 3


@pytest.mark.parametrize("kept", [0, 5, 19, 60, -1])
def test_a_truncated_file_is_built_again(
    cache: EngineCache, shop: Workshop, kept: int, caplog: pytest.LogCaptureFixture
) -> None:
    cache.open(KEY, shop.build, shop.load)
    path = engine_file(cache)
    path.write_bytes(path.read_bytes()[:kept])
    assert cache.open(KEY, shop.build, shop.load) == "plan 2"
    assert "built again" in caplog.text
    assert str(path) in caplog.text
    assert cache.open(KEY, shop.build, shop.load) == "plan 2"


def test_a_flipped_bit_is_found(cache: EngineCache, shop: Workshop) -> None:
    cache.open(KEY, shop.build, shop.load)
    content = bytearray(engine_file(cache).read_bytes())
    content[-1] ^= 1
    engine_file(cache).write_bytes(content)
    with pytest.raises(ModelError, match="got 6 bytes, wanted 6, unaltered"):
        cache.read(KEY)
    assert cache.open(KEY, shop.build, shop.load) == "plan 2"


def test_a_foreign_file_is_built_again(cache: EngineCache, shop: Workshop) -> None:
    other = replace(KEY, card="another card")
    cache.store(other, b"plan of another")
    (cache.folder / other.file_name).rename(engine_file(cache))
    with pytest.raises(ModelError, match="not what its name says"):
        cache.read(KEY)
    assert cache.open(KEY, shop.build, shop.load) == "plan 1"


@pytest.mark.parametrize("line", NO_HEADS, ids=range(4))
def test_a_head_that_makes_no_sense(cache: EngineCache, shop: Workshop, line: str) -> None:
    cache.open(KEY, shop.build, shop.load)
    engine_file(cache).write_bytes(MAGIC + line.encode() + b"\nplan")
    assert cache.open(KEY, shop.build, shop.load) == "plan 2"


@pytest.mark.parametrize("line", NO_HEADS + NO_LIBRARIES, ids=range(6))
def test_what_cannot_be_judged_stays(cache: EngineCache, shop: Workshop, line: str) -> None:
    cache.folder.mkdir(parents=True, exist_ok=True)
    odd = cache.folder / f"{KEY.model}.{KEY.precision}.{KEY.target}.0.engine"
    odd.write_bytes(MAGIC + line.encode() + b"\nplan")
    assert cache.open(KEY, shop.build, shop.load) == "plan 1"
    assert odd.exists()


def test_an_engine_that_the_library_refuses_is_built_again(
    cache: EngineCache, shop: Workshop
) -> None:
    cache.store(KEY, b"of another driver")
    assert cache.open(KEY, shop.build, shop.load) == "plan 1"


def test_nothing_is_stored_that_was_never_loaded(cache: EngineCache, shop: Workshop) -> None:
    with pytest.raises(ModelError):
        cache.open(KEY, lambda: b"junk", shop.load)
    assert cache.read(KEY) is None


def test_a_failed_build_leaves_nothing(cache: EngineCache, shop: Workshop) -> None:
    def fail() -> bytes:
        raise ModelError("TensorRT cannot compile it")

    with pytest.raises(ModelError, match="cannot compile"):
        cache.open(KEY, fail, shop.load)
    assert [path.suffix for path in cache.folder.iterdir()] == [".lock"]
    assert cache.open(KEY, shop.build, shop.load) == "plan 1"


def test_a_folder_that_cannot_be_made(
    tmp_path: Path, shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = EngineCache(tmp_path / "file")
    assert cache.open(KEY, shop.build, shop.load) == "plan 1"
    assert cache.open(KEY, shop.build, shop.load) == "plan 2"
    assert "cannot be written to" in caplog.text
    assert "built at each start" in caplog.text


def test_a_full_disk_keeps_the_old_file(
    cache: EngineCache, shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    cache.store(KEY, b"old but refused")
    monkeypatch.setattr(os, "fsync", full)
    assert cache.open(KEY, shop.build, shop.load) == "plan 1"
    assert cache.read(KEY) == b"old but refused"
    assert not list(cache.folder.glob("*.part"))


def test_two_threads_build_one_engine(cache: EngineCache) -> None:
    built, got = [], []
    start = threading.Barrier(4)

    def build() -> bytes:
        built.append(1)
        time.sleep(0.05)
        return b"plan"

    def work() -> None:
        start.wait()
        got.append(cache.open(KEY, build, bytes.decode))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["plan"] * 4
    assert len(built) == 1


def _build_slowly(folder: Path) -> str:
    def build() -> bytes:
        with (folder / "builds").open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.2)
        return b"plan"

    return EngineCache(folder).open(KEY, build, bytes.decode)


def test_two_processes_build_one_engine(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(_build_slowly, [tmp_path] * 2, chunksize=1) == ["plan", "plan"]
    assert len((tmp_path / "builds").read_text().splitlines()) == 1


def test_a_stored_engine_is_not_waited_for(cache: EngineCache, shop: Workshop) -> None:
    """Another process that holds the lock, building something else or stuck, delays nobody."""
    cache.store(KEY, b"plan")
    with file_lock(cache.folder / f"{KEY.file_name}.lock"):
        assert cache.open(KEY, shop.build, shop.load) == "plan"


def test_the_usual_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert EngineCache().folder == tmp_path / "puppetcam" / "engines"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert EngineCache().folder == tmp_path / "local" / "puppetcam" / "engines"


@pytest.fixture(autouse=True)
def _warnings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
