"""What stands before every request: who may ask, and how errors are answered."""

from __future__ import annotations

import ipaddress
import logging
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from engines.errors import BusyError, InputError, PuppetcamError
from realtime.admission import RETRY_AFTER_S
from realtime.gallery import MissingError

log = logging.getLogger(__name__)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Server": "puppetcam",
    "X-Content-Type-Options": "nosniff",
}


# What aiohttp reads of a request line and of a header. Beyond it the answer is aiohttp's own, plain
# text; up to it every answer is ours. (Cookies of other servers on localhost come here too.)
READ_LIMITS: dict[str, Any] = {"max_line_size": 65_536, "max_field_size": 65_536}
MAX_ADDRESS = 8190  # characters of path and query


class TooLargeError(InputError):
    """A request that is longer than it may be."""


class TooLateError(InputError):
    """A request that did not arrive in time."""


class TakenError(InputError):
    """A name that something else has."""


def problem(status: int, error: str, hint: str = "") -> web.Response:
    """An error as the page expects it."""
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    return web.json_response({"error": error, "hint": hint}, status=status, headers=headers)


def status_of(error: PuppetcamError) -> int:
    """The HTTP status for an error of ours."""
    if isinstance(error, MissingError):
        return 404
    if isinstance(error, BusyError):
        return 503
    if isinstance(error, TooLargeError):
        return 413
    if isinstance(error, TooLateError):
        return 408
    if isinstance(error, TakenError):
        return 409
    return 400 if isinstance(error, InputError) else 500


def own_host(host: str, allowed: frozenset[str]) -> bool:
    """Whether a Host header may reach us: a number, localhost, or a name the user allowed.

    A foreign page can make its own name point at this machine (DNS rebinding), but not a number.
    """
    name = urlsplit(f"//{host}").hostname
    if name is None:
        return False
    if name == "localhost" or name.endswith(".localhost") or name in allowed:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def same_origin(host: str, origin: str | None, fetch_site: str | None) -> bool:
    """Whether a request comes from our own page, or from no page at all.

    origin, fetch_site: its Origin and Sec-Fetch-Site headers.
    """
    if fetch_site not in (None, "same-origin", "none"):
        return False
    try:
        return origin is None or urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:  # no address at all
        return False


def without_trace(record: logging.LogRecord) -> bool:
    """Log filter: what is no request is somebody else's mistake; one line about it is enough."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.args = "a request could not be read: %s", (error.message,)
        record.exc_info = None
    return True


def guard(allow_hosts: frozenset[str]) -> Middleware:
    """Refuse foreign hosts and pages."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if len(request.path_qs) > MAX_ADDRESS:
            return problem(
                414,
                f"The address has more than {MAX_ADDRESS} characters.",
                "A photo or an offer goes into the request's body.",
            )
        host = request.headers.get("Host", "")
        try:
            known = own_host(host, allow_hosts)
        except ValueError:
            known = False
        if not known:
            name = host.rsplit(":", 1)[0][:60]
            return problem(
                403,
                f"This server does not answer to the name {name!r}.",
                f"Open it under its address, or start it with --allow-host {name}",
            )
        header = request.headers.get
        called = request.path.startswith("/api/")
        if called and not same_origin(host, header("Origin"), header("Sec-Fetch-Site")):
            return problem(
                403, "Another site's page may not use this server.", "Open the server's own page."
            )
        return await handler(request)

    return middleware


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every exception into JSON, without a trace; add the security headers."""
    try:
        response = await handler(request)
    except PuppetcamError as error:
        response = problem(status_of(error), error.message, error.hint)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        words, hint = _WORDS.get(error.status, (error.reason, "Reload the page."))
        allow = error.headers.get("Allow")
        response = problem(
            error.status, words, f"It takes {allow.replace(',', ', ')}." if allow else hint
        )
        if allow:
            response.headers["Allow"] = allow
    except ConnectionError:  # the client went away: nobody reads this
        response = problem(400, "The request was cut off.", "Send it again.")
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        response = problem(500, "The server failed.", "The terminal that runs it says more.")
    if not response.prepared:
        response.headers.update(HEADERS)
    return response


_WORDS = {
    404: ("There is nothing here.", "The performer's page is at /, the stage at /stage.html."),
    405: ("This address takes no such request.", ""),
    413: ("That is too large.", "Send less."),
}
