"""Their frames become ours, ours become theirs."""

from __future__ import annotations

import asyncio
import itertools

import av
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from realtime.decoder import MAX_SIDE, as_rgb
from realtime.mark import read_mark
from realtime.picture import Picture
from realtime.track import TIME_BASE, Arrival, PuppetTrack, read_camera, to_video
from tests.realtime.peers import CAMERA, Camera


def picture(colour: tuple[int, int, int, int], captured_s: float = 0.0) -> Picture:
    image = np.empty((120, 160, 4), np.uint8)
    image[:] = colour
    return Picture({"rgba": image}, captured_s, mark=5)


def rgb(video: av.VideoFrame) -> NDArray[np.int64]:
    return np.asarray(video.to_ndarray(format="rgb24"), np.int64)


def mark_of(video: av.VideoFrame) -> int | None:
    return read_mark(np.asarray(video.to_ndarray(format="rgb24"), np.uint8))


def test_an_arrival_becomes_an_rgb_frame() -> None:
    image = np.full((48, 64, 3), (10, 200, 90), np.uint8)
    video = av.VideoFrame.from_ndarray(image, format="rgb24")
    video.pts, video.time_base = 77, TIME_BASE
    frame = Arrival(video, 1.5, 3).frame()
    assert (frame.image == image).all()
    assert (frame.pts, frame.time_base, frame.captured_s, frame.index) == (77, TIME_BASE, 1.5, 3)


def test_large_pictures_become_smaller() -> None:
    video = av.VideoFrame(3000, 1000, "yuv420p")
    assert Arrival(video, 0.0, 0).frame().image.shape == (427, MAX_SIDE, 3)
    small = as_rgb(video)
    assert as_rgb(small) is small


def test_an_arrival_as_planes() -> None:
    levels = np.arange(48 * 3 // 2 * 64).astype(np.uint8).reshape(72, 64)
    video = av.VideoFrame.from_ndarray(levels, format="yuv420p")
    frame = Arrival(video, 1.5, 3).frame(planes=True)
    np.testing.assert_array_equal(frame.image, levels)
    assert (frame.size, frame.captured_s, frame.index) == ((64, 48), 1.5, 3)
    downloaded = Arrival(video.reformat(format="nv12"), 0.0, 0).frame(planes=True)
    np.testing.assert_array_equal(downloaded.image, levels)  # as a card's decoder gives it
    assert Arrival(video, 0.0, 0).frame().image.shape == (48, 64, 3)


@pytest.mark.parametrize(("space", "reach"), [(6, 1), (1, 1), (6, 2), (1, 2)])
def test_planes_are_of_one_kind_of_colours(space: int, reach: int) -> None:
    """BT.601 in video range, whatever the stream says that it is: the RGB route's colours."""
    rng = np.random.default_rng(0)
    cells = rng.integers(40, 200, (9, 8)).astype(np.uint8)
    video = av.VideoFrame.from_ndarray(cells.repeat(8, 0).repeat(8, 1), format="yuv420p")
    video.colorspace, video.color_range = space, reach
    arrival = Arrival(video, 0.0, 0)
    planes = av.VideoFrame.from_ndarray(arrival.frame(planes=True).image, format="yuv420p")
    error = np.abs(rgb(planes) - arrival.frame().image)
    assert error.mean() < (0.01 if (space, reach) == (6, 1) else 2.5)  # else twice rounded


def test_a_large_picture_as_planes_stays_large() -> None:
    assert Arrival(av.VideoFrame(3000, 1000, "yuv420p"), 0.0, 0).frame(True).size == (3000, 1000)


def test_planes_of_odd_sides_there_are_none() -> None:
    assert Arrival(av.VideoFrame(65, 48, "yuv420p"), 0.0, 0).frame(True).image.shape == (48, 65, 3)


def test_an_encoder_gets_planes() -> None:
    shown = picture((200, 100, 50, 255))
    video = to_video(shown, "plain")
    assert (video.format.name, video.width, video.height) == ("yuv420p", 160, 120)
    assert np.abs(rgb(video)[60, 80] - (200, 100, 50)).max() <= 3
    assert mark_of(video) is None
    assert mark_of(to_video(shown, "plain", marked=True)) == 5
    packed = to_video(shown, "packed")
    assert (packed.format.name, packed.width, packed.height) == ("yuv420p", 160, 240)


def test_marks_are_for_plain_pictures() -> None:
    with pytest.raises(ValueError, match="got packed, wanted plain"):
        PuppetTrack(picture((0, 0, 0, 255)), "packed", marked=True)


async def test_the_first_picture_comes_at_once_and_the_newest_next() -> None:
    track = PuppetTrack(picture((200, 0, 0, 255)), marked=True)
    first = await track.recv()
    assert rgb(first)[60, 80, 0] > 190
    assert mark_of(first) == 5
    for level in (10, 20, 30):
        track.outbox.put(picture((0, 0, level, 255)))
    assert abs(rgb(await track.recv())[60, 80, 2] - 30) <= 3
    assert track.outbox.dropped == 2
    track.stop()


async def test_with_nothing_new_the_last_picture_comes_again_unmarked() -> None:
    track = PuppetTrack(picture((200, 0, 0, 255)), marked=True)
    await track.recv()
    again = await track.recv()
    assert rgb(again)[60, 80, 0] > 190
    assert mark_of(again) is None
    track.stop()


async def test_time_never_runs_backwards() -> None:
    track = PuppetTrack(picture((0, 0, 0, 255)))
    stamps = [(await track.recv()).pts, (await track.recv()).pts]  # the second is a repeat: now
    for captured_s in (-5.0, 1e9, 0.0):
        track.outbox.put(picture((0, 0, 0, 255), captured_s))
        stamps.append((await track.recv()).pts)
    known = [stamp for stamp in stamps if stamp is not None]
    assert len(known) == 5
    assert all(a < b for a, b in itertools.pairwise(known))


async def test_a_stopped_track_ends() -> None:
    track = PuppetTrack(picture((0, 0, 0, 255)))
    await track.recv()
    receiving = asyncio.create_task(track.recv())
    await asyncio.sleep(0.01)
    track.stop()
    with pytest.raises(MediaStreamError):
        await receiving
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_a_camera_is_read_until_it_ends() -> None:
    camera = Camera(fps=1000)
    seen: list[Arrival] = []

    def arrived(arrival: Arrival) -> None:
        seen.append(arrival)
        if len(seen) == 3:
            camera.stop()

    await asyncio.wait_for(read_camera(camera, arrived), 2)
    assert [arrival.index for arrival in seen] == [0, 1, 2]
    assert tuple(seen[0].frame().image[0, 0]) == CAMERA
