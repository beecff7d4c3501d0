"""The command line as a whole: help, exit codes, no stack trace."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from engines.errors import BusyError, DeviceError, InputError, ModelError, NoPersonError
from realtime import doctor
from realtime.__main__ import COMMANDS, main

ROOT = Path(__file__).parent.parent.parent


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let ``doctor`` end with this."""

    def run(args: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(doctor, "run", run)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("bad"), 2),
        (NoPersonError("bad"), 3),
        (DeviceError("bad"), 4),
        (ModelError("bad"), 5),
        (BusyError("bad"), 6),
        (OSError(28, "bad"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_kind_of_failure_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
) -> None:
    fail_with(monkeypatch, error)
    assert main(["doctor"]) == code
    printed = capsys.readouterr()
    assert ("interrupted" if code == 130 else "bad") in printed.err
    assert printed.out == ""


def test_json_tells_the_error_and_the_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(monkeypatch, InputError("got this", "type that"))
    assert main(["doctor", "--json"]) == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"error": "got this", "hint": "type that"}
    assert printed.err == "error: got this\n  type that\n"


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_no_library(option: str) -> None:
    code = (
        "import sys; from realtime.__main__ import main\n"
        f"try: main([{option!r}])\n"
        "except SystemExit: print(*sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(ended.stdout.splitlines()[-1].split())
    assert "realtime.__main__" in loaded
    assert not loaded & {"numpy", "numba", "cv2", "onnxruntime", "av", "aiohttp", "aiortc"}


@pytest.mark.parametrize("argv", [[], ["dance"], ["replay"], ["enroll", "a.jpg"], ["serve", "-x"]])
def test_a_wrong_command_line_shows_the_usage(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(argv)
    assert "usage: puppetcam" in capsys.readouterr().err


def test_as_a_program_it_exits_with_the_code_and_without_a_trace(tmp_path: Path) -> None:
    command = ["enroll", str(tmp_path / "none.jpg"), "--name", "x", "--avatars", str(tmp_path)]
    ended = subprocess.run(
        [sys.executable, "-m", "realtime", *command],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ")
    assert "none.jpg: cannot be read" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []
