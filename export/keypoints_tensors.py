"""What MediaPipe's own runtime makes of the same pixels, network by network.

The converted networks are compared with it; needs mediapipe as export/keypoints_golden.py does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.types import U8
from export.keypoints_golden import rounded, run_graph
from export.keypoints_recipes import RECIPES, Recipe

SAMPLES = 32  # evenly spread over each output
HEAD = """
input_stream: "image"
node {{ calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:ops" }}
node {{
  calculator: "ImageToTensorCalculator"
  input_stream: "IMAGE:image"
  output_stream: "TENSORS:pixels"
  options {{ [mediapipe.ImageToTensorCalculatorOptions.ext] {{
    output_tensor_width: {width} output_tensor_height: {height}
    output_tensor_float_range {{ min: 0.0 max: 1.0 }} }} }}
}}
node {{
  calculator: "InferenceCalculatorCpu"
  input_side_packet: "OP_RESOLVER:ops"
  input_stream: "TENSORS:pixels"
  output_stream: "TENSORS:all"
  options {{ [mediapipe.InferenceCalculatorOptions.ext] {{
    model_path: "mediapipe/modules/{path}" delegate {{ xnnpack {{}} }} }} }}
}}
node {{
  calculator: "SplitTensorVectorCalculator"
  input_stream: "all"
  {streams}
  options {{ [mediapipe.SplitVectorCalculatorOptions.ext] {{ {ranges} }} }}
}}
"""
FLOATS = """
node {{
  calculator: "TensorsToFloatsCalculator"
  input_stream: "TENSORS:one{i}"
  output_stream: "FLOATS:{name}"
}}
"""


def tensors(image: U8) -> dict[str, dict[str, list[float]]]:
    """SAMPLES numbers of each output of each network, by network and output name.

    The network sees ``picture(image, size)``, 0..1; outputs are flat, in TFLite's layout.
    """
    return {recipe.name: _outputs(recipe, image) for recipe in RECIPES}


def picture(image: U8, height: int, width: int) -> U8:
    """A head-sized piece of the astronaut, as large as the network's input."""
    return np.ascontiguousarray(image[10 : 10 + height, 100 : 100 + width])


def sample(values: Any) -> Any:
    """SAMPLES of a flat array, evenly spread."""
    return values[np.linspace(0, len(values) - 1, SAMPLES).astype(int)]


def _outputs(recipe: Recipe, image: U8) -> dict[str, list[float]]:
    count = range(len(recipe.outputs))
    text = HEAD.format(
        width=recipe.size,
        height=recipe.size,
        path=recipe.path,
        streams=" ".join(f'output_stream: "one{i}"' for i in count),
        ranges=" ".join(f"ranges {{ begin: {i} end: {i + 1} }}" for i in count),
    ) + "".join(FLOATS.format(i=i, name=name) for i, name in enumerate(recipe.outputs))
    pixels = picture(image, recipe.size, recipe.size)
    got = run_graph(text, pixels, {}, dict.fromkeys(recipe.outputs, "get_float_list"))
    return {name: rounded(sample(np.array(got[name]))) for name in recipe.outputs}
