"""A driver library and a TensorRT without a card: its memory is the machine's own."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np

PLAN = b"plus one"


class FakeLibrary:
    """The calls of NVIDIA's driver library that ``engines.driver`` makes.

    fails: what a call of that name answers instead of 0.
    """

    def __init__(
        self,
        name: str = "NVIDIA Fake 3060",
        capability: tuple[int, int] = (8, 6),
        cuda: int = 13000,
    ) -> None:
        self.name, self.capability, self.cuda = name, capability, cuda
        self.cards = 1
        self.fails: dict[str, int] = {}

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name.startswith("cu") and callable(value) and name in self.fails:
            return lambda *arguments: self.fails[name]
        return value

    def cuInit(self, flags: Any) -> int:
        return 0

    def cuDriverGetVersion(self, version: Any) -> int:
        version._obj.value = self.cuda
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = self.cards
        return 0

    def cuDeviceGet(self, device: Any, number: Any) -> int:
        device._obj.value = number.value
        return 0

    def cuDeviceGetName(self, name: Any, size: Any, device: Any) -> int:
        name.value = self.name.encode()
        return 0

    def cuDeviceTotalMem_v2(self, size: Any, device: Any) -> int:
        size._obj.value = 12 << 30
        return 0

    def cuDeviceGetAttribute(self, value: Any, attribute: Any, device: Any) -> int:
        value._obj.value = self.capability[attribute.value - 75]
        return 0

    def cuGetErrorString(self, result: Any, text: Any) -> int:
        text._obj.value = b"an illegal memory access" if result.value == 700 else None
        return 0


class FakeContext:
    """Runs y = x + 1 over f32 (rows, 3)."""

    def __init__(self, rows: int = 1) -> None:
        self.addresses: dict[str, int] = {}
        self.rows = rows
        self.scratch = (0, 0)
        self.works = self.capturable = True

    def is_stream_capturable(self, stream: int) -> bool:
        return self.capturable

    def set_device_memory(self, memory: int, size: int) -> None:
        self.scratch = memory, size

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.rows = shape[0]
        return name == "x"

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return name in ("x", "y")

    def execute_async_v3(self, stream: int) -> bool:
        if self.works:
            x, y = (
                np.ctypeslib.as_array(
                    (ctypes.c_float * (3 * self.rows)).from_address(self.addresses[name])
                )
                for name in ("x", "y")
            )
            y[:] = x + 1
        return self.works


class FakeKernels:
    """TensorRT for RTX's runtime cache of one card: what a context compiled is in it."""

    def __init__(self, card: bytes) -> None:
        self._card = card
        self.content = b""

    def deserialize(self, blob: bytes) -> bool:
        ours = blob.startswith(self._card)
        self.content = blob if ours else b""
        return ours

    def serialize(self) -> bytes:
        return self.content


class FakeConfig:
    """Of a context of TensorRT for RTX."""

    cuda_graph_strategy: str | None = None

    dynamic_shapes_kernel_specialization_strategy = "lazy"
    memory = "static"

    def __init__(self, card: bytes) -> None:
        self._kernels = FakeKernels(card)
        self.cache: FakeKernels | None = None

    def set_execution_context_allocation_strategy(self, strategy: str) -> None:
        self.memory = strategy

    def create_runtime_cache(self) -> FakeKernels:
        return self._kernels

    def set_runtime_cache(self, cache: FakeKernels) -> bool:
        self.cache = cache
        return True


class FakeEngine:
    """What TensorRT says about that network.

    room: whether a context fits on the card; card: what its kernels are compiled for; compiled: how
    often that was.
    """

    num_io_tensors = 2
    device_memory_size_v2 = 1000

    def __init__(self, room: bool = True, card: bytes = b"3060 ") -> None:
        self.context = FakeContext() if room else None
        self.card, self.compiled = card, 0

    def get_tensor_name(self, index: int) -> str:
        return "xy"[index]

    def get_tensor_mode(self, name: str) -> str:
        return "in" if name == "x" else "out"

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (1, 3)

    def get_tensor_dtype(self, name: str) -> Any:
        return SimpleNamespace(name="FLOAT")

    def create_runtime_config(self) -> FakeConfig:
        return FakeConfig(self.card)

    def create_execution_context(
        self, runtime_config: FakeConfig | None = None
    ) -> FakeContext | None:
        if runtime_config is not None:
            assert runtime_config.cuda_graph_strategy == "none"
            assert runtime_config.cache is not None
            if not runtime_config.cache.content:
                self.compiled += 1
                runtime_config.cache.content = self.card + b"kernels"
        return self.context


class FakeBatchEngine(FakeEngine):
    """The same for 1 to ``most`` rows. contexts: those that were made, each with its settings."""

    device_memory_size_v2 = 1024

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self.contexts: list[tuple[FakeContext, Any]] = []

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1, 3)

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        assert (name, profile) == ("x", 0)
        return [(1, 3), (self._most, 3), (self._most, 3)]

    def create_execution_context(self, how: Any = "static") -> FakeContext:
        self.contexts.append((FakeContext(rows=0), how))
        return self.contexts[-1][0]


class FakeLogger:
    ERROR, INTERNAL_ERROR, WARNING = "error", "internal", "warning"


def fake_trt(engine: FakeEngine | None = None, capabilities: tuple[str, ...] = ("SM86",)) -> Any:
    """A TensorRT module that knows one plan, PLAN; the classic one without capabilities."""
    known = engine or FakeEngine()

    def runtime(logger: Any) -> Any:
        def deserialize(plan: bytes) -> FakeEngine | None:
            if plan == PLAN:
                return known
            logger.log(FakeLogger.ERROR, "bad magic number")
            return None

        return SimpleNamespace(deserialize_cuda_engine=deserialize)

    rtx = {"DynamicShapesKernelSpecializationStrategy": SimpleNamespace(EAGER="eager")}
    return SimpleNamespace(
        **(rtx if capabilities else {}),
        ExecutionContextAllocationStrategy=SimpleNamespace(USER_MANAGED="ours"),
        __name__="tensorrt_rtx" if capabilities else "tensorrt",
        __version__="1.0",
        Builder=object,
        ILogger=FakeLogger,
        TensorIOMode=SimpleNamespace(INPUT="in"),
        Runtime=runtime,
        CudaGraphStrategy=SimpleNamespace(DISABLED="none"),
        ComputeCapability=SimpleNamespace(__members__={name: name for name in capabilities}),
    )
