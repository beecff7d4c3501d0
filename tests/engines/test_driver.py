"""Driver over a fake library; the real one's tests have the marker gpu."""

from __future__ import annotations

import ctypes

import pytest

from engines import driver as module
from engines.driver import Card, Driver
from engines.errors import DeviceError
from tests.engines.fake_card import FakeLibrary


def test_describes_the_card() -> None:
    gpu = Driver(FakeLibrary(capability=(12, 0), cuda=12080))
    assert gpu.card == Card("NVIDIA Fake 3060", (12, 0), 12 << 30)
    assert gpu.card.target == "sm_120"
    assert gpu.cuda == (12, 8)


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(DeviceError, match="no NVIDIA driver") as caught:
        module.driver()
    assert "--device cpu" in caught.value.hint


def test_driver_without_a_card() -> None:
    library = FakeLibrary()
    library.cards = 0
    with pytest.raises(DeviceError, match="shows no card"):
        Driver(library)
    library = FakeLibrary()
    library.fails["cuInit"] = 100
    with pytest.raises(DeviceError, match="shows no card"):
        Driver(library)


def test_other_errors_are_named() -> None:
    library = FakeLibrary()
    library.fails = {"cuDeviceGetName": 700}
    with pytest.raises(DeviceError, match=r"cuDeviceGetName got error 700 \(an illegal memory"):
        Driver(library)
    library.fails = {"cuDeviceGet": 999}
    with pytest.raises(DeviceError, match=r"cuDeviceGet got error 999 \(unknown error\)"):
        Driver(library)
