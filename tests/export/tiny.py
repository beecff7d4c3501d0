"""TFLite files of a few operators, written with the flatbuffer schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite
from numpy.typing import NDArray

TYPES = {
    "float32": tflite.TensorType.FLOAT32,
    "float16": tflite.TensorType.FLOAT16,
    "int32": tflite.TensorType.INT32,
}


@dataclass
class Tiny:
    """Collects tensors and operators; ``file`` writes them. The first tensor is the input."""

    tensors: list[tuple[tuple[int, ...], NDArray[Any] | None]] = field(default_factory=list)
    operators: list[tuple[str, list[int], int, tuple[str, dict[str, int]] | bytes]] = field(
        default_factory=list
    )

    def activation(self, *shape: int) -> int:
        self.tensors.append((shape, None))
        return len(self.tensors) - 1

    def constant(self, array: NDArray[Any]) -> int:
        self.tensors.append((array.shape, array))
        return len(self.tensors) - 1

    def add(
        self,
        kind: str,
        inputs: list[int],
        output: int,
        options: tuple[str, dict[str, int]] | bytes = b"",
    ) -> int:
        """options: schema name and fields of a builtin, or a custom operator's bytes."""
        self.operators.append((kind, inputs, output, options))
        return output

    def file(self, outputs: list[int]) -> bytes:
        builder = flatbuffers.Builder()
        codes = [self._code(builder, kind) for kind, *_ in self.operators]
        operators = [self._operator(builder, i) for i in range(len(self.operators))]
        buffers = [self._buffer(builder, b"")]
        tensors = []
        for index, (shape, array) in enumerate(self.tensors):
            if array is not None:
                buffers.append(self._buffer(builder, array.tobytes()))
            name = builder.CreateString(f"t{index}")
            dims = builder.CreateNumpyVector(np.array(shape, np.int32))
            tflite.TensorStart(builder)
            tflite.TensorAddName(builder, name)
            tflite.TensorAddShape(builder, dims)
            tflite.TensorAddType(builder, TYPES["float32" if array is None else array.dtype.name])
            tflite.TensorAddBuffer(builder, 0 if array is None else len(buffers) - 1)
            tensors.append(tflite.TensorEnd(builder))
        parts = {
            "Tensors": _offsets(builder, tensors),
            "Operators": _offsets(builder, operators),
            "Inputs": builder.CreateNumpyVector(np.array([0], np.int32)),
            "Outputs": builder.CreateNumpyVector(np.array(outputs, np.int32)),
        }
        tflite.SubGraphStart(builder)
        for name, part in parts.items():
            getattr(tflite, f"SubGraphAdd{name}")(builder, part)
        graph = tflite.SubGraphEnd(builder)
        parts = {
            "OperatorCodes": _offsets(builder, codes),
            "Subgraphs": _offsets(builder, [graph]),
            "Buffers": _offsets(builder, buffers),
        }
        tflite.ModelStart(builder)
        tflite.ModelAddVersion(builder, 3)
        for name, part in parts.items():
            getattr(tflite, f"ModelAdd{name}")(builder, part)
        builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _code(self, builder: Any, kind: str) -> int:
        builtin = getattr(tflite.BuiltinOperator, kind, None)
        custom = builder.CreateString(kind) if builtin is None else None
        tflite.OperatorCodeStart(builder)
        if custom is not None:
            tflite.OperatorCodeAddCustomCode(builder, custom)
        builtin = tflite.BuiltinOperator.CUSTOM if builtin is None else builtin
        tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, builtin)  # below 127
        tflite.OperatorCodeAddBuiltinCode(builder, builtin)
        return int(tflite.OperatorCodeEnd(builder))

    def _operator(self, builder: Any, index: int) -> int:
        _, inputs, output, options = self.operators[index]
        table = custom = schema = None
        if isinstance(options, bytes):
            custom = options and builder.CreateNumpyVector(np.frombuffer(options, np.uint8))
        else:
            schema, fields = options
            getattr(tflite, f"{schema}Start")(builder)
            for name, value in fields.items():
                getattr(tflite, f"{schema}Add{name}")(builder, value)
            table = getattr(tflite, f"{schema}End")(builder)
        sources = builder.CreateNumpyVector(np.array(inputs, np.int32))
        targets = builder.CreateNumpyVector(np.array([output], np.int32))
        tflite.OperatorStart(builder)
        tflite.OperatorAddOpcodeIndex(builder, index)
        tflite.OperatorAddInputs(builder, sources)
        tflite.OperatorAddOutputs(builder, targets)
        if schema is not None:
            kind = getattr(tflite.BuiltinOptions, schema)
            tflite.OperatorAddBuiltinOptionsType(builder, kind)
            tflite.OperatorAddBuiltinOptions(builder, table)
        if custom:
            tflite.OperatorAddCustomOptions(builder, custom)
        return int(tflite.OperatorEnd(builder))

    def _buffer(self, builder: Any, content: bytes) -> int:
        data = builder.CreateNumpyVector(np.frombuffer(content, np.uint8)) if content else None
        tflite.BufferStart(builder)
        if data is not None:
            tflite.BufferAddData(builder, data)
        return int(tflite.BufferEnd(builder))


def _offsets(builder: Any, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())
