from __future__ import annotations

from engines.blazepose import ARMS, LEGS
from engines.body.bones import bones_of
from engines.body.limb import limb_of_arm, limb_of_leg
from tests.stick import standing, stick_body

BODY, _ = stick_body(standing())
BONES = bones_of(BODY)


def test_an_arms_bones_and_landmarks() -> None:
    arm = limb_of_arm(BONES.arms[1], ARMS["R"], BODY.bone("spine01"))
    assert BODY.bone_names[arm.trunk] == "spine01"
    assert [BODY.bone_names[i] for i in arm.bones[1]] == ["lowerarm01.R", "lowerarm02.R"]
    assert BODY.bone_names[arm.tip] == "wrist.R"
    assert (arm.joints, set(arm.tips)) == ((12, 14, 16), {18, 20})


def test_a_legs_bones_and_landmarks() -> None:
    leg = limb_of_leg(BONES.legs[0], LEGS["L"], BODY.bone("root"))
    assert [BODY.bone_names[i] for i in leg.bones[0]] == ["upperleg01.L", "upperleg02.L"]
    assert BODY.bone_names[leg.tip] == "foot.L"
    assert (leg.joints, leg.tips) == ((23, 25, 27), (31, 31))
