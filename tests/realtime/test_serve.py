"""The server as a command: ready, reachable, gone after Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from realtime.config import ServerConfig
from realtime.hub import Hub
from realtime.serve import ready
from tests.fakes import fake_backstage

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
def test_ready_and_ctrl_c() -> None:
    command = [sys.executable, "-m", "tests.fakes", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(4)]
        url = re.search(r"perform +(http://127\.0\.0\.1:\d+/)", "".join(lines))
        try:
            assert url is not None
            with urllib.request.urlopen(url[1] + "healthz", timeout=5) as answer:
                assert json.load(answer)["status"] == "ok"
        finally:
            server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=10)
    assert server.returncode == 0
    assert out == "\nClosing.\n"
    assert "Traceback" not in err


async def test_the_ready_line_names_the_addresses() -> None:
    hub = Hub(fake_backstage(), version="1.2.3")
    text = ready(ServerConfig(host="0.0.0.0"), 8088, hub)
    assert "puppetcam 1.2.3 computes with a fake puppet." in text
    assert "http://localhost:8088/stage.html" in text
    assert "--cert" in text
    assert "http://[::1]:80/\n" in ready(ServerConfig(host="::1"), 80, hub)
    await hub.close()
