"""Widths and colour schemes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import OpenPage, go_live, screenshot

pytestmark = pytest.mark.browser

Scheme = Literal["light", "dark"]

# Foreground and background of every pair that the page uses, and the ratio WCAG 2.2 AA asks for.
PAIRS = [
    *((text, ground, 4.5) for text in ("text", "soft") for ground in ("page", "surface", "raised")),
    *((text, "surface", 4.5) for text in ("accent", "bad")),
    ("accent", "page", 4.5),
    ("accent", "raised", 4.5),
    ("on-accent", "accent", 4.5),
    ("on-accent", "accent-hover", 4.5),
    ("warn", "warn-ground", 4.5),
    ("text", "warn-ground", 4.5),
    ("text", "bad-ground", 4.5),
    ("outline", "surface", 3.0),
    ("outline", "page", 3.0),
]


def test_nothing_is_wider_than_the_page(open_page: OpenPage) -> None:
    page = open_page()
    go_live(page)
    page.keyboard.press("h")
    expect(page.locator("#details")).to_be_visible()
    for width in (360, 768, 1920):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        right = page.evaluate(
            """() => Math.max(...[...document.querySelectorAll("main button, .card, .stage")]
                 .map((element) => element.getBoundingClientRect().right))"""
        )
        assert right <= width


def test_text_is_readable_in_both_schemes(open_page: OpenPage) -> None:
    page = open_page()
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        poor = [
            f"{fore} on {back}: {ratio:.2f} < {wanted}"
            for fore, back, wanted in PAIRS
            if (ratio := contrast(page, fore, back)) < wanted
        ]
        assert poor == []
        assert (screenshot(page)[2, 2, 1] > 200) == (scheme == "light")


def contrast(page: Page, fore: str, back: str) -> float:
    """WCAG contrast of two of the theme's colours."""
    levels = page.evaluate(
        """(names) => names.map((name) => {
          const probe = document.body.appendChild(document.createElement("p"));
          probe.style.color = `var(--${name})`;
          const [r, g, b] = getComputedStyle(probe).color.match(/[\\d.]+/g).map(Number);
          probe.remove();
          return [r, g, b];
        })""",
        [fore, back],
    )
    linear = [((np.array(c) / 255 + 0.055) / 1.055) ** 2.4 for c in levels]
    light, dark = sorted((float(c @ [0.2126, 0.7152, 0.0722]) for c in linear), reverse=True)
    return (light + 0.05) / (dark + 0.05)
