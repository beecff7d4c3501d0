"""TFLite's sparse constants, written out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

INDEX_VECTORS = {
    tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
    tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
    tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
}


def densify(values: NDArray[Any], sparsity: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """The dense array of ``shape`` that ``values`` and SparsityParameters describe.

    Dimensions are traversed in ``TraversalOrder``; those from ``len(shape)`` on are blocks inside
    the dimension that ``BlockMap`` names. Each level is dense or compressed (segments, indices),
    as in the TACO storage format (Kjolstad et al. 2017).
    """
    order = sparsity.TraversalOrderAsNumpy().tolist()
    blocks = sparsity.BlockMapAsNumpy().tolist() if sparsity.BlockMapLength() else []
    levels = [_level(sparsity.DimMetadata(i)) for i in range(sparsity.DimMetadataLength())]
    block_size = [1] * len(shape)
    for level, axis in zip(levels, order, strict=True):
        if axis >= len(shape):
            block_size[blocks[axis - len(shape)]] = level  # blocks are dense

    dense = np.zeros(shape, values.dtype)
    count = 0
    for place, path in _walk(levels, 0, 0, ()):
        at = [0] * len(shape)
        for axis, index in zip(order, path, strict=True):
            if axis < len(shape):
                at[axis] += index * block_size[axis]
            else:
                at[blocks[axis - len(shape)]] += index
        dense[tuple(at)] = values[place]
        count += 1
    if count != len(values):
        raise ValueError(f"sparse constant: got {len(values)} values, wanted {count}")
    return dense


def _level(dimension: Any) -> Any:
    """A dense level's size, or a compressed level's (segments, indices)."""
    if dimension.Format() == tflite.DimensionType.DENSE:
        return int(dimension.DenseSize())
    vectors = []
    for kind, table in (
        (dimension.ArraySegmentsType(), dimension.ArraySegments()),
        (dimension.ArrayIndicesType(), dimension.ArrayIndices()),
    ):
        vector = INDEX_VECTORS[kind]()
        vector.Init(table.Bytes, table.Pos)
        vectors.append(vector.ValuesAsNumpy().tolist())
    return tuple(vectors)


def _walk(
    levels: list[Any], depth: int, place: int, path: tuple[int, ...]
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Each stored value's place and its index at every level."""
    if depth == len(levels):
        yield place, path
        return
    level = levels[depth]
    if isinstance(level, int):
        entries = [(place * level + i, i) for i in range(level)]
    else:
        segments, indices = level
        entries = [(i, indices[i]) for i in range(segments[place], segments[place + 1])]
    for next_place, index in entries:
        yield from _walk(levels, depth + 1, next_place, (*path, index))
