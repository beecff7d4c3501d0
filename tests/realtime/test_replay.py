from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engines.avatar.store import save_avatar
from realtime import __main__ as command_line
from tests.engines.figures import avatar


def test_the_clip_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save_avatar(replace(avatar(), name="anna", provenance={}), tmp_path)
    clip = tmp_path / "a.mp4"
    clip.write_bytes(b"clip")
    line = ["replay", "--avatar", str(folder), "--input", str(clip), "--output", str(clip)]
    assert command_line.main(line) == 2
    assert "which is the input" in capsys.readouterr().err
    assert clip.read_bytes() == b"clip"


def test_an_error_of_the_system_is_no_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("realtime.replay.run", full)
    line = ["replay", "--avatar", "a", "--input", "b.mp4", "--output", "c.mp4"]
    assert command_line.main(line) == 1
    said = capsys.readouterr().err
    assert "No space left" in said
    assert "free space" in said
