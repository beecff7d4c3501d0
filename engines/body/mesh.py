"""The parametric body: Anny's mean shape, a linear shape basis and facial actions.

The file is made by ``puppetcam-export body`` (export/body.py says how, and in which rest pose).
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engines.errors import ModelError
from engines.types import F32, BodyMesh, check

PATH = Path(__file__).parent / "anny.npz"
HINT = "Reinstall puppetcam, or make the file anew: puppetcam-export body --out {}"


@dataclass(frozen=True, slots=True)
class BodyModel:
    """Every body that Anny's phenotypes span, nearly.

    mean: the mean body. *_basis: f32 (S, N, 3) m, displacement per standard deviation of a
    component, strongest first. actions: f32 (52, V, 3) m, displacement by each facial action (ARKit
    order, ``action_names``) at full strength.
    """

    mean: BodyMesh
    rest_basis: F32
    heads_basis: F32
    tails_basis: F32
    landmarks_basis: F32
    actions: F32
    action_names: tuple[str, ...]

    def __post_init__(self) -> None:
        vertices, joints = len(self.mean.rest), len(self.mean.parents)
        components = len(self.rest_basis)
        check("BodyModel.rest_basis", self.rest_basis, np.float32, (None, vertices, 3))
        check("BodyModel.heads_basis", self.heads_basis, np.float32, (components, joints, 3))
        check("BodyModel.tails_basis", self.tails_basis, np.float32, (components, joints, 3))
        check("BodyModel.landmarks_basis", self.landmarks_basis, np.float32, (components, 33, 3))
        check("BodyModel.actions", self.actions, np.float32, (52, vertices, 3))

    def shaped(self, coefficients: F32) -> BodyMesh:
        """The body with these shape coefficients, f32 (S,), in standard deviations; 0 = mean."""
        check("coefficients", coefficients, np.float32, (len(self.rest_basis),))

        def moved(middle: F32, basis: F32) -> F32:
            return middle + np.tensordot(coefficients, basis, 1)

        return replace(
            self.mean,
            rest=moved(self.mean.rest, self.rest_basis),
            heads=moved(self.mean.heads, self.heads_basis),
            tails=moved(self.mean.tails, self.tails_basis),
            landmarks=moved(self.mean.landmarks, self.landmarks_basis),
        )


def load_body(path: Path = PATH) -> BodyModel:
    """The body that comes with puppetcam; ModelError if its file is missing or altered."""
    hint = HINT.format(path)
    try:
        wanted = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sha256"]
        got = hashlib.sha256(path.read_bytes()).hexdigest()
        if got != wanted:
            raise ModelError(f"{path} is altered: got sha256 {got}, wanted {wanted}", hint)
        with np.load(path) as arrays:
            return _model({name: arrays[name] for name in arrays.files})
    except OSError as error:
        raise ModelError(f"The body file cannot be read: {error}", hint) from error
    except (ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is not a body file: {error}", hint) from error


def _model(arrays: dict[str, np.ndarray]) -> BodyModel:
    """Full precision from the file's halves and bytes."""

    def real(name: str) -> F32:
        return arrays[name].astype(np.float32)

    def whole(name: str) -> np.ndarray:
        return arrays[name].astype(np.int32)

    weight = real("bone_weight")
    mean = BodyMesh(
        rest=real("rest"),
        faces=whole("faces"),
        bone_index=whole("bone_index"),
        bone_weight=weight / weight.sum(1, keepdims=True),
        heads=real("heads"),
        tails=real("tails"),
        parents=whole("parents"),
        bone_names=tuple(str(name) for name in arrays["bone_names"]),
        uv=real("uv"),
        parts=whole("parts"),
        part_names=tuple(str(name) for name in arrays["part_names"]),
        landmarks=real("landmarks"),
        landmark_bones=whole("landmark_bones"),
    )
    return BodyModel(
        mean=mean,
        rest_basis=real("rest_basis"),
        heads_basis=real("heads_basis"),
        tails_basis=real("tails_basis"),
        landmarks_basis=real("landmarks_basis"),
        actions=real("actions"),
        action_names=tuple(str(name) for name in arrays["action_names"]),
    )
