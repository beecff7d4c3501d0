"""Activations and arithmetic."""

from __future__ import annotations

import numpy as np
import tflite

from export.tflite.builder import TO_NCHW, Builder
from export.tflite.convolution import activate
from export.tflite.reader import Operator

UNARY = {
    "RELU": "Relu",
    "LOGISTIC": "Sigmoid",
    "TANH": "Tanh",
    "ABS": "Abs",
    "HARD_SWISH": "HardSwish",
}
BINARY = {
    "ADD": ("Add", tflite.AddOptions),
    "MUL": ("Mul", tflite.MulOptions),
    "SUB": ("Sub", tflite.SubOptions),
    "DIV": ("Div", tflite.DivOptions),
}


def unary(builder: Builder, operator: Operator) -> None:
    nchw = len(builder.shape(operator.outputs[0])) == 4
    name = builder.node(UNARY[operator.kind], [builder.value(operator.inputs[0], nchw)])
    builder.put(operator.outputs[0], name, nchw)


def relu6(builder: Builder, operator: Operator) -> None:
    nchw = len(builder.shape(operator.outputs[0])) == 4
    value = builder.value(operator.inputs[0], nchw)
    name = activate(builder, value, tflite.ActivationFunctionType.RELU6)
    builder.put(operator.outputs[0], name, nchw)


def binary(builder: Builder, operator: Operator) -> None:
    op, schema = BINARY[operator.kind]
    rank = len(builder.shape(operator.outputs[0]))
    name = builder.node(op, [_operand(builder, tensor, rank) for tensor in operator.inputs])
    name = activate(builder, name, operator.options(schema).FusedActivationFunction())
    builder.put(operator.outputs[0], name, nchw=rank == 4)


def _operand(builder: Builder, tensor: int, rank: int) -> str:
    """An operand that broadcasts as in TFLite, NCHW where the result has rank 4."""
    if rank != 4:
        return builder.value(tensor)
    if not builder.is_constant(tensor):
        return builder.value(tensor, nchw=True)
    array = builder.constant(tensor)
    if array.ndim == 0:
        return builder.weight(array)
    return builder.weight(array.reshape((1,) * (4 - array.ndim) + array.shape).transpose(TO_NCHW))


def prelu(builder: Builder, operator: Operator) -> None:
    """max(x, 0) + slope min(x, 0).

    For the CPU as relu(x) + depthwise(relu(depthwise(x))), which ONNX Runtime computes in its
    blocked layout: about twice as fast there as the native operator.
    """
    slope = builder.constant(operator.inputs[1])
    slope = slope.reshape((1,) * (4 - slope.ndim) + slope.shape).transpose(TO_NCHW)[0]
    value = builder.value(operator.inputs[0], nchw=True)
    channels = slope.shape[0]
    if builder.flavour.device == "gpu" or slope.size != channels:
        name = builder.node("PRelu", [value, builder.weight(slope)])
    else:
        minus = builder.weight(-np.ones((channels, 1, 1, 1)))
        scale = builder.weight(-slope.reshape(channels, 1, 1, 1))
        each = {"kernel_shape": [1, 1], "group": channels}
        positive = builder.node("Relu", [value])
        negative = builder.node("Relu", [builder.node("Conv", [value, minus], **each)])
        name = builder.node("Add", [positive, builder.node("Conv", [negative, scale], **each)])
    builder.put(operator.outputs[0], name, nchw=True)
