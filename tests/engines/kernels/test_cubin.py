"""Where the kernels' machine code comes from: built ahead, kept, or compiled now."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.errors import DeviceError, ModelError
from engines.kernels import cubin as module
from engines.kernels import nvrtc
from engines.kernels.cubin import compiled, cubin, cubin_name, store


class FakeCompiler:
    """Counts what it compiles."""

    compiled = 0

    def compile(self, source: str, target: str, options: tuple[str, ...]) -> bytes:
        if target == "sm_999":
            raise ModelError("kernels for sm_999: do not compile")
        FakeCompiler.compiled += 1
        return b"code for " + target.encode()


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CUBINS", tmp_path / "ahead")
    monkeypatch.setattr(module, "usual_folder", lambda: tmp_path / "cache" / "engines")
    monkeypatch.setattr(module, "Nvrtc", FakeCompiler)
    FakeCompiler.compiled = 0


def test_compiled_once_and_kept(tmp_path: Path) -> None:
    stale = tmp_path / "cache" / "kernels" / "sm_86-000000000000.cubin"
    stale.parent.mkdir(parents=True)
    stale.touch()
    assert cubin("sm_86") == tmp_path / "cache" / "kernels" / cubin_name("sm_86")
    assert cubin("sm_86").read_bytes() == b"code for sm_86"
    assert FakeCompiler.compiled == 1
    assert not stale.exists()
    assert {path.suffix for path in stale.parent.iterdir()} == {".cubin"}


def test_compiled_again_whatever_is_kept() -> None:
    damaged = store(cubin("sm_86").parent, "sm_86", b"")
    assert cubin("sm_86") == damaged
    assert compiled("sm_86") == damaged
    assert damaged.read_bytes() == b"code for sm_86"


def test_another_start_that_writes_the_same_file_is_left_alone(tmp_path: Path) -> None:
    others = (tmp_path / cubin_name("sm_86")).with_suffix(".1.part")
    others.write_bytes(b"half of")
    assert store(tmp_path, "sm_86", b"all of it").read_bytes() == b"all of it"
    assert others.read_bytes() == b"half of"


def test_what_cannot_be_put_in_place_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("in use")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        store(tmp_path, "sm_86", b"code")
    assert list(tmp_path.iterdir()) == []


def test_a_compiler_that_cannot_be_loaded_is_a_devices_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "libnvrtc.so.13"
    broken.write_bytes(b"no library")
    monkeypatch.setattr(nvrtc, "_candidates", lambda: iter([broken]))
    with pytest.raises(DeviceError, match="cannot be loaded"):
        nvrtc.Nvrtc()


def test_what_was_built_ahead_comes_first(tmp_path: Path) -> None:
    ahead = store(tmp_path / "ahead", "sm_90", b"ahead")
    assert cubin("sm_90") == ahead
    assert FakeCompiler.compiled == 0


def test_a_cache_that_cannot_be_written_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert cubin("sm_86").read_bytes() == b"code for sm_86"
    assert "compiled at each start" in caplog.text


def test_a_cache_that_is_another_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Path.is_file

    def refused(path: Path) -> bool:
        if tmp_path / "cache" in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return ask(path)

    monkeypatch.setattr(Path, "is_file", refused)
    assert cubin("sm_86").read_bytes() == b"code for sm_86"


def test_a_disk_without_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DeviceError, match=r"cannot be written anywhere .*No space left") as caught:
        cubin("sm_86")
    assert "--device cpu" in caught.value.hint


def test_a_card_that_the_compiler_does_not_know() -> None:
    with pytest.raises(DeviceError, match="sm_999: do not compile") as caught:
        cubin("sm_999")
    assert "nvidia-cuda-nvrtc" in caught.value.hint
