"""The performer's page with a real camera stream through a real server."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.web.conftest import LiveServer, OpenPage, go_live, wait_colour, wait_live
from tests.web.fakes import BACKGROUND, BUNDLED

pytestmark = pytest.mark.browser


def test_the_camera_moves_the_avatar(open_page: OpenPage, server: LiveServer) -> None:
    page = open_page()
    expect(page.locator("#gallery [data-name]")).to_have_count(2)
    expect(page.locator("#status-text")).to_have_text("Not live")
    go_live(page)
    wait_colour(page, BUNDLED["coral"])
    wait_colour(page, BACKGROUND, x=0.05)
    page.wait_for_function('() => document.getElementById("own").videoWidth === 320')
    frames = "() => document.getElementById('avatar').getVideoPlaybackQuality().totalVideoFrames"
    before = page.evaluate(frames)
    page.wait_for_function(f"(before) => ({frames})() > before + 5", arg=before)
    page.click("#stop")
    expect(page.locator("#status-text")).to_have_text("Not live")
    expect(page.locator("#welcome")).to_be_visible()


def test_what_an_avatar_cannot_do_stands_on_its_picture(open_page: OpenPage) -> None:
    page = open_page()
    note = page.locator('[data-name="teal"] .note')
    expect(note).to_have_text("arms held")
    expect(page.locator('[data-name="coral"] .note')).to_have_count(0)


def test_only_a_performer_is_asked_for_a_neutral_pose(open_page: OpenPage) -> None:
    page = open_page()
    go_live(page)
    expect(page.locator("#notices")).to_contain_text("your neutral pose")
    page.click("#stop")
    expect(page.locator("#notices")).not_to_contain_text("your neutral pose")
    page.click("#start-sample")
    wait_live(page)
    expect(page.locator("#notices")).not_to_contain_text("your neutral pose")


def test_keys_change_avatar_background_and_mirror(open_page: OpenPage, server: LiveServer) -> None:
    page = open_page()
    go_live(page)
    page.keyboard.press("2")
    wait_colour(page, BUNDLED["teal"])
    expect(page.locator('[data-name="teal"]')).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("b")
    page.keyboard.press("b")
    expect(page.locator("#colour-row")).to_be_visible()
    wait_colour(page, (0x00, 0xB1, 0x40), x=0.05)
    page.keyboard.press("m")
    expect(page.locator("#mirror")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("1")  # a dialog is open: not for the page
    page.keyboard.press("Escape")
    expect(page.locator('[data-name="teal"]')).to_have_attribute("aria-pressed", "true")


def test_an_avatar_chosen_while_connecting_is_performed(open_page: OpenPage) -> None:
    page = open_page()

    def choose_late(route: Route) -> None:
        page.click("[data-name=teal]")  # the offer on its way asks for the other one
        route.continue_()

    page.route("**/api/offer", choose_late)
    go_live(page)
    wait_colour(page, BUNDLED["teal"])


def test_calibration_counts_down_first(open_page: OpenPage, server: LiveServer) -> None:
    page = open_page()
    go_live(page)
    before = server.puppets[-1].calibrations
    page.keyboard.press("c")
    expect(page.locator("#countdown b")).to_have_text("3")
    assert server.puppets[-1].calibrations == before
    expect(page.locator("#countdown b")).to_have_text("1")
    expect(page.locator("#countdown")).to_be_hidden()
    page.wait_for_timeout(300)
    assert server.puppets[-1].calibrations == before + 1


def test_a_marked_frame_gives_glass_to_glass(open_page: OpenPage) -> None:
    page = open_page()
    go_live(page)
    page.keyboard.press("h")
    page.wait_for_function("() => Number(document.getElementById('hud-glass').textContent) > 0")
    assert 0 < float(page.inner_text("#hud-glass")) < 5000
    expect(page.locator("#hud-backend")).to_have_text("a brush")
    expect(page.locator("#hud-stages th").first).to_have_text("draw")
    page.keyboard.press("h")
    expect(page.locator("#band")).to_be_hidden()


def test_the_band_covers_the_marks(open_page: OpenPage) -> None:
    page = open_page()
    go_live(page)
    page.keyboard.press("h")
    video, band = (page.locator(name).bounding_box() for name in ("#avatar", "#band"))
    assert video is not None
    assert band is not None
    assert band["y"] <= video["y"]
    assert band["y"] + band["height"] >= video["y"] + video["height"] / 15
    assert band["width"] >= video["width"]


def test_it_comes_back_after_a_restart_with_everything_chosen(
    open_page: OpenPage, server: LiveServer
) -> None:
    page = open_page(allow="net::ERR_")
    go_live(page)
    page.keyboard.press("2")
    page.keyboard.press("b")
    wait_colour(page, BUNDLED["teal"])
    address = page.input_value("#obs")
    other = server.restarted()
    try:
        expect(page.locator("#status")).not_to_have_attribute("data-state", "live")
        wait_live(page)
        wait_colour(page, BUNDLED["teal"])
        assert page.input_value("#obs") == address
        expect(page.locator("#notices")).not_to_contain_text("server")
    finally:
        other.stop()


def test_a_reload_keeps_the_choices_and_the_address(open_page: OpenPage) -> None:
    page = open_page()
    page.keyboard.press("2")
    page.keyboard.press("m")
    address = page.input_value("#obs")
    page.reload()
    expect(page.locator('[data-name="teal"]')).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#mirror")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#obs")).to_have_value(address)


def test_camera_trouble_is_explained(open_page: OpenPage) -> None:
    page = open_page()
    for name, words in (
        ("NotAllowedError", "may not use the camera"),
        ("NotFoundError", "No camera was found"),
        ("NotReadableError", "The camera is busy"),
    ):
        page.evaluate(
            """(name) => {
              navigator.mediaDevices.getUserMedia =
                async () => { throw new DOMException("no", name); };
            }""",
            name,
        )
        page.click("#start-camera")
        expect(page.locator("#notices")).to_contain_text(words)
        expect(page.locator("#status-text")).to_have_text("Not live")


def test_a_missing_sample_is_explained(open_page: OpenPage) -> None:
    page = open_page(allow="404")
    page.route("**/sample.mp4", lambda route: route.fulfill(status=404))
    page.click("#start-sample")
    expect(page.locator("#notices")).to_contain_text("sample performance cannot be played")


def test_a_refused_offer_is_shown_with_its_hint(open_page: OpenPage) -> None:
    page = open_page(allow="503")
    answer = {"error": "The server is full.", "hint": "Try again later."}
    page.route("**/api/offer", lambda route: route.fulfill(status=503, json=answer))
    page.click("#start-camera")
    expect(page.locator("#notices")).to_contain_text("The server is full.")
    expect(page.locator("#notices")).to_contain_text("Try again later.")
    page.unroute("**/api/offer")
    page.click("text=Try now")
    wait_live(page)
