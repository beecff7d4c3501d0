"""Options of ``serve``."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

import pytest

from engines.device import Choice
from engines.errors import BusyError, InputError
from engines.kernels.budget import GB, Budget
from realtime import serve
from realtime.config import ServerConfig, card_memory, ice_server, told
from realtime.hub import Backstage


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    return parser.parse_args(words)


def test_defaults() -> None:
    config = serve.config_of(options())
    assert (config.host, config.port, config.scheme) == ("127.0.0.1", 8088, "http")
    assert config.ice_servers == ()
    assert config.capacity is None
    assert config.tls() is None


def test_ice_servers() -> None:
    stun = ice_server("stun:example.org:3478")
    assert (stun.urls, stun.username) == ("stun:example.org:3478", None)
    turn = ice_server("turn:me:s:e@cret@example.org?transport=tcp")
    assert turn.urls == "turn:example.org?transport=tcp"
    assert (turn.username, turn.credential) == ("me", "s:e@cret")


@pytest.mark.parametrize(
    "url", ["", "example.org", "http://x", "stun:", "turn:example.org", "turn:me@example.org"]
)
def test_bad_ice_servers(url: str) -> None:
    with pytest.raises(InputError, match="--ice-server"):
        ice_server(url)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--port", "70000"), "--port"),
        (("--capacity", "0"), "--capacity"),
        (("--cert", "a.pem"), "wanted both or neither"),
    ],
)
def test_bad_options(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(InputError, match=says):
        serve.config_of(options(*words))


@pytest.mark.parametrize(
    ("text", "size"),
    [("500MB", 500_000_000), ("1.5GB", 1_500_000_000), (" 2 gb", 2_000_000_000), (None, None)],
)
def test_a_share_of_the_card(text: str | None, size: int | None) -> None:
    assert card_memory(text) == size


NO_SHARES = ["2", "2TB", "GB", "-1GB", "1e3MB", "0GB", "1,5GB", "", 99 * "9" + "GB"]


@pytest.mark.parametrize("text", NO_SHARES)
def test_bad_shares_of_the_card(text: str) -> None:
    with pytest.raises(InputError, match=f"--card-memory: got '{text}', wanted a size") as caught:
        serve.config_of(options(f"--card-memory={text}"))
    assert caught.value.exit_code == 2


def test_unusable_certificates(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no")
    config = ServerConfig(cert=tmp_path / "x.pem", key=tmp_path / "x.pem")
    assert config.scheme == "https"
    with pytest.raises(InputError, match="cannot be used"):
        config.tls()


def test_a_busy_port_says_what_to_type() -> None:
    with serve.bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BusyError, match=f"Port {port}") as busy:
            serve.bind("127.0.0.1", port)
        assert busy.value.hint == f"puppetcam serve --port {port + 1}"
        assert busy.value.exit_code == 6


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(InputError, match=r"192\.0\.2\.99"):
        serve.bind("192.0.2.99", 0)


def test_models_load_after_the_port_is_known() -> None:
    def open_backstage(args: argparse.Namespace) -> Backstage:
        raise AssertionError

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BusyError):
        serve.run(options("--port", str(taken.getsockname()[1])), open_backstage)


def test_a_share_of_the_card_is_for_nothing_on_the_cpu() -> None:
    cpu = Choice("cpu", "no NVIDIA driver")
    line = "device cpu (no NVIDIA driver)"
    assert told(cpu, 2 * GB) == f"{line}\n--card-memory limits nothing: the CPU computes"
    assert told(cpu, None) == line
    assert told(Choice("cuda", "asked for"), 2 * GB) == "device cuda (asked for)"


def test_the_cards_share_is_set_before_anything_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = Budget()
    monkeypatch.setattr(serve, "budget", budget)

    def open_backstage(args: argparse.Namespace) -> Backstage:
        assert budget.allowed == 2 * GB
        raise InputError("seen")

    with pytest.raises(InputError, match="seen"):
        serve.run(options("--port", "0", "--card-memory", "2GB"), open_backstage)
