"""Several graphs over one file of weights (ONNX external data)."""

from __future__ import annotations

from onnx import ModelProto, TensorProto

SMALL = 64  # bytes; smaller tensors stay inside the graph
ALIGN = 64  # bytes


def share_weights(models: list[ModelProto], file_name: str) -> bytes:
    """Move the large weights of ``models`` (in place) into one blob, equal tensors once.

    Returns the blob, to be written as ``file_name`` beside the models.
    """
    places: dict[tuple[int, bytes], int] = {}
    blob = bytearray()
    for model in models:
        for weight in model.graph.initializer:
            raw = weight.raw_data
            if len(raw) <= SMALL:
                continue
            key = (weight.data_type, raw)
            if key not in places:
                blob.extend(bytes(-len(blob) % ALIGN))
                places[key] = len(blob)
                blob.extend(raw)
            weight.ClearField("raw_data")
            weight.data_location = TensorProto.EXTERNAL
            for name, value in (
                ("location", file_name),
                ("offset", str(places[key])),
                ("length", str(len(raw))),
            ):
                weight.external_data.add(key=name, value=value)
    return bytes(blob)
