"""A TFLite file as plain Python: tensors, operators, constants folded to numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from engines.errors import ModelError
from export.tflite.sparse import densify

DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
    tflite.TensorType.INT64: np.int64,
    tflite.TensorType.UINT8: np.uint8,
    tflite.TensorType.INT8: np.int8,
}
KINDS = {
    value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)
}
FOLDED = ("DEQUANTIZE", "DENSIFY")  # of constants: float16 and sparse weights


@dataclass(frozen=True, slots=True)
class Tensor:
    """data is None for activations; floating constants are float32."""

    name: str
    shape: tuple[int, ...]
    data: NDArray[Any] | None


@dataclass(frozen=True, slots=True)
class Operator:
    """kind: the builtin's name ("CONV_2D") or the custom one's; tensors by index, -1 = none."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: Any
    custom: bytes

    def options(self, schema: type) -> Any:
        """The builtin's options, read with the flatbuffer class ``schema``."""
        options = schema()
        options.Init(self.table.Bytes, self.table.Pos)
        return options


@dataclass(frozen=True, slots=True)
class Network:
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def consumers(self, tensor: int) -> list[Operator]:
        """The operators that read a tensor."""
        return [operator for operator in self.operators if tensor in operator.inputs]


def read(file: bytes) -> Network:
    """Parse the first subgraph. Raises ModelError when ``file`` is no TFLite file."""
    if file[4:8] != b"TFL3":
        raise ModelError(f"TFLite file: got the mark {file[4:8]!r}, wanted b'TFL3'")
    model = tflite.Model.GetRootAsModel(file, 0)
    graph = model.Subgraphs(0)
    tensors = [_tensor(model, graph.Tensors(i)) for i in range(graph.TensorsLength())]
    operators = []
    for i in range(graph.OperatorsLength()):
        operator = _operator(model, graph.Operators(i))
        if operator.kind in FOLDED:
            data = tensors[operator.inputs[0]].data
            if data is None:
                raise ModelError(f"{operator.kind}: got an activation, wanted a constant")
            old = tensors[operator.outputs[0]]
            tensors[operator.outputs[0]] = Tensor(old.name, old.shape, data)
        else:
            operators.append(operator)
    return Network(
        tuple(tensors),
        tuple(operators),
        tuple(int(i) for i in graph.InputsAsNumpy()),
        tuple(int(i) for i in graph.OutputsAsNumpy()),
    )


def _tensor(model: Any, tensor: Any) -> Tensor:
    shape = tuple(int(n) for n in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
    name = tensor.Name().decode()
    buffer = model.Buffers(tensor.Buffer())
    if not buffer.DataLength():
        return Tensor(name, shape, None)
    values = np.frombuffer(buffer.DataAsNumpy().tobytes(), DTYPES[tensor.Type()])
    sparsity = tensor.Sparsity()
    data = densify(values, sparsity, shape) if sparsity else values.reshape(shape)
    return Tensor(name, shape, data.astype(np.float32) if data.dtype == np.float16 else data)


def _operator(model: Any, operator: Any) -> Operator:
    code = model.OperatorCodes(operator.OpcodeIndex())
    kind = KINDS[code.BuiltinCode()]
    custom = b""
    if kind == "CUSTOM":
        kind = code.CustomCode().decode()
        if operator.CustomOptionsLength():
            custom = operator.CustomOptionsAsNumpy().tobytes()
    return Operator(
        kind,
        tuple(int(i) for i in operator.InputsAsNumpy()),
        tuple(int(i) for i in operator.OutputsAsNumpy()),
        operator.BuiltinOptions(),
        custom,
    )
