"""What a run of the card's tests alone says at its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILE = """
import pytest

@pytest.mark.gpu
def test_a_card():
    pytest.skip("no NVIDIA driver")

@pytest.mark.gpu
@pytest.mark.slow
def test_another():
    {}

def test_without():
    pytest.skip("another reason")
"""
NOTHING = "nothing ran on a card: no NVIDIA driver"


@pytest.mark.parametrize(
    ("other", "options", "code", "said"),
    [
        ("pytest.skip('also')", ["-m", "gpu"], 5, True),
        ("pytest.skip('also')", ["-m", "gpu and not slow"], 5, True),
        ("pass", ["-m", "gpu"], 0, False),
        ("assert False", ["-m", "gpu"], 1, False),
        ("pytest.skip('also')", [], 0, False),
        ("pytest.skip('also')", ["-m", "not gpu"], 0, False),
        ("pytest.skip('also')", ["-m", "gpu", "--collect-only"], 0, False),
    ],
)
def test_skipped_all_is_no_success(
    tmp_path: Path, other: str, options: list[str], code: int, said: bool
) -> None:
    file = tmp_path / "test_some.py"
    file.write_text(FILE.format(other))
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), *options]
    done = subprocess.run(
        [*command, "-p", "tests.conftest", "-p", "no:cacheprovider", str(file)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert (done.stdout.splitlines()[-1] == NOTHING) == said
    assert (NOTHING in done.stdout) == said
