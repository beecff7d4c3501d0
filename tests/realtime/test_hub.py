"""Two and more real peers in one process, over loopback, with a fake puppet."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from realtime.hub import Hub
from tests.fakes import COLOURS, fake_backstage
from tests.realtime.peers import Camera, client, near, until


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub(fake_backstage())
    yield hub
    await hub.close()


async def test_frames_flow_both_ways(hub: Hub) -> None:
    async with client(hub, Camera()) as performer:
        await until(lambda: len(performer.images) > 10)
        assert near(performer.colour, COLOURS["red"])
        assert performer.images[-1][1].shape == (64, 64, 3)
        await until(lambda: performer.told("stats"))
        stats = performer.told("stats")[0]
        assert stats["fps_in"] > 5
        assert stats["backend"] == "fake"
        assert set(stats["stages"]["paint"]) == {"p50", "p95", "p99"}
    await until(lambda: not hub.sessions)
    assert hub.health()["sessions"] == 0
