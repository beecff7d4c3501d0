"""The real thing: the server as a command, the real puppeteer, a real Chromium."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, Playwright, expect

from engines.avatar.photo import open_photo
from realtime.bench_browser import FLAGS, sample_pictures, write_capture
from tests.web.conftest import screenshot, wait_live
from tests.web.test_stage import CHECKERS

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parent.parent.parent
PHOTO = ROOT / "export" / "people" / "tom.jpg"

# The avatar as the page shows it, 32 x 32 pixels: [r, g, b, a, ...].
LOOK = """([selector]) => {
  const canvas = new OffscreenCanvas(32, 32);
  const context = canvas.getContext("2d");
  context.drawImage(document.querySelector(selector), 0, 0, 32, 32);
  return [...context.getImageData(0, 0, 32, 32).data];
}"""

FRAMES = "() => document.getElementById('avatar').getVideoPlaybackQuality().totalVideoFrames"


@pytest.fixture(scope="module")
def avatars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the user's own avatars, empty at first."""
    return tmp_path_factory.mktemp("avatars")


@pytest.fixture(scope="module")
def address(avatars: Path) -> Iterator[str]:
    """``puppetcam serve`` in a process of its own."""
    command = [sys.executable, "-m", "realtime", "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--avatars", str(avatars)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as server, ThreadPoolExecutor(1) as reader:  # fmt: skip
        assert server.stdout is not None
        assert server.stderr is not None
        log = reader.submit(server.stderr.read)
        try:
            ready = [server.stdout.readline() for _ in range(5)]
            assert "perform" in ready[1], ready
            url = str(json.loads(ready[4])["url"])
            assert f"  perform  {url}\n" in ready
            yield url
        finally:
            server.terminate()
            code = server.wait(20)
        said = log.result(20)
    assert code == 0
    assert "Traceback" not in said, said
    assert "ERROR" not in said


@pytest.fixture(scope="module")
def browser(
    playwright: Playwright, chromium: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """Chromium whose camera is the sample performance, small."""
    capture = tmp_path_factory.mktemp("camera") / "performer.y4m"
    small = (
        np.asarray(cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA), np.uint8)
        for picture in islice(sample_pictures(), 150)
    )
    write_capture(capture, small)
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={capture}"]
    browser = playwright.chromium.launch(executable_path=chromium, args=flags)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def complaints() -> list[str]:
    """What any page wrote to its console that is worse than a remark."""
    return []


@pytest.fixture(scope="module")
def page(browser: Browser, address: str, complaints: list[str]) -> Iterator[Page]:
    """The performer's page, live."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    page = listened(context.new_page(), complaints)
    page.goto(address)
    page.wait_for_selector("#gallery [data-name=kit]")
    page.click("#start-camera")
    wait_live(page)
    yield page
    context.close()


def listened(page: Page, complaints: list[str]) -> Page:
    """The page, with its complaints gathered."""
    page.set_default_timeout(30_000)
    page.on(
        "console",
        lambda m: (
            complaints.append(m.text)
            if m.type in ("error", "warning") and "GPU stall due to ReadPixels" not in m.text
            else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


def look(page: Page, selector: str = "#avatar") -> NDArray[np.int64]:
    """What a video shows, RGBA (32, 32, 4)."""
    return np.array(page.evaluate(LOOK, [selector]), np.int64).reshape(32, 32, 4)


def wait_moved(page: Page) -> None:
    """Wait until some of the picture has changed by more than a codec does."""
    before = look(page)
    wait_change(page, lambda: np.abs(look(page) - before).max() > 40, "the avatar does not move")


def wait_change(page: Page, done: Callable[[], bool], complaint: str) -> None:
    """Ask every tenth of a second, for ten seconds."""
    for _ in range(100):
        if done():
            return
        page.wait_for_timeout(100)
    raise AssertionError(complaint)


def test_the_camera_moves_the_avatar(page: Page) -> None:
    assert page.evaluate("() => document.getElementById('avatar').videoWidth") == 512
    assert page.evaluate("() => document.getElementById('own').videoWidth") == 320
    wait_moved(page)
    before = page.evaluate(FRAMES)
    page.wait_for_function(f"(before) => ({FRAMES})() > before + 5", arg=before)
    expect(page.locator("#lost")).to_be_hidden()


def test_a_marked_frame_gives_glass_to_glass(page: Page) -> None:
    page.keyboard.press("h")
    page.wait_for_function("() => Number(document.getElementById('hud-glass').textContent) > 0")
    assert 0 < float(page.inner_text("#hud-glass")) < 5000
    expect(page.locator("#hud-backend")).to_contain_text("ONNX Runtime")
    expect(page.locator("#hud-stages th").first).to_have_text("keypoints")
    page.keyboard.press("h")


def test_another_avatar_is_performed(page: Page) -> None:
    before = look(page)
    page.click("#gallery [data-name=mira]")
    expect(page.locator("[data-name=mira]")).to_have_attribute("aria-pressed", "true")
    wait_change(page, lambda: np.abs(look(page) - before).mean() > 12, "nobody else appears")
    wait_moved(page)


def test_the_stage_shows_the_avatar_over_a_checkerboard(
    page: Page, browser: Browser, complaints: list[str]
) -> None:
    page.check("[name=background][value=none]", force=True)
    stage = listened(
        browser.new_context(viewport={"width": 256, "height": 256}).new_page(), complaints
    )
    address = page.input_value("#obs")
    assert re.search(r"stage\.html\?session=\w+&alpha=1$", address)
    stage.goto(address)
    stage.wait_for_function('() => document.getElementById("feed").videoHeight === 1024')

    def cut_out() -> bool:
        alpha = screenshot(stage, bare=True)[:, :, 3]
        return bool((alpha == 0).mean() > 0.3 and (alpha == 255).mean() > 0.05)

    wait_change(stage, cut_out, "the stage shows no cut-out person")
    stage.evaluate(CHECKERS)
    over = screenshot(stage)[:, :, :3]
    squares = {tuple(colour) for colour in over[:32, :32].reshape(-1, 3).tolist()}
    assert squares == {(153, 153, 153), (255, 255, 255)}
    grey = (over == 153).all(2) | (over == 255).all(2)
    assert 0.3 < grey.mean() < 0.95  # the rest is the avatar
    stage.context.close()
    page.check("[name=background][value=photo]", force=True)


def test_an_uploaded_photo_is_enrolled_and_performed(
    page: Page, avatars: Path, tmp_path: Path
) -> None:
    small = cv2.resize(open_photo(PHOTO).image, (384, 512), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "Tom.jpg"), cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    page.set_input_files("#file", tmp_path / "Tom.jpg")
    page.fill("#enrol-name", "tim")
    frames = page.evaluate(FRAMES)
    page.keyboard.press("Enter")
    expect(page.locator("#enrol-make")).to_have_text("Use it", timeout=60_000)
    expect(page.locator("#enrol-warnings")).to_contain_text("leg is not seen")
    assert page.evaluate(FRAMES) > frames + 5  # the performance went on meanwhile
    assert (avatars / "tim" / "avatar.json").is_file()
    before = look(page)
    page.click("#enrol-make")
    expect(page.locator("[data-name=tim]")).to_have_attribute("aria-pressed", "true")
    wait_change(page, lambda: np.abs(look(page) - before).mean() > 12, "nobody else appears")
    wait_moved(page)


def test_no_page_complained(page: Page, complaints: list[str]) -> None:
    page.click("#stop")
    expect(page.locator("#status-text")).to_have_text("Not live")
    assert complaints == []
