"""The CUDA kernels compile for every card, on machines without one."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from engines.errors import DeviceError, ModelError
from engines.kernels.cubin import OPTIONS, cubin_name, names
from engines.kernels.nvrtc import Nvrtc
from export.__main__ import main
from export.cubins import TARGETS
from tests.export.elf import kernels


@pytest.fixture(scope="module")
def compiler() -> Nvrtc:
    try:
        return Nvrtc()
    except DeviceError as error:
        pytest.skip(f"{error.message}: {error.hint}")


@pytest.mark.parametrize("target", TARGETS)
def test_every_kernel_compiles_for_every_target(
    compiler: Nvrtc, target: str, tmp_path: Path
) -> None:
    stale = tmp_path / f"{target}-000000000000.cubin"
    stale.write_bytes(b"")
    assert main(["cubins", "--target", target, "--output", str(tmp_path)]) == 0
    (path,) = tmp_path.iterdir()
    assert path.name == cubin_name(target)
    cubin = path.read_bytes()
    assert cubin[:4] == b"\x7fELF"
    assert struct.unpack_from("<H", cubin, 18)[0] == 190  # EM_CUDA
    found = kernels(cubin)
    assert set(found) == set(names())
    # In registers alone, and in few enough for half of the threads that a card can hold.
    assert {name: kernel for name, kernel in found.items() if kernel.stack} == {}
    assert max(kernel.registers for kernel in found.values()) <= 64


@pytest.mark.parametrize("target", TARGETS)
def test_a_stack_would_be_seen(compiler: Nvrtc, target: str) -> None:
    code = """extern "C" __global__ void deep(int n, int* out) {
        int local[64];
        for (int i = 0; i < 64; i++) local[i] = out[i];
        for (int i = 0; i < 64; i++) local[out[i] & 63] += i;
        out[0] = local[n & 63];
    }"""
    assert kernels(compiler.compile(code, target, OPTIONS))["deep"].stack >= 256


def test_an_error_says_where(compiler: Nvrtc) -> None:
    with pytest.raises(ModelError, match=r'(?s)"raster\.cu", line 3|raster\.cu\(3\)'):
        compiler.compile('#line 3 "raster.cu"\nint broken = ;\n', "sm_86", OPTIONS)


def test_a_target_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["cubins", "--target", "sm_86,sm_13", "--output", str(tmp_path)]) == 2
    assert "sm_13" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_without_the_compiler_it_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    assert main(["cubins", "--output", str(tmp_path)]) == 4
    assert "pip install nvidia-cuda-nvrtc" in capsys.readouterr().err
