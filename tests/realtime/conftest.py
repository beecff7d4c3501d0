"""A hub with fake puppets, for peers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from realtime.hub import Backstage, Hub
from tests.fakes import FakePuppet, fake_backstage


@pytest.fixture
def puppets() -> list[FakePuppet]:
    return []


@pytest.fixture
def backstage(puppets: list[FakePuppet]) -> Backstage:
    return fake_backstage(160, puppets)


@pytest.fixture
async def hub(backstage: Backstage) -> AsyncIterator[Hub]:
    hub = Hub(backstage)
    yield hub
    await hub.close()
