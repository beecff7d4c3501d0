"""Driver over a fake library; the real one's tests have the marker gpu."""

from __future__ import annotations

import ctypes

import numpy as np
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
    assert gpu.free_memory() == 64 << 20


def test_carries_arrays_there_and_back() -> None:
    library = FakeLibrary()
    gpu = Driver(library)
    gpu.activate()
    stream, sent = gpu.stream(), np.arange(6, dtype=np.float32).reshape(2, 3)
    address = gpu.allocate(sent.nbytes)
    gpu.to_device(address, sent, stream)
    got = np.zeros_like(sent)
    gpu.to_host(got, address, stream)
    gpu.synchronize(stream)
    np.testing.assert_array_equal(got, sent)
    with pytest.raises(ValueError, match="contiguous"):
        gpu.to_device(address, sent.T, stream)
    gpu.release(address)
    gpu.end_stream(stream)
    assert not library.live


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


def test_a_full_card_says_how_full() -> None:
    library = FakeLibrary()
    gpu = Driver(library)
    library.fails["cuMemAlloc_v2"] = 2
    with pytest.raises(DeviceError, match="memory is full, 64 of 12288 MiB are free") as caught:
        gpu.allocate(1 << 30)
    assert "close other programs" in caught.value.hint


def test_other_errors_are_named() -> None:
    library = FakeLibrary()
    gpu = Driver(library)
    library.fails = {"cuStreamSynchronize": 700, "cuMemFree_v2": 999}
    with pytest.raises(DeviceError, match=r"error 700 \(an illegal memory access\)"):
        gpu.synchronize(0)
    with pytest.raises(DeviceError, match=r"cuMemFree_v2 got error 999 \(unknown error\)"):
        gpu.release(1)
