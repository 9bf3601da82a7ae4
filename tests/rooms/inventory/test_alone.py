"""The page that stands alone: everything is in it, and nothing out of a repository can become a part of it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

from butai.inventory.alone import data, page
from butai.inventory.shown import MOST
from support.written import graph_of, many

EVIL = "</script><script>alert(1)</script>"


def test_data_has_a_view_of_every_folder_and_every_node() -> None:
    found = data(many(modules=30, each=20))
    assert {"", "envs/", "modules/", "envs/r0", "modules/m029"} <= set(found["views"])
    assert all(len(view["nodes"]) <= MOST for view in found["views"].values())
    ids = {each["id"] for each in found["nodes"]}
    assert len(ids) == len(found["nodes"]) > 600
    assert all(max(line) < len(ids) for line in found["lines"])
    inside = {each["id"] for each in found["views"]["modules/m029"]["nodes"]}
    assert "modules/m029:aws_sqs_queue.q19" in inside


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_asks_nobody_and_has_no_markup_of_a_repository() -> None:
    graph = graph_of({"main.tf": f'resource "{EVIL}" "x" {{ name = "{EVIL}" }}\n', f"{EVIL[2:8]}/a.tf": ""})
    written = page(graph)
    elements = _Elements()
    elements.feed(written)
    assert [attributes.get("type") for tag, attributes in elements.found if tag == "script"] == [
        "application/json", None, "module",
    ]  # fmt: skip
    assert not [each for each in elements.found if {"src", "srcset", "action"} & set(each[1])]
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in elements.found)
    assert "default-src 'none'" in written
    held = re.search(r'id="map-data">(.*?)</script>', written, re.S)
    assert held is not None and any(EVIL in each["id"] for each in json.loads(held[1])["nodes"])
