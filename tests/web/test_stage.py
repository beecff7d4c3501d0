"""The clean feed for OBS."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.web.conftest import OpenPage, go_live, screenshot, wait_colour
from tests.web.fakes import BUNDLED

pytestmark = pytest.mark.browser

SQUARE = {"width": 256, "height": 256}
CHECKERS = """() => {
  document.documentElement.style.background =
    "conic-gradient(#999 25%, #fff 0 50%, #999 0 75%, #fff 0) 0 0 / 32px 32px";
}"""


def test_the_stage_is_transparent_over_a_checkerboard(open_page: OpenPage) -> None:
    performer = open_page()
    go_live(performer)
    performer.check("[name=background][value=none]", force=True)
    wait_colour(performer, (0, 0, 0), x=0.05)
    stage = open_page(performer.input_value("#obs").rsplit("/", 1)[1], viewport=SQUARE)
    stage.wait_for_function('() => document.getElementById("feed").videoHeight === 512')
    wait_colour(stage, BUNDLED["coral"], "#feed", y=0.25)
    stage.wait_for_timeout(500)
    bare = screenshot(stage, bare=True)
    assert bare[8, 8].tolist() == [0, 0, 0, 0]
    assert bare[128, 128, 3] == 255
    assert np.abs(bare[128, 128, :3] - BUNDLED["coral"]).max() < 25
    stage.evaluate(CHECKERS)
    over = screenshot(stage)
    corner = over[:32, :32, :3]
    assert sorted({tuple(c) for c in corner.reshape(-1, 3).tolist()}) == [
        (153, 153, 153),
        (255, 255, 255),
    ]
    assert np.abs(over[128, 128, :3] - BUNDLED["coral"]).max() < 25


def test_the_newest_performance_is_shown_and_its_end_leaves_nothing(open_page: OpenPage) -> None:
    performer = open_page()
    go_live(performer)
    stage = open_page("stage.html?fit=cover", allow="404", viewport=SQUARE)
    wait_colour(stage, BUNDLED["coral"], "#feed")
    assert np.abs(screenshot(stage)[128, 128, :3] - BUNDLED["coral"]).max() < 25
    performer.keyboard.press("h")  # marks are the performer's own: none on air
    performer.wait_for_function(
        "() => Number(document.getElementById('hud-glass').textContent) > 0"
    )
    found = stage.evaluate(
        """async () => {
          const { MarkReader } = await import("/mark.js");
          const reader = new MarkReader();
          const feed = document.getElementById("feed");
          const seen = [];
          while (seen.length < 40) {
            await new Promise((resolve) => feed.requestVideoFrameCallback(resolve));
            seen.push(reader.read(feed, feed.videoWidth, feed.videoHeight));
          }
          return seen.filter((mark) => mark !== null);
        }"""
    )
    assert found == []
    performer.click("#stop")
    expect(stage.locator("body")).to_have_class(re.compile("empty"), timeout=20_000)
    assert screenshot(stage, bare=True)[128, 128].tolist() == [0, 0, 0, 0]
