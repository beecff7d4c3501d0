"""The devices that CUDA kernels run on in tests: the CPU, and a card where there is one."""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Generator

import pytest

from engines.driver import driver
from engines.errors import DeviceError
from engines.kernels.cuda import CudaDevice, Device
from tests.engines.kernels.host import HostDevice, compile_kernels, compiler


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """A run of the card's tests alone in which every one was skipped is no success."""
    yield  # pytest's own summary: what is said here comes last
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    asked = "gpu" in session.config.option.markexpr and all(
        item.get_closest_marker("gpu") for item in session.items
    )
    if not asked or reporter is None or session.exitstatus != pytest.ExitCode.OK:
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped and "passed" not in reporter.stats:
        reason = skipped[0].longrepr[2].removeprefix("Skipped: ")
        reporter.write_line(f"nothing ran on a card: {reason}", red=True)
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.fixture(scope="session")
def kernels_on_host(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if compiler() is None:
        pytest.skip("no g++: apt-get install g++ lets the CUDA kernels be tested on the CPU")
    return compile_kernels(tmp_path_factory.mktemp("kernels"))


@pytest.fixture
def card() -> CudaDevice:
    try:
        driver()
    except DeviceError as error:
        pytest.skip(error.message)
    if importlib.util.find_spec("cupy") is None:
        pytest.skip("no CuPy: pip install -e '.[gpu-rtx]', for data-centre cards '.[gpu]'")
    return CudaDevice()  # what fails now is a failure


@pytest.fixture(params=["host", pytest.param("card", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> Device:
    if request.param == "host":
        return HostDevice(request.getfixturevalue("kernels_on_host"))
    found: CudaDevice = request.getfixturevalue("card")
    return found
