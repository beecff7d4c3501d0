"""``puppetcam-export probe``: the tiny network that engines/proof.py runs on a device."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from engines.proof import NETWORK, SIDE


def model() -> bytes:
    """An ONNX file: y = the sum of each pixel's 3x3 neighbours in x, f32 (1, 1, SIDE, SIDE).

    A convolution, because that is what needs the largest libraries.
    """
    import onnx
    from onnx import TensorProto, helper

    shape = [1, 1, SIDE, SIDE]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "ones"], ["y"], pads=[1, 1, 1, 1])],
        "probe",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [helper.make_tensor("ones", TensorProto.FLOAT, [1, 1, 3, 3], [1.0] * 9)],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version, made.producer_name = 9, "puppetcam"
    onnx.checker.check_model(made)
    content: bytes = made.SerializeToString(deterministic=True)
    return content


def add_parser(commands: Any) -> None:
    """Adds ``probe`` to the subcommands of puppetcam-export."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "probe", help="the tiny network that proves a device", description=__doc__
    )
    parser.add_argument("--output", type=Path, default=NETWORK, help="(default: %(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file and say where."""
    content = model()
    arguments.output.write_bytes(content)
    print(f"{arguments.output}: {len(content)} bytes")
    return 0
