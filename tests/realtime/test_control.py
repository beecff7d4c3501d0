"""Control messages are checked before they are obeyed."""

from __future__ import annotations

import json

import pytest

from engines.errors import InputError
from realtime.control import Command, parse


@pytest.mark.parametrize(
    ("message", "command"),
    [
        ({"type": "avatar", "name": "zoe"}, Command("avatar", "zoe")),
        ({"type": "background", "value": "#00ff7F"}, Command("background", "#00ff7F")),
        ({"type": "background", "value": "none"}, Command("background", "none")),
        ({"type": "mirror", "on": True}, Command("mirror", True)),
        ({"type": "mark", "on": False}, Command("mark", False)),
        ({"type": "calibrate"}, Command("calibrate")),
        ({"type": "ping", "id": 7}, Command("ping", 7)),
    ],
)
def test_known_messages(message: dict[str, object], command: Command) -> None:
    assert parse(json.dumps(message)) == command


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ("[]", "type 'None'"),
        ('{"type": 5}', "type '5'"),
        ('{"type": "explode"}', "type 'explode'"),
        ('{"type": "mirror"}', "needs 'on'"),
        ('{"type": "mirror", "on": "yes"}', "needs 'on'"),
        ('{"type": "avatar", "name": null}', "needs 'name'"),
        ('{"type": "background", "value": "/etc/passwd"}', "No background"),
        ('{"type": "background", "value": "#12345"}', "No background"),
        ('{"type": "ping", "id": "' + "x" * 5000 + '"}', "5"),
        ("[" * 4000, "not JSON"),
        ('{"type": "ping", "id": NaN}', "not JSON"),
        ('{"type": "ping", "id": [1e999]}', "not JSON"),
    ],
)
def test_bad_messages(data: str | bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse(data)
