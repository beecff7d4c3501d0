"""The HTTP side: the page, its offers, the avatars.

| request | answer |
|---|---|
| GET /, /NAME | the page and its files |
| POST /api/offer {sdp, type, role?, session?, avatar?, alpha?} | {sdp, type, session} |
| GET /api/avatars | [{name, thumbnail, warnings, note, bundled}] |
| GET /api/avatars/NAME/thumbnail | a picture |
| POST /api/avatars?name=NAME, a photo as the body or as a form's file | 202 {job} |
| GET /api/jobs/ID | {state, progress, stage, warnings, error, hint, avatar} |
| DELETE /api/avatars/NAME | {} |
| GET /healthz | {status, sessions, viewers, capacity, backend, video, card_mb, failures, version} |

Every failure: 4xx or 5xx with {error, hint}. role: performer (default) or viewer; a performer who
gives the name of a running session takes its place; a viewer without one watches the newest.
"""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from engines.avatar.store import check_name
from engines.errors import InputError
from realtime import offer
from realtime.enrolment import Enrolments
from realtime.guard import (
    TakenError,
    TooLargeError,
    TooLateError,
    answer_errors,
    guard,
    without_trace,
)
from realtime.hub import Hub

MAX_PHOTO_BYTES = 32 * 1024 * 1024
BODY_S = 10.0
PHOTO_S = 120.0
PHOTO_HINT = "Send one JPEG, PNG or WebP picture of at most 32 MB."
WEB = Path(__file__).resolve().parent.parent / "web"

HUB: web.AppKey[Hub] = web.AppKey("hub", Hub)
PAGES: web.AppKey[Path] = web.AppKey("pages", Path)
ENROLMENTS: web.AppKey[Enrolments] = web.AppKey("enrolments", Enrolments)


def make_app(
    hub: Hub, allow_hosts: frozenset[str] = frozenset(), pages: Path = WEB
) -> web.Application:
    """The application. It closes the hub when it ends. pages: the folder of static files."""
    app = web.Application(middlewares=[answer_errors, guard(allow_hosts)])
    app[HUB], app[PAGES] = hub, pages
    app[ENROLMENTS] = Enrolments(hub.backstage.enroll)
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.post("/api/offer", post_offer),
            web.get("/api/avatars", get_avatars),
            web.post("/api/avatars", post_avatar),
            web.get("/api/avatars/{name}/thumbnail", get_thumbnail),
            web.delete("/api/avatars/{name}", delete_avatar),
            web.get("/api/jobs/{job}", get_job),
            web.get("/{path:.*}", get_page),
        ]
    )
    logging.getLogger("aiohttp.server").addFilter(without_trace)  # adds it once
    app.on_response_prepare.append(_always_ask)
    app.on_cleanup.append(_close)
    return app


async def _always_ask(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.setdefault("Cache-Control", "no-cache")  # an update must reach the page


async def _close(app: web.Application) -> None:
    await app[ENROLMENTS].close()
    await app[HUB].close()


async def get_page(request: web.Request) -> web.StreamResponse:
    folder = request.app[PAGES].resolve()
    try:
        page = (folder / (request.match_info["path"] or "index.html")).resolve()
        found = page.is_relative_to(folder) and page.is_file()
    except (OSError, ValueError):  # no name that a file can have
        found = False
    if not found:
        raise web.HTTPNotFound
    return web.FileResponse(page)


async def healthz(request: web.Request) -> web.Response:
    return web.json_response(request.app[HUB].health())


async def post_offer(request: web.Request) -> web.Response:
    asked = offer.Offer.parse(await _json(request))
    sdp, session = await request.app[HUB].answer(asked)
    return web.json_response({"sdp": sdp, "type": "answer", "session": session})


async def get_avatars(request: web.Request) -> web.Response:
    hub = request.app[HUB]
    cards = await hub.help(hub.backstage.gallery.cards)
    return web.json_response(
        [
            {
                "name": card.name,
                "thumbnail": f"api/avatars/{quote(card.name)}/thumbnail",
                "warnings": card.warnings,
                "note": card.note,
                "bundled": card.bundled,
            }
            for card in cards
        ]
    )


async def get_thumbnail(request: web.Request) -> web.Response:
    hub = request.app[HUB]
    name = check_name(request.match_info["name"])
    picture = await hub.help(hub.backstage.gallery.thumbnail, name)
    kind = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
    return web.Response(body=picture, content_type=kind)


async def delete_avatar(request: web.Request) -> web.Response:
    hub = request.app[HUB]
    await hub.help(hub.backstage.gallery.delete, check_name(request.match_info["name"]))
    return web.json_response({})


async def get_job(request: web.Request) -> web.Response:
    return web.json_response(request.app[ENROLMENTS].job(request.match_info["job"]).message())


async def post_avatar(request: web.Request) -> web.Response:
    hub = request.app[HUB]
    name = check_name(request.query.get("name", ""))
    await _check_free(hub, name)
    folder = tempfile.TemporaryDirectory(prefix="puppetcam-")
    photo = Path(folder.name) / "photo"
    try:
        async with asyncio.timeout(PHOTO_S):
            await _save(request, photo)
        await _check_free(hub, name)  # a slow upload may have been overtaken by one of this name
        job = request.app[ENROLMENTS].begin(photo, name, folder.cleanup)
    except TimeoutError:
        folder.cleanup()
        raise TooLateError(
            f"The photo did not arrive within {PHOTO_S:.0f} s.",
            "Send a smaller one, or send it again.",
        ) from None
    except BaseException:
        folder.cleanup()
        raise
    return web.json_response({"job": job}, status=202)


async def _check_free(hub: Hub, name: str) -> None:
    """Raise TakenError if there is an avatar of this name, in whatever case."""
    cards = await hub.help(hub.backstage.gallery.cards)
    if name.lower() in (card.name.lower() for card in cards):
        raise TakenError(f"There is an avatar {name!r} already.", "Choose another name.")


async def _save(request: web.Request, photo: Path) -> None:
    """Write the photo in a request to a file. Raises InputError."""
    size = 0
    with photo.open("wb") as file:
        async for chunk in _photo(request):
            size += len(chunk)
            if size > MAX_PHOTO_BYTES:
                raise TooLargeError("The photo has more than 32 MB.", PHOTO_HINT)
            file.write(chunk)
    if size == 0:
        raise InputError("There is no photo in the request.", PHOTO_HINT)


async def _photo(request: web.Request) -> AsyncIterator[bytes]:
    """The bytes of the photo in a request, chunk by chunk. Raises InputError for a bad form."""
    if not request.content_type.startswith("multipart/"):
        async for chunk in request.content.iter_chunked(65536):
            yield chunk
        return
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.filename is not None:
                while chunk := await part.read_chunk(65536):
                    yield chunk
                return
    except ValueError as error:
        raise InputError(f"The form cannot be read ({error}).", PHOTO_HINT) from None


async def _json(request: web.Request) -> Any:
    """The JSON of a request that should hold an offer. Raises OfferError or TooLargeError."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.content.iter_chunked(16384):
                body += chunk
                if len(body) > offer.MAX_BYTES:
                    raise TooLargeError(
                        f"The offer has more than {offer.MAX_BYTES} bytes.", offer.HINT
                    )
    except TimeoutError:
        raise offer.OfferError(f"The offer did not arrive within {BODY_S:.0f} s.") from None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise offer.OfferError("The offer is not JSON.") from None
