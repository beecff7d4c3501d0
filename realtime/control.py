"""The control channel: small JSON messages between the performer's page and a session.

From the page: ``{"type": "avatar", "name"}``, ``{"type": "background", "value"}``,
``{"type": "mirror", "on"}``, ``{"type": "mark", "on"}``, ``{"type": "calibrate"}``,
``{"type": "ping", "id"}``.
To the page: ``{"type": "hello", "session", "avatar", "version"}``, ``{"type": "avatar", "name",
"state": "loading" | "ready"}``, ``{"type": "stats", ...}`` once a second, ``{"type": "message",
"level": "info" | "warning" | "error", "text", "hint"}``, ``{"type": "pong", "id"}``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from engines.errors import InputError

MAX_BYTES = 4096
_BACKGROUND = re.compile(r"photo|blur|none|#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Command:
    """A checked message from the page: its type and its one value, if it has one."""

    type: str
    value: Any = None


# Message type -> name and type of its one field.
FIELDS: dict[str, tuple[str, type] | None] = {
    "avatar": ("name", str),
    "background": ("value", str),
    "mirror": ("on", bool),
    "mark": ("on", bool),
    "calibrate": None,
    "ping": ("id", object),
}


def parse(data: str | bytes) -> Command:
    """Check a message. Raises InputError."""
    hint = f"wanted one of {', '.join(FIELDS)}"
    if len(data) > MAX_BYTES:
        raise InputError(f"A control message has {len(data)} bytes, wanted at most {MAX_BYTES}.")
    try:
        message = json.loads(data)
        json.dumps(message, allow_nan=False)  # a ping is sent back: JSON knows no NaN
    except (ValueError, RecursionError):
        raise InputError("A control message is not JSON.", hint) from None
    kind = message.get("type") if isinstance(message, dict) else None
    if not isinstance(kind, str) or kind not in FIELDS:
        raise InputError(f"A control message has the type {str(kind)[:20]!r}.", hint)
    field = FIELDS[kind]
    if field is None:
        return Command(kind)
    name, wanted = field
    value = message.get(name)
    if not isinstance(value, wanted):
        raise InputError(f"The control message {kind!r} needs {name!r} ({wanted.__name__}).")
    if kind == "background" and not _BACKGROUND.fullmatch(str(value)):
        # A page may not name a file of this machine: pictures are a matter of the command line.
        raise InputError(
            f"No background {str(value)[:20]!r}.", "wanted photo, blur, none or #rrggbb"
        )
    return Command(kind, value)
