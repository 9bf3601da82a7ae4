"""The patterns page shows every component, and the style sheet has rules for nothing else."""

from __future__ import annotations

import re

from butai.rooms import ROOMS
from butai.web.app import STATIC
from butai.web.render import TEMPLATES

FOLDERS = [TEMPLATES, *(room.templates for room in ROOMS if room.templates)]
SOURCES = [file for folder in FOLDERS for file in folder.glob("*.html")] + [
    *STATIC.glob("*.js"),
    *STATIC.glob("map/*.js"),
]


def test_every_component_is_on_the_patterns_page() -> None:
    parts, patterns = ((TEMPLATES / name).read_text() for name in ("parts.html", "patterns.html"))
    defined = re.findall(r"{% macro (\w+)\(", parts)
    inner = {name for name in defined if len(re.findall(rf"\b{name}\(", parts)) > 1}
    shown = set(re.findall(r"parts\.(\w+)\(", patterns))
    assert len(defined) > 8
    assert set(defined) - inner - shown == set()


def test_every_rule_of_the_sheet_is_for_something() -> None:
    sheet = re.sub(r"/\*.*?\*/", "", (STATIC / "butai.css").read_text(), flags=re.S)
    selectors = " ".join(re.findall(r"([^{};]+){", sheet))
    text = "\n".join(file.read_text() for file in SOURCES)
    # A log line's class is put together from its kind.
    classes = {name for name in re.findall(r"\.([a-z][\w-]*)", selectors) if not name.startswith("is-")}
    assert len(classes) > 50
    assert {name for name in classes if not re.search(rf"(?<![\w-]){name}(?![\w-])", text)} == set()


def test_the_sheet_stays_one_that_can_be_read_in_one_go() -> None:
    sheet = (STATIC / "butai.css").read_text()
    assert len(sheet.splitlines()) <= 800
    assert len(re.findall(r"^    --[\w-]+:", sheet, re.M)) <= 40
    assert "!important" not in re.sub(r"\[hidden\][^}]*}|@layer print.*", "", sheet, flags=re.S)
