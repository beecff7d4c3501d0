from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.backdrop import Backdrop
from engines.body.rotation import about
from engines.render import Renderer, View
from engines.sheet import Reference
from engines.types import Pose
from tests.engines.figures import SIZE, avatar, with_hand


def turned(pose: Pose, bone: int, vector: list[float]) -> Pose:
    """The pose with one bone turned about its head."""
    rotations = pose.rotations.copy()
    rotations[bone] = about(np.array(vector, np.float64)).astype(np.float32)
    return replace(pose, rotations=rotations)


def test_zero_motion_is_the_photo_inside_the_person() -> None:
    figure = avatar()
    renderer = Renderer(figure, SIZE, View())
    out = Backdrop(figure, SIZE, View(), "photo").under(renderer.render(figure.reference))
    inside = figure.alpha == 255
    difference = np.abs(out[inside][:, :3].astype(int) - figure.image[inside])
    assert difference.max() <= 2
    assert (out[~inside][:, :3] == 128).all()


def test_an_arm_turned_by_a_quarter_lies_where_computed_by_hand() -> None:
    figure = avatar()
    body = figure.body
    renderer = Renderer(figure, SIZE, View())
    pose = turned(figure.reference, body.bone("upperarm01.L"), [0, 0, -np.pi / 2])
    person = renderer.render(pose)
    shoulder = np.array([360.0, 130.0])  # the landmark, where the bone begins
    # a point p of the arm goes to shoulder + (py, -px): down becomes right
    for point in ([375, 200], [365, 150]):
        px, py = np.array(point) - shoulder
        x, y = (shoulder + np.array([py, -px])).round().astype(int)
        assert person[y, x, 3] > 254
        assert abs(person[y, x, 0] - 200) < 2
    assert person[200, 375, 3] == 0  # nothing left behind


def test_scaled_view_draws_smaller() -> None:
    figure = avatar()
    small = Renderer(figure, (320, 240), View(0.5)).render(figure.reference)
    area = (small[:, :, 3] > 127).sum() / (figure.alpha > 127).sum()
    assert abs(area - 0.25) < 0.01


def test_fitted_view_covers_the_output_with_the_photo() -> None:
    view = View.fit(avatar(), (512, 512))
    left, top = view.dx, view.dy
    assert left <= 0
    assert top <= 0
    assert left + 640 * view.scale >= 512 - 1e-6
    assert top + 480 * view.scale >= 512 - 1e-6


def test_an_arm_behind_the_chest_is_drawn_behind_with_hysteresis() -> None:
    figure = avatar()
    body = figure.body
    renderer = Renderer(figure, SIZE, View())

    def order(angle: float) -> list[str]:
        pose = turned(figure.reference, body.bone("upperarm01.L"), [angle, 0, 0])
        renderer.render(pose)
        return renderer._order()

    assert order(0.0) == ["core", "arm.L"]
    assert order(0.9)[0] == "arm.L"  # the arm swings away from the camera
    between = next(a for a in np.linspace(0.9, 0.0, 91) if order(float(a))[0] == "core")
    again = next(a for a in np.linspace(between, 0.9, 91) if order(float(a))[0] == "arm.L")
    assert again > between + 0.05


def test_inferred_surface_follows_its_arm() -> None:
    figure, middle = with_hand((0, 0))
    body, pose = figure.body, figure.reference
    raised = turned(pose, body.bone("upperarm01.L"), [0, 0, -np.pi / 2])
    person = Renderer(figure, SIZE, View()).render(raised)
    shoulder = np.array([360.0, 130.0])
    across, down = middle - shoulder
    x, y = (shoulder + np.array([down, -across])).astype(int)
    np.testing.assert_allclose(person[y, x], [250, 200, 150, 255], atol=1)


def test_inferred_surface_in_the_photo_hides_until_it_leaves_its_cover() -> None:
    figure, middle = with_hand((0, 0))
    body, pose = figure.body, figure.reference
    renderer = Renderer(figure, SIZE, View())
    x, y = middle.astype(int)
    assert renderer.render(pose)[y, x, 3] == 0  # the photo shows no hand there
    leaning = turned(pose, body.bone("root"), [0, 0, 0.2])  # all that could cover it leans too
    assert renderer.render(leaning)[:, :, 0].max() < 201
    reddest = [
        renderer.render(turned(pose, body.bone("upperarm01.L"), [0, 0, -angle]))[:, :, 0].max()
        for angle in (0.02, 0.3)
    ]
    assert reddest[0] < 201
    assert reddest[1] == pytest.approx(250, abs=1)


