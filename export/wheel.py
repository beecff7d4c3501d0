"""The pinned MediaPipe wheel: where the networks come from."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from engines.errors import InputError, ModelError

PACKAGE = "mediapipe==0.10.21"  # the last release whose wheel bundles its networks
NAME = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
PLATFORM = ("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11")


def networks(wheel: Path | None = None) -> dict[str, bytes]:
    """The wheel's .tflite files by their path in it ("mediapipe/modules/...").

    wheel: an already downloaded file; None lets pip download it (36 MB, any platform, without its
    dependencies). Raises InputError when it cannot be had, ModelError when its digest differs.
    """
    if wheel is not None:
        return _open(wheel)
    with tempfile.TemporaryDirectory() as folder:
        command = ["download", "--quiet", "--no-deps", "--only-binary=:all:", *PLATFORM]
        done = subprocess.run(
            [sys.executable, "-m", "pip", *command, "--dest", folder, PACKAGE],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise InputError(
                f"pip download {PACKAGE}: exit code {done.returncode}\n{done.stderr.strip()}",
                f"download {NAME} elsewhere and name it with --wheel",
            )
        return _open(Path(folder) / NAME)


def _open(wheel: Path) -> dict[str, bytes]:
    try:
        got = hashlib.sha256(wheel.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"wheel {wheel}: cannot be read ({error})") from error
    if got != SHA256:
        raise ModelError(f"wheel {wheel}: got sha256 {got}, wanted {SHA256}", f"wanted is {NAME}")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".tflite")]
        return {name: archive.read(name) for name in names}
