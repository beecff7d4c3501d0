"""Operators that move, resize, join or sum up tensors."""

from __future__ import annotations

import numpy as np
import tflite

from export.tflite.builder import Builder
from export.tflite.convolution import activate
from export.tflite.reader import Operator


def resize(builder: Builder, operator: Operator) -> None:
    options = operator.options(tflite.ResizeBilinearOptions)
    if options.AlignCorners():
        mode = "align_corners"
    else:
        mode = "half_pixel" if options.HalfPixelCenters() else "asymmetric"
    old, new = builder.shape(operator.inputs[0]), builder.shape(operator.outputs[0])
    scales = builder.float32([1, 1, new[1] / old[1], new[2] / old[2]])
    name = builder.node(
        "Resize",
        [builder.value(operator.inputs[0], nchw=True), "", scales],
        mode="linear",
        coordinate_transformation_mode=mode,
    )
    builder.put(operator.outputs[0], name, nchw=True)


def depth_to_space(builder: Builder, operator: Operator) -> None:
    block = operator.options(tflite.DepthToSpaceOptions).BlockSize()
    value = builder.value(operator.inputs[0], nchw=True)
    name = builder.node("DepthToSpace", [value], blocksize=block, mode="DCR")
    builder.put(operator.outputs[0], name, nchw=True)


def reshape(builder: Builder, operator: Operator) -> None:
    shape = builder.size(builder.shape(operator.outputs[0]))
    builder.put(
        operator.outputs[0], builder.node("Reshape", [builder.value(operator.inputs[0]), shape])
    )


def concatenate(builder: Builder, operator: Operator) -> None:
    rank = len(builder.shape(operator.outputs[0]))
    axis = operator.options(tflite.ConcatenationOptions).Axis() % rank
    nchw = rank == 4
    if nchw:
        axis = (0, 2, 3, 1)[axis]
    values = [builder.value(tensor, nchw) for tensor in operator.inputs]
    builder.put(operator.outputs[0], builder.node("Concat", values, axis=axis), nchw)


def mean(builder: Builder, operator: Operator) -> None:
    """The mean over height and width."""
    axes = sorted(int(axis) % 4 for axis in np.atleast_1d(builder.constant(operator.inputs[1])))
    if axes != [1, 2]:
        raise NotImplementedError(f"MEAN over {axes}")
    keep = bool(operator.options(tflite.ReducerOptions).KeepDims())
    name = builder.node("GlobalAveragePool", [builder.value(operator.inputs[0], nchw=True)])
    if not keep:
        name = builder.node("Flatten", [name], axis=1)
    builder.put(operator.outputs[0], name, nchw=keep)


def fully_connected(builder: Builder, operator: Operator) -> None:
    """As a 1x1 convolution: the same numbers, and TensorRT has no fp32 GEMM for Turing."""
    weights = builder.constant(operator.inputs[1])
    shape = builder.int64([-1, weights.shape[1], 1, 1])
    value = builder.node("Reshape", [builder.value(operator.inputs[0]), shape])
    inputs = [value, builder.weight(weights[:, :, None, None])]
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        inputs.append(builder.weight(builder.constant(operator.inputs[2])))
    name = builder.node("Flatten", [builder.node("Conv", inputs, kernel_shape=[1, 1])], axis=1)
    options = operator.options(tflite.FullyConnectedOptions)
    name = activate(builder, name, options.FusedActivationFunction())
    target = builder.shape(operator.outputs[0])
    if len(target) != 2:
        name = builder.node("Reshape", [name, builder.size(target)])
    builder.put(operator.outputs[0], name)


def strided_slice(builder: Builder, operator: Operator) -> None:
    options = operator.options(tflite.StridedSliceOptions)
    if options.EllipsisMask() or options.NewAxisMask() or options.ShrinkAxisMask():
        raise NotImplementedError("STRIDED_SLICE with ellipsis, new or dropped axes")
    begin, end, step = (
        builder.constant(tensor).astype(np.int64).copy() for tensor in operator.inputs[1:4]
    )
    for axis in range(len(begin)):
        if options.BeginMask() >> axis & 1:
            begin[axis] = 0
        if options.EndMask() >> axis & 1:
            end[axis] = 2**31 - 1
    inputs = [builder.value(operator.inputs[0])]
    # The leading axis is 1 in TFLite: nothing to cut.
    inputs += [builder.int64(v[1:]) for v in (begin, end, np.arange(len(begin)), step)]
    builder.put(operator.outputs[0], builder.node("Slice", inputs))
