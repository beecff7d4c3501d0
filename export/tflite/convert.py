"""TFLite to ONNX, for the networks of MediaPipe.

tf2onnx needs TensorFlow and converts four of seven of them; this needs numpy, onnx and the
flatbuffer schema.
"""

from __future__ import annotations

from onnx import ModelProto

from export.tflite import attention, convolution, elementwise, shaping
from export.tflite.builder import Builder, Flavour
from export.tflite.canonical import canonical
from export.tflite.reader import Network

LOWERINGS = {
    **dict.fromkeys(elementwise.UNARY, elementwise.unary),
    **dict.fromkeys(elementwise.BINARY, elementwise.binary),
    "RELU6": elementwise.relu6,
    "PRELU": elementwise.prelu,
    "CONV_2D": convolution.convolve,
    "DEPTHWISE_CONV_2D": convolution.convolve,
    "PAD": convolution.pad,
    "MAX_POOL_2D": convolution.pool,
    "AVERAGE_POOL_2D": convolution.pool,
    "Convolution2DTransposeBias": convolution.transpose_convolve,
    "RESIZE_BILINEAR": shaping.resize,
    "DEPTH_TO_SPACE": shaping.depth_to_space,
    "RESHAPE": shaping.reshape,
    "CONCATENATION": shaping.concatenate,
    "MEAN": shaping.mean,
    "FULLY_CONNECTED": shaping.fully_connected,
    "STRIDED_SLICE": shaping.strided_slice,
    "Landmarks2TransformMatrix": attention.landmarks_to_transform,
    "TransformTensorBilinear": attention.transform_tensor,
    "TransformLandmarks": attention.transform_landmarks,
}


def convert(
    network: Network,
    flavour: Flavour,
    output_names: list[str],
    keep: list[str] | None = None,
) -> ModelProto:
    """The network as ONNX, opset 17.

    Its input is "image", f32 (batch, H, W, 3); rank-4 outputs are NCHW. output_names: one for each
    TFLite output, in order; keep: those to keep (all). Raises NotImplementedError for an operator
    that none of MediaPipe's networks uses.
    """
    builder = Builder(network, flavour)
    builder.put(network.inputs[0], builder.to_float("image"))
    for operator in network.operators:
        if operator.kind not in LOWERINGS:
            raise NotImplementedError(f"operator {operator.kind}")
        LOWERINGS[operator.kind](builder, operator)
    model = builder.model(["image"], output_names)
    # Exported for the CPU, weights travel as float16 where that is exact.
    return canonical(model, keep or output_names, store_half=flavour.device == "cpu")
