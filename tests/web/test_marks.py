"""The page's pure functions, run where they will run."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from realtime.mark import read_mark, write_mark
from tests.web.conftest import LiveServer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One page for all: nothing here changes it."""
    server = LiveServer(tmp_path_factory.mktemp("avatars"))
    server.start()
    page = browser.new_page()
    page.goto(server.url)
    yield page
    page.close()
    server.stop()


def test_every_number_survives_and_every_single_flip_is_noticed(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { encode, decode } = await import("/mark.js");
          let same = 0, flipsTakenForMarks = 0;
          for (let number = 0; number < 4096; number++) {
            const levels = encode(number).map((white) => (white ? 235 : 20));
            same += decode(levels) === number;
            const k = number % 16;
            levels[k] = 255 - levels[k];
            flipsTakenForMarks += decode(levels) !== null;
          }
          return [same, flipsTakenForMarks, decode(Array(16).fill(128))];
        }"""
    )
    assert found == [4096, 0, None]


def test_python_reads_what_the_page_draws(page: Page) -> None:
    url = page.evaluate(
        """async () => {
          const { draw } = await import("/mark.js");
          const canvas = document.createElement("canvas");
          canvas.width = 640;
          canvas.height = 480;
          draw(canvas.getContext("2d"), 2741);
          return canvas.toDataURL("image/png");
        }"""
    )
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(url.split(",")[1]), np.uint8), 1)
    assert read_mark(np.asarray(picture, np.uint8)) == 2741


@pytest.mark.parametrize("size", [(640, 480), (512, 512), (321, 243)])
def test_page_reads_what_python_draws(page: Page, size: tuple[int, int]) -> None:
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    write_mark(picture, 1234)
    url = (
        "data:image/png;base64,"
        + base64.b64encode(cv2.imencode(".png", picture)[1].tobytes()).decode()
    )
    found = page.evaluate(
        """async (url) => {
          const { MarkReader } = await import("/mark.js");
          const image = new Image();
          image.src = url;
          await image.decode();
          return new MarkReader().read(image, image.width, image.height);
        }""",
        url,
    )
    assert found == 1234


def test_glass_to_glass_counts_each_mark_once_and_forgets_lost_ones(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { Glass } = await import("/glass.js");
          const glass = new Glass();
          glass.sent(7, 1000);
          glass.sent(8, 2000);
          const first = [glass.seen(7, 1050), glass.seen(7, 1090), glass.seen(9, 2010)];
          const late = glass.seen(8, 9000);
          glass.sent(1, 9000);
          glass.sent(2, 9000);
          return [...first, late, glass.seen(1, 9030), glass.seen(2, 9100), glass.median];
        }"""
    )
    assert found == [50, None, None, None, 30, 100, 50]


def test_back_off_doubles_up_to_a_limit(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { backOff } = await import("/link.js");
          return [0, 1, 2, 9].map((attempt) => backOff(attempt, 0.5)).concat(backOff(0, 0));
        }"""
    )
    assert found == [500, 1000, 2000, 8000, 375]


def test_h264_baseline_is_preferred_to_vp8_and_nothing_else_is_offered(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { preferred } = await import("/link.js");
          const codec = (mimeType, sdpFmtpLine) => ({ mimeType, sdpFmtpLine });
          return preferred([
            codec("video/VP8"),
            codec("video/rtx", "apt=96"),
            codec("video/AV1"),
            codec("video/H264", "packetization-mode=0;profile-level-id=42e01f"),
            codec("video/H264", "packetization-mode=1;profile-level-id=42e01f"),
            codec("video/H264", "packetization-mode=1;profile-level-id=64001f"),
          ]).map(({ mimeType, sdpFmtpLine }) => [mimeType, sdpFmtpLine ?? ""]);
        }"""
    )
    assert found == [
        ["video/H264", "packetization-mode=1;profile-level-id=42e01f"],
        ["video/VP8", ""],
        ["video/rtx", "apt=96"],
    ]


def test_an_avatar_is_named_after_its_file(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { nameFrom } = await import("/enrolment.js");
          return ["Zoë at work.JPG", "IMG_0042.heic", "写真.png", "x".repeat(60)].map(nameFrom);
        }"""
    )
    assert found == ["zoe-at-work", "img-0042", "me", "x" * 40]
