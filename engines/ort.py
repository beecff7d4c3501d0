"""ONNX Runtime as an engine."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engines.base import Arrays, TensorSpec, check_feeds
from engines.driver import ON_CPU
from engines.errors import DeviceError, ModelError
from engines.kernels.apart import apart
from engines.kernels.budget import MB, budget
from engines.kernels.cuda import Device

# Its wheels note what they run on (distribution, the interpreter's path, numbers that name the
# machine) and queue that for their maker, on Linux too. Read once, when the library is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
SETTINGS: dict[str, dict[str, str]] = {
    "cpu": {},
    "cuda": {"use_tf32": "0"},  # float32 means float32
}
ROOM = 128 * MB  # of the card, for one network: weights, activations and the convolutions' scratch
# Searching all algorithms for a convolution takes memory that no limit covers.
WITHIN_ROOM = {
    "gpu_mem_limit": str(ROOM),
    "arena_extend_strategy": "kSameAsRequested",
    "cudnn_conv_algo_search": "HEURISTIC",
    "cudnn_conv_use_max_workspace": "0",
}
_PRELOADING = threading.Lock()
INSTALL = "pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]'"
DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


def available_providers() -> list[str]:
    """The execution providers that this installation of ONNX Runtime has."""
    import onnxruntime as ort

    return list(ort.get_available_providers())


class OrtEngine:
    """An ONNX file on ONNX Runtime.

    device: "cpu" or "cuda". threads: compute threads of this session; one is best when several
    sessions or a browser share the machine. settings: more of the execution provider's own.
    batch: what the dimension of that name is fixed at, None: any.
    Raises ModelError for a file that is missing or no valid network, DeviceError for a device
    that this installation or machine does not have (never another device instead) or for a network
    for which ``budget`` has no room.
    """

    def __init__(
        self,
        path: Path,
        device: str = "cpu",
        threads: int = 1,
        settings: Mapping[str, str] = MappingProxyType({}),
        batch: int | None = 1,
    ) -> None:
        import onnxruntime as ort

        if device not in PROVIDERS:
            raise DeviceError(f"device {device!r}: wanted one of {sorted(PROVIDERS)}")
        if not path.is_file():
            raise ModelError(
                f"model file {path}: not there", "puppetcam-export keypoints makes it again"
            )
        provider = PROVIDERS[device]
        if provider not in ort.get_available_providers():
            raise DeviceError(
                f"device {device!r}: this onnxruntime has {ort.get_available_providers()}, "
                f"wanted {provider}",
                INSTALL,
            )
        if device == "cuda":
            # It prints what it does not find. Two engines are made at once, on two threads: the
            # one that comes second would put the first one's stderr back as stdout, for good.
            with _PRELOADING, contextlib.redirect_stdout(sys.stderr):
                ort.preload_dlls(directory="")  # CUDA and cuDNN as pip installs them
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        # Spinning threads made 92 ms spikes when cores were shared.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if batch is not None:  # known before it optimises: an open one costs nodes and time
            options.add_free_dimension_override_by_name("batch", batch)
        limited = device == "cuda" and budget.allowed is not None
        given = {**SETTINGS[device], **(WITHIN_ROOM if limited else {}), **settings}
        with ExitStack() as held:  # gives back what was taken before it failed
            if limited:
                held.enter_context(budget.reserved(ROOM))
            session = _session(path, options, device, given)
            self._held = held.pop_all()
        self._session: Any = session
        self.device = device
        self.inputs = tuple(_spec(value) for value in session.get_inputs())
        self.outputs = tuple(_spec(value) for value in session.get_outputs())
        self._names = [spec.name for spec in self.outputs]

    def run(self, feeds: Arrays) -> dict[str, NDArray[Any]]:
        """See ``Engine.run``; DeviceError when the network fails, as on a full card."""
        if self._session is None:
            raise ValueError("engine: it is closed")
        check_feeds(self.inputs, feeds)
        try:
            values = self._session.run(self._names, feeds)
        except Exception as error:  # ONNX Runtime's own types have no common base
            raise self._failed(error) from error
        return dict(zip(self._names, values, strict=True))

    def _failed(self, error: Exception) -> DeviceError:
        hint = "puppetcam doctor looks at the models" if self.device == "cpu" else ON_CPU
        return DeviceError(f"{self.device}: the engine failed ({error})", hint)

    def close(self) -> None:
        """Give the session's memory back."""
        self._session = None
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class OrtOnCard(OrtEngine):
    """An OrtEngine that also reads and writes arrays of ``card``, on its stream.

    As with ``TrtEngine`` others write to the ``array`` of an input, ``enqueue``, and read the
    ``array`` of an output. device: "cpu" where the card's memory is the machine's own.
    batch: the most rows of a run, those of inputs, outputs, arrays and of ``run``.
    """

    recordable = False  # ONNX Runtime allocates while it runs

    def __init__(self, path: Path, card: Device, device: str = "cuda", batch: int = 1) -> None:
        import onnxruntime as ort

        streams: list[int] = []
        card.call(streams.append)
        self._stream = streams[0]
        on_stream = {"user_compute_stream": str(self._stream)} if device == "cuda" else {}
        super().__init__(path, device, settings=on_stream, batch=1 if batch == 1 else None)
        self._card, self._place, self._batch = card, device, batch
        self.inputs = tuple(_of(spec, batch) for spec in self.inputs)
        self.outputs = tuple(_of(spec, batch) for spec in self.outputs)
        self._arrays = {
            spec.name: card.array(np.zeros(spec.shape, spec.dtype))
            for spec in (*self.inputs, *self.outputs)
        }
        self._bindings: dict[int, Any] = {}
        self._unwaited = ort.RunOptions()
        self._unwaited.add_run_config_entry("disable_synchronize_execution_providers", "1")

    def array(self, name: str) -> Any:
        """An input or output where the network reads or writes it, on the card: all rows."""
        return self._arrays[name]

    def enqueue(self, card: Device, rows: int | None = None) -> None:
        """Start on ``card``'s stream, the one it was made with. rows: how many of the batch, None:
        all. Raises DeviceError."""
        binding = self._binding(rows or self._batch)
        card.call(partial(self._start, binding), self.recordable)

    def _binding(self, rows: int) -> Any:
        if rows not in self._bindings:
            binding = self._session.io_binding()
            for spec in (*self.inputs, *self.outputs):
                bind = binding.bind_input if spec in self.inputs else binding.bind_output
                dtype, at = np.dtype(spec.dtype).type, self._card.address(self._arrays[spec.name])
                shape = spec.shape if self._batch == 1 else (rows, *spec.shape[1:])
                bind(spec.name, self._place, 0, dtype, shape, at)
            self._bindings[rows] = binding
        return self._bindings[rows]

    def _start(self, binding: Any, stream: int) -> None:
        if stream != self._stream:
            raise ValueError(
                "engine: got another stream, wanted that of the device it was made for"
            )
        try:
            self._session.run_with_iobinding(binding, self._unwaited)
        except Exception as error:  # ONNX Runtime's own types have no common base
            raise self._failed(error) from error

    def close(self) -> None:
        """See ``OrtEngine``."""
        super().close()
        self._bindings, self._arrays = {}, {}


