"""An ONNX graph under construction, with TFLite tensors in either memory layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from export.tflite.reader import Network

OPSET = 17
TO_NCHW = [0, 3, 1, 2]
TO_NHWC = [0, 2, 3, 1]
BATCH = "batch"  # the leading dimension of every input and output, 1 in TFLite


@dataclass(frozen=True, slots=True)
class Flavour:
    """device: "cpu" spells PReLU so that ONNX Runtime keeps its blocked layout, "gpu" keeps it
    native. dtype: what the network computes in; its inputs and outputs stay float32."""

    device: Literal["cpu", "gpu"] = "cpu"
    dtype: Literal["fp32", "fp16"] = "fp32"


class Builder:
    """Collects nodes; ``value`` gives a TFLite tensor's ONNX name in the layout that is asked for.

    TFLite is NHWC. Rank-4 tensors live as NCHW as long as the operators allow.
    """

    def __init__(self, network: Network, flavour: Flavour) -> None:
        self.network = network
        self.flavour = flavour
        self.float_dtype = np.float16 if flavour.dtype == "fp16" else np.float32
        self.pads: dict[int, tuple[int, tuple[int, int, int, int]]] = {}
        self.wide: dict[int, str] = {}
        self._nodes: list[NodeProto] = []
        self._weights: dict[tuple[str, tuple[int, ...], bytes], TensorProto] = {}
        self._values: dict[tuple[int, bool], str] = {}
        self._count = 0

    def shape(self, tensor: int) -> tuple[int, ...]:
        return self.network.tensors[tensor].shape

    def constant(self, tensor: int) -> NDArray[Any]:
        """A constant tensor's data; ValueError if it is an activation."""
        data = self.network.tensors[tensor].data
        if data is None:
            raise ValueError(f"tensor {self.network.tensors[tensor].name}: wanted a constant")
        return data

    def is_constant(self, tensor: int) -> bool:
        return self.network.tensors[tensor].data is not None

    def node(self, op: str, inputs: list[str], **attributes: Any) -> str:
        """Add a node of one output and return the output's name."""
        return self.nodes(op, inputs, 1, **attributes)[0]

    def nodes(self, op: str, inputs: list[str], count: int, **attributes: Any) -> list[str]:
        """Add a node of ``count`` outputs and return their names."""
        names = [self._name() for _ in range(count)]
        self._nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names

    def weight(self, array: Any) -> str:
        """A constant in the network's own float dtype."""
        return self._store(np.asarray(array).astype(self.float_dtype))

    def float32(self, array: Any) -> str:
        """A constant that stays float32 in every flavour."""
        return self._store(np.asarray(array, np.float32))

    def size(self, shape: tuple[int, ...]) -> str:
        """What a Reshape is to give; the leading dimension, 1 in TFLite, stays as it is."""
        return self.int64([0, *shape[1:]])

    def int64(self, array: Any) -> str:
        return self._store(np.asarray(array, np.int64))

    def to_float32(self, name: str) -> str:
        if self.flavour.dtype == "fp32":
            return name
        return self.node("Cast", [name], to=TensorProto.FLOAT)

    def to_float(self, name: str) -> str:
        if self.flavour.dtype == "fp32":
            return name
        return self.node("Cast", [name], to=TensorProto.FLOAT16)

    def value(self, tensor: int, nchw: bool = False) -> str:
        """The ONNX name of a tensor, as NCHW (rank 4) or in TFLite's own layout."""
        key = (tensor, nchw)
        if key not in self._values:
            if self.is_constant(tensor):
                array = self.constant(tensor)
                self._values[key] = self.weight(array.transpose(TO_NCHW) if nchw else array)
            else:
                other = self._values[tensor, not nchw]
                perm = TO_NCHW if nchw else TO_NHWC
                self._values[key] = self.node("Transpose", [other], perm=perm)
        return self._values[key]

    def put(self, tensor: int, name: str, nchw: bool = False) -> None:
        """Say that ``name`` is the tensor, as NCHW or in TFLite's own layout."""
        self._values[tensor, nchw] = name

    def model(self, input_names: list[str], output_names: list[str]) -> ModelProto:
        """The finished model. Rank-4 inputs are NHWC as in TFLite, rank-4 outputs NCHW."""
        inputs = [
            _info(name, self.shape(tensor))
            for name, tensor in zip(input_names, self.network.inputs, strict=True)
        ]
        outputs, final = [], {}
        for name, tensor in zip(output_names, self.network.outputs, strict=True):
            shape = self.shape(tensor)
            nchw = len(shape) == 4
            if nchw:
                shape = tuple(shape[i] for i in TO_NCHW)
            final[self.to_float32(self.value(tensor, nchw))] = name
            outputs.append(_info(name, shape))
        for node in self._nodes:
            node.input[:] = [final.get(name, name) for name in node.input]
            node.output[:] = [final.get(name, name) for name in node.output]
        graph = helper.make_graph(
            self._nodes, "network", inputs, outputs, list(self._weights.values())
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])

    def _store(self, array: NDArray[Any]) -> str:
        array = np.asarray(array, order="C")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._weights:
            self._weights[key] = numpy_helper.from_array(array, self._name())
        return str(self._weights[key].name)

    def _name(self) -> str:
        self._count += 1
        return f"t{self._count}"


def _info(name: str, shape: tuple[int, ...]) -> ValueInfoProto:
    """Of any batch."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape[1:]])
