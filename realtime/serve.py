"""Start the server: the live loop behind the page whose address it prints."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import json
import signal
import socket
import ssl
import sys
from collections.abc import Callable

from aiohttp import web

from engines.errors import BusyError, InputError
from engines.kernels.budget import budget
from engines.version import version
from realtime import guard, memory
from realtime.config import (
    HOST,
    PORT,
    ServerConfig,
    add_card_memory,
    add_device,
    card_memory,
    ice_server,
)
from realtime.hub import Backstage, Hub
from realtime.server import make_app

SWITCH_S = 0.0005  # how long a thread keeps the interpreter while another waits

OpenBackstage = Callable[[argparse.Namespace], Backstage]
"""Loads what performs, from the command line's options; may take seconds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``serve``."""
    add = parser.add_argument
    add("--host", default=HOST, help=f"address to listen on; 0.0.0.0: all (default {HOST})")
    add("--port", type=int, default=PORT, help=f"port; 0: any free one (default {PORT})")
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another name under which the page may be opened; may be given again",
    )
    add(
        "--avatars",
        metavar="DIR",
        default=None,
        help="folder of your own avatars (default: in your user data)",
    )
    add(
        "--capacity",
        type=int,
        default=None,
        metavar="N",
        help="performances at a time (default: measured while they run)",
    )
    add(
        "--ice-server",
        action="append",
        default=[],
        metavar="URL",
        help="stun:HOST[:PORT] or turn:USER:PASSWORD@HOST[:PORT]; none is asked by default",
    )
    add("--cert", default=None, metavar="PEM", help="certificate for https, with --key")
    add("--key", default=None, metavar="PEM", help="private key for https, with --cert")
    add_device(parser)
    add_card_memory(parser)


def config_of(args: argparse.Namespace) -> ServerConfig:
    """The checked options. Raises InputError."""
    return ServerConfig(
        args.host,
        args.port,
        tuple(args.allow_host),
        args.capacity,
        tuple(ice_server(url) for url in args.ice_server),
        args.cert,
        args.key,
        card_memory(args.card_memory),
    )


def run(args: argparse.Namespace, open_backstage: OpenBackstage | None = None) -> int:
    """Serve until Ctrl-C; the exit code. Raises PuppetcamError."""
    if open_backstage is None:
        from realtime import backstage as performing  # models and kernels: only once they serve

        open_backstage = performing.open_backstage
    # The event loop shares the interpreter with the compute thread. At the default of 5 ms it waits
    # for the lock several times per frame: measured 97 to 65 ms glass-to-glass, 17 to 27 frames/s.
    sys.setswitchinterval(SWITCH_S)
    config = config_of(args)
    tls = config.tls()
    listener = bind(config.host, config.port)  # first: a busy port is known before models load
    with listener:
        budget.allowed = config.card_memory
        backstage = open_backstage(args)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(config, backstage, listener, tls, getattr(args, "json", False)))
    return 0


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises BusyError for a port in use, InputError for an unusable one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", None)):
            raise BusyError(
                f"Port {port} of {host} is in use.", f"puppetcam serve --port {port + 1}"
            ) from error
        raise InputError(
            f"cannot listen on {host}, port {port} ({error.strerror or error})",
            "wanted an address of this machine and a port of 1024 or above",
        ) from error


async def _serve(
    config: ServerConfig,
    backstage: Backstage,
    listener: socket.socket,
    tls: ssl.SSLContext | None,
    as_json: bool,
) -> None:
    hub = Hub(backstage, config.capacity, config.ice_servers, version())
    hosts = frozenset(name.lower() for name in (config.host, *config.allow_hosts))
    app = make_app(hub, hosts)
    runner = web.AppRunner(app, shutdown_timeout=1.0, access_log=None, **guard.READ_LIMITS)
    await runner.setup()
    memory.keep()
    try:
        await web.SockSite(runner, listener, ssl_context=tls).start()
        port = listener.getsockname()[1]
        print(ready(config, port, hub), flush=True)
        if as_json:
            print(json.dumps({"url": address(config, port), **hub.health()}), flush=True)
        await _interrupted()
        print("\nClosing.", flush=True)
    finally:
        await runner.cleanup()


def open_to_all(config: ServerConfig) -> bool:
    """Whether other machines can reach it."""
    return config.host in ("0.0.0.0", "::")


def address(config: ServerConfig, port: int) -> str:
    """Where the performer's page is."""
    host = "localhost" if open_to_all(config) else config.host
    return f"{config.scheme}://{f'[{host}]' if ':' in host else host}:{port}/"


def ready(config: ServerConfig, port: int, hub: Hub) -> str:
    """What is printed once pages can be opened."""
    url = address(config, port)
    lines = [
        f"puppetcam {hub.version} computes with {hub.backstage.backend}.",
        f"  perform  {url}",
        f"  stage    {url}stage.html  (browser source for OBS)",
    ]
    if open_to_all(config) and config.cert is None:
        lines.append("  Elsewhere browsers give the camera to https pages only: --cert, --key")
    return "\n".join([*lines, "Ctrl-C ends it."])


async def _interrupted() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows: Ctrl-C arrives as KeyboardInterrupt
            break
    await stop.wait()
