"""The command line of puppetcam-export where the libraries of its extra are missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from export import probe
from export.__main__ import main

ROOT = Path(__file__).parent.parent.parent
COMMANDS = {
    "bench-torch": "torch",
    "body": "anny",
    "people": "anny",
    "keypoints": "onnx",
    "golden": "skimage",
    "avatars": "skimage",
    "probe": "onnx",
}
ALL = f"""
import sys
from export.__main__ import LIBRARIES, main
sys.modules.update(dict.fromkeys(LIBRARIES))
for command in {list(COMMANDS)}:
    assert main([command, "--performance", "x.mp4"] if command == "people" else [command]) == 4
"""


def test_a_library_that_is_missing_is_named_with_the_line_to_type() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALL], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        line
        for command, library in COMMANDS.items()
        for line in (
            f"puppetcam-export: {command}: {library} is not installed",
            "  pip install -e '.[export]'",
        )
    ]


def test_another_module_that_is_missing_is_a_fault_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(arguments: object) -> int:
        raise ModuleNotFoundError("No module named 'engines.lost'", name="engines.lost")

    monkeypatch.setattr(probe, "run", run)
    with pytest.raises(ModuleNotFoundError):
        main(["probe"])
