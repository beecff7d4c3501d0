"""The HTTP side, over real TCP."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, FormData, web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from aiortc import RTCSessionDescription
from yarl import URL

from realtime import server
from realtime.guard import READ_LIMITS, answer_errors, own_host, same_origin
from realtime.hub import Hub
from realtime.offer import MAX_BYTES
from realtime.server import make_app
from tests.fakes import FakeGallery, fake_backstage
from tests.realtime.peers import Camera, Client, until

Http = TestClient[Any, Any]


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "app.js").write_text("export {};")
    return folder


@pytest.fixture
async def hub() -> Hub:
    return Hub(fake_backstage(), capacity=1, version="1.2.3")


@pytest.fixture
async def http(hub: Hub, pages: Path) -> AsyncIterator[Http]:
    async with TestClient(TestServer(make_app(hub, frozenset({"cam.example"}), pages))) as http:
        yield http


async def refused(response: ClientResponse, status: int) -> str:
    """The error of a refusal; checks that it is one as agreed."""
    assert response.status == status
    body = await response.json()
    assert set(body) == {"error", "hint"}
    assert body["error"]
    assert body["hint"]
    assert "Traceback" not in str(body)
    return str(body["error"])


# --- pages ----------------------------------------------------------------------------------


async def test_the_page_and_its_files(http: Http) -> None:
    page = await http.get("/")
    assert page.status == 200
    assert "<title>page" in await page.text()
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    for name, value in {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }.items():
        assert page.headers[name] == value
    script = await http.get("/app.js")
    assert script.content_type in ("text/javascript", "application/javascript")
    assert script.headers["Content-Security-Policy"] == policy


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/app.js/x",
        "/api/x",
        "/%00",
        f"/{'x' * 300}",
    ],
)
async def test_nothing_else_is_served(http: Http, path: str) -> None:
    url = URL(f"http://127.0.0.1:{http.port}{path}", encoded=True)
    async with ClientSession() as session, session.get(url) as response:
        assert await refused(response, 404) == "There is nothing here."


async def test_methods_that_are_not_taken(http: Http) -> None:
    response = await http.put("/api/offer")
    await refused(response, 405)
    assert "POST" in response.headers["Allow"]
    assert (await response.json())["hint"] == "It takes GET, HEAD, POST."


async def test_an_address_that_is_too_long(
    hub: Hub, pages: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runner = web.AppRunner(make_app(hub, pages=pages), access_log=None, **READ_LIMITS)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with ClientSession() as session:
        async with session.get(f"{base}/{'x' * 9000}") as long:
            assert "8190 characters" in await refused(long, 414)
        async with session.get(base, headers={"Cookie": "a=" + "x" * 9000}) as page:
            assert page.status == 200
        async with session.get(f"{base}/{'x' * 70_000}") as endless:
            assert endless.status == 400
            assert "Traceback" not in await endless.text()
    await runner.cleanup()
    (line,) = [record for record in caplog.records if record.name == "aiohttp.server"]
    assert line.exc_info is None
    assert line.getMessage().startswith("a request could not be read: ")


async def test_health(http: Http) -> None:
    assert await (await http.get("/healthz")).json() == {
        "status": "ok",
        "sessions": 0,
        "viewers": 0,
        "capacity": 1,
        "backend": "a fake puppet",
        "video": "H264 by the CPU (no card is used)",
        "card_mb": 0,
        "failures": 0,
        "version": "1.2.3",
    }


# --- who may ask ----------------------------------------------------------------------------


async def test_foreign_names_and_pages_are_refused(http: Http) -> None:
    error = await refused(await http.get("/", headers={"Host": "evil.example:8088"}), 403)
    assert error == "This server does not answer to the name 'evil.example'."
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{(http.port or 0) + 1}"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        error = await refused(await http.post("/api/offer", data="{}", headers=headers), 403)
        assert error == "Another site's page may not use this server."


async def test_own_pages_are_let_in(http: Http) -> None:
    own = {"Origin": f"http://127.0.0.1:{http.port}", "Sec-Fetch-Site": "same-origin"}
    assert (await http.get("/api/avatars", headers=own)).status == 200
    assert (await http.get("/", headers={"Host": "cam.example"})).status == 200


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost:8088", True),
        ("127.0.0.1", True),
        ("192.168.1.7:8088", True),
        ("[::1]:8088", True),
        ("a.localhost", True),
        ("mine.lan:80", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        (":8088", False),
    ],
)
def test_own_hosts(host: str, known: bool) -> None:
    assert own_host(host, frozenset({"mine.lan"})) is known


def test_origins() -> None:
    assert same_origin("localhost:8088", None, None)
    assert same_origin("localhost:8088", "http://LOCALHOST:8088", "same-origin")
    assert same_origin("localhost:8088", None, "none")
    assert not same_origin("localhost:8088", "http://localhost", None)
    assert not same_origin("localhost:8088", None, "same-site")
    assert not same_origin("localhost:8088", "http://[::1", None)


# --- offers ---------------------------------------------------------------------------------


async def test_an_offer_is_answered_and_frames_come(http: Http, hub: Hub) -> None:
    peer = Client(Camera())
    body = {"sdp": await peer.offer(), "type": "offer", "avatar": "green"}
    answer = await (await http.post("/api/offer", json=body)).json()
    assert answer["type"] == "answer"
    await peer.connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
    await until(lambda: peer.images)
    assert (await (await http.get("/healthz")).json())["sessions"] == 1

    other = Client(Camera())
    full = await http.post("/api/offer", json={"sdp": await other.offer(), "type": "offer"})
    assert "full" in await refused(full, 503)
    assert full.headers["Retry-After"] == "5"
    await other.close()
    await peer.close()
    await until(lambda: not hub.sessions)


async def test_bad_offers_are_refused_and_leave_nothing(http: Http, hub: Hub) -> None:
    peer = Client(Camera())
    sdp = await peer.offer()
    await peer.close()
    sections = sdp.split("m=")
    candidates = "a=candidate:1 1 udp 2122260223 10.0.0.1 40000 typ host\r\n" * 12_000
    watching = sdp.replace("sendrecv", "recvonly")
    cases: list[tuple[str | bytes, int]] = [
        ("", 400),
        ("{", 400),
        (b"\xff\xfe\x00", 400),
        ("[" * 60_000, 400),
        ("{}", 400),
        (json.dumps({"sdp": "hello", "type": "offer"}), 400),
        (json.dumps({"sdp": sdp[: len(sdp) // 2], "type": "offer"}), 400),
        (json.dumps({"sdp": sections[0] + "m=video 9 X 96\r\n" * 200, "type": "offer"}), 400),
        (json.dumps({"sdp": sdp.replace("a=fingerprint", "a=x"), "type": "offer"}), 400),
        (json.dumps({"sdp": sdp.replace("m=video", "m=audio"), "type": "offer"}), 400),
        (json.dumps({"sdp": sdp + candidates, "type": "offer"}), 413),
        (b"x" * (MAX_BYTES + 1), 413),
        (json.dumps({"sdp": sdp, "type": "offer", "avatar": "nobody"}), 404),
        (json.dumps({"sdp": sdp, "type": "offer", "avatar": "/etc"}), 400),
        (json.dumps({"sdp": watching, "type": "offer", "role": "viewer"}), 404),
    ]
    for body, status in cases:
        await refused(await http.post("/api/offer", data=body), status)
    assert not hub.sessions
    assert hub.health()["sessions"] == 0


async def test_an_offer_that_does_not_arrive(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY_S", 0.05)

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(0.3)
        yield b"}"

    assert "did not arrive" in await refused(await http.post("/api/offer", data=never()), 400)


async def test_an_error_of_ours_is_no_trace(
    http: Http, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(offer: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(hub, "answer", fail)
    peer = Client(None)
    body = {"sdp": await peer.offer(), "type": "offer", "role": "viewer"}
    await peer.close()
    assert "secret" not in await refused(await http.post("/api/offer", json=body), 500)


# --- avatars --------------------------------------------------------------------------------


async def test_avatars_and_thumbnails(http: Http) -> None:
    cards = await (await http.get("/api/avatars")).json()
    assert [card["name"] for card in cards] == ["red", "green", "blue"]
    assert cards[2] == {
        "name": "blue",
        "thumbnail": "api/avatars/blue/thumbnail",
        "warnings": ["arms are crossed"],
        "note": "",
        "bundled": False,
    }
    picture = await http.get("/" + cards[0]["thumbnail"])
    assert picture.content_type == "image/png"
    assert (await picture.read()).startswith(b"\x89PNG")
    await refused(await http.get("/api/avatars/nobody/thumbnail"), 404)
    await refused(await http.get("/api/avatars/..%2f..%2fx/thumbnail"), 400)


async def test_only_own_avatars_are_deleted(http: Http) -> None:
    assert (await http.delete("/api/avatars/blue")).status == 200
    assert len(await (await http.get("/api/avatars")).json()) == 2
    await refused(await http.delete("/api/avatars/blue"), 404)
    assert "came with" in await refused(await http.delete("/api/avatars/red"), 400)


@pytest.mark.parametrize("form", [False, True])
async def test_a_photo_is_uploaded_and_enrolled(http: Http, form: bool) -> None:
    photo: bytes | FormData = b"photo"
    if form:
        photo = FormData()
        photo.add_field("words", "ignored")
        photo.add_field("photo", b"photo", filename="me.jpg", content_type="image/jpeg")
    answer = await http.post("/api/avatars?name=zoe", data=photo)
    assert answer.status == 202
    path = f"/api/jobs/{(await answer.json())['job']}"
    busy = await http.post("/api/avatars?name=kim", data=b"photo")
    assert "Another photo" in await refused(busy, 503)

    async def job() -> dict[str, Any]:
        body: dict[str, Any] = await (await http.get(path)).json()
        return body

    while (await job())["state"] == "running":
        await asyncio.sleep(0.05)
        assert (await http.get("/healthz")).status == 200  # the loop goes on
    assert await job() == {
        "state": "done",
        "progress": 1.0,
        "stage": "Done",
        "warnings": ["zoe: arms are crossed"],
        "error": "",
        "hint": "",
        "avatar": "zoe",
    }


async def test_bad_uploads(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_PHOTO_BYTES", 1000)
    for name in ("", "..", "a/b", "a" * 65, "con", "-x", "Zoë"):
        answer = await http.post("/api/avatars", params={"name": name}, data=b"photo")
        assert "avatar name" in await refused(answer, 400)
    assert "already" in await refused(await http.post("/api/avatars?name=RED", data=b"p"), 409)
    assert "no photo" in await refused(await http.post("/api/avatars?name=zoe"), 400)
    await refused(await http.post("/api/avatars?name=zoe", data=b"x" * 1001), 413)
    form = {"Content-Type": "multipart/form-data"}
    await refused(await http.post("/api/avatars?name=zoe", data=b"x", headers=form), 400)
    await refused(await http.get("/api/jobs/nothing"), 404)


async def test_a_photo_that_does_not_arrive(
    http: Http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PHOTO_S", 0.05)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "uploads"))
    (tmp_path / "uploads").mkdir()

    async def never() -> AsyncIterator[bytes]:
        yield b"p"
        await asyncio.sleep(0.3)
        yield b"hoto"

    answer = await http.post("/api/avatars?name=zoe", data=never())
    assert "did not arrive" in await refused(answer, 408)
    assert list((tmp_path / "uploads").iterdir()) == []


async def test_a_slow_photo_takes_no_name_that_was_given_meanwhile(http: Http, hub: Hub) -> None:
    gallery = hub.backstage.gallery
    assert isinstance(gallery, FakeGallery)

    async def slow() -> AsyncIterator[bytes]:
        yield b"p"
        gallery.names.append("zoe")
        yield b"hoto"

    answer = await http.post("/api/avatars?name=zoe", data=slow())
    assert "already" in await refused(answer, 409)


async def test_an_upload_cut_off_is_no_trace() -> None:
    async def read(_: web.Request) -> web.StreamResponse:
        raise ConnectionResetError

    answer = await answer_errors(make_mocked_request("POST", "/api/avatars"), read)
    assert answer.status == 400
