"""Convolutions, pooling and their padding."""

from __future__ import annotations

import struct

import numpy as np
import tflite

from export.tflite.builder import Builder
from export.tflite.reader import Operator

CONVOLUTIONS = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
}


def activate(builder: Builder, name: str, activation: int) -> str:
    """TFLite's fused activation."""
    kinds = tflite.ActivationFunctionType
    if activation == kinds.NONE:
        return name
    if activation == kinds.RELU:
        return builder.node("Relu", [name])
    if activation == kinds.RELU6:
        return builder.node("Clip", [name, builder.weight(0.0), builder.weight(6.0)])
    raise NotImplementedError(f"fused activation {activation}")


def same(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """TFLite's SAME padding, before and after: an odd rest goes after."""
    steps = -(-size // stride)
    total = max((steps - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def convolve(builder: Builder, operator: Operator) -> None:
    options = operator.options(CONVOLUTIONS[operator.kind])
    source, weights = operator.inputs[:2]
    _, height, width, channels = builder.shape(source)
    kernel = builder.constant(weights)
    if operator.kind == "DEPTHWISE_CONV_2D":
        kernel = kernel.transpose(3, 0, 1, 2)  # 1 h w c -> c 1 h w
        group = channels
    else:
        kernel = kernel.transpose(0, 3, 1, 2)  # o h w i -> o i h w
        group = channels // kernel.shape[1]
    size = kernel.shape[2:]
    strides = [options.StrideH(), options.StrideW()]
    dilations = [options.DilationHFactor(), options.DilationWFactor()]
    top = bottom = left = right = 0
    if options.Padding() == tflite.Padding.SAME:
        top, bottom = same(height, size[0], strides[0], dilations[0])
        left, right = same(width, size[1], strides[1], dilations[1])
    elif source in builder.pads:
        source, (top, bottom, left, right) = builder.pads[source]
    inputs = [builder.value(source, nchw=True), builder.weight(kernel)]
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        inputs.append(builder.weight(builder.constant(operator.inputs[2])))
    name = builder.node(
        "Conv",
        inputs,
        kernel_shape=list(size),
        strides=strides,
        dilations=dilations,
        group=group,
        pads=[top, left, bottom, right],
    )
    name = activate(builder, name, options.FusedActivationFunction())
    builder.put(operator.outputs[0], name, nchw=True)


def pad(builder: Builder, operator: Operator) -> None:
    """Zero padding: part of the convolutions that follow wherever they are all VALID."""
    source, amounts = operator.inputs[:2]
    target = operator.outputs[0]
    around = builder.constant(amounts).astype(np.int64)
    readers = builder.network.consumers(target)
    fits = (
        bool(readers)
        and target not in builder.network.outputs
        and not around[[0, 3]].any()
        and all(
            reader.kind in CONVOLUTIONS
            and reader.options(CONVOLUTIONS[reader.kind]).Padding() == tflite.Padding.VALID
            for reader in readers
        )
    )
    if fits:
        top, bottom, left, right = (int(n) for n in around[1:3].ravel())
        builder.pads[target] = (source, (top, bottom, left, right))
        return
    pads = builder.int64(around[[0, 3, 1, 2]].T.ravel())
    inputs = [builder.value(source, nchw=True), pads, builder.weight(0.0)]
    builder.put(target, builder.node("Pad", inputs, mode="constant"), nchw=True)


def pool(builder: Builder, operator: Operator) -> None:
    options = operator.options(tflite.Pool2DOptions)
    source = operator.inputs[0]
    _, height, width, _ = builder.shape(source)
    size = [options.FilterHeight(), options.FilterWidth()]
    strides = [options.StrideH(), options.StrideW()]
    value = builder.value(source, nchw=True)
    mean = operator.kind == "AVERAGE_POOL_2D"
    if mean and size == [height, width] and builder.shape(operator.outputs[0])[1:3] == (1, 1):
        name = builder.node("GlobalAveragePool", [value])
    else:
        pads = [0, 0, 0, 0]
        if options.Padding() == tflite.Padding.SAME:
            top, bottom = same(height, size[0], strides[0])
            left, right = same(width, size[1], strides[1])
            pads = [top, left, bottom, right]
        op = "AveragePool" if mean else "MaxPool"
        name = builder.node(op, [value], kernel_shape=size, strides=strides, pads=pads)
    name = activate(builder, name, options.FusedActivationFunction())
    builder.put(operator.outputs[0], name, nchw=True)


def transpose_convolve(builder: Builder, operator: Operator) -> None:
    """MediaPipe's Convolution2DTransposeBias; custom options: padding, stride x, stride y."""
    padding, stride_x, stride_y = struct.unpack("<3i", operator.custom[:12])
    source, weights, bias = operator.inputs
    kernel = builder.constant(weights)  # o h w i
    _, height, width, _ = builder.shape(source)
    pads = [0, 0, 0, 0]
    if padding == 1:  # kTfLitePaddingSame
        down = max(0, kernel.shape[1] - (height - 1) % stride_y - 1)
        across = max(0, kernel.shape[2] - (width - 1) % stride_x - 1)
        pads = [down // 2, across // 2, down - down // 2, across - across // 2]
    name = builder.node(
        "ConvTranspose",
        [
            builder.value(source, nchw=True),
            builder.weight(kernel.transpose(3, 0, 1, 2)),
            builder.weight(builder.constant(bias)),
        ],
        kernel_shape=list(kernel.shape[1:3]),
        strides=[stride_y, stride_x],
        pads=pads,
    )
    builder.put(operator.outputs[0], name, nchw=True)