def test_inferred_surface_beyond_the_photo_always_shows() -> None:
    figure, middle = with_hand((1.0, 0.0))  # beyond the photo's right edge
    x, y = (middle - np.array([200, 0])).astype(int)
    person = Renderer(figure, SIZE, View(1, -200, 0)).render(figure.reference)
    np.testing.assert_allclose(person[y, x], [250, 200, 150, 255], atol=1)


def test_scraps_of_inferred_surface_are_not_drawn() -> None:
    figure, _ = with_hand((1.0, 0.0))
    assert list(Reference(figure).skins()) == ["arm.L"]
    body = figure.body
    small = replace(body, rest=body.rest * np.float32(0.05))
    assert Reference(replace(figure, body=small)).skins() == {}


def test_the_nearer_arm_is_in_front_and_stays_there_within_a_margin() -> None:
    figure, _ = with_hand((0, 0))
    layer = replace(figure.layers[1], name="arm.R", bone_index=figure.layers[1].bone_index * 0)
    figure = replace(figure, layers=(*figure.layers, layer))
    body = figure.body
    renderer = Renderer(figure, SIZE, View())

    def order(angle: float) -> list[str]:
        renderer.render(turned(figure.reference, body.bone("upperarm01.L"), [angle, 0, 0]))
        return renderer._order()

    assert order(0.0) == ["core", "arm.L", "arm.R"]  # as in the photo
    assert order(-0.6) == ["core", "arm.R", "arm.L"]
    assert order(0.0) == ["core", "arm.R", "arm.L"]  # equally near: nothing changes
    assert order(0.2) == ["core", "arm.L", "arm.R"]


def test_numbers_that_are_not_finite_are_refused() -> None:
    figure = avatar()
    pose = figure.reference
    broken = replace(pose, root=np.array([np.nan, 0, 0], np.float32))
    with pytest.raises(ValueError, match="finite"):
        Renderer(figure, SIZE, View()).render(broken)
    broken = replace(pose, camera=replace(pose.camera, scale=float("inf")))
    with pytest.raises(ValueError, match="finite"):
        Renderer(figure, SIZE, View()).render(broken)
    broken = replace(pose, stretch=np.zeros_like(pose.stretch))
    with pytest.raises(ValueError, match="stretch"):
        Renderer(figure, SIZE, View()).render(broken)


def test_an_avatar_out_of_the_picture_leaves_it_empty() -> None:
    figure = avatar()
    person = Renderer(figure, (32, 32), View(1, -5000, 0)).render(figure.reference)
    assert (person == 0).all()


def test_a_person_shown_to_the_feet_is_fitted_whole() -> None:
    figure = avatar()
    alpha = np.zeros_like(figure.alpha)
    alpha[20:470, 300:340] = 255
    view = View.fit(replace(figure, alpha=alpha), (512, 512))
    top, bottom = view.scale * 20 + view.dy, view.scale * 470 + view.dy
    assert top > 0.05 * 512
    assert bottom < 0.97 * 512
    cut = alpha.copy()
    cut[470:, 300:340] = 255  # cropped by the frame: the photo fills the output
    assert View.fit(replace(figure, alpha=cut), (512, 512)).scale == pytest.approx(512 / 480)


def test_a_bend_past_half_a_turn_keeps_its_size_as_computed_and_never_flips() -> None:
    figure = avatar()
    body, arm = figure.body, figure.layers[1]
    index, weight = arm.bone_index.copy(), arm.bone_weight.copy()
    index[:, 1] = body.bone("spine03")
    weight[:, :2] = 0.5  # the arm follows the shoulder by half
    figure = replace(figure, layers=(replace(arm, bone_index=index, bone_weight=weight),))
    renderer = Renderer(figure, SIZE, View())
    angles = np.linspace(0, 1.1 * np.pi, 45)
    areas, middles = [], []
    for angle in angles:
        pose = turned(figure.reference, body.bone("upperarm01.L"), [0, 0, -angle])
        rows, columns = np.nonzero(renderer.render(pose)[:, :, 3] > 127)
        areas.append(len(rows))
        middles.append([columns.mean(), rows.mean()])
    # half turns whole, half follows the mean of two maps: of size cos(angle / 2)
    size = 0.5 + 0.5 * np.cos(angles / 2)
    # at a right angle the border lies on a diagonal of pixel centres, which count as inside: 1.7 %
    np.testing.assert_allclose(np.array(areas) / areas[0], size**2, atol=0.02)
    assert np.linalg.norm(np.diff(middles, axis=0), axis=1).max() < 8  # px in 4.5 degrees
