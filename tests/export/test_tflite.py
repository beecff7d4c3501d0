"""The converter on networks of a few operators, against numbers computed here by hand or numpy."""

from __future__ import annotations

import struct
from typing import Any

import flatbuffers
import numpy as np
import onnxruntime
import pytest
import tflite
from flatbuffers import flexbuffers
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, checker

from engines.errors import ModelError
from export.tflite.builder import Flavour
from export.tflite.convert import convert
from export.tflite.reader import read
from export.tflite.shared import share_weights
from export.tflite.sparse import densify
from tests.export.tiny import Tiny

CPU, GPU, HALF = Flavour("cpu"), Flavour("gpu"), Flavour("gpu", "fp16")
FLAVOURS = pytest.mark.parametrize("flavour", [CPU, GPU, HALF], ids=["cpu", "gpu", "gpu-fp16"])
RELU6 = tflite.ActivationFunctionType.RELU6
RNG = np.random.default_rng(7)
IMAGE = RNG.uniform(-1, 1, (1, 5, 6, 2)).astype(np.float32)


def run(model: ModelProto, image: NDArray[Any]) -> list[NDArray[Any]]:
    checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    answer: list[NDArray[Any]] = session.run(None, {"image": image})
    return answer


def one(tiny: Tiny, output: int, flavour: Flavour, image: NDArray[Any] = IMAGE) -> NDArray[Any]:
    return run(convert(read(tiny.file([output])), flavour, ["out"]), image)[0]


def close(got: NDArray[Any], wanted: NDArray[Any], flavour: Flavour) -> None:
    np.testing.assert_allclose(got, wanted, atol=1e-2 if flavour == HALF else 1e-5)


def conv_options(
    padding: int, stride: int = 1, activation: int = 0, depthwise: bool = False
) -> Any:
    fields = {
        "Padding": padding,
        "StrideH": stride,
        "StrideW": stride,
        "DilationHFactor": 1,
        "DilationWFactor": 1,
        "FusedActivationFunction": activation,
    }
    return ("DepthwiseConv2DOptions" if depthwise else "Conv2DOptions", fields)


