"""Whose state lies at a place: as backends say it, else by what is in it."""

from __future__ import annotations

import pytest

from butai.inventory.backends import root_of, workspace_at, written
from butai.inventory.model import Graph
from butai.terraform.state_index import StateInstance
from support.written import graph_of

pytestmark = pytest.mark.model

QUEUE = 'resource "aws_sqs_queue" "{name}" {{}}\n'


def backend(kind: str, **said: str) -> str:
    lines = "".join(f"    {name} = {value}\n" for name, value in said.items())
    return f'terraform {{\n  backend "{kind}" {{\n{lines}  }}\n}}\n'


def instances(*names: str) -> list[StateInstance]:
    return [
        StateInstance(f"aws_sqs_queue.{each}", f"aws_sqs_queue.{each}", "aws_sqs_queue", "managed", "", each)
        for each in names
    ]


def two_roots(said: str = "") -> Graph:
    code = QUEUE.format(name="a") + QUEUE.format(name="b")
    return graph_of({"live/main.tf": code + said, "test/main.tf": code, "other/main.tf": QUEUE.format(name="c")})


def test_a_told_state_is_the_roots_that_says_so_or_alone_declares_most_of_it() -> None:
    assert root_of(two_roots(), "/x", instances("c")) == "other"
    assert root_of(two_roots(), "/x", instances("c", "x")) is None, "half of it is not enough"
    assert root_of(two_roots(), "/x", instances("a", "b")) is None, "either could be it"
    said = backend("s3", bucket='"states"', key='"live"')
    assert root_of(two_roots(said), "s3://states/live", instances("a", "b")) == "live"


@pytest.mark.parametrize(
    ("said", "place", "workspace"),
    [
        (backend("s3", bucket='"b1b"', key='"a/x"'), "s3://b1b/a/x", ""),
        (backend("s3", bucket='"b1b"', key='"a/x"'), "s3://b1b/env:/qa/a/x", "qa"),
        (backend("s3", bucket='"b1b"', key='"a/x"'), "s3://b1b/env:/qa/b/a/x", None),
        (backend("s3", bucket='"b1b"', key='"a/x"'), "s3://b1b/env:/a/x", None),
        (backend("s3", bucket='"b1b"', key='"a/x"'), "s3://b1b/a/y", None),
        (backend("s3", bucket='"b1b"', key='"x"', workspace_key_prefix='"w"'), "s3://b1b/w/qa/x", "qa"),
        (backend("s3", bucket='"b1b"', key='"x"', workspace_key_prefix='"w"'), "s3://b1b/env:/qa/x", None),
        (backend("s3", bucket='"b1b"', key='"x"', workspace_key_prefix="var.w"), "s3://b1b/env:/qa/x", None),
        (backend("http", address='"https://states.example.com/x"'), "https://states.example.com/x", ""),
        (backend("http", address='"https://states.example.com/x"'), "https://states.example.com/y", None),
        (backend("s3", bucket="var.bucket", key='"x"'), "s3://None/x", None),
        (backend("s3", key='"x"'), "s3://None/x", None),
        (backend("local", path='"/x"'), "/x", None),
    ],
)
def test_a_backend_says_where_the_states_of_its_workspaces_lie(said: str, place: str, workspace: str | None) -> None:
    graph = two_roots(said)
    [*found] = written(graph)
    assert [each.workspace(place) for each in found] == ([workspace] if found else [])
    assert root_of(graph, place, ()) == (None if workspace is None else "live")
    assert workspace_at(graph, "live", place) == (workspace or "")
