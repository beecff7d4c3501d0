"""The straight line, with the real engines; with scripted landmarks where places are computed."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from engines.body.neutral import scaled
from engines.errors import InputError
from engines.keypoints.eye import Eye
from engines.render import Renderer, View
from engines.types import U8, Keypoints
from realtime import puppeteer as module
from realtime.metrics import psnr
from realtime.puppeteer import LASTING, Puppeteer
from tests.realtime.sample import NOBODY, bundled, frame_of, performance

SIZE = (96, 128)  # the photo's proportions
PHOTO = View(1 / 8)  # the whole photo


def likeness(picture: U8, truth: U8) -> float:
    """PSNR over the whole picture, dB."""
    return psnr(picture[:, :, :3], truth[:, :, :3], np.ones(truth.shape[:2], np.bool_))


def magenta(picture: U8) -> int:
    """How magenta the most magenta pixel is, 0..255."""
    r, g, b = (picture[:, :, k].astype(int) for k in range(3))
    return int((np.minimum(r, b) - g).max())


def shown(puppeteer: Puppeteer, picture: U8, index: int) -> U8:
    """What it makes of a camera picture: a copy, for the next call draws into the same buffer."""
    return puppeteer.process(frame_of(picture, index))["rgba"].copy()


class Scripted:
    """A tracker that sees what the test says."""

    def __init__(self) -> None:
        self.sees: Keypoints | None = bundled().keypoints
        self.eyes: list[Eye] = []
        self.takes_planes = False
        self.closed = False

    def track(self, image: U8, time_s: float) -> Keypoints | None:
        return self.sees

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """In place of the real one."""
    scripted = Scripted()
    monkeypatch.setattr(module, "PoseTracker", lambda **options: scripted)
    return scripted


def moved(keypoints: Keypoints, points: list[int], by: tuple[float, float]) -> Keypoints:
    """Some landmarks elsewhere, px."""
    xy = keypoints.xy.copy()
    xy[points] += np.array(by, np.float32)
    return replace(keypoints, xy=xy)


def test_at_rest_it_is_the_photo() -> None:
    still = Puppeteer(bundled(), (768, 1024), view=View()).still()
    inside = bundled().alpha == 255
    assert np.abs(still[inside][:, :3].astype(int) - bundled().image[inside]).max() <= 2
    assert likeness(still, bundled().image) > 40


def test_the_first_frame_with_a_performer_gives_the_photo_back() -> None:
    puppeteer = Puppeteer(bundled(), SIZE, view=PHOTO)
    assert not puppeteer.tracking
    still = puppeteer.still()
    first = shown(puppeteer, performance()[0], 0)
    assert puppeteer.tracking
    assert first.shape == (128, 96, 4)
    assert (first[:, :, 3] == 255).all()
    assert likeness(first, still) > 45
    for i, picture in enumerate(performance()[1:16], 1):
        last = puppeteer.process(frame_of(picture, i))
    assert likeness(last["rgba"], still) < 40
    assert list(puppeteer.times.stats()) == ["keypoints", "solve", "render", "background"]


def test_without_a_performer_it_stands_still_and_comes_back_to_that() -> None:
    puppeteer = Puppeteer(bundled(), SIZE)
    still = puppeteer.still()
    for i in range(3):
        np.testing.assert_array_equal(shown(puppeteer, NOBODY, i), still)
        assert not puppeteer.tracking
    for i, picture in enumerate(performance()[:16], 3):
        out = shown(puppeteer, picture, i)
    assert puppeteer.tracking
    assert likeness(out, still) < 45
    held = shown(puppeteer, NOBODY, 19)
    assert not puppeteer.tracking
    assert likeness(held, still) < 45
    for i in range(20, 60):
        out = shown(puppeteer, NOBODY, i)
    assert likeness(out, still) > 50


def test_camera_pixels_are_never_in_the_output() -> None:
    tom, noise = bundled("tom"), np.random.default_rng(0)
    puppeteer = Puppeteer(bundled(), SIZE)
    share = tom.alpha[:, :, None] / 255.0
    for i in range(4):
        wall = np.zeros_like(tom.image)
        wall[:, :, [0, 2]] = noise.integers(200, 256, (*tom.alpha.shape, 2))
        camera = (tom.image * share + wall * (1 - share)).astype(np.uint8)
        camera = np.asarray(cv2.resize(np.roll(camera, 20 * i, 1), (192, 256)), np.uint8)
        assert magenta(camera) > 200
        out = puppeteer.process(frame_of(camera, i))["rgba"]
        assert puppeteer.tracking
        assert magenta(out) < magenta(puppeteer.still()) + 12
        assert not np.may_share_memory(out, camera)


def test_only_landmarks_pass_on_to_the_picture(tracker: Scripted) -> None:
    one, other = Puppeteer(bundled(), SIZE), Puppeteer(bundled(), SIZE)
    noise = np.random.default_rng(1).integers(0, 256, (1024, 768, 3)).astype(np.uint8)
    for i in range(5):
        tracker.sees = moved(bundled().keypoints, [13, 15], (20.0 * i, -30.0 * i))
        a = shown(one, noise, i)
        b = shown(other, np.zeros_like(noise), i)
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("mirror", [False, True])
def test_a_mirrored_avatar_moves_its_other_side(tracker: Scripted, mirror: bool) -> None:
    puppeteer = Puppeteer(bundled(), SIZE, "#000000", mirror=mirror, view=PHOTO)
    camera = np.zeros((1024, 768, 3), np.uint8)
    puppeteer.process(frame_of(camera, 0))
    still = puppeteer.still().astype(int)
    tracker.sees = moved(bundled().keypoints, [13, 15, 17, 19, 21], (60, -60))  # the left arm
    for i in range(1, 15):
        out = shown(puppeteer, camera, i)
    change = np.abs(out.astype(int) - still).sum(2).sum(0)
    middle = (change * (np.arange(SIZE[0]) + 0.5)).sum() / change.sum()
    if mirror:
        assert middle < 0.45 * SIZE[0]
    else:
        assert middle > 0.55 * SIZE[0]


def test_mirroring_makes_the_next_frame_the_neutral(tracker: Scripted) -> None:
    puppeteer = Puppeteer(bundled(), SIZE)
    camera = np.zeros((1024, 768, 3), np.uint8)
    puppeteer.process(frame_of(camera, 0))
    tracker.sees = moved(bundled().keypoints, [15], (80, -80))
    puppeteer.set_mirror(True)
    assert likeness(shown(puppeteer, camera, 1), puppeteer.still()) > 40


def test_who_is_lost_at_once_does_not_become_the_neutral(tracker: Scripted) -> None:
    """A hand alone passes for a person for a frame."""
    puppeteer = Puppeteer(bundled(), SIZE)
    camera = np.zeros((1024, 768, 3), np.uint8)
    tracker.sees = scaled(moved(bundled().keypoints, [13, 15], (90, -90)), 0.3)
    puppeteer.process(frame_of(camera, 0))
    tracker.sees = None
    puppeteer.process(frame_of(camera, 1))
    for i in range(2, 2 + LASTING):
        tracker.sees = moved(bundled().keypoints, [13, 15], (30, 30))
        assert likeness(shown(puppeteer, camera, i), puppeteer.still()) > 40
    tracker.sees = None  # a short loss later on changes nothing
    puppeteer.process(frame_of(camera, 10))
    tracker.sees = moved(bundled().keypoints, list(range(33)), (80, 0))
    for i in range(11, 25):
        out = shown(puppeteer, camera, i)
    assert likeness(out, puppeteer.still()) < 30


def test_calibration_makes_the_next_frame_the_neutral(tracker: Scripted) -> None:
    puppeteer = Puppeteer(bundled(), SIZE)
    camera = np.zeros((1024, 768, 3), np.uint8)
    puppeteer.process(frame_of(camera, 0))
    tracker.sees = moved(bundled().keypoints, list(range(33)), (50, 0))
    for i in range(1, 15):
        out = shown(puppeteer, camera, i)
    assert likeness(out, puppeteer.still()) < 30
    puppeteer.calibrate()
    assert likeness(shown(puppeteer, camera, 15), puppeteer.still()) > 40


def test_the_avatar_stands_where_the_performer_stood(tracker: Scripted) -> None:
    size = (320, 240)
    person = moved(scaled(bundled().keypoints, 0.2), list(range(33)), (110, 20))
    tracker.sees = person
    puppeteer = Puppeteer(bundled(), size, "none", placement="performer")
    out = shown(puppeteer, np.zeros((240, 320, 3), np.uint8), 0)
    wanted = Renderer(bundled(), size, View(0.2, 110, 20)).render(bundled().reference)
    rows, columns = (np.flatnonzero((out[:, :, 3] > 127).any(a)) for a in (1, 0))
    true_rows, true_columns = (np.flatnonzero((wanted[:, :, 3] > 127).any(a)) for a in (1, 0))
    # The fitted body's shoulders lie a few px beside the network's.
    assert np.abs([rows[0] - true_rows[0], rows[-1] - true_rows[-1]]).max() <= 4
    assert np.abs([columns[0] - true_columns[0], columns[-1] - true_columns[-1]]).max() <= 4


def test_a_smaller_picture_of_the_same_camera_changes_nothing(tracker: Scripted) -> None:
    """A browser short of bandwidth halves its pictures; the avatar must not jump."""
    puppeteer = Puppeteer(bundled(), SIZE)
    person = moved(scaled(bundled().keypoints, 0.5), list(range(33)), (100, 0))
    tracker.sees = person
    puppeteer.process(frame_of(np.zeros((480, 640, 3), np.uint8), 0))
    tracker.sees = moved(person, [13, 15, 17, 19, 21], (40, -40))
    for i in range(1, 15):
        large = shown(puppeteer, np.zeros((480, 640, 3), np.uint8), i)
    assert likeness(large, puppeteer.still()) < 35
    tracker.sees = scaled(tracker.sees, 320 / 480)
    small = shown(puppeteer, np.zeros((320, 427, 3), np.uint8), 15)
    assert likeness(small, large) > 40


def test_a_picture_of_another_shape_is_a_new_neutral(tracker: Scripted) -> None:
    puppeteer = Puppeteer(bundled(), SIZE)
    tracker.sees = scaled(bundled().keypoints, 0.5)
    puppeteer.process(frame_of(np.zeros((480, 640, 3), np.uint8), 0))
    tracker.sees = moved(scaled(bundled().keypoints, 0.3), list(range(33)), (90, 60))
    turned = shown(puppeteer, np.zeros((640, 480, 3), np.uint8), 1)
    assert likeness(turned, puppeteer.still()) > 40


def test_real_frames_may_change_their_size_midway() -> None:
    puppeteer = Puppeteer(bundled(), SIZE)
    for i, picture in enumerate(performance()[:16]):
        before = shown(puppeteer, picture, i)
    larger = np.asarray(cv2.resize(performance()[15], (240, 180)), np.uint8)
    after = shown(puppeteer, larger, 16)
    assert puppeteer.tracking
    assert likeness(after, before) > likeness(before, puppeteer.still()) - 3


def test_the_background_can_be_changed_and_a_bad_one_changes_nothing() -> None:
    puppeteer = Puppeteer(bundled(), SIZE)
    with_photo = puppeteer.still()
    puppeteer.prepare_background("#10f020")()
    assert puppeteer.still()[2, 2].tolist() == [0x10, 0xF0, 0x20, 255]
    with pytest.raises(InputError, match="no file"):
        puppeteer.prepare_background("beach")
    assert puppeteer.still()[2, 2].tolist() == [0x10, 0xF0, 0x20, 255]
    puppeteer.prepare_background("none")()
    clear = puppeteer.still()
    assert clear[2, 2, 3] == 0
    assert clear[:, :, 3].max() == 255
    puppeteer.prepare_background("photo")()
    np.testing.assert_array_equal(puppeteer.still(), with_photo)


def test_another_avatar_takes_the_next_frame_as_its_neutral() -> None:
    puppeteer = Puppeteer(bundled(), SIZE, "#404040")
    for i, picture in enumerate(performance()[:4]):
        puppeteer.process(frame_of(picture, i))
    puppeteer.prepare_avatar(bundled("tom"))()
    tom = Puppeteer(bundled("tom"), SIZE, "#404040").still()
    np.testing.assert_array_equal(puppeteer.still(), tom)
    assert likeness(shown(puppeteer, performance()[15], 4), tom) > 40


def test_an_unknown_placement_is_refused() -> None:
    with pytest.raises(InputError, match="wanted photo or performer"):
        Puppeteer(bundled(), SIZE, placement="left")


def test_says_what_computes(tracker: Scripted) -> None:
    puppeteer = Puppeteer(bundled(), SIZE)
    assert puppeteer.backend == "CPU: ONNX Runtime, numba"
    assert puppeteer.troubles() == []
    puppeteer.close()
    assert tracker.closed
