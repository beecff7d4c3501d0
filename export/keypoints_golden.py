"""What MediaPipe's own graph answers, as numbers: the tests compare the engines with them.

Runs in an environment that has mediapipe 0.10.21 (Python up to 3.12). The graph is asked directly:
``mp.solutions.pose`` drops some of its options and refines with a kernel of 9 instead of 7.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from engines.errors import InputError
from engines.types import F32, U8

GRAPH = """
input_stream: "image"
input_side_packet: "complexity"
input_side_packet: "smooth"
input_side_packet: "previous"
input_side_packet: "segment"
node {
  calculator: "PoseLandmarkCpu"
  input_stream: "IMAGE:image"
  input_side_packet: "MODEL_COMPLEXITY:complexity"
  input_side_packet: "SMOOTH_LANDMARKS:smooth"
  input_side_packet: "USE_PREV_LANDMARKS:previous"
  input_side_packet: "ENABLE_SEGMENTATION:segment"
  input_side_packet: "SMOOTH_SEGMENTATION:smooth"
  output_stream: "LANDMARKS:landmarks"
  output_stream: "WORLD_LANDMARKS:world"
  output_stream: "SEGMENTATION_MASK:mask"
  output_stream: "ROI_FROM_DETECTION:region"
}
"""
PROTOS = ("landmarks", "world", "region")
MASK_CELLS = 16
INSTALL = (
    'pip install --no-deps mediapipe==0.10.21 && pip install absl-py attrs "protobuf<5" '
    '"numpy<2" "opencv-python-headless<5" matplotlib scikit-image numba onnx'
)


def golden(images: dict[str, U8]) -> dict[str, Any]:
    """MediaPipe's answer to each u8 (H, W, 3) RGB image, by name, ready for JSON.

    xy (33, 2) px, z (33,) px, visibility and presence (33,) 0..1, world (33, 3) m, region
    (centre x, y, side px, rotation rad), mask: means of a grid of MASK_CELLS squared, sha256 of
    the image's bytes. Images in which it sees nobody are left out. Raises InputError without
    mediapipe.
    """
    answers = {name: _answer(image) for name, image in images.items()}
    return {name: answer for name, answer in answers.items() if answer is not None}


def pictures(folder: Path) -> dict[str, U8]:
    """The PNG files below ``folder`` by relative path; only PNG decodes the same everywhere."""
    import cv2

    found: dict[str, U8] = {}
    for path in sorted(folder.glob("*/*.png")):
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if bgr is None:
            raise InputError(f"{path}: got no PNG picture")
        found[path.relative_to(folder).as_posix()] = np.ascontiguousarray(bgr[:, :, ::-1], np.uint8)
    return found


def mask_cells(mask: F32) -> F32:
    """f32 (H, W) to f32 (MASK_CELLS, MASK_CELLS): means of a grid's cells."""
    rows = [part.mean(axis=0) for part in np.array_split(mask, MASK_CELLS, axis=0)]
    columns = np.array_split(np.stack(rows), MASK_CELLS, axis=1)
    return np.stack([part.mean(axis=1) for part in columns], axis=1)


def _answer(image: U8) -> dict[str, Any] | None:
    packets = run_graph(
        GRAPH,
        image,
        {"complexity": 1, "smooth": False, "previous": False, "segment": True},
        dict.fromkeys(PROTOS, "get_proto") | {"mask": "get_image_frame"},
    )
    if "landmarks" not in packets:
        return None
    height, width = image.shape[:2]
    points, region = packets["landmarks"].landmark, packets["region"]
    mask = np.squeeze(packets["mask"].numpy_view()).astype(np.float32)
    return {
        "sha256": hashlib.sha256(image.tobytes()).hexdigest(),
        "region": rounded(
            [
                region.x_center * width,
                region.y_center * height,
                region.width * width,
                region.rotation,
            ]
        ),
        "xy": rounded([[p.x * width, p.y * height] for p in points]),
        "z": rounded([p.z * width for p in points]),
        "visibility": rounded([p.visibility for p in points]),
        "presence": rounded([p.presence for p in points]),
        "world": rounded([[p.x, p.y, p.z] for p in packets["world"].landmark]),
        "mask": rounded(mask_cells(mask)),
    }


def run_graph(
    text: str, image: U8, side: dict[str, int | bool], streams: dict[str, str]
) -> dict[str, Any]:
    """Run a MediaPipe graph on one image sent to its stream "image".

    side: side packets by name. streams: output streams with the packet_getter function for each.
    Returns what each stream gave; silent streams are left out.
    """
    try:
        import mediapipe
        from mediapipe.python import packet_creator, packet_getter
        from mediapipe.python._framework_bindings import resource_util
        from mediapipe.python._framework_bindings.calculator_graph import CalculatorGraph
    except ImportError as error:
        raise InputError(f"mediapipe: not installed ({error})", INSTALL) from error
    resource_util.set_resource_dir(str(Path(mediapipe.__file__).resolve().parent.parent))
    graph = CalculatorGraph(graph_config=text)
    got: dict[str, Any] = {}
    for stream in streams:
        graph.observe_output_stream(
            stream,
            lambda name, packet: got.update({name: getattr(packet_getter, streams[name])(packet)}),
        )
    graph.start_run(
        {
            name: (
                packet_creator.create_bool(value)
                if isinstance(value, bool)
                else packet_creator.create_int(value)
            )
            for name, value in side.items()
        }
    )
    frame = packet_creator.create_image_frame(
        image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image)
    )
    graph.add_packet_to_input_stream("image", frame.at(0))
    graph.close()
    return got


def rounded(values: Any) -> Any:
    """Lists of numbers with four decimals."""
    return np.round(np.asarray(values, np.float64), 4).tolist()
