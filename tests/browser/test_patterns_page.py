"""Every component in every state, measured in a real browser: can it be read, reached by a finger, printed?"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.portal import Portal, Visit
from support.variants import again

LOOKS = list(itertools.product(("light", "dark"), (1280, 390), ("en", "ja")))


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A real server on a free port of loopback."""
    portal = Portal(tmp_path_factory.mktemp("patterns"))
    portal.start()
    yield portal
    portal.stop()
    portal.butai.database.close()


@pytest.fixture
def show(portal: Portal, visit: Visit) -> Callable[..., Page]:
    """Opens the page in a browser that looks as asked for."""

    def show(**look: Any) -> Page:
        page = visit(portal, **{"locale": "en", **look})
        page.goto(f"{portal.url}/patterns")
        return page

    return show


@pytest.mark.parametrize(("scheme", "width", "language"), LOOKS)
def test_everything_can_be_read(
    show: Callable[..., Page], shot: Callable[[Page, str], None], scheme: str, width: int, language: str
) -> None:
    page = show(color_scheme=scheme, viewport={"width": width, "height": 860}, locale=language)
    assert page.locator("html").get_attribute("lang") == language
    shot(page, f"patterns-{scheme}-{width}-{language}")
    measured = page.evaluate(_CONTRASTS)
    assert len(measured) > 150
    assert [each for each in measured if each["ratio"] < 4.5] == []
    assert page.evaluate(_CUT_OFF) == []


@pytest.mark.parametrize("width", [320, 1000, *(pytest.param(each, marks=again) for each in (390, 700, 1141))])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_nothing_sticks_out_at_any_width(show: Callable[..., Page], width: int, language: str) -> None:
    page = show(viewport={"width": width, "height": 860}, locale=language)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(_OVERLAPS) == []


def test_what_can_be_pressed_is_large_enough(show: Callable[..., Page]) -> None:
    """24 by 24 pixels at least (WCAG 2.2, 2.5.8)."""
    page = show(viewport={"width": 390, "height": 860}, has_touch=True)
    assert page.evaluate(_SMALL) == []


def test_a_chosen_theme_wins_over_the_systems(show: Callable[..., Page]) -> None:
    light, dark = show(color_scheme="light"), show(color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert light.evaluate(paper) != dark.evaluate(paper)
    dark.evaluate("document.documentElement.dataset.theme = 'light'")
    assert dark.evaluate(paper) == light.evaluate(paper)


def test_paper_has_the_whole_log_and_no_frame(show: Callable[..., Page]) -> None:
    page = show(color_scheme="dark")
    closed = page.locator("details:not([open]) li").first
    expect(closed).to_be_hidden()
    page.emulate_media(media="print")
    expect(closed).to_be_visible()
    for gone in (".rooms", ".top", "main button"):
        for each in page.locator(gone).all():
            expect(each).to_be_hidden()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert min(int(part) for part in paper.removeprefix("rgb(").removesuffix(")").split(",")) > 240


@pytest.mark.parametrize(("wish", "turns"), [("no-preference", True), ("reduce", False)])
def test_nothing_moves_for_whom_movement_disturbs(show: Callable[..., Page], wish: str, turns: bool) -> None:
    page = show(reduced_motion=wish)
    assert (page.evaluate("document.getAnimations().length") > 0) is turns


# Text on its ground, as the browser computes them. What is switched off need not be read (WCAG 1.4.3).
_CONTRASTS = """() => {
  const rgba = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const holdsText = (e) => [...e.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.querySelectorAll('body *')]
    .filter((e) => e.checkVisibility() && !e.closest('[hidden], :disabled, svg, option'))
    .filter((e) => holdsText(e) || e.matches('input:not([type=checkbox]), select'))
    .map((e) => {
      const [dark, bright] = [light(rgba(getComputedStyle(e).color)), light(ground(e))].sort((a, b) => a - b);
      const text = (e.textContent || e.value).trim().slice(0, 40);
      return { text, class: e.className, ratio: (bright + 0.05) / (dark + 0.05) };
    });
}"""

# Text that is wider or higher than the box that cuts it off.
_CUT_OFF = """() => [...document.querySelectorAll('body *')].filter((e) => {
  if (!e.checkVisibility() || e.matches('.visually-hidden, thead, thead *, progress, input, select')) return false;
  const cut = e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1;
  return getComputedStyle(e).overflowX === 'hidden' && cut;
}).map((e) => e.outerHTML.slice(0, 120))"""

# Siblings on top of each other, and children outside of their sheet.
_OVERLAPS = """() => {
  const rows = '.top, .head, .do, .chips, .says, .sheet > header, tr, td, .field, .row, .call, summary, .log li';
  const apart = '.visually-hidden, .choices, thead';
  const shared = (a, b, start, end) => Math.min(a[end], b[end]) - Math.max(a[start], b[start]);
  const meet = (a, b) => shared(a, b, 'left', 'right') > 1 && shared(a, b, 'top', 'bottom') > 1;
  const box = (e) => e.getBoundingClientRect();
  const start = (e) => e.outerHTML.slice(0, 120);
  const wrong = [];
  for (const row of document.querySelectorAll(rows)) {
    const parts = [...row.children].filter((e) => e.checkVisibility() && !e.matches(apart));
    parts.forEach((one, index) => {
      for (const other of parts.slice(index + 1)) {
        if (meet(box(one), box(other))) wrong.push(`${start(one)} on ${start(other)}`);
      }
    });
  }
  for (const sheet of document.querySelectorAll('.sheet, .top, .says')) {
    const { left, right } = box(sheet);
    for (const e of sheet.querySelectorAll('*')) {
      if (!e.checkVisibility() || e.closest(apart)) continue;
      if (box(e).left < left - 1 || box(e).right > right + 1) wrong.push(`outside: ${start(e)}`);
    }
  }
  return wrong;
}"""

_SMALL = """() => {
  const pressed = 'button, .button, .chip, .rooms a, summary, select, label.check, input:not([type=hidden], [type=checkbox])';
  return [...document.querySelectorAll(pressed)].filter((e) => e.checkVisibility()).filter((e) => {
    const { width, height } = e.getBoundingClientRect();
    return width < 24 || height < 24;
  }).map((e) => e.outerHTML.slice(0, 120));
}"""