def _of(spec: TensorSpec, batch: int) -> TensorSpec:
    """With so many rows where they were open."""
    return replace(spec, shape=(batch, *spec.shape[1:])) if spec.shape[:1] == (-1,) else spec


@apart.library()
def _session(path: Path, options: Any, device: str, settings: Mapping[str, str]) -> Any:
    import onnxruntime as ort

    provider = PROVIDERS[device]
    try:
        # Else it says on stdout that the card failed, and goes on with the CPU as if it had not.
        session = ort.InferenceSession(
            str(path), options, providers=[(provider, settings)], enable_fallback=0
        )
    except Exception as error:  # ONNX Runtime's own types have no common base
        if device == "cuda":  # full, most likely: the CPU opens this file
            raise DeviceError(f"cuda: {path.name} cannot be opened ({error})", ON_CPU) from error
        raise ModelError(
            f"model file {path}: got no valid network ({error})",
            "puppetcam-export keypoints makes it again",
        ) from error
    # ONNX Runtime only warns when a provider cannot start, and takes the CPU.
    got = session.get_providers()
    if got[0] != provider:
        raise DeviceError(
            f"device {device!r}: got {got}, wanted {provider}: CUDA or cuDNN cannot be loaded",
            INSTALL,
        )
    return session


def _spec(value: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else -1 for size in value.shape)
    return TensorSpec(value.name, DTYPES[value.type], shape)
