"""A photo becomes an avatar on the page, with a stubbed enrolment behind it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import OpenPage

pytestmark = pytest.mark.browser


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "My Photo.png"
    cv2.imwrite(str(path), np.full((60, 40, 3), 180, np.uint8))
    return path


def test_an_uploaded_photo_becomes_the_avatar(open_page: OpenPage, photo: Path) -> None:
    page = open_page()
    page.set_input_files("#file", photo)
    expect(page.locator("#enrol-name")).to_have_value("my-photo")
    page.click("#enrol-make")
    expect(page.locator("#enrol-progress")).to_be_visible()
    expect(page.locator("#enrolment")).to_be_hidden()
    tile = page.locator('[data-name="my-photo"]')
    expect(tile).to_have_attribute("aria-pressed", "true")
    page.click("#delete")
    page.click("#removal [value=remove]")
    expect(tile).to_have_count(0)


def test_warnings_are_read_before_the_avatar_is_used(open_page: OpenPage, photo: Path) -> None:
    page = open_page()
    page.set_input_files("#file", photo)
    page.fill("#enrol-name", "crossed")
    page.keyboard.press("Enter")
    expect(page.locator("#enrol-warnings")).to_contain_text("The arms are crossed.")
    page.click("#enrol-make")
    expect(page.locator("#enrolment")).to_be_hidden()
    expect(page.locator("#warnings")).to_contain_text("The arms are crossed.")


def test_a_failure_says_what_to_do(open_page: OpenPage, photo: Path) -> None:
    page = open_page()
    page.set_input_files("#file", photo)
    page.fill("#enrol-name", "nobody")
    page.keyboard.press("Enter")
    expect(page.locator("#enrol-problem")).to_contain_text("No person was found.")
    expect(page.locator("#enrol-problem")).to_contain_text("Use a photo that shows one person.")
    expect(page.locator("#enrol-name")).to_be_enabled()


def test_a_taken_name_is_refused(open_page: OpenPage, photo: Path) -> None:
    page = open_page(allow="409")
    page.set_input_files("#file", photo)
    page.fill("#enrol-name", "coral")
    page.keyboard.press("Enter")
    expect(page.locator("#enrol-problem")).to_contain_text("already")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_photo_can_be_dropped_and_pasted(open_page: OpenPage, way: str) -> None:
    page = open_page()
    expect(page.locator("#gallery [data-name]")).to_have_count(2)
    send(page, way)
    expect(page.locator("#enrolment")).to_be_visible()
    expect(page.locator("#drop")).to_be_hidden()
    expect(page.locator("#enrol-name")).to_have_value("photo")


def send(page: Page, way: str) -> None:
    page.evaluate(
        """(way) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(9)], "photo.png", { type: "image/png" }));
          if (way === "paste") {
            window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
          } else {
            for (const type of ["dragenter", "dragover", "drop"]) {
              const options = { dataTransfer: data, cancelable: true, bubbles: true };
              document.body.dispatchEvent(new DragEvent(type, options));
            }
          }
        }""",
        way,
    )
