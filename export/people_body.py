"""Bodies for the rendered people: Anny at its full resolution, one refined mesh per person.

Anny 0.6.2 (code Apache-2.0, assets CC0); export/body.py makes the small body of the engines from
the same source. Axes are the engines' own: x to the image's right, y down, z off the camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from scipy.sparse import csr_matrix

from engines.types import F32, I32
from export.body import turned

HIDDEN = ("eye_back.L", "eye_back.R", "eye_front.L", "eye_front.R", "tongue")
REGIONS = ("head", "mouth_cavity", *HIDDEN)
# MakeHuman's own painted masks: where lips, ears and nails lie on the texture (CC0).
MASKS = ("lips", "ears", "fingernails")
FACES = (
    *("eyebrows-trans-up", "l-eye-scale-incr", "r-eye-scale-incr", "nose-volume-incr"),
    *("nose-scale-horiz-incr", "nose-point-up", "nose-hump-incr", "chin-width-incr"),
    *("chin-prominent-incr", "l-cheek-volume-incr", "r-cheek-volume-incr", "head-fat-incr"),
    *("l-eye-bag-incr", "r-eye-bag-incr", "mouth-upperlip-volume-incr", "nose-scale-vert-incr"),
    *("mouth-lowerlip-volume-incr", "mouth-scale-horiz-incr", "l-ear-scale-incr"),
    *("r-ear-scale-incr", "head-age-incr", "l-eye-height2-incr", "r-eye-height2-incr"),
)


@dataclass(frozen=True)
class Traits:
    """What Anny is asked for: phenotypes 0..1 and changes of the face -1..1 (of ``FACES``)."""

    phenotypes: Mapping[str, float]
    face: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """One person's body at rest, refined.

    rest: f32 (V, 3) m, origin at the middle of the hips; faces: i32 (F, 3); bone_index,
    bone_weight: (V, 4); heads, tails: f32 (J, 3) m; parents: i32 (J,); actions: f32 (A, V, 3) m;
    masks: name -> f32 (V,) 0..1; eyes: f32 (2, 4), centre and radius of the left and right eyeball.
    """

    rest: F32
    faces: I32
    bone_index: I32
    bone_weight: F32
    heads: F32
    tails: F32
    parents: I32
    bone_names: tuple[str, ...]
    actions: F32
    action_names: tuple[str, ...]
    masks: Mapping[str, F32]
    eyes: F32

    def bones(self, *starts: str) -> F32:
        """How much the bones whose names start so move each vertex, f32 (V,) 0..1."""
        chosen = np.array([name.startswith(starts) for name in self.bone_names])
        return np.asarray((self.bone_weight * chosen[self.bone_index]).sum(1), np.float32)

    def head(self, bone: str) -> F32:
        """Where a bone's head lies at rest, f32 (3,) m."""
        return np.asarray(self.heads[self.bone_names.index(bone)])


