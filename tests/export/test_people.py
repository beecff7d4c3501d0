"""The rendered people: mesh refinement, renderer, poses, and the pictures that are committed."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from engines.body.kinematics import forward
from engines.body.mesh import load_body
from engines.errors import InputError
from engines.types import F32, Camera, Pose
from export import people_performance as performance
from export.__main__ import main
from export.people import PEOPLE, PERFORMER, run
from export.people_body import Figure, refine, sphere
from export.people_cast import CAST
from export.people_clothes import Measures, Top, bottom, top
from export.people_piece import Piece, tube, worn
from export.people_pose import Poser, between, bone_maps, expression
from export.people_raster import (
    CLOTH,
    light_frames,
    normals,
    rasterise,
    shade,
    shadow_maps,
)
from export.people_render import Lens, Light, develop, render
from export.people_room import room, studio

CLIP = Path(__file__).parent.parent.parent / "web" / "sample.mp4"


@pytest.fixture(scope="module")
def figure() -> Figure:
    """The engines' own body as a figure: no Anny needed."""
    model = load_body()
    mean = model.mean
    face = (mean.parts == mean.part_names.index("head")).astype(np.float32)
    none = np.zeros(len(mean.rest), np.float32)
    eyes = [[*mean.landmarks[k], 0.016] for k in (2, 5)]
    return Figure(
        rest=mean.rest,
        faces=mean.faces,
        bone_index=mean.bone_index,
        bone_weight=mean.bone_weight,
        heads=mean.heads,
        tails=mean.tails,
        parents=mean.parents,
        bone_names=mean.bone_names,
        actions=model.actions,
        action_names=model.action_names,
        masks={"head": face, "ears": none, "lips": none, "fingernails": none, "mouth_cavity": none},
        eyes=np.array(eyes, np.float32),
    )


def quad(z: float, half: float, cut: float = 1.0) -> Piece:
    """A white square that faces the camera at depth z."""
    xy = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
    rest = np.concatenate([xy, np.full((4, 1), z)], 1).astype(np.float32)
    weight = np.zeros((4, 4), np.float32)
    weight[:, 0] = 1
    return Piece(
        rest,
        np.array([[0, 2, 1], [0, 3, 2]], np.int32),
        np.zeros((4, 4), np.int32),
        weight,
        np.ones((4, 3), np.float32),
        np.zeros(4, np.float32),
        np.full(4, cut, np.float32),
        CLOTH,
    )


STILL = np.eye(3, 4, dtype=np.float32)[None]
NO_MOVE = np.zeros(3, np.float32)


def test_refine_halves_edges_and_keeps_a_flat_mesh_flat() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    matrix, finer = refine(faces, 4)
    new = matrix @ points
    assert len(new) == 4 + 5
    assert len(finer) == 8
    np.testing.assert_allclose(np.asarray(matrix.sum(1)).ravel(), 1, atol=1e-12)
    assert np.all(new[:, 2] == 0)
    # Loop's rule on a border: 3/4 of the vertex, 1/8 of each border neighbour.
    np.testing.assert_allclose(new[1], 0.75 * points[1] + 0.125 * (points[0] + points[2]))
    assert sorted(np.unique(finer)) == list(range(9))


