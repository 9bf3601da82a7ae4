"""The page that stands alone: everything is in it, and nothing out of a repository can become a part of it."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest

from butai.inventory import alone
from butai.inventory.alone import MOST_LINES, carried
from butai.inventory.alone_pages import page
from butai.inventory.view import Colour
from support.alone import carried_by
from support.written import graph_of, many

EVIL = "</script><script>alert(1)</script>"
DAY = date(2026, 8, 1)


def test_every_node_edge_and_group_is_in_it() -> None:
    graph = many(modules=3, each=4)
    found = carried(graph, None, {})
    assert [each[0] for each in found["nodes"]] == [*graph.nodes]
    assert [(found["nodes"][one][0], found["nodes"][other][0]) for one, other, *_ in found["edges"]] == [
        (each.source, each.target) for each in graph.edges
    ]
    inside = {each for *_, inside in found["groups"] for each in inside}
    assert {number for number, each in enumerate(found["nodes"]) if each[1] == "resource"} <= inside
    assert found["source"] is None and found["figures"] == {} and found["rules"]["colours"] == ["kind"]


def test_only_what_is_known_is_offered_as_a_colour() -> None:
    graph = many(modules=1, each=2, roots=1)
    found = carried(graph, None, {Colour.AGE: {"envs/r0:module.m0": 7.0}})
    assert found["rules"]["colours"] == ["kind", "age"] and [*found["rules"]["ends"]] == ["age"]
    known = {found["nodes"][number][0]: each for number, each in enumerate(found["figures"]["age"]) if each is not None}
    assert known == {"envs/r0:module.m0": 7.0}


def test_the_lines_of_each_node_are_in_it_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "\n".join(f"  # {number}" for number in range(MOST_LINES))
    text = f'# secret\nvariable "a" {{}}\r\n\nresource "aws_vpc" "b" {{\n{long}\n}}\n'
    graph = graph_of({"main.tf": text})

    def lines() -> dict[str, str]:
        found = carried(graph, {"main.tf": text.encode()}.get, {})
        return {found["nodes"][number][0]: each for number, each in found["source"].items()}

    assert lines()[".:var.a"] == 'variable "a" {}'
    assert len(lines()[".:aws_vpc.b"].split("\n")) == MOST_LINES
    assert "secret" not in "".join(lines().values())
    # Where all are too many the long ones are left out.
    monkeypatch.setattr(alone, "MOST_SOURCE", 100)
    assert [*lines()] == [".:var.a"]


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_asks_nobody_and_has_no_markup_of_a_repository() -> None:
    graph = graph_of({"main.tf": f'resource "{EVIL}" "x" {{ name = "{EVIL}" }}\n', f"{EVIL[2:8]}/a.tf": ""})
    written = page(graph, DAY)
    elements = _Elements()
    elements.feed(written)
    assert [attributes.get("type") for tag, attributes in elements.found if tag == "script"] == [
        "text/plain", None, "module",
    ]  # fmt: skip
    assert not [each for each in elements.found if {"src", "srcset", "action", "href"} & set(each[1])]
    assert not [name for _, attributes in elements.found for name in attributes if name.startswith("on")]
    assert any(EVIL in each[0] for each in carried_by(written)["nodes"])


def test_the_browser_runs_our_scripts_and_no_other() -> None:
    written = page(many(modules=1, each=1), DAY)
    policy = re.search(r"default-src 'none'; script-src ([^;]+);", written)
    scripts = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", written, re.S)
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts]
    assert policy is not None and policy[1] == " ".join(f"'sha256-{each}'" for each in hashes) and len(hashes) == 2


def test_it_says_everything_in_every_language() -> None:
    words = carried_by(page(many(modules=1, each=1), DAY))["words"]
    assert words["en"]["focus"] == "Focus" and words["ja"]["kinds"]["resource"] == "リソース"
    assert _places(words["en"]) == _places(words["ja"])


def _places(words: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _places(each) if isinstance(each, dict) else sorted(re.findall(r"\{\w+\}", each))
        for key, each in words.items()
    }


def test_the_same_repository_is_the_same_page() -> None:
    assert page(many(modules=2, each=3), DAY) == page(many(modules=2, each=3), DAY)
