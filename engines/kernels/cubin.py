"""The CUDA kernels: their sources, and the machine code that NVRTC makes of them."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from engines.engine_cache import usual_folder
from engines.errors import DeviceError, ModelError
from engines.kernels.nvrtc import Nvrtc

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
CUBINS = FOLDER / "cubins"  # where ``puppetcam-export cubins`` puts what it compiled
FILES = (
    "common.cuh",
    "skin.cu",
    "fade.cu",
    "planes.cu",
    "raster.cu",
    "paint.cu",
    "composite.cu",
    "warp.cu",
    "look.cu",
    "refine.cu",
    "video.cu",
)
OPTIONS = ("-std=c++17",)


def source() -> str:
    """All kernels as one translation unit."""
    return "".join(f'#line 1 "{name}"\n{(FOLDER / name).read_text("utf-8")}' for name in FILES)


def names() -> tuple[str, ...]:
    """The kernels that ``source`` defines."""
    return tuple(re.findall(r"__global__ void (\w+)\(", source()))


def cubin_name(target: str) -> str:
    """The file of the present sources compiled for ``target`` (``sm_86``): never a stale one."""
    return f"{target}-{hashlib.sha256(source().encode()).hexdigest()[:12]}.cubin"


def cubin(target: str) -> Path:
    """The file for ``target``: built ahead, kept by an earlier start, or compiled now (a second or
    two) and kept for the next.

    Raises DeviceError where there is no NVRTC, or one that does not know the target, and where no
    file can be written.
    """
    for folder in (CUBINS, _kept()):
        path = folder / cubin_name(target)
        with suppress(OSError):  # a folder that is another user's, after a start with sudo
            if path.is_file():
                return path
    return compiled(target)


def compiled(target: str) -> Path:
    """As ``cubin``, whatever there is already."""
    kept = _kept()
    try:
        code = Nvrtc().compile(source(), target, OPTIONS)
    except ModelError as error:
        raise DeviceError(error.message, "pip install --upgrade nvidia-cuda-nvrtc") from error
    try:
        return store(kept, target, code)
    except OSError as error:
        log.warning("%s cannot be written to (%s): kernels are compiled at each start", kept, error)
    try:
        return store(Path(tempfile.mkdtemp(prefix="puppetcam-")), target, code)
    except OSError as error:
        raise DeviceError(
            f"kernels: they cannot be written anywhere ({error})",
            f"free space on the disk of {kept}, or --device cpu",
        ) from error


def _kept() -> Path:
    return usual_folder().parent / "kernels"


def store(folder: Path, target: str, code: bytes) -> Path:
    """Write a cubin, whole or not at all, in place of those of older sources; returns where."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / cubin_name(target)
    part = path.with_suffix(f".{os.getpid()}.part")  # another start may write the same file
    try:
        with part.open("wb") as file:
            file.write(code)
            file.flush()
            os.fsync(file.fileno())  # nothing looks whether what is kept is whole
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    for old in folder.glob(f"{target}-*.cubin"):
        if old != path:
            old.unlink(missing_ok=True)
    return path