def test_sphere_through_points() -> None:
    directions = np.random.default_rng(1).standard_normal((40, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    found = sphere((np.array([1, 2, 3]) + 0.5 * directions).astype(np.float32))
    np.testing.assert_allclose(found, [1, 2, 3, 0.5], atol=1e-4)


def test_rasterise_keeps_the_nearer_face_and_cuts_holes() -> None:
    points = np.array(
        [[0, 0, 2], [8, 0, 2], [0, 8, 2], [0, 0, 1], [8, 0, 1], [0, 8, 1]], np.float32
    )
    faces = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    index = np.empty((8, 8), np.int32)
    bary, depth = np.empty((8, 8, 2), np.float32), np.empty((8, 8), np.float32)
    whole = np.ones(6, np.float32)
    rasterise(points, faces, whole, index, bary, depth)
    assert index[1, 1] == 1
    assert depth[1, 1] == 1
    assert index[7, 7] == -1
    # The nearer face drawn only where x < 4: cut falls from 1 to -1 along x.
    half = np.array([1, 1, 1, 1, -1, 1], np.float32)
    rasterise(points, faces, half, index, bary, depth)
    assert index[0, 1] == 1
    assert index[0, 6] == 0


def test_a_blocked_light_gives_no_light() -> None:
    towards = np.array([[0, 0, -1]], np.float32)
    frames = light_frames(towards, np.zeros(3, np.float32), 2.0, 64)
    piece = quad(0.0, 0.5)
    maps = shadow_maps(piece.rest, piece.faces, piece.cut, frames, 64)
    points = np.array([[0, 0, 0], [0, 0, 0.5], [1.5, 0, 0.5]], np.float32)
    lit = shade(
        points,
        np.tile(towards, (3, 1)),
        np.full((3, 3), 0.5, np.float32),
        np.zeros(3, np.float32),
        np.full(3, CLOTH, np.uint8),
        np.array([0, 0, -4], np.float32),
        towards,
        np.ones((1, 3), np.float32),
        maps,
        frames,
        np.float32(0.05),
    )
    # On the square, behind it, beside it: Lambert's albedo * light, nothing, albedo * light.
    assert lit[0] == pytest.approx([0.5] * 3, abs=0.02)
    assert lit[1] == pytest.approx([0.0] * 3, abs=1e-6)
    assert lit[2] == pytest.approx([0.5] * 3, abs=0.05)


def test_render_covers_what_the_lens_says_and_repeats_itself() -> None:
    lens = Lens((0, 0, 0), 2.0, 64, 64)
    first = render([quad(0, 0.5)], [], STILL, NO_MOVE, lens, Light(count=16), 2)
    again = render([quad(0, 0.5)], [], STILL, NO_MOVE, lens, Light(count=16), 2)
    # A square of 1 m in a picture 2 m tall: a quarter of the pixels.
    assert first.alpha.mean() == pytest.approx(0.25, abs=0.02)
    assert first.colour[32, 32].min() > 0.1
    assert np.array_equal(first.colour, again.colour)
    gone = render([quad(0, 0.5, cut=-1)], [], STILL, NO_MOVE, lens, Light(count=16), 2)
    assert gone.alpha.max() == 0


def test_develop_is_seeded_and_monotone() -> None:
    ramp = np.tile(np.linspace(0, 2, 64, dtype=np.float32)[None, :, None], (16, 1, 3))
    picture = develop(ramp, 3)
    assert np.array_equal(picture, develop(ramp, 3))
    assert not np.array_equal(picture, develop(ramp, 4))
    clean = develop(ramp, 3, grain=0).astype(int)
    assert np.all(np.diff(clean[8, :, 0]) >= 0)
    assert clean[8, -1, 0] > 240


def test_tube_is_closed_and_worn_drops_what_is_never_drawn() -> None:
    faces = tube(4, 5, closed=True)
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
    assert np.all(np.unique(edges, axis=0, return_counts=True)[1] == 2)
    assert len(worn(quad(0, 1)).faces) == 2
    assert len(worn(quad(0, 1, cut=-1)).faces) == 0


def test_between_takes_one_direction_to_the_other() -> None:
    a, b = np.array([1.0, 2, 3]), np.array([-2.0, 0.5, 1])
    turned = between(a, b) @ a
    np.testing.assert_allclose(turned / np.linalg.norm(a), b / np.linalg.norm(b), atol=1e-9)
    np.testing.assert_allclose(between(a, a), np.eye(3))


def test_arms_point_where_they_are_told_and_bones_agree_with_the_engine(figure: Figure) -> None:
    poser = Poser(figure)
    for side in "LR":
        poser.arm(side, (0.6, -0.6, -0.2), (0.1, -1, -0.3))
    rotations = poser.matrices()
    maps = bone_maps(figure, rotations)
    joints = len(figure.parents)
    camera = Camera(1, 0, 0)
    ones = np.ones(joints, np.float32)
    pose = Pose(rotations, ones, np.zeros(3, np.float32), camera, ones)
    np.testing.assert_allclose(maps, forward(load_body().mean, pose), atol=2e-5)
    for side, sign in (("L", 1), ("R", -1)):
        elbow, wrist = (posed(figure, maps, f"{n}.{side}") for n in ("lowerarm01", "wrist"))
        along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
        wanted = np.array([0.1 * sign, -1, -0.3]) / np.linalg.norm([0.1, -1, -0.3])
        np.testing.assert_allclose(along, wanted, atol=1e-4)


def posed(figure: Figure, maps: F32, bone: str) -> F32:
    """Where a bone's head lies in a pose."""
    m = maps[figure.bone_names.index(bone)]
    return np.asarray(m[:, :3] @ figure.head(bone) + m[:, 3])


def test_expression_moves_both_sides(figure: Figure) -> None:
    moved = expression(figure, {"mouthSmileLeft": 1.0})
    assert np.abs(moved[figure.rest[:, 0] > 0.01]).max() > 0.003
    assert np.abs(moved[figure.rest[:, 0] < -0.01]).max() > 0.003


def test_clothes_lie_outside_the_body_and_end_where_they_should(figure: Figure) -> None:
    at = Measures.of(figure)
    trousers = bottom(figure, at, CAST["mira"].bottom)
    shirt, bands = top(figure, at, Top((200, 200, 200), (90, 90, 90), sleeve=0.3), trousers)
    outward = normals(figure.rest, figure.faces)
    torso = (figure.rest[:, 1] > -0.4) & (figure.rest[:, 1] < -0.15) & (at.arm < 0.1)
    gap = ((shirt.rest - figure.rest) * outward).sum(1)[torso]
    assert np.median(gap) > 0.005
    drawn = shirt.cut > 0
    assert not drawn[figure.bones("head") > 0.9].any()
    assert not drawn[figure.bones("wrist", "finger") > 0.5].any()
    assert not drawn[figure.rest[:, 1] > 0.3].any()
    assert drawn[torso].all()
    assert 0 < (bands.cut > 0).sum() < drawn.sum()


def test_performance_begins_neutral_loops_and_keeps_the_hands_in_frame(figure: Figure) -> None:
    start = performance.numbers(performance.at(0.0))
    end = performance.numbers(performance.at(float(performance.SECONDS)))
    np.testing.assert_allclose(start, end, atol=1e-6)
    assert len(performance.times()) == performance.SECONDS * performance.RATE
    lens = performance.lens(figure)
    raised = dict.fromkeys("LR", 0)
    for time_s in np.arange(0, performance.SECONDS, 0.1):
        maps = bone_maps(figure, performance.pose(figure, performance.at(float(time_s))))
        for side in "LR":
            hand = posed(figure, maps, f"finger3-1.{side}")
            x, y, _ = lens.project(hand[None].astype(np.float32), 1)[0]
            assert 0 <= x < lens.width, f"hand {side} leaves at {time_s:.1f} s"
            assert 0 <= y < lens.height, f"hand {side} leaves at {time_s:.1f} s"
            raised[side] += bool(hand[1] < figure.head("neck01")[1])
            if time_s <= 1:
                assert hand[1] > figure.head("spine05")[1], "arms hang at first"
    assert raised["R"] > raised["L"] > 3


def test_keys_survive_as_numbers() -> None:
    key = performance.KEYS[10]
    assert performance.key_from(np.array(performance.numbers(key)), key.at_s) == key


def test_backgrounds_are_seeded() -> None:
    assert np.array_equal(room(160, 120, 5), room(160, 120, 5))
    lens = Lens((0, 0, 0), 2.0, 48, 64)
    plain = studio(lens, (200, 200, 200), 0.9, None, 1)
    dark = studio(lens, (200, 200, 200), 0.9, lambda p: np.zeros(len(p), np.float32), 1)
    assert plain.shape == (64, 48, 3)
    assert np.array_equal(plain[:20], dark[:20])
    assert dark[-1].mean() < 0.5 * plain[-1].mean()


@pytest.mark.parametrize("name", sorted(CAST))
def test_photos_are_there(name: str) -> None:
    path = PEOPLE / f"{name}.jpg"
    image = cv2.imread(str(path))
    assert image is not None
    assert image.shape == (1024, 768, 3)
    assert path.stat().st_size < 700_000


def test_sample_performance_is_there() -> None:
    assert PERFORMER in CAST
    assert CLIP.stat().st_size < 1_200_000
    with av.open(str(CLIP)) as clip:
        stream = clip.streams.video[0]
        context = stream.codec_context
        assert (context.width, context.height) == (640, 480)
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == performance.RATE
        assert stream.frames == performance.SECONDS * performance.RATE


def test_nothing_asked_for_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["people"]) == InputError.exit_code
    assert "nothing to make" in capsys.readouterr().err
    assert callable(run)
