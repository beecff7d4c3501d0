"""The carried networks as TensorRT engines, compiled without a card."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines import trt
from engines.engine_cache import EngineCache
from engines.errors import DeviceError, InputError
from engines.keypoints.carried import Precision, find_graph, manifest
from export.cards import CARDS, named

DEVICE = "tensorrt-rtx"  # the classic library measures on the card itself: it cannot
PRECISIONS: tuple[Precision, ...] = ("fp16", "fp32")


@dataclass(frozen=True, slots=True)
class Built:
    """One engine. size: bytes; seconds: how long it took, None for one that was there."""

    model: str
    precision: str
    target: str
    size: int
    seconds: float | None


def build_all(
    models: Sequence[str],
    precisions: Sequence[Precision],
    targets: Sequence[str],
    cache: EngineCache,
    progress: Callable[[list[Any]], Iterable[Any]] = iter,
) -> list[Built]:
    """Compile each of ``models`` for each of ``targets`` ("sm_86") into ``cache``, but for those
    that are there.

    A server that starts on such a card finds them there. Raises DeviceError where TensorRT for RTX
    is not installed or does not know a target, ModelError for a network that it cannot compile.
    """
    library = trt.library(DEVICE)
    jobs = [(m, p, t) for m in models for p in precisions for t in targets]
    built = []
    for model, precision, target in progress(jobs):
        graph = find_graph(model, precision)
        key = trt.engine_key(library, DEVICE, model, graph.digest, precision, "any", target)
        plan, seconds = cache.recall(key), None
        if plan is None:
            began = time.perf_counter()
            plan = trt.build(library, graph.path, target)
            seconds = time.perf_counter() - began
            cache.store(key, plan)
        built.append(Built(model, precision, target, len(plan), seconds))
    return built


def checked(text: str, known: Sequence[str]) -> list[str]:
    """The targets that ``text`` lists. Raises DeviceError for cards that the library does not
    compile for, InputError for what is no target."""
    targets = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for target in targets:
        if target in known:
            continue
        if target in CARDS:
            raise DeviceError(
                f"--target: TensorRT for RTX does not compile for {named([target])}",
                "TensorRT does, on such a card at its first start: pip install -e '.[gpu]'",
            )
        raise InputError(f"--target: got {target!r}", f"wanted some of {named(known)}")
    return targets


def add_parser(commands: Any) -> None:
    """Adds ``trt`` to the subcommands of puppetcam-export."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "trt",
        help="the carried networks as TensorRT engines, without a card",
        description="Compile the carried networks with TensorRT for RTX, ahead of time and without "
        "a card, into the cache where a server on such a card finds them. A card needs none of "
        "it: it compiles at its first start what it uses. All of them take about 0.8 GB of disk; "
        "what is in the cache is not compiled again. Needs: pip install -e '.[gpu-rtx]'",
    )
    parser.add_argument(
        "--target",
        metavar="SM,...",
        help="compute capabilities, commas between (default: all that TensorRT for RTX knows): "
        + named(name for name in CARDS if name not in ("sm_90", "sm_100")),
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, help="default: fp16, which serves, and fp32 to compare"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: this user's engine cache")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Build and print a table and, as the last line, JSON."""
    from tqdm import tqdm

    known = trt.targets(trt.library(DEVICE))
    targets = known if arguments.target is None else checked(arguments.target, known)
    precisions = [arguments.precision] if arguments.precision else PRECISIONS
    cache = EngineCache(arguments.out)
    built = build_all(
        list(manifest()), precisions, targets, cache,
        lambda jobs: tqdm(jobs, desc="engines", unit="engine", disable=None),
    )  # fmt: skip
    for engine in built:
        took = "  was there" if engine.seconds is None else f"{engine.seconds:7.2f} s"
        print(
            f"{engine.model:<30}{engine.precision:>6}{engine.target:>8}"
            f"{engine.size / 1e6:8.1f} MB{took}"
        )
    compiled = sum(engine.seconds is not None for engine in built)
    result = {"folder": str(cache.folder), "engines": len(built), "compiled": compiled}
    print(json.dumps(result))
    return 0
