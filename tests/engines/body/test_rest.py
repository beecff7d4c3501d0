from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engines.body.bones import bones_of
from engines.body.rest import rest_of
from engines.body.rotation import about
from tests.stick import standing, stick_body

PERSON = standing()
BODY, REFERENCE = stick_body(PERSON)


def test_landmarks_are_where_the_photo_shows_them() -> None:
    rest = rest_of(BODY, REFERENCE)
    np.testing.assert_allclose(rest.points[:, :2], PERSON.xy, atol=1e-3)
    np.testing.assert_allclose(rest.points[:, 2], PERSON.world[:, 2] * 300, atol=1e-3)
    assert rest.unit == pytest.approx(110)
    assert (rest.scale, rest.tx, rest.ty) == (300, 0, 0)


def test_turns_are_those_of_the_reference_along_the_chain() -> None:
    rotations = REFERENCE.rotations.copy()
    root, low = BODY.bone("root"), BODY.bone("spine05")
    rotations[root] = about(np.array([0, 0, math.pi / 2]))
    rotations[low] = about(np.array([0, 0, math.pi / 2]))
    turns = rest_of(BODY, replace(REFERENCE, rotations=rotations)).turns
    np.testing.assert_allclose(turns[low], np.diag([-1, -1, 1]), atol=1e-6)


def test_read_only_bodies_are_copied_into_the_types_that_are_compiled_for() -> None:
    parents = BODY.parents.copy()
    parents.setflags(write=False)
    assert rest_of(replace(BODY, parents=parents), REFERENCE).parents.flags.writeable


def test_bones_by_what_they_are() -> None:
    bones, name = bones_of(BODY), BODY.bone_names
    assert [name[i] for i in bones.spine] == ["spine05", "spine04", "spine03", "spine02", "spine01"]
    assert name[bones.arms[0].hand] == "wrist.L"
    assert name[bones.arms[1].lower[1]] == "lowerarm02.R"
    assert name[bones.legs[1].foot] == "foot.R"


def test_a_body_without_a_bone_is_refused() -> None:
    names = tuple("tail" if name == "head" else name for name in BODY.bone_names)
    with pytest.raises(KeyError, match="head"):
        bones_of(replace(BODY, bone_names=names))