def correlate(
    image: NDArray[Any], kernel: NDArray[Any], stride: int, before: tuple[int, int]
) -> NDArray[Any]:
    """NHWC image, HWIO kernel, zeros around; TFLite's SAME output size."""
    _, height, width, _ = image.shape
    rows, columns = -(-height // stride), -(-width // stride)
    size = kernel.shape[0]
    padded = np.zeros((height + 2 * size, width + 2 * size, image.shape[3]))
    padded[before[0] : before[0] + height, before[1] : before[1] + width] = image[0]
    out = np.empty((1, rows, columns, kernel.shape[3]))
    for y in range(rows):
        for x in range(columns):
            patch = padded[y * stride : y * stride + size, x * stride : x * stride + size]
            out[0, y, x] = np.einsum("hwi,hwio->o", patch, kernel)
    return out


@FLAVOURS
def test_convolution_with_half_weights_same_padding_and_relu6(flavour: Flavour) -> None:
    kernel = RNG.uniform(-2, 2, (4, 3, 3, 2)).astype(np.float16)  # o h w i
    bias = np.array([0.5, -0.5, 6, 0], np.float32)
    tiny = Tiny()
    image = tiny.activation(1, 5, 6, 2)
    full = tiny.add("DEQUANTIZE", [tiny.constant(kernel)], tiny.activation(4, 3, 3, 2))
    out = tiny.activation(1, 3, 3, 4)
    options = conv_options(tflite.Padding.SAME, stride=2, activation=RELU6)
    tiny.add("CONV_2D", [image, full, tiny.constant(bias)], out, options)
    # 5 rows, stride 2: one of padding before and after; 6 columns: the only one after.
    wanted = correlate(IMAGE, kernel.astype(float).transpose(1, 2, 3, 0), 2, (1, 0)) + bias
    got = one(tiny, out, flavour)
    assert got.shape == (1, 4, 3, 3)  # rank-4 outputs leave as NCHW
    close(got.transpose(0, 2, 3, 1), np.clip(wanted, 0, 6), flavour)


@FLAVOURS
def test_depthwise_convolution_and_prelu(flavour: Flavour) -> None:
    kernel = RNG.uniform(-1, 1, (1, 3, 3, 2)).astype(np.float32)
    slope = np.array([[[0.25, -0.5]]], np.float32)
    tiny = Tiny()
    image = tiny.activation(1, 5, 6, 2)
    middle, out = tiny.activation(1, 5, 6, 2), tiny.activation(1, 5, 6, 2)
    options = conv_options(tflite.Padding.SAME, depthwise=True)
    zero = tiny.constant(np.zeros(2, np.float32))
    tiny.add("DEPTHWISE_CONV_2D", [image, tiny.constant(kernel), zero], middle, options)
    tiny.add("PRELU", [middle, tiny.constant(slope)], out)
    each = np.zeros((3, 3, 2, 2))
    each[:, :, [0, 1], [0, 1]] = kernel[0]
    linear = correlate(IMAGE, each, 1, (1, 1))
    wanted = np.where(linear > 0, linear, linear * slope)
    close(one(tiny, out, flavour).transpose(0, 2, 3, 1), wanted, flavour)


def test_prelu_is_native_for_the_gpu_only() -> None:
    tiny = Tiny()
    image, out = tiny.activation(1, 5, 6, 2), tiny.activation(1, 5, 6, 2)
    tiny.add("PRELU", [image, tiny.constant(np.full((1, 1, 2), 0.25, np.float32))], out)
    network = read(tiny.file([out]))
    kinds = {
        flavour.device: {node.op_type for node in convert(network, flavour, ["out"]).graph.node}
        for flavour in (CPU, GPU)
    }
    assert "PRelu" in kinds["gpu"]
    assert "PRelu" not in kinds["cpu"]


def padded(readers: int) -> tuple[Tiny, list[int], NDArray[Any]]:
    """PAD, then VALID convolutions; or none, and the padding itself is the output."""
    kernel = RNG.uniform(-1, 1, (1, 3, 3, 2)).astype(np.float32)
    tiny = Tiny()
    image, wide = tiny.activation(1, 5, 6, 2), tiny.activation(1, 7, 8, 2)
    amounts = tiny.constant(np.array([[0, 0], [2, 0], [1, 1], [0, 0]], np.int32))
    tiny.add("PAD", [image, amounts], wide)
    outputs = []
    for _ in range(readers):
        out = tiny.activation(1, 5, 6, 1)
        zero = tiny.constant(np.zeros(1, np.float32))
        inputs = [wide, tiny.constant(kernel), zero]
        outputs.append(tiny.add("CONV_2D", inputs, out, conv_options(tflite.Padding.VALID)))
    return tiny, outputs or [wide], correlate(IMAGE, kernel.transpose(1, 2, 3, 0), 1, (2, 1))


def test_padding_becomes_part_of_the_convolutions() -> None:
    tiny, outputs, wanted = padded(readers=2)
    model = convert(read(tiny.file(outputs)), CPU, ["a", "b"])
    assert "Pad" not in {node.op_type for node in model.graph.node}
    for got in run(model, IMAGE):
        np.testing.assert_allclose(got.transpose(0, 2, 3, 1), wanted, atol=1e-5)


def test_padding_alone() -> None:
    tiny, outputs, _ = padded(readers=0)
    got = one(tiny, outputs[0], CPU)
    assert got.shape == (1, 2, 7, 8)
    np.testing.assert_array_equal(got[:, :, 2:, 1:7], IMAGE.transpose(0, 3, 1, 2))
    assert got.sum() == pytest.approx(IMAGE.sum(), abs=1e-5)


def test_pools_and_means() -> None:
    tiny = Tiny()
    image = tiny.activation(1, 5, 6, 2)
    pool = {"Padding": tflite.Padding.VALID, "StrideH": 2, "StrideW": 2}
    largest = tiny.activation(1, 2, 3, 2)
    tiny.add(
        "MAX_POOL_2D",
        [image],
        largest,
        ("Pool2DOptions", pool | {"FilterHeight": 2, "FilterWidth": 2}),
    )
    whole = tiny.activation(1, 1, 1, 2)
    tiny.add(
        "AVERAGE_POOL_2D",
        [image],
        whole,
        ("Pool2DOptions", pool | {"FilterHeight": 5, "FilterWidth": 6}),
    )
    mean = tiny.activation(1, 2)
    axes = tiny.constant(np.array([1, 2], np.int32))
    tiny.add("MEAN", [image, axes], mean, ("ReducerOptions", {"KeepDims": 0}))
    got = run(convert(read(tiny.file([largest, whole, mean])), CPU, ["a", "b", "c"]), IMAGE)
    blocks = IMAGE[0, :4].reshape(2, 2, 3, 2, 2).max(axis=(1, 3))
    np.testing.assert_allclose(got[0][0].transpose(1, 2, 0), blocks)
    np.testing.assert_allclose(got[1][0, :, 0, 0], IMAGE.mean(axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(got[2], IMAGE.mean(axis=(1, 2)), rtol=1e-5)


def test_arithmetic_reshape_concatenation_and_slice() -> None:
    tiny = Tiny()
    image, doubled = tiny.activation(1, 5, 6, 2), tiny.activation(1, 5, 6, 2)
    tiny.add("ADD", [image, image], doubled, ("AddOptions", {}))
    scaled = tiny.activation(1, 5, 6, 2)
    factors = tiny.constant(np.array([2, 3], np.float32))
    tiny.add("MUL", [doubled, factors], scaled, ("MulOptions", {}))
    both = tiny.activation(1, 5, 6, 4)
    tiny.add("CONCATENATION", [image, scaled], both, ("ConcatenationOptions", {"Axis": 3}))
    flat, part = tiny.activation(1, 120), tiny.activation(1, 30)
    shape = tiny.constant(np.array([1, 120], np.int32))
    tiny.add("RESHAPE", [both, shape], flat, ("ReshapeOptions", {}))
    bounds = [tiny.constant(np.array(v, np.int32)) for v in ([0, 3], [0, 0], [1, 4])]
    masks = ("StridedSliceOptions", {"BeginMask": 1, "EndMask": 3})
    tiny.add("STRIDED_SLICE", [flat, *bounds], part, masks)
    wanted = np.concatenate([IMAGE, IMAGE * 2 * [2, 3]], axis=3).reshape(1, 120)[:, 3::4]
    np.testing.assert_allclose(one(tiny, part, CPU), wanted, rtol=1e-6)


def test_fully_connected() -> None:
    weights = RNG.uniform(-1, 1, (3, 60)).astype(np.float32)
    tiny = Tiny()
    image, out = tiny.activation(1, 5, 6, 2), tiny.activation(1, 3)
    bias = np.array([1, 2, 3], np.float32)
    inputs = [image, tiny.constant(weights), tiny.constant(bias)]
    tiny.add("FULLY_CONNECTED", inputs, out, ("FullyConnectedOptions", {}))
    np.testing.assert_allclose(
        one(tiny, out, CPU), IMAGE.reshape(1, 60) @ weights.T + bias, atol=1e-5
    )


def test_a_batch() -> None:
    """Reshapes and slices leave the leading dimension, which TFLite fixes at 1, as it is."""
    weights = RNG.uniform(-1, 1, (4, 30)).astype(np.float32)
    tiny = Tiny()
    image, flat = tiny.activation(1, 5, 6, 2), tiny.activation(1, 60)
    part, out = tiny.activation(1, 30), tiny.activation(1, 2, 2)
    tiny.add("RESHAPE", [image, tiny.constant(np.array([1, 60], np.int32))], flat,
             ("ReshapeOptions", {}))  # fmt: skip
    bounds = [tiny.constant(np.array(v, np.int32)) for v in ([0, 30], [1, 60], [1, 1])]
    tiny.add("STRIDED_SLICE", [flat, *bounds], part, ("StridedSliceOptions", {}))
    tiny.add("FULLY_CONNECTED", [part, tiny.constant(weights)], out, ("FullyConnectedOptions", {}))
    images = np.concatenate([IMAGE, 2 * IMAGE, -IMAGE])
    wanted = images.reshape(3, 60)[:, 30:] @ weights.T
    np.testing.assert_allclose(one(tiny, out, CPU, images), wanted.reshape(3, 2, 2), atol=1e-5)


def test_resize_and_depth_to_space() -> None:
    image = np.array([0, 1, 2, 3], np.float32).reshape(1, 1, 1, 4)
    tiny = Tiny()
    source, square = tiny.activation(1, 1, 1, 4), tiny.activation(1, 2, 2, 1)
    tiny.add("DEPTH_TO_SPACE", [source], square, ("DepthToSpaceOptions", {"BlockSize": 2}))
    large = tiny.activation(1, 4, 4, 1)
    size = tiny.constant(np.array([4, 4], np.int32))
    options = ("ResizeBilinearOptions", {"HalfPixelCenters": 1})
    tiny.add("RESIZE_BILINEAR", [square, size], large, options)
    got = one(tiny, large, CPU, image)[0, 0]
    # Corners stay, and between them a quarter of the way each.
    np.testing.assert_allclose(got[0], [0, 0.25, 0.75, 1])
    np.testing.assert_allclose(got[:, 0], [0, 0.5, 1.5, 2])


def test_transposed_convolution() -> None:
    image = np.array([[1, 2], [3, 4]], np.float32).reshape(1, 2, 2, 1)
    tiny = Tiny()
    source, out = tiny.activation(1, 2, 2, 1), tiny.activation(1, 4, 4, 1)
    kernel = tiny.constant(np.ones((1, 2, 2, 1), np.float32))
    bias = tiny.constant(np.array([10], np.float32))
    custom = struct.pack("<3i", 1, 2, 2)  # SAME, stride 2
    tiny.add("Convolution2DTransposeBias", [source, kernel, bias], out, custom)
    wanted = np.kron([[1, 2], [3, 4]], np.ones((2, 2))) + 10
    np.testing.assert_array_equal(one(tiny, out, CPU, image)[0, 0], wanted)


def flex(**values: Any) -> bytes:
    return bytes(flexbuffers.Dumps(values))


@FLAVOURS
def test_attention_operators(flavour: Flavour) -> None:
    """A crop of a ramp about four landmarks, and a landmark carried back by the same transform."""
    points = np.array([[4, 4, 0], [8, 4, 0], [4, 8, 0], [8, 8, 0]], np.float32)[None]
    tiny = Tiny()
    ramp = tiny.activation(1, 12, 12, 1)
    matrix = tiny.activation(1, 4, 4)
    tiny.add(
        "Landmarks2TransformMatrix",
        [tiny.constant(points)],
        matrix,
        flex(
            subset_idxs=[0, 1, 2, 3],
            left_rotation_idx=0,
            right_rotation_idx=1,
            target_rotation_radians=0.0,
            output_width=4,
            output_height=4,
            scale_x=1.0,
            scale_y=2.0,
        ),
    )
    crop, back = tiny.activation(1, 4, 4, 1), tiny.activation(1, 1, 2)
    size = flex(output_width=4, output_height=4)
    tiny.add("TransformTensorBilinear", [ramp, matrix], crop, size)
    corner = tiny.constant(np.array([[[0, 4]]], np.float32))
    tiny.add("TransformLandmarks", [corner, matrix], back, b"")
    network = read(tiny.file([matrix, crop, back]))
    y, x = np.mgrid[:12, :12].astype(np.float32)
    got = run(convert(network, flavour, ["m", "crop", "xy"]), (x + 10 * y)[None, :, :, None])
    # The box is 4 x 4 about (6, 6), grown to 4 x 8: a step of 1 in x, of 2 in y, from (4, 2).
    np.testing.assert_allclose(
        got[0][0], [[1, 0, 0, 4], [0, 2, 0, 2], [0, 0, 1, 0], [0, 0, 0, 1]], atol=1e-5
    )
    # The crop's pixel (i, j) has its centre at (4 + i + .5, 2 + 2 j + 1): pixel (4 + i, 2.5 + 2 j).
    i, j = np.meshgrid(np.arange(4), np.arange(4))
    np.testing.assert_allclose(got[1][0, 0], 4 + i + 10 * (2.5 + 2 * j), rtol=1e-3)
    np.testing.assert_allclose(got[2][0, 0], [4, 10], atol=1e-4)


def sparse_file() -> Any:
    """SparsityParameters of a 4 x 2 matrix in blocks of 2 x 1; block rows 0: column 1, 1: both."""
    builder = flatbuffers.Builder()
    segments = builder.CreateNumpyVector(np.array([0, 1, 3], np.uint8))
    indices = builder.CreateNumpyVector(np.array([1, 0, 1], np.uint8))
    vectors = []
    for values in (segments, indices):
        tflite.Uint8VectorStart(builder)
        tflite.Uint8VectorAddValues(builder, values)
        vectors.append(tflite.Uint8VectorEnd(builder))
    dims = []
    for size in (2, None, 2):
        tflite.DimensionMetadataStart(builder)
        if size is None:
            kind = tflite.SparseIndexVector.Uint8Vector
            tflite.DimensionMetadataAddFormat(builder, tflite.DimensionType.SPARSE_CSR)
            tflite.DimensionMetadataAddArraySegmentsType(builder, kind)
            tflite.DimensionMetadataAddArraySegments(builder, vectors[0])
            tflite.DimensionMetadataAddArrayIndicesType(builder, kind)
            tflite.DimensionMetadataAddArrayIndices(builder, vectors[1])
        else:
            tflite.DimensionMetadataAddDenseSize(builder, size)
        dims.append(tflite.DimensionMetadataEnd(builder))
    builder.StartVector(4, 3, 4)
    for dim in reversed(dims):
        builder.PrependUOffsetTRelative(dim)
    metadata = builder.EndVector()
    order = builder.CreateNumpyVector(np.array([0, 1, 2], np.int32))
    blocks = builder.CreateNumpyVector(np.array([0], np.int32))
    tflite.SparsityParametersStart(builder)
    tflite.SparsityParametersAddTraversalOrder(builder, order)
    tflite.SparsityParametersAddBlockMap(builder, blocks)
    tflite.SparsityParametersAddDimMetadata(builder, metadata)
    builder.Finish(tflite.SparsityParametersEnd(builder))
    return tflite.SparsityParameters.GetRootAs(bytes(builder.Output()), 0)


def test_sparse_blocks() -> None:
    dense = densify(np.array([1, 2, 3, 4, 5, 6], np.float32), sparse_file(), (4, 2))
    np.testing.assert_array_equal(dense, [[0, 1], [0, 2], [3, 5], [4, 6]])


def test_sparse_with_too_many_values() -> None:
    with pytest.raises(ValueError, match="got 7 values, wanted 6"):
        densify(np.arange(7, dtype=np.float32), sparse_file(), (4, 2))


def test_no_tflite_file() -> None:
    with pytest.raises(ModelError, match="TFL3"):
        read(b"\x89PNG\r\n\x1a\n")


def test_unknown_operator() -> None:
    tiny = Tiny()
    image, out = tiny.activation(1, 5, 6, 2), tiny.activation(1, 5, 6, 2)
    tiny.add("COS", [image], out)
    with pytest.raises(NotImplementedError, match="operator COS"):
        convert(read(tiny.file([out])), CPU, ["out"])


def halves(keep: list[str] | None = None) -> ModelProto:
    """Two convolutions of the image: weights exact in float16, and not."""
    tiny = Tiny()
    image = tiny.activation(1, 5, 6, 2)
    outputs = []
    for scale in (0.5, 1 / 3):
        kernel = np.full((8, 3, 3, 2), scale, np.float32)
        out = tiny.activation(1, 5, 6, 8)
        inputs = [image, tiny.constant(kernel), tiny.constant(np.zeros(8, np.float32))]
        outputs.append(tiny.add("CONV_2D", inputs, out, conv_options(tflite.Padding.SAME)))
    return convert(read(tiny.file(outputs)), CPU, ["exact", "other"], keep)


def test_only_exact_weights_are_stored_as_half() -> None:
    stored = {w.name: w.data_type for w in halves().graph.initializer if list(w.dims) != [8]}
    assert sorted(stored.values()) == [TensorProto.FLOAT, TensorProto.FLOAT16]


def test_dropped_outputs_take_their_weights_along() -> None:
    model = halves(keep=["other"])
    assert [output.name for output in model.graph.output] == ["other"]
    assert len([node for node in model.graph.node if node.op_type == "Conv"]) == 1
    assert len([w for w in model.graph.initializer if list(w.dims) != [8]]) == 1


def test_the_same_network_gives_the_same_bytes() -> None:
    assert halves().SerializeToString() == halves().SerializeToString()


def test_shared_weights(tmp_path: Any) -> None:
    alone = run(halves(), IMAGE)
    models = [halves(), halves(keep=["other"])]
    blob = share_weights(models, "both.weights")
    assert len(blob) < 144 * 2 + 144 * 4 + 128  # each kernel once
    (tmp_path / "both.weights").write_bytes(blob)
    for index, model in enumerate(models):
        path = tmp_path / f"{index}.onnx"
        path.write_bytes(model.SerializeToString())
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        np.testing.assert_array_equal(session.run(["other"], {"image": IMAGE})[0], alone[1])
