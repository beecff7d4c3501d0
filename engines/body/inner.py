"""How the solve's inner steps are compiled: to be called by compiled code alone."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numba

# Without the wrapper that Python would call them through: with dozens of arrays to take apart, it
# takes longer to compile than the step itself. Not kept on the disk either: what calls them is.
# Like all compiled functions that work on a few numbers they hold Python's lock: handing it over
# and waiting for it would take longer than they do.
_WITHOUT: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
# A division by zero gives what is no number, which the renderer refuses: a check at each would take
# seconds more to compile.
inner: Any = numba.njit(error_model="numpy", **_WITHOUT)


def sources() -> int:
    """A checksum of this folder's files.

    numba keeps a compiled step (``cache=True``) as long as the step's own file and what it closes
    over stay the same, whatever becomes of the steps in other files that it calls. So a step that
    calls such is not kept, but for the outermost, which closes over this.
    """
    files = sorted(Path(__file__).parent.glob("*.py"))
    return zlib.crc32(b"".join(path.read_bytes() for path in files))
