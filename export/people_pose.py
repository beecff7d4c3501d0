"""Poses of the rendered people: bones aimed in body space, faces by ARKit actions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from engines.types import F32
from export.people_body import Figure

LOWER = {"upperarm01": "lowerarm01", "lowerarm01": "wrist", "wrist": "finger3-1"}


def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smallest turn (3, 3) that takes direction a to direction b."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    axis = np.cross(a, b)
    sine, cosine = np.linalg.norm(axis), float(a @ b)
    if sine < 1e-9:
        return np.eye(3)
    turn = Rotation.from_rotvec(axis / sine * np.arctan2(sine, cosine))
    return np.asarray(turn.as_matrix())


def figure_direction(figure: Figure, bone: str) -> np.ndarray:
    """The direction of a bone at rest."""
    j = figure.bone_names.index(bone)
    along = figure.tails[j] - figure.heads[j]
    return np.asarray(along / np.linalg.norm(along))


class Poser:
    """Collects a pose bone by bone, parents before children; angles in degrees."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.rotations = np.tile(np.eye(3), (len(figure.parents), 1, 1))

    def _frame(self, bone: int) -> np.ndarray:
        """The turn of a bone's parent in body axes."""
        out = np.eye(3)
        parent = int(self.figure.parents[bone])
        while parent >= 0:
            out = self.rotations[parent] @ out
            parent = int(self.figure.parents[parent])
        return out

    def turn(self, bone: str, x: float = 0, y: float = 0, z: float = 0) -> None:
        """Turn a bone about the body's axes."""
        j = self.figure.bone_names.index(bone)
        turned = Rotation.from_rotvec(np.radians([x, y, z])).as_matrix()
        self.rotations[j] = turned @ self.rotations[j]

    def aim(
        self, name: str, side: str, direction: tuple[float, float, float], twist: float
    ) -> None:
        """Point an upper arm, lower arm or hand, outward = +x on both sides; twist about itself."""
        figure = self.figure
        sign = 1 if side == "L" else -1
        j = figure.bone_names.index(f"{name}.{side}")
        rest = figure.head(f"{LOWER[name]}.{side}") - figure.heads[j]
        wanted = np.array([direction[0] * sign, direction[1], direction[2]])
        wanted = self._frame(j).T @ (wanted / np.linalg.norm(wanted))
        half = Rotation.from_rotvec(np.radians(twist * sign) * wanted).as_matrix()
        self.rotations[j] = half @ between(rest, wanted)

    def arm(
        self,
        side: str,
        upper: tuple[float, float, float],
        lower: tuple[float, float, float],
        hand: tuple[float, float, float] | None = None,
        twist: float = 0,
        roll: float = 0,
        curl: float = 12,
        close: float = 1.0,
    ) -> None:
        """A whole arm by the directions of its parts: x outward, y down, z off the camera.

        twist turns the upper arm about itself, roll the forearm, curl bends each finger joint,
        close brings the thumb to the fingers (0..1).
        """
        sign = 1 if side == "L" else -1
        direction = np.array(upper) / np.linalg.norm(upper)
        raised = np.degrees(np.arcsin(np.clip(-direction[1], -1, 1)))
        # The collarbone follows a raised arm by about a third.
        lift = 0.30 * max(0.0, raised + 35)
        self.turn(f"clavicle.{side}", z=-sign * lift)
        self.aim("upperarm01", side, upper, twist)
        self.aim("lowerarm01", side, lower, roll / 2)
        self.aim("wrist", side, hand or lower, roll / 2)
        # The thumb closes towards the forefinger.
        thumb = figure_direction(self.figure, f"finger1-1.{side}")
        index = figure_direction(self.figure, f"finger2-1.{side}")
        j = self.figure.bone_names.index(f"finger1-1.{side}")
        self.rotations[j] = between(thumb, thumb + 0.9 * close * index)
        for finger in range(2, 6):
            for joint in range(1, 4):
                name = f"finger{finger}-{joint}.{side}"
                self.curl(name, side, curl * (0.8 + 0.12 * finger))

    def curl(self, name: str, side: str, angle: float) -> None:
        """Bend a finger's joint towards the palm."""
        figure = self.figure
        j = figure.bone_names.index(name)
        along = figure.tails[j] - figure.heads[j]
        knuckles = figure.head(f"finger5-1.{side}") - figure.head(f"finger2-1.{side}")
        axis = knuckles - along * (along @ knuckles) / (along @ along)
        axis *= (1 if side == "L" else -1) / np.linalg.norm(axis)
        self.rotations[j] = Rotation.from_rotvec(np.radians(angle) * axis).as_matrix()

    def matrices(self) -> F32:
        """Local rotations, f32 (J, 3, 3)."""
        return self.rotations.astype(np.float32)


def expression(figure: Figure, actions: Mapping[str, float]) -> F32:
    """The displacement of the skin by facial actions, f32 (V, 3) m; ``Left`` means both sides."""
    out = np.zeros_like(figure.rest)
    for name, value in actions.items():
        out += figure.actions[figure.action_names.index(name)] * np.float32(value)
        if name.endswith("Left"):
            other = name.removesuffix("Left") + "Right"
            out += figure.actions[figure.action_names.index(other)] * np.float32(value)
    return out


def bone_maps(figure: Figure, rotations: F32, root: F32 | None = None) -> F32:
    """Maps from rest to posed space, f32 (J, 3, 4)."""
    out = np.zeros((len(rotations), 3, 4))
    turns = np.zeros((len(rotations), 3, 3))
    for j, parent in enumerate(figure.parents):
        head = figure.heads[j].astype(np.float64)
        if parent < 0:
            turns[j] = rotations[j]
            head = head + (0 if root is None else root)
        else:
            turns[j] = turns[parent] @ rotations[j]
            head = out[parent, :, :3] @ head + out[parent, :, 3]
        out[j, :, :3] = turns[j]
        out[j, :, 3] = head - turns[j] @ figure.heads[j]
    return out.astype(np.float32)
