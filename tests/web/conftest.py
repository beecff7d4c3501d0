"""A real Chromium, a real server with a fake puppet, a camera made of drawn pictures."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from aiohttp import web
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from engines.errors import DeviceError
from realtime.bench_browser import FLAGS, write_capture
from realtime.chromium import find_chromium
from realtime.hub import Backstage, Hub
from realtime.server import make_app
from tests.web.fakes import FakeGallery, FakePuppet, enroll
from tests.web.scene import scene

SERVER_S = 20.0


class LiveServer:
    """The application on a thread and an event loop of its own."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.puppets: list[FakePuppet] = []
        self._folder, self._port = folder, port
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def start(self) -> None:
        self._thread.start()
        while not self._ready.wait(0.1):
            assert self._thread.is_alive(), "the server did not start"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(SERVER_S)
        assert not self._thread.is_alive(), "the server did not stop"

    def restarted(self) -> LiveServer:
        """Another server at the same address, in place of this one."""
        self.stop()
        other = LiveServer(self._folder, self._port)
        other.start()
        return other

    def _make(self, *arguments: object) -> FakePuppet:
        self.puppets.append(FakePuppet(*arguments))  # type: ignore[arg-type]
        return self.puppets[-1]

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        gallery = FakeGallery(self._folder)
        maker = functools.partial(enroll, self._folder)
        hub = Hub(Backstage(gallery, self._make, maker, FakePuppet.backend))
        runner = web.AppRunner(make_app(hub))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """A running server; stopped by the test itself or afterwards."""
    (tmp_path / "avatars").mkdir()
    server = LiveServer(tmp_path / "avatars")
    server.start()
    yield server
    if server._thread.is_alive():
        server.stop()


@pytest.fixture(scope="package")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera for Chromium: two seconds of the scene, each frame marked."""
    path = tmp_path_factory.mktemp("camera") / "scene.y4m"
    write_capture(path, scene(60, 320, 240))
    return path


@pytest.fixture(scope="package")
def chromium() -> Path:
    """The program; skips with the line to type where there is none."""
    try:
        return find_chromium()
    except DeviceError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """One for all browsers. Closed with the package: its loop would bar asyncio tests."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright: Playwright, chromium: Path, capture: Path) -> Iterator[Browser]:
    """Chromium with that camera."""
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={capture}"]
    browser = playwright.chromium.launch(executable_path=chromium, args=flags)
    yield browser
    browser.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, server: LiveServer) -> Iterator[OpenPage]:
    """Opens pages of the server, each in a context of its own; fails on anything in the console.

    ``errors`` that a page may have: pass a substring as ``allow``.
    """
    contexts, complaints = [], []

    def complain(text: str, allow: str | None) -> None:
        # Chromium's software WebGL remarks on screenshots.
        if "GPU stall due to ReadPixels" not in text and (allow is None or allow not in text):
            complaints.append(text)

    def open_(
        path: str = "", allow: str | None = None, script: str = "", **options: object
    ) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on(
            "console",
            lambda m: complain(m.text, allow) if m.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: complain(str(error), allow))
        if script:
            page.add_init_script(script)
        page.goto(server.url + path)
        if not path:
            page.wait_for_selector("#gallery [data-name]")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def go_live(page: Page) -> None:
    """Start the camera and wait until the avatar moves on the page."""
    page.click("#start-camera")
    wait_live(page)


def wait_live(page: Page) -> None:
    page.wait_for_function(
        """() => document.getElementById("status").dataset.state === "live"
               && document.getElementById("avatar").videoWidth > 0"""
    )


def screenshot(page: Page, bare: bool = False) -> NDArray[np.int64]:
    """What the page shows, RGBA (H, W, 4); bare: without the browser's white ground."""
    data = np.frombuffer(page.screenshot(omit_background=bare), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert picture is not None
    if picture.shape[2] == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA), np.int64)


# The colour of a video or canvas at a place given in shares of its size: [r, g, b, a].
PIXEL = """([selector, x, y]) => {
  const picture = document.querySelector(selector);
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext("2d");
  const width = picture.videoWidth ?? picture.width;
  const height = picture.videoHeight ?? picture.height;
  context.drawImage(picture, x * width, y * height, 1, 1, 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data];
}"""


def wait_colour(
    page: Page,
    wanted: tuple[int, int, int],
    selector: str = "#avatar",
    x: float = 0.5,
    y: float = 0.5,
) -> None:
    """Wait until a video shows about this colour there (codecs shift colours a little)."""
    page.wait_for_function(
        f"""([where, wanted]) => ({PIXEL})(where)
              .slice(0, 3).every((level, k) => Math.abs(level - wanted[k]) < 25)""",
        arg=[[selector, x, y], list(wanted)],
    )
