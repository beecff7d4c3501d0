"""The bones that the solve turns, by what they are."""

from __future__ import annotations

from typing import NamedTuple

from engines.types import BodyMesh


class ArmBones(NamedTuple):
    """Indices of one arm's bones, from the trunk outwards."""

    clavicle: int
    upper: tuple[int, int]
    lower: tuple[int, int]
    hand: int


class LegBones(NamedTuple):
    """Indices of one leg's bones, from the trunk outwards."""

    upper: tuple[int, int]
    lower: tuple[int, int]
    foot: int


class Bones(NamedTuple):
    """Indices of a body's bones. spine and neck: from below; arms, legs: left, right."""

    root: int
    spine: tuple[int, int, int, int, int]
    neck: tuple[int, int, int]
    head: int
    arms: tuple[ArmBones, ArmBones]
    legs: tuple[LegBones, LegBones]


def bones_of(body: BodyMesh) -> Bones:
    """The bones of a body; KeyError if it lacks one."""
    bone = body.bone

    def arm(side: str) -> ArmBones:
        return ArmBones(
            bone(f"clavicle.{side}"),
            (bone(f"upperarm01.{side}"), bone(f"upperarm02.{side}")),
            (bone(f"lowerarm01.{side}"), bone(f"lowerarm02.{side}")),
            bone(f"wrist.{side}"),
        )

    def leg(side: str) -> LegBones:
        return LegBones(
            (bone(f"upperleg01.{side}"), bone(f"upperleg02.{side}")),
            (bone(f"lowerleg01.{side}"), bone(f"lowerleg02.{side}")),
            bone(f"foot.{side}"),
        )

    return Bones(
        bone("root"),
        (bone("spine05"), bone("spine04"), bone("spine03"), bone("spine02"), bone("spine01")),
        (bone("neck01"), bone("neck02"), bone("neck03")),
        bone("head"),
        (arm("L"), arm("R")),
        (leg("L"), leg("R")),
    )
