"""The custom operators of MediaPipe's face mesh with attention, in plain ONNX.

Each eye and the lips are cut out of a feature map along a transform found from coarse landmarks,
looked at again, and their landmarks carried back (Grishchenko et al. 2020, Attention Mesh).
Positions are pixels, so all of this stays float32 in every flavour. Elementwise instead of MatMul:
TensorRT has no fp32 GEMM for Turing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flatbuffers import flexbuffers
from onnx import TensorProto

from export.tflite.builder import Builder
from export.tflite.reader import Operator


@dataclass(frozen=True, slots=True)
class Term:
    """An ONNX value with arithmetic."""

    builder: Builder
    name: str

    def _with(self, op: str, other: Term | Any) -> Term:
        value = (
            other if isinstance(other, Term) else Term(self.builder, self.builder.float32(other))
        )
        return Term(self.builder, self.builder.node(op, [self.name, value.name]))

    def __add__(self, other: Term | Any) -> Term:
        return self._with("Add", other)

    def __sub__(self, other: Term | Any) -> Term:
        return self._with("Sub", other)

    def __mul__(self, other: Term | Any) -> Term:
        return self._with("Mul", other)

    def __truediv__(self, other: Term | Any) -> Term:
        return self._with("Div", other)

    def apply(self, op: str, **attributes: Any) -> Term:
        return Term(self.builder, self.builder.node(op, [self.name], **attributes))

    def bounded(self, low: float, high: Any) -> Term:
        return self._with("Max", low)._with("Min", high)

    def equals(self, other: Term) -> Term:
        """1.0 where equal, else 0.0."""
        return self._with("Equal", other).apply("Cast", to=TensorProto.FLOAT)

    def pair(self, axis: int) -> tuple[Term, Term]:
        """The halves of an axis of two."""
        first, second = self.builder.nodes(
            "Split", [self.name, self.builder.int64([1, 1])], 2, axis=axis
        )
        return Term(self.builder, first), Term(self.builder, second)

    def rows(self, indices: list[int]) -> Term:
        """Rows of axis 1."""
        inputs = [self.name, self.builder.int64(indices)]
        return Term(self.builder, self.builder.node("Gather", inputs, axis=1))

    def part(self, start: int, end: int, axis: int) -> Term:
        bounds = [self.builder.int64([n]) for n in (start, end, axis)]
        return Term(self.builder, self.builder.node("Slice", [self.name, *bounds]))

    def reshape(self, *shape: int) -> Term:
        return Term(
            self.builder, self.builder.node("Reshape", [self.name, self.builder.int64(shape)])
        )


def join(terms: list[Term], axis: int) -> Term:
    builder = terms[0].builder
    return Term(builder, builder.node("Concat", [term.name for term in terms], axis=axis))


def _term(builder: Builder, tensor: int, nchw: bool = False) -> Term:
    """A tensor in float32."""
    name = builder.wide.get(tensor) or builder.to_float32(builder.value(tensor, nchw))
    return Term(builder, name)


def _put(builder: Builder, tensor: int, term: Term, nchw: bool = False) -> None:
    builder.put(tensor, builder.to_float(term.name), nchw)


def landmarks_to_transform(builder: Builder, operator: Operator) -> None:
    """Landmarks2TransformMatrix: (1, K, 3) px to (1, 4, 4), from crop px to feature map px.

    The crop is the box around some of the landmarks in axes turned so that the line between two
    of them is level, grown by a scale.
    """
    options = flexbuffers.Loads(operator.custom)
    if options["target_rotation_radians"] != 0.0:
        raise NotImplementedError("Landmarks2TransformMatrix with a target rotation")
    xy = _term(builder, operator.inputs[0]).part(0, 2, axis=2)
    line = xy.rows([options["right_rotation_idx"]]) - xy.rows([options["left_rotation_idx"]])
    cos, sin = (line / line.apply("ReduceL2", axes=[2], keepdims=1)).pair(axis=2)
    x, y = xy.rows(options["subset_idxs"]).pair(axis=2)
    level = join([x * cos + y * sin, y * cos - x * sin], axis=2)
    high = level.apply("ReduceMax", axes=[1], keepdims=1)
    low = level.apply("ReduceMin", axes=[1], keepdims=1)
    size, middle = high - low, (high + low) * 0.5
    level_x, level_y = middle.pair(axis=2)
    centre_x, centre_y = level_x * cos - level_y * sin, level_x * sin + level_y * cos
    width, height = options["output_width"], options["output_height"]
    step_x, step_y = (
        size * [[[options["scale_x"] / width, options["scale_y"] / height]]]
    ).pair(axis=2)  # fmt: skip
    xx, xy_, yx, yy = cos * step_x, sin * step_y * -1.0, sin * step_x, cos * step_y
    zero = cos * 0.0
    one = zero + 1.0
    matrix = join(
        [
            join([xx, xy_, zero, centre_x - (xx * (width / 2) + xy_ * (height / 2))], axis=2),
            join([yx, yy, zero, centre_y - (yx * (width / 2) + yy * (height / 2))], axis=2),
            join([zero, zero, one, zero], axis=2),
            join([zero, zero, zero, one], axis=2),
        ],
        axis=1,
    )
    builder.wide[operator.outputs[0]] = matrix.name  # float16 would round to whole pixels
    _put(builder, operator.outputs[0], matrix)


def _columns(matrix: Term) -> tuple[Term, Term, Term]:
    """(1, 4, 4) to x, y and shift, each (1, 1, 2)."""
    columns = matrix.part(0, 2, axis=1).apply("Transpose", perm=[0, 2, 1])
    x, y, shift = (columns.part(i, i + 1, axis=1) for i in (0, 1, 3))
    return x, y, shift


def transform_tensor(builder: Builder, operator: Operator) -> None:
    """TransformTensorBilinear: a crop of a feature map, zero where it reaches out of it."""
    options = flexbuffers.Loads(operator.custom)
    width, height = options["output_width"], options["output_height"]
    _, in_height, in_width, _ = builder.shape(operator.inputs[0])
    x, y, shift = _columns(_term(builder, operator.inputs[1]))
    rows, columns = np.mgrid[:height, :width].astype(np.float32) + 0.5  # pixel centres
    at = x * columns.reshape(1, -1, 1) + (y * rows.reshape(1, -1, 1) + (shift - 0.5))
    last = np.array([[[in_width - 1, in_height - 1]]], np.float32)
    kept = at.bounded(0.0, last)
    inside = kept.equals(at).apply("ReduceMin", axes=[2], keepdims=0).reshape(-1, 1, height, width)
    grid = (kept * (2 / last) - 1.0).reshape(-1, height, width, 2)
    features = _term(builder, operator.inputs[0], nchw=True)
    crop = builder.node(
        "GridSample",
        [features.name, grid.name],
        mode="bilinear",
        padding_mode="zeros",
        align_corners=1,
    )
    _put(builder, operator.outputs[0], Term(builder, crop) * inside, nchw=True)


def transform_landmarks(builder: Builder, operator: Operator) -> None:
    """TransformLandmarks: (1, K, 2) crop px to feature map px."""
    if builder.shape(operator.inputs[0])[2] != 2:
        raise NotImplementedError("TransformLandmarks of other than two coordinates")
    x, y, shift = _columns(_term(builder, operator.inputs[1]))
    u, v = _term(builder, operator.inputs[0]).pair(axis=2)
    _put(builder, operator.outputs[0], x * u + (y * v + shift))
