"""What ``serve`` was asked for."""

from __future__ import annotations

import argparse
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from aiortc import RTCIceServer

from engines.device import DEVICES, Choice
from engines.errors import InputError
from engines.kernels.budget import GB, MB

HOST = "127.0.0.1"
PORT = 8088


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Checked options of the server.

    allow_hosts: names beside localhost and host under which pages may be opened. capacity: how many
    performances may run, None to measure. cert, key: PEM files for https, both or neither.
    card_memory: bytes of the card that may be taken, None: all.
    """

    host: str = HOST
    port: int = PORT
    allow_hosts: tuple[str, ...] = ()
    capacity: int | None = None
    ice_servers: tuple[RTCIceServer, ...] = field(default=())
    cert: Path | None = None
    key: Path | None = None
    card_memory: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InputError(f"--port: got {self.port}, wanted 0 to 65535")
        if self.capacity is not None and self.capacity < 1:
            raise InputError(f"--capacity: got {self.capacity}, wanted at least 1")
        if (self.cert is None) != (self.key is None):
            raise InputError("--cert and --key: got one, wanted both or neither")

    @property
    def scheme(self) -> str:
        return "https" if self.cert else "http"

    def tls(self) -> ssl.SSLContext | None:
        """The context for https, None for http. Raises InputError for unusable files."""
        if self.cert is None or self.key is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            raise InputError(
                f"--cert {self.cert} and --key {self.key} cannot be used ({error})",
                "wanted two PEM files that belong together",
            ) from error
        return context


def ice_server(url: str) -> RTCIceServer:
    """``stun:HOST[:PORT]`` or ``turn:USER:PASSWORD@HOST[:PORT][?transport=tcp]``.

    Raises InputError for anything else.
    """
    scheme, _, rest = url.partition(":")
    login, at, place = rest.rpartition("@")
    user, colon, password = login.partition(":")
    host = urlsplit(f"//{place}").hostname if place else None
    wanted = "wanted stun:HOST[:PORT] or turn:USER:PASSWORD@HOST[:PORT]"
    if scheme in ("stun", "stuns") and host and not at:
        return RTCIceServer(urls=url)
    if scheme in ("turn", "turns") and host and at and colon:
        return RTCIceServer(urls=f"{scheme}:{place}", username=user, credential=password)
    raise InputError(f"--ice-server: got {url!r}", wanted)


def card_memory(text: str | None) -> int | None:
    """``500MB`` or ``1.5GB`` in bytes, None for None. Raises InputError for anything else."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,7}(?:\.\d+)?) ?([mg])b", text.strip().lower())
    size = int(float(match[1]) * {"m": MB, "g": GB}[match[2]]) if match else 0
    if size < MB:
        raise InputError(
            f"--card-memory: got {text!r}, wanted a size of 1MB or more with its unit",
            "--card-memory 500MB, or 1.5GB",
        )
    return size


def add_card_memory(parser: argparse.ArgumentParser) -> None:
    """The option --card-memory of the commands that work beside others on the card."""
    parser.add_argument(
        "--card-memory",
        metavar="SIZE",
        help="take no more of the graphics card than this, as 500MB or 2GB; what CUDA itself takes "
        "of it for a program (some 300 to 500 MB) comes on top (default: no limit)",
    )


def told(choice: Choice, allowed: int | None) -> str:
    """What is said of the device. allowed: ``card_memory``, for nothing where the CPU computes."""
    if choice.device != "cpu" or allowed is None:
        return str(choice)
    return f"{choice}\n--card-memory limits nothing: the CPU computes"


def add_device(parser: argparse.ArgumentParser) -> None:
    """The option --device of every command that computes frames."""
    parser.add_argument(
        "--device",
        default="auto",
        metavar="|".join(DEVICES),
        help="where to compute; what was asked for is what you get (default auto)",
    )
