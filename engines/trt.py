"""TensorRT as an engine: the classic library and the one for RTX cards, by the same code.

Both read ONNX, compile it into a plan for one kind of card, and run plans. TensorRT for RTX
compiles without a card, in about a second; the classic one measures on the card itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engines.base import Arrays, TensorSpec, check_feeds
from engines.driver import ON_CPU, driver
from engines.engine_cache import EngineCache, EngineKey
from engines.errors import DeviceError, ModelError
from engines.kernels.apart import apart
from engines.kernels.budget import MB, budget
from engines.kernels.cuda import CudaDevice, Device
from engines.runtime_cache import RuntimeCache
from engines.trt_messages import logger, monitor

EXTRAS = {"tensorrt": "gpu", "tensorrt-rtx": "gpu-rtx"}  # device -> extra of pyproject.toml
DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}
BUILD = 256 * MB
"""What a build on the card may take where ``budget`` limits it: our networks need less."""
Report = Callable[[float], None]
"""Told the share that is done, 0..1; called from the building thread."""


def library(device: str) -> Any:
    """The module behind "tensorrt" or "tensorrt-rtx".

    Raises DeviceError with the line to type where it is not installed or cannot be loaded.
    """
    install = f"pip install -e '.[{EXTRAS[device]}]'"
    try:
        if device == "tensorrt-rtx":
            import tensorrt_rtx as trt
        else:
            import tensorrt as trt
    except ModuleNotFoundError as error:
        raise DeviceError(f"{device}: {error.name} is not installed", install) from error
    except (ImportError, OSError, RuntimeError) as error:  # bindings without their libraries
        raise DeviceError(
            f"{device}: its libraries cannot be loaded ({error})",
            f"{install.replace('install', 'install --force-reinstall', 1)}",
        ) from error
    if not hasattr(trt, "Builder"):  # an empty package of that name
        raise DeviceError(f"{device}: the installed package is empty", install)
    return trt


def cuda_of(device: str) -> int | None:
    """The CUDA major version that the installed library was built for, None if it does not say."""
    for major in (13, 12):
        for name in (f"{device.replace('-', '_')}_cu{major}", f"{device}-cu{major}"):
            try:
                version(name)
            except PackageNotFoundError:
                continue
            return major
    return None


def engine_key(
    trt: Any,
    device: str,
    model: str,
    digest: str,
    precision: str,
    card: str,
    target: str,
    batch: int = 1,
) -> EngineKey:
    """Under what an engine is kept. A plan of TensorRT for RTX serves every card of its target."""
    shared = device == "tensorrt-rtx"
    name = f"{device} {trt.__version__}"
    return EngineKey(model, digest, "any" if shared else card, target, name, precision, batch)


@apart.library()
def open_engine(
    device: str,
    graph: Path,
    digest: str,
    precision: str,
    cache: EngineCache,
    report: Report | None = None,
    batch: int = 1,
) -> TrtEngine:
    """An engine on this machine's card, out of ``cache`` or compiled into it; it has run once.

    TensorRT for RTX finishes a plan on the card: what it made there is kept beside the plan.
    batch: see ``build``.
    Raises DeviceError as ``library``, ``Driver`` and ``CudaDevice`` do, ModelError as ``build``.
    """
    trt, card, gpu = library(device), driver().card, CudaDevice()
    target = card.target
    model = graph.name.split(".")[0]
    key = engine_key(trt, device, model, digest, precision, card.name, target, batch)
    ahead = target if target in targets(trt) else None
    beside = replace(key, model=f"{model}.on-card", card=card.name)
    kept = cache.recall(beside) if targets(trt) else None
    engine = cache.open(
        key,
        lambda: build(trt, graph, ahead, report, batch),
        lambda plan: TrtEngine(plan, device, trt, gpu, kept),
    )
    with ExitStack() as failing:
        failing.callback(engine.close)
        for rows in range(1, batch):
            engine.enqueue(gpu, rows)
        engine.run({spec.name: np.zeros(spec.shape, spec.dtype) for spec in engine.inputs})
        made = engine.made_here()
        failing.pop_all()
    if made is not None:
        cache.keep(beside, made)
    return engine


def build(
    trt: Any,
    graph: Path,
    target: str | None = None,
    report: Report | None = None,
    batch: int = 1,
) -> bytes:
    """Compile an ONNX file into a plan, each tensor in the type that the file gives it.

    target: "sm_86", needs no card, TensorRT for RTX only; None: this machine's card.
    batch: the most rows of a run; it is tuned for as many. One is fixed: kernels for any number of
    rows are slower for one.
    Raises ModelError for a file that TensorRT cannot compile, DeviceError for an unknown target.
    """
    complaints: list[str] = []
    messages = logger(trt, complaints)
    builder = trt.Builder(messages)
    if builder is None:
        raise DeviceError(f"TensorRT: no builder ({'; '.join(complaints)})", ON_CPU)
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(typed)
    parser = trt.OnnxParser(network, messages)
    if not parser.parse_from_file(str(graph)):
        errors = [parser.get_error(i).desc() for i in range(parser.num_errors)]
        raise ModelError(f"{graph.name}: TensorRT cannot read it ({'; '.join(errors)})")
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)  # float32 means float32
    _size(builder, network, config, batch)
    if batch > 1 and targets(trt):
        config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)  # else it may not be recordable
    on_card = target is None and budget.allowed is not None
    if on_card:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, BUILD // 2)
    if target is not None or targets(trt):
        config.num_compute_capabilities = 1
        config.set_compute_capability(_capability(trt, target), 0)
    watching = None if report is None else monitor(trt, report)
    if watching is not None:
        config.progress_monitor = watching
    with budget.reserved(BUILD) if on_card else nullcontext():
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ModelError(f"{graph.name}: TensorRT cannot compile it ({'; '.join(complaints)})")
    return bytes(plan)


def _size(builder: Any, network: Any, config: Any, batch: int) -> None:
    """Say how many rows the inputs may have where the file leaves that open."""
    profile = builder.create_optimization_profile()
    for tensor in (network.get_input(i) for i in range(network.num_inputs)):
        first, *rest = tuple(tensor.shape)
        if first == -1 and batch == 1:
            tensor.shape = (1, *rest)
        elif first == -1:
            profile.set_shape(tensor.name, *((rows, *rest) for rows in (1, batch, batch)))
    if batch > 1:
        config.add_optimization_profile(profile)


def targets(trt: Any) -> list[str]:
    """What ``build`` can compile for without a card: ["sm_75", ...]; [] for the classic library,
    which may know the names as well but compiles on the card only."""
    names = list(trt.ComputeCapability.__members__) if trt.__name__ == "tensorrt_rtx" else []
    return [f"sm_{name.removeprefix('SM')}" for name in names if name.startswith("SM")]


class TrtEngine:
    """A plan on this machine's card, with memory and a stream of its own there.

    ``run`` takes and gives numpy arrays. For a frame that stays on the card: others write to the
    ``array`` of an input, ``enqueue``, and read the ``array`` of an output. One thread at a time.
    Inputs, outputs, arrays and ``run`` are of as many rows as the plan allows.
    kept: ``made_here`` of an earlier engine of this plan. recordable: see ``Device.call``.
    Raises ModelError for a plan that this library and card refuse, DeviceError for a full card.
    """

    def __init__(
        self, plan: bytes, device: str, trt: Any, card: Device, kept: bytes | None = None
    ) -> None:
        self.device = device
        self._card, self._trt = card, trt
        self._complaints: list[str] = []
        self._logger = logger(trt, self._complaints)
        with ExitStack() as held:  # gives back what was taken before it failed
            with card.at_work():
                held.enter_context(budget.reserved(len(plan)))  # its weights, most of it
                self._runtime: Any = trt.Runtime(self._logger)
                self._engine = self._runtime.deserialize_cuda_engine(plan)
                if self._engine is None:
                    raise ModelError(f"{device}: the engine is refused ({self._said()})")
                self._finish = RuntimeCache(trt, self._engine, kept) if targets(trt) else None
            engine = self._engine
            names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
            is_input = [engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT for name in names]
            inputs = [name for name, first in zip(names, is_input, strict=True) if first]
            self._batch = _batch(engine, inputs)
            specs = [_spec(engine, name, self._batch) for name in names]
            self.inputs = tuple(s for s, first in zip(specs, is_input, strict=True) if first)
            self.outputs = tuple(s for s, first in zip(specs, is_input, strict=True) if not first)
            self._staged = {s.name: card.staging(s.shape, np.dtype(s.dtype).type) for s in specs}
            self._arrays = {name: card.array(staged) for name, staged in self._staged.items()}
            scratch = engine.device_memory_size_v2
            if self._batch == 1:
                held.enter_context(budget.reserved(scratch))
            else:
                self._scratch = card.filled((scratch,), np.uint8)
            self._contexts: dict[int, Any] = {}
            self._context(self._batch)
            self.recordable = True
            if targets(trt):
                card.call(self._ask)
            self._held = held.pop_all()

    def run(self, feeds: Arrays) -> dict[str, NDArray[Any]]:
        """See ``Engine.run``; DeviceError when the card fails."""
        if self._engine is None:
            raise ValueError("engine: it is closed")
        check_feeds(self.inputs, feeds)
        for name, given in feeds.items():
            np.copyto(self._staged[name], given)
            self._card.upload(self._staged[name], self._arrays[name])
        self.enqueue(self._card)
        results = {spec.name: self._staged[spec.name] for spec in self.outputs}
        for name, staged in results.items():
            self._card.download(self._arrays[name], staged)
        self._card.wait()
        return results

    def array(self, name: str) -> Any:
        """An input or output where the network reads or writes it: of its shape, on the card."""
        return self._arrays[name]

    def enqueue(self, card: Device, rows: int | None = None) -> None:
        """Start on ``card``'s stream; copies nothing and does not wait. rows: how many of the
        batch, None: all. Raises DeviceError."""
        rows = self._batch if rows is None else rows
        if not 1 <= rows <= self._batch:
            raise ValueError(f"rows: got {rows}, wanted 1 to {self._batch}")
        card.call(partial(self._start, self._context(rows)))

    def _start(self, context: Any, stream: int) -> None:
        if not context.execute_async_v3(stream):
            raise DeviceError(f"{self.device}: the engine failed ({self._said()})", ON_CPU)

    def _ask(self, stream: int) -> None:
        """TensorRT for RTX knows whether it would allocate while it runs."""
        self.recordable = self._context(self._batch).is_stream_capturable(stream)

    def _context(self, rows: int) -> Any:
        """For so many rows. Each has its own: another shape would spoil what is recorded of one.
        Their scratch memory is the same: they run one after the other."""
        if rows not in self._contexts:
            with self._card.at_work():
                made = self._made()
                if made is None:
                    raise DeviceError(
                        f"{self.device}: the card's memory is full ({self._said()})",
                        f"close other programs that use the card, or {ON_CPU}",
                    )
                for name, array in self._arrays.items():
                    made.set_tensor_address(name, self._card.address(array))
                if self._batch > 1:
                    made.set_device_memory(self._card.address(self._scratch), self._scratch.nbytes)
                    for spec in self.inputs:
                        made.set_input_shape(spec.name, (rows, *spec.shape[1:]))
            self._contexts[rows] = made
        return self._contexts[rows]

    def _made(self) -> Any:
        """A context, without memory where rows are open; None on a full card."""
        ours = self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
        if self._finish is None:
            how = () if self._batch == 1 else (ours,)
            return self._engine.create_execution_context(*how)
        config = self._finish.config
        if self._batch > 1:
            config.set_execution_context_allocation_strategy(ours)
            # Else a recording keeps the slow kernels that serve while others are compiled.
            strategies = self._trt.DynamicShapesKernelSpecializationStrategy
            config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
        return self._engine.create_execution_context(config)

    def made_here(self) -> bytes | None:
        """What the library compiled on this card beyond what was ``kept``; None: nothing."""
        with self._card.at_work():
            return None if self._finish is None else self._finish.grown()

    @apart.library()
    def close(self) -> None:
        """Give the card's memory back."""
        self._contexts, self._arrays, self._scratch = {}, {}, None
        self._finish = self._engine = self._runtime = None
        self._held.close()
        self._card.tidy()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _said(self) -> str:
        said, self._complaints[:] = "; ".join(self._complaints), []
        return said or "it does not say why"


def _batch(engine: Any, inputs: list[str]) -> int:
    """The most rows of a run: those of its profile where they are open, else one."""
    open_ = [name for name in inputs if tuple(engine.get_tensor_shape(name))[:1] == (-1,)]
    return max((engine.get_tensor_profile_shape(name, 0)[2][0] for name in open_), default=1)


def _spec(engine: Any, name: str, batch: int) -> TensorSpec:
    shape = tuple(engine.get_tensor_shape(name))
    if shape[:1] == (-1,):
        shape = (batch, *shape[1:])
    if min(shape, default=1) < 0:
        raise ModelError(f"tensor {name}: got shape {shape}, wanted one of fixed size")
    return TensorSpec(name, DTYPES[engine.get_tensor_dtype(name).name], shape)


def _capability(trt: Any, target: str | None) -> Any:
    known = targets(trt)
    if target is None:
        return trt.ComputeCapability.CURRENT
    if target not in known:
        raise DeviceError(
            f"target {target!r}: {trt.__name__} {trt.__version__} compiles for {known or 'none'} "
            "without a card",
            "start puppetcam on a machine with that card: it compiles there",
        )
    return trt.ComputeCapability.__members__[target.replace("sm_", "SM")]