def refine(faces: I32, vertices: int) -> tuple[csr_matrix, I32]:
    """Loop's subdivision (1987): new vertices as rows of weights of old ones, and new faces."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
    unique, edge_of = np.unique(edges, axis=0, return_inverse=True)
    edge_of = edge_of.reshape(-1, 3)
    count = len(unique)
    # The corners opposite each edge: one on a border, two inside.
    corners, of = faces[:, [2, 0, 1]].ravel(), edge_of.ravel()
    order = np.argsort(of, kind="stable")
    first = np.searchsorted(of[order], np.arange(count))
    border = np.bincount(of, minlength=count) < 2
    second = np.where(border, first, first + 1)
    opposite = np.stack([corners[order[first]], corners[order[second]]], 1)
    rows, columns, values = [], [], []

    def put(row: np.ndarray, column: np.ndarray, value: np.ndarray | float) -> None:
        rows.append(row)
        columns.append(column)
        values.append(np.broadcast_to(value, row.shape).astype(np.float64))

    new = vertices + np.arange(count)
    for side in range(2):
        put(new, unique[:, side], np.where(border, 0.5, 0.375))
        put(new[~border], opposite[~border, side], 0.125)
    # Old vertices: Warren's weights inside, the border curve on borders.
    ends = np.concatenate([unique, unique[:, ::-1]])
    on_border = np.zeros(vertices, bool)
    on_border[unique[border].ravel()] = True
    degree = np.bincount(ends[:, 0], minlength=vertices)
    beta = np.where(degree == 3, 3 / 16, 3 / (8 * np.maximum(degree, 1)))
    inside = ~on_border[ends[:, 0]]
    put(ends[inside, 0], ends[inside, 1], beta[ends[inside, 0]])
    rim = np.concatenate([unique[border], unique[border][:, ::-1]])
    put(rim[:, 0], rim[:, 1], 0.125)
    every = np.arange(vertices)
    put(every, every, np.where(on_border, 0.75, np.where(degree > 0, 1 - beta * degree, 1)))
    matrix = csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(vertices + count, vertices),
    )
    m = vertices + edge_of
    parts = [
        np.stack([faces[:, 0], m[:, 0], m[:, 2]], 1),
        np.stack([faces[:, 1], m[:, 1], m[:, 0]], 1),
        np.stack([faces[:, 2], m[:, 2], m[:, 1]], 1),
        m,
    ]
    return matrix, np.ascontiguousarray(np.concatenate(parts), np.int32)


def sphere(points: F32) -> F32:
    """Centre and radius of the sphere nearest to these points: f32 (4,)."""
    a = np.concatenate([2 * points, np.ones((len(points), 1))], 1)
    x = np.linalg.lstsq(a, (points**2).sum(1), rcond=None)[0]
    return np.array([*x[:3], np.sqrt(x[3] + (x[:3] ** 2).sum())], np.float32)


def read_figures(people: Mapping[str, Traits]) -> dict[str, Figure]:
    """The named people's bodies; Anny's first construction takes minutes and fills a cache."""
    import anny
    import torch
    from anny.face_segmentation import get_face_segmentation_mask

    torch.set_num_threads(1)
    model = anny.Anny(
        rig="anny-blender",
        facial_actions="all",
        phenotypes="all",
        local_changes=list(FACES),
        phenotype_blendshapes="original",
    ).to(dtype=torch.float32)
    uv = np.zeros((len(model.template_vertices), 2), np.float32)
    uv[model.faces.numpy()] = model.texture_coordinates.numpy()[
        model.face_texture_coordinate_indices.numpy()
    ]
    textures = Path(anny.__file__).parent / "data" / "mpfb2" / "textures"
    masks = {name: painted(textures / f"mpfb_{name}.jpg", uv) for name in MASKS}
    region = {name: get_face_segmentation_mask(model, [name]).numpy() for name in REGIONS}
    all_faces = model.faces.numpy().astype(np.int32)
    for name in ("mouth_cavity", "head"):
        masks[name] = np.zeros(len(uv), np.float32)
        masks[name][all_faces[region[name]]] = 1
    shown = all_faces[~np.any([region[name] for name in HIDDEN], axis=0)]
    used, coarse = np.unique(shown, return_inverse=True)
    matrix, faces = refine(coarse.reshape(-1, 3).astype(np.int32), len(used))

    index = model.vertex_bone_indices.numpy()
    weights = np.zeros((len(uv), model.bone_count), np.float32)
    np.add.at(weights, (np.arange(len(index))[:, None], index), model.vertex_bone_weights.numpy())
    weights = matrix @ weights[used]
    strongest = np.argsort(-weights, 1, kind="stable")[:, :4].astype(np.int32)
    strong = np.take_along_axis(weights, strongest, 1).astype(np.float32)
    first = model.blendshape_labels.index(f"facial_action:{model.facial_action_labels[0]}")
    moved = turned(model.blendshapes[first : first + len(model.facial_action_labels)])[:, used]
    actions = np.stack([matrix @ one for one in moved]).astype(np.float32)

    out = {}
    for name, traits in people.items():
        with torch.no_grad():
            mix = model.get_phenotype_blendshape_coefficients(
                **traits.phenotypes, local_changes=dict(traits.face)
            )
            rest = {
                key: turned(value[0])
                for key, value in model.get_rest_model(mix).items()
                if key in ("rest_vertices", "rest_bone_heads", "rest_bone_tails")
            }
        vertices, heads = rest["rest_vertices"], rest["rest_bone_heads"]
        names = list(model.bone_labels)
        origin = (heads[names.index("upperleg01.L")] + heads[names.index("upperleg01.R")]) / 2
        balls = [
            sphere(
                vertices[np.unique(all_faces[region[f"eye_front.{s}"] | region[f"eye_back.{s}"]])]
                - origin
            )
            for s in "LR"
        ]
        out[name] = Figure(
            rest=(matrix @ (vertices[used] - origin)).astype(np.float32),
            faces=faces,
            bone_index=strongest,
            bone_weight=strong / strong.sum(1, keepdims=True),
            heads=heads - origin,
            tails=rest["rest_bone_tails"] - origin,
            parents=np.array([-1 if p is None else int(p) for p in model.bone_parents], np.int32),
            bone_names=tuple(names),
            actions=actions,
            action_names=tuple(model.facial_action_labels),
            masks={k: (matrix @ m[used]).astype(np.float32) for k, m in masks.items()},
            eyes=np.stack(balls),
        )
    return out


def painted(path: Path, uv: F32) -> F32:
    """A painted mask at each vertex, f32 (V,) 0..1."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise FileNotFoundError(path)
    height, width = image.shape
    x, y = uv[:, :1] * width - 0.5, (1 - uv[:, 1:]) * height - 0.5
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR).ravel() / 255, np.float32)
