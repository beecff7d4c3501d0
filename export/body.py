"""Anny, a parametric human body, reduced to one npz that the engines read without torch.

Anny 0.6.2 (Brégier et al., "Human Mesh Modeling for Anny Body", ECCV 2026; code Apache-2.0, assets
CC0) is sampled over its phenotypes; a principal component analysis of the samples gives a small
linear shape basis that moves vertices, bone heads, bone tails and landmarks together. Everybody is
scaled to one stature first: a weak-perspective camera cannot tell a child from a distant giant, so
the basis describes proportions only.

Axes are the engines' own (engines/types.py): x to the image's right, y down, z off the camera, the
body faces the camera, the origin is the middle of the hips. Rest is Anny's own: the arms hang
about 47 degrees below the horizontal and the elbows are bent by about 40 degrees, hands forward.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.body_decimate import F64, I64, decimate

VERTICES = 4000
SAMPLES = 400
STATURE = 1.7  # m, crown to sole, of every sample
COMPONENTS = 10
# How much an error of the surface counts: finer where people look, coarse where nobody sees.
FINE = {"head": 6.0, "hand.L": 3.0, "hand.R": 3.0, "mouth_cavity": 0.05}
HIDDEN = ("eye_back.L", "eye_back.R", "eye_cavity.L", "eye_cavity.R", "tongue")
REGIONS = ("head", "hand.L", "hand.R", "mouth_cavity", "eye_front.L", "eye_front.R", *HIDDEN)

PART_NAMES = (
    *("head", "torso"),
    *("upper_arm.L", "lower_arm.L", "hand.L", "upper_leg.L", "lower_leg.L", "foot.L"),
    *("upper_arm.R", "lower_arm.R", "hand.R", "upper_leg.R", "lower_leg.R", "foot.R"),
)
# A bone's part by the start of its name; the first that fits.
PART_OF_BONE = {
    "head": "head",
    "eye": "head",
    "neck02": "head",
    "neck03": "head",
    "upperarm": "upper_arm",
    "lowerarm": "lower_arm",
    "wrist": "hand",
    "finger": "hand",
    "metacarpal": "hand",
    "upperleg": "upper_leg",
    "lowerleg": "lower_leg",
    "foot": "foot",
}

# BlazePose's points that Anny's COCO regressor or a bone's head gives, for the left side.
COCO = {7: "ear", 11: "shoulder", 23: "hip", 29: "heel", 31: "big_toe"}
# Hinges lie at their bone's head, where turning the limb does not move them.
HEADS = {
    13: "lowerarm01",
    15: "wrist",
    25: "lowerleg01",
    27: "foot",
    17: "finger5-1",
    19: "finger2-1",
    21: "finger1-2",
}
CARRIERS = {11: "shoulder01", 23: "pelvis", 29: "foot", 31: "foot", **HEADS}


@dataclass(frozen=True)
class Source:
    """What Anny gives, in its own topology and our axes.

    vertices (N, V, 3), heads and tails (N, J, 3) m: sample 0 is the middle of every phenotype.
    faces (F, 3); uv (V, 2); weights (V, J); actions (52, V, 3) m; coco (K, V) regression weights.
    region: name -> bool (F,).
    """

    vertices: NDArray[np.float32]
    heads: NDArray[np.float32]
    tails: NDArray[np.float32]
    faces: I64
    uv: NDArray[np.float32]
    weights: NDArray[np.float32]
    bone_names: tuple[str, ...]
    parents: tuple[int, ...]
    actions: NDArray[np.float32]
    action_names: tuple[str, ...]
    coco: dict[str, NDArray[np.float32]]
    region: dict[str, NDArray[np.bool_]]


def sample_phenotypes(count: int, names: list[str]) -> NDArray[np.float32]:
    """Phenotypes 0..1 of ``count`` people, (count, len(names)); the first is the middle of all.

    One in eight is a child (Anny's age 0.3..0.6), the rest 0.6..1; the other traits crowd around
    the middle (Beta(2, 2)), gender does not.
    """
    random = np.random.default_rng(0)
    out = random.beta(2, 2, (count, len(names)))
    out[:, names.index("gender")] = random.uniform(size=count)
    adult = random.uniform(size=count) > 1 / 8
    age = random.uniform(size=count)
    out[:, names.index("age")] = np.where(adult, 0.6 + 0.4 * age, 0.3 + 0.3 * age)
    out[0] = 0.5
    out[0, names.index("age")] = 2 / 3
    return out.astype(np.float32)


def turned(points: Any) -> NDArray[np.float32]:
    """Anny's axes (z up, y off the camera) to ours (y down, z off the camera)."""
    p = np.asarray(points, np.float32)
    return np.stack([p[..., 0], -p[..., 2], p[..., 1]], -1)


def read_anny(samples: int = SAMPLES) -> Source:
    """Anny sampled; its first construction takes a minute or two and fills a cache."""
    import anny
    import torch
    from anny.face_segmentation import get_face_segmentation_mask

    torch.set_num_threads(1)
    # "blender" keeps the bones' tails, "original" skips a compaction that is not needed here.
    model = anny.Anny(
        rig="anny-blender", facial_actions="all", phenotype_blendshapes="original"
    ).to(dtype=torch.float32)
    names = model.phenotype_labels
    phenotypes = torch.from_numpy(sample_phenotypes(samples, names))
    with torch.no_grad():
        mix = model.get_phenotype_blendshape_coefficients(
            **{name: phenotypes[:, i] for i, name in enumerate(names)}
        )
        people = [model.get_rest_model(row[None]) for row in mix]
    stack = {
        key: turned(torch.cat([person[key] for person in people]).numpy())
        for key in ("rest_vertices", "rest_bone_heads", "rest_bone_tails")
    }
    vertices = stack["rest_vertices"]
    faces = model.faces.numpy().astype(np.int64)
    # One texture coordinate per vertex: the last that a face names; faces across a seam span it.
    uv = np.zeros((vertices.shape[1], 2), np.float32)
    uv[faces] = model.texture_coordinates.numpy()[model.face_texture_coordinate_indices.numpy()]
    index = model.vertex_bone_indices.numpy()
    weights = np.zeros((vertices.shape[1], model.bone_count), np.float32)
    np.add.at(weights, (np.arange(len(index))[:, None], index), model.vertex_bone_weights.numpy())
    regressor = anny.KeypointsRegressor.coco(model)
    first = model.blendshape_labels.index(f"facial_action:{model.facial_action_labels[0]}")
    return Source(
        vertices=vertices,
        heads=stack["rest_bone_heads"],
        tails=stack["rest_bone_tails"],
        faces=faces,
        uv=uv,
        weights=weights,
        bone_names=tuple(model.bone_labels),
        parents=tuple(int(p) for p in model.bone_parents),
        actions=turned(model.blendshapes[first : first + len(model.facial_action_labels)]),
        action_names=tuple(model.facial_action_labels),
        coco=dict(zip(regressor.labels, regressor.regression_weights.numpy(), strict=True)),
        region={name: get_face_segmentation_mask(model, [name]).numpy() for name in REGIONS},
    )


def landmarks(source: Source) -> tuple[NDArray[np.float32], list[str]]:
    """BlazePose's 33 points on every sample, f32 (N, 33, 3) m, and the bone that carries each."""
    out = np.zeros((len(source.vertices), 33, 3), np.float32)
    bones = ["head"] * 33
    tip = source.vertices[:, foremost(source, "head")]
    # Measured on photos: BlazePose's nose lies between COCO's, on the bridge, and the tip; its ears
    # lie where the ears grow from the head, a sixth nearer to the middle than COCO's.
    out[:, 0] = (tip + np.einsum("v,nvd->nd", source.coco["nose"], source.vertices)) / 2
    for side, letter in enumerate("LR"):
        for point, name in COCO.items():
            row = source.coco[f"{('left', 'right')[side]}_{name}"]
            out[:, point + side] = np.einsum("v,nvd->nd", row, source.vertices)
        out[:, 7 + side, 0] *= 5 / 6
        for point, name in HEADS.items():
            out[:, point + side] = source.heads[:, source.bone_names.index(f"{name}.{letter}")]
        for point, name in CARRIERS.items():
            bones[point + side] = f"{name}.{letter}"
        lids = rim(source, f"eye_cavity.{letter}")
        eye = (lids[0], foremost(source, f"eye_front.{letter}"), lids[-1])
        for point, vertex in enumerate(eye, 1 + 3 * side):
            out[:, point] = source.vertices[:, vertex]
        lips = rim(source, "mouth_cavity")
        lips = lips[source.vertices[0, lips, 0] * (1 - 2 * side) > 0]
        out[:, 9 + side] = source.vertices[:, lips[-1]]
    return out, bones


def foremost(source: Source, region: str) -> int:
    """The vertex of a region nearest to the camera: the tip of the nose, the cornea."""
    inside = np.unique(source.faces[source.region[region]])
    return int(inside[source.vertices[0, inside, 2].argmin()])


def rim(source: Source, region: str) -> I64:
    """Vertices where a region meets the head's skin, from the body's midline outward."""
    inside = np.unique(source.faces[source.region[region]])
    skin = np.unique(source.faces[source.region["head"]])
    shared = np.intersect1d(inside, skin)
    return shared[np.argsort(np.abs(source.vertices[0, shared, 0]))]


def without_toes(source: Source) -> tuple[list[int], F64]:
    """Bones kept (no toes: no point of BlazePose moves them), and the weights (V, J') on them."""
    kept = [j for j, name in enumerate(source.bone_names) if not name.startswith("toe")]
    weights = np.zeros((len(source.weights), len(kept)))
    for j in range(len(source.bone_names)):
        holder = j
        while holder not in kept:
            holder = source.parents[holder]
        weights[:, kept.index(holder)] += source.weights[:, j]
    return kept, weights


def part_of(bone: str) -> int:
    """Index into PART_NAMES of the part that a bone moves."""
    side = bone[-2:] if bone.endswith((".L", ".R")) else ""
    for start, part in PART_OF_BONE.items():
        if bone.startswith(start):
            return PART_NAMES.index(part if part == "head" else part + side)
    return PART_NAMES.index("torso")


def basis(samples: F64, components: int) -> tuple[F64, F64]:
    """Principal components scaled to one standard deviation: mean (D,), basis (S, D)."""
    mean = samples.mean(0)
    _, values, rows = np.linalg.svd(samples - mean, full_matrices=False)
    scaled = rows[:components] * (values[:components, None] / np.sqrt(len(samples) - 1))
    # A component's sign is arbitrary: let its largest entry be positive, so that exports agree.
    strongest = np.abs(scaled).argmax(1)
    return mean, scaled * np.sign(scaled[np.arange(components), strongest])[:, None]


def reduce(
    source: Source, vertices: int = VERTICES, components: int = COMPONENTS
) -> dict[str, Any]:
    """The npz's arrays: see engines/body/mesh.py for what each is."""
    points, point_bones = landmarks(source)
    fine = np.ones(source.vertices.shape[1])
    for name, value in FINE.items():
        fine[np.unique(source.faces[source.region[name]])] = value
    shown = ~np.any([source.region[name] for name in HIDDEN], axis=0)
    faces = decimate(source.vertices[0].astype(np.float64), source.faces[shown], vertices, fine)
    used, faces = np.unique(faces, return_inverse=True)
    faces = faces.reshape(-1, 3)

    kept, weights = without_toes(source)
    names = [source.bone_names[j] for j in kept]
    weights = weights[used]
    parts = np.zeros((len(used), len(PART_NAMES)))
    for j, name in enumerate(names):
        parts[:, part_of(name)] += weights[:, j]
    strongest = np.argsort(-weights, 1, kind="stable")[:, :4]
    strong = np.take_along_axis(weights, strongest, 1)

    origin = points[:, 23:25].mean(1, keepdims=True)
    pieces = {
        "rest": source.vertices[:, used] - origin,
        "heads": source.heads[:, kept] - origin,
        "tails": source.tails[:, kept] - origin,
        "landmarks": points - origin,
    }
    size = STATURE / np.ptp(source.vertices[:, :, 1], axis=1)
    flat = np.concatenate([p.reshape(len(p), -1) for p in pieces.values()], 1) * size[:, None]
    mean, shapes = basis(flat.astype(np.float64), components)
    ends = np.cumsum([p[0].size for p in pieces.values()])[:-1]
    out: dict[str, Any] = {}
    for name, middle, rows in zip(
        pieces, np.split(mean, ends), np.split(shapes, ends, 1), strict=True
    ):
        out[name] = middle.reshape(-1, 3).astype(np.float32)
        out[f"{name}_basis"] = rows.reshape(components, -1, 3).astype(np.float16)
    return out | {
        "faces": faces.astype(np.uint16),
        "uv": source.uv[used].astype(np.float16),
        "bone_index": strongest.astype(np.uint8),
        "bone_weight": (strong / strong.sum(1, keepdims=True)).astype(np.float16),
        "parents": np.array([kept.index(source.parents[j]) if j else -1 for j in kept], np.int8),
        "bone_names": np.array(names),
        "parts": parts.argmax(1).astype(np.uint8),
        "part_names": np.array(PART_NAMES),
        "landmark_bones": np.array([names.index(bone) for bone in point_bones], np.uint8),
        "actions": source.actions[:, used].astype(np.float16),
        "action_names": np.array(source.action_names),
    }


def write(path: Path, arrays: dict[str, Any]) -> str:
    """Write the npz and, beside it, a json with its sha256 and origin; returns the sha256."""
    np.savez_compressed(path, **arrays)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    about = {
        "sha256": digest,
        "source": "Anny 0.6.2, https://github.com/naver/anny (Apache-2.0; MakeHuman assets CC0)",
        "vertices": len(arrays["rest"]),
        "faces": len(arrays["faces"]),
        "bones": len(arrays["parents"]),
        "shape_components": len(arrays["rest_basis"]),
    }
    path.with_suffix(".json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return digest


def add_parser(commands: Any) -> None:
    """Adds ``body`` to the subcommands of puppetcam-export."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "body", help="Anny to engines/body/anny.npz", description=__doc__
    )
    parser.add_argument("--out", type=Path, default=Path("engines/body/anny.npz"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Export the body; prints where and how large."""
    digest = write(arguments.out, reduce(read_anny()))
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB, sha256 {digest}")
    return 0
