"""The last pass over a converted graph: dead parts dropped, names renumbered, weights stored small.

Two conversions of the same network give the same bytes, so a digest can stand for a model.
"""

from __future__ import annotations

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, helper, numpy_helper

SMALL = 16  # elements; below that a Cast costs more than it saves


def prune(graph: GraphProto, outputs: list[str]) -> None:
    """Keep ``outputs`` (in this order) and only the nodes and weights they need."""
    by_name = {output.name: output for output in graph.output}
    kept = [by_name[name] for name in outputs]
    needed = set(outputs)
    nodes = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(name for name in node.input if name)
    weights = [weight for weight in graph.initializer if weight.name in needed]
    del graph.output[:], graph.node[:], graph.initializer[:]
    graph.output.extend(kept)
    graph.node.extend(reversed(nodes))
    graph.initializer.extend(weights)


def renumber(graph: GraphProto) -> None:
    """Name nodes, weights and values by their place; weights in order of first use."""
    fixed = {value.name for value in (*graph.input, *graph.output)}
    names = {name: name for name in fixed} | {"": ""}
    weights = {weight.name: weight for weight in graph.initializer}
    ordered: list[TensorProto] = []
    for index, node in enumerate(graph.node):
        for name in node.input:
            if name in weights and name not in names:
                names[name] = f"w{len(ordered)}"
                ordered.append(weights[name])
        for slot, name in enumerate(node.output):
            names.setdefault(name, f"v{index}" if slot == 0 else f"v{index}.{slot}")
        inputs, outputs = [names[n] for n in node.input], [names[n] for n in node.output]
        attributes = sorted(node.attribute, key=_attribute_name)
        node.CopyFrom(
            helper.make_node(node.op_type, inputs, outputs, name=f"{node.op_type}_{index}")
        )
        node.attribute.extend(attributes)
    copies = []
    for number, weight in enumerate(ordered):
        copies.append(numpy_helper.from_array(numpy_helper.to_array(weight), f"w{number}"))
    del graph.initializer[:]
    graph.initializer.extend(copies)
    graph.name = "network"


def _attribute_name(attribute: AttributeProto) -> str:
    return str(attribute.name)


def halve(graph: GraphProto) -> None:
    """Store float32 weights that are exactly float16 values as float16 followed by a Cast.

    Exact, half the size; ONNX Runtime folds the Cast when it loads the graph.
    """
    casts = []
    for weight in graph.initializer:
        array = numpy_helper.to_array(weight)
        if array.dtype != np.float32 or array.size < SMALL:
            continue
        half = array.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), array):
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(
            helper.make_node("Cast", [f"{name}.half"], [name], f"Cast_{name}", to=TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def canonical(model: ModelProto, outputs: list[str], store_half: bool) -> ModelProto:
    """A pruned, renumbered copy of ``model`` whose weights are stored small if ``store_half``."""
    graph = GraphProto()
    graph.CopyFrom(model.graph)
    prune(graph, outputs)
    renumber(graph)
    if store_half:
        halve(graph)
    copy = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    copy.producer_name = "puppetcam"
    copy.ir_version = 9
    return copy
