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
from engines.keypoints.carried import Precision, find_graph, manifest

DEVICE = "tensorrt-rtx"  # the classic library measures on the card itself: it cannot
PRECISIONS: tuple[Precision, ...] = ("fp16", "fp32")


@dataclass(frozen=True, slots=True)
class Built:
    """One engine. size: bytes; seconds: how long it took."""

    model: str
    precision: str
    target: str
    size: int
    seconds: float


def build_all(
    models: Sequence[str],
    precisions: Sequence[Precision],
    targets: Sequence[str],
    cache: EngineCache,
    progress: Callable[[list[Any]], Iterable[Any]] = iter,
) -> list[Built]:
    """Compile each of ``models`` for each of ``targets`` ("sm_86") into ``cache``.

    A server that starts on such a card finds them there. Raises DeviceError where TensorRT for RTX
    is not installed or does not know a target, ModelError for a network that it cannot compile.
    """
    library = trt.library(DEVICE)
    jobs = [(m, p, t) for m in models for p in precisions for t in targets]
    built = []
    for model, precision, target in progress(jobs):
        graph = find_graph(model, precision)
        began = time.perf_counter()
        plan = trt.build(library, graph.path, target)
        key = trt.engine_key(library, DEVICE, model, graph.digest, precision, "any", target)
        cache.store(key, plan)
        built.append(Built(model, precision, target, len(plan), time.perf_counter() - began))
    return built


def add_parser(commands: Any) -> None:
    """Adds ``trt`` to the subcommands of puppetcam-export."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "trt",
        help="the carried networks as TensorRT engines, without a card",
        description="Compile the carried networks with TensorRT for RTX, ahead of time and without "
        "a card, into the cache where a server on such a card finds them. "
        "Needs: pip install -e '.[gpu-rtx]'",
    )
    parser.add_argument(
        "--target",
        metavar="sm_75,sm_86,...",
        help="compute capabilities of the cards (default: all that TensorRT for RTX knows)",
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
    targets = arguments.target.split(",") if arguments.target else known
    precisions = [arguments.precision] if arguments.precision else PRECISIONS
    cache = EngineCache(arguments.out)
    built = build_all(
        list(manifest()), precisions, targets, cache,
        lambda jobs: tqdm(jobs, desc="engines", unit="engine", disable=None),
    )  # fmt: skip
    for engine in built:
        print(
            f"{engine.model:<30}{engine.precision:>6}{engine.target:>8}"
            f"{engine.size / 1e6:8.1f} MB{engine.seconds:7.2f} s"
        )
    print(json.dumps({"folder": str(cache.folder), "engines": len(built)}))
    return 0
