"""What is written can be read: the contrast of every pair of colours that meet, in both themes (WCAG 2.2, AA)."""

from __future__ import annotations

import re

import pytest

from butai.web.app import STATIC

TEXT, CONTROL = 4.5, 3.0
SHEET = (STATIC / "butai.css").read_text()
TOKENS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", SHEET)
}
GROUNDS = ("paper", "sheet", "well", "hover")
KINDS = ("up", "busy", "warn", "down", "off")
WRITTEN = [
    *[(ink, ground) for ink in ("ink", "ink-2", "ink-3", "ai") for ground in GROUNDS],
    # A log's lines, a field's error, a button that destroys.
    *[(ink, ground) for ink in KINDS for ground in ("sheet", "well")],
    *[(kind, f"{kind}-soft") for kind in KINDS],
    *[(ink, ground) for ink in ("ink", "ink-2") for ground in ("busy-soft", "warn-soft", "down-soft", "ai-soft")],
    *[("ai", ground) for ground in ("ai-soft", "busy-soft", "warn-soft", "down-soft")],
    ("down", "paper"),
    ("on-ai", "ai"),
]
# Borders of what can be filled in or pressed, and the ring around what has the focus.
DRAWN = [(line, ground) for line in ("line-2", "ai", "down") for ground in ("paper", "sheet", "well")]


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` by WCAG, 0 to 1."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio by WCAG, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_is_the_standards_own() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("least", "pairs"), [(TEXT, WRITTEN), (CONTROL, DRAWN)], ids=["written", "drawn"])
def test_colours_that_meet_can_be_told_apart(theme: str, least: float, pairs: list[tuple[str, str]]) -> None:
    found = {pair: contrast(TOKENS[pair[0]][theme], TOKENS[pair[1]][theme]) for pair in pairs}
    assert {pair: round(ratio, 2) for pair, ratio in found.items() if ratio < least} == {}


def test_colours_are_named_once() -> None:
    """Only tokens name a colour, so that the pairs above are all there is."""
    parts = SHEET.split("@layer base {", 1)[1]
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(|oklch\(", parts) == []
    used = set(re.findall(r"var\(--([\w-]+)\)", parts))
    defined = set(re.findall(r"^    --([\w-]+):", SHEET, re.M))
    assert used == defined
