"""Viewers of a performance: real peers in one process, with a fake puppet."""

from __future__ import annotations

import asyncio

import pytest

from engines.errors import BusyError
from engines.types import U8
from realtime import session
from realtime.gallery import MissingError
from realtime.hub import Hub
from tests.fakes import COLOURS, FakePuppet
from tests.realtime.peers import Camera, client, near, no_camera_pixel, until


@pytest.mark.parametrize("on_card", [False, True])
async def test_viewers_join_late_plain_and_packed(
    hub: Hub, puppets: list[FakePuppet], on_card: bool
) -> None:
    async with client(hub, Camera(), avatar="blue") as performer:
        await until(lambda: len(performer.images) > 5 and performer.told("hello"))
        puppets[0].takes_planes = on_card
        performer.send(type="background", value="none")
        async with client(hub) as plain, client(hub, alpha=True) as packed:
            assert plain.session == performer.session  # without a name: the newest
            await until(lambda: len(plain.images) > 5 and len(packed.images) > 5)
            assert hub.health()["viewers"] == 2
            image = plain.images[-1][1]
            assert image.shape == (160, 160, 3)
            assert image[40, 20].max() < 20  # black where transparent
            image = packed.images[-1][1]
            assert image.shape == (320, 160, 3)
            assert near(packed_at(image, 40, 80), COLOURS["blue"])
            assert near(packed_at(image, 40, 36), COLOURS["blue"])  # continued past the edge
            assert near(packed_at(image, 200, 80), (255, 255, 255))
            assert near(packed_at(image, 200, 20), (0, 0, 0))
            assert no_camera_pixel(plain)
            assert puppets[0].saw == (2 if on_card else 3)
            assert puppets[0].forms == {"plain", "packed"}
        await until(lambda: hub.health()["viewers"] == 0)
        await until(lambda: puppets[0].forms == {"plain"})  # no more than is watched
        assert hub.sessions


async def test_a_form_that_was_not_drawn_yet_begins_with_the_still(
    hub: Hub, puppets: list[FakePuppet]
) -> None:
    """On a card only what is watched is drawn; while no camera runs nothing is drawn anew."""
    camera = Camera()
    async with client(hub, camera, avatar="blue") as performer:
        await until(lambda: len(performer.images) > 5 and performer.told("hello"))
        puppets[0].takes_planes = True
        performer.send(type="avatar", name="green")
        await until(lambda: near(performer.colour, COLOURS["green"]))
        await until(lambda: puppets[0].saw == 2)
        assert puppets[0].stills == 2  # one for all frames after the change
        camera.stop()
        drawn = -1
        while drawn != puppets[0].frames:  # some are still on their way
            drawn = puppets[0].frames
            await asyncio.sleep(0.3)
        async with client(hub, alpha=True) as packed:
            await until(lambda: len(packed.images) > 2)
            assert puppets[0].frames == drawn
            assert near(packed_at(packed.images[-1][1], 40, 80), COLOURS["green"])
            assert near(packed_at(packed.images[-1][1], 200, 80), (255, 255, 255))


def packed_at(image: U8, y: int, x: int) -> tuple[int, int, int]:
    r, g, b = image[y, x]
    return int(r), int(g), int(b)


async def test_a_performance_outlives_a_reload_for_its_viewers(
    hub: Hub, puppets: list[FakePuppet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LINGER_S", 1.0)
    async with (
        client(hub, Camera(), session="my-session") as performer,
        client(hub, session="my-session") as viewer,
    ):
        await until(lambda: performer.images and viewer.images)
        await performer.close()
        async with client(hub, Camera(), session="my-session", avatar="blue") as again:
            await until(lambda: again.images and near(again.colour, COLOURS["blue"]))
            assert len(puppets) == 1  # the same performance
            await asyncio.sleep(1.2)
            assert not viewer.ended
        await until(lambda: not hub.sessions)  # nobody came back
        await until(lambda: viewer.ended)
    await until(lambda: puppets[0].closed)


async def test_too_many_viewers(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_VIEWERS", 0)
    async with client(hub, Camera()):
        with pytest.raises(BusyError, match="no room"):
            async with client(hub):
                pass


async def test_nothing_to_watch(hub: Hub) -> None:
    with pytest.raises(MissingError, match="no performance"):
        async with client(hub):
            pass
    with pytest.raises(MissingError, match="not begun"):
        async with client(hub, session="somebody-else"):
            pass
