"""What differs between two versions of a state, and what may become the next one: no secret is ever told."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.states.model import (
    ChangedOutput,
    ChangedResource,
    Head,
    Holder,
    as_successor,
    diff,
    holder_of,
    parse_head,
    why_not_import,
)
from butai.terraform.state import objects, summary

pytestmark = pytest.mark.model

SECRET = "s3cr3t-"


def document(resources: dict[str, Any], outputs: dict[str, Any] | None = None, serial: int = 1) -> bytes:
    """A state of `terraform_data` resources: name -> attributes, or (status, attributes)."""
    held = []
    for name, given_ in resources.items():
        status, attributes = given_ if isinstance(given_, tuple) else (None, given_)
        instance = {"attributes": attributes, **({"status": status} if status else {})}
        held.append({"mode": "managed", "type": "terraform_data", "name": name, "instances": [instance]})
    body = {"version": 4, "serial": serial, "lineage": "one", "resources": held, "outputs": outputs or {}}
    return json.dumps(body).encode()


names = st.sampled_from(["a", "b", "c", "d"])
values = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.text("xyz", max_size=3), st.lists(st.integers(0, 2)))
attributes = st.dictionaries(st.sampled_from(["id", "input", "password"]), values, max_size=3)
resources = st.dictionaries(names, st.one_of(attributes, st.tuples(st.just("tainted"), attributes)), max_size=4)
outputs = st.dictionaries(
    names, st.fixed_dictionaries({"value": values, "sensitive": st.booleans(), "type": st.just("string")}), max_size=3
)
documents = st.builds(document, resources, outputs)


@given(documents)
def test_nothing_differs_from_itself(one: bytes) -> None:
    assert diff(one, one).is_empty


@given(documents, documents)
def test_the_other_way_round_what_was_more_is_fewer(one: bytes, other: bytes) -> None:
    there, back = diff(one, other), diff(other, one)
    assert (there.added, there.removed) == (back.removed, back.added)
    assert [(each.address, each.attributes) for each in there.changed] == [
        (each.address, each.attributes) for each in back.changed
    ]
    assert [(each.name, each.before, each.after) for each in there.outputs] == [
        (each.name, each.after, each.before) for each in back.outputs
    ]


@given(documents, documents)
def test_every_resource_is_told_exactly_once_or_is_the_same(one: bytes, other: bytes) -> None:
    found, old, new = diff(one, other), objects(one), objects(other)
    told = [*found.added, *found.removed, *(each.address for each in found.changed)]
    assert len(told) == len(set(told))
    for address in old.keys() | new.keys():
        same = address in old and address in new and _content(old[address]) == _content(new[address])
        assert (address in told) is not same


def _content(held: Any) -> str:
    given_ = {name: value for name, value in held.attributes.items() if value is not None}
    return json.dumps([held.tainted, given_], sort_keys=True)


@given(st.text("abcdef0123456789", min_size=6), st.text("abcdef0123456789", min_size=6), st.booleans(), st.booleans())
def test_no_value_of_an_attribute_or_of_a_sensitive_output_is_told(
    before: str, after: str, was_sensitive: bool, is_sensitive: bool
) -> None:
    old = document(
        {"a": {"id": "1", "password": SECRET + before}}, {"o": {"value": SECRET + before, "sensitive": was_sensitive}}
    )
    new = document(
        {"a": {"id": "1", "password": SECRET + after}}, {"o": {"value": SECRET + after, "sensitive": is_sensitive}}
    )
    found = diff(old, new)
    assert SECRET not in json.dumps([asdict(each) for each in found.changed])
    assert (SECRET in repr(found)) is (not was_sensitive and not is_sensitive and before != after)


def test_what_differs_is_named() -> None:
    old = document(
        {"a": {"id": "1", "input": "x"}, "b": {"id": "2"}, "t": {"id": "4"}},
        {"url": {"value": "http://old"}, "gone": {"value": [1, 2]}},
    )
    new = document(
        {"a": {"id": "1", "input": "y", "more": True}, "c": {"id": "3"}, "t": ("tainted", {"id": "4"})},
        {"url": {"value": "http://new"}},
    )
    found = diff(old, new)
    assert (found.added, found.removed) == (("terraform_data.c",), ("terraform_data.b",))
    assert found.changed == (
        ChangedResource("terraform_data.a", ("input", "more")),
        ChangedResource("terraform_data.t", (), tainted=True),
    )
    assert found.outputs == (
        ChangedOutput("gone", "[1, 2]", None),
        ChangedOutput("url", "http://old", "http://new"),
    )


def test_a_deposed_object_stands_beside_the_one_that_took_its_place() -> None:
    held = {"mode": "managed", "type": "aws_x", "name": "one", "instances": [{"attributes": {"id": "new"}}]}
    body = {"version": 4, "serial": 1, "lineage": "one", "resources": [held]}
    before = json.dumps(body).encode()
    held["instances"] = [{"attributes": {"id": "new"}}, {"attributes": {"id": "old"}, "deposed": "0a1b"}]
    assert diff(before, json.dumps(body).encode()).added == ("aws_x.one (deposed 0a1b)",)


@given(documents, st.integers(0, 10_000), st.text("ab", min_size=1))
def test_a_successor_has_the_same_content_and_may_be_written(old: bytes, serial: int, lineage: str) -> None:
    newest = Head(serial, lineage)
    made = as_successor(old, newest)
    assert parse_head(made) == Head(serial + 1, lineage)
    assert why_not_import(parse_head(made), newest) == ""
    assert (summary(made).resources, summary(made).outputs) == (summary(old).resources, summary(old).outputs)
    assert diff(old, made).is_empty


def test_an_import_wants_the_lineage_and_a_higher_serial() -> None:
    assert why_not_import(Head(3, "a"), None) == ""
    assert why_not_import(Head(3, "a"), Head(2, "a")) == ""
    assert "serial" in why_not_import(Head(2, "a"), Head(2, "a"))
    assert "older" in why_not_import(Head(1, "a"), Head(2, "a"))
    assert "lineage" in why_not_import(Head(3, "b"), Head(2, "a"))
    assert "not a Terraform state" in why_not_import(None, Head(2, "a"))


@given(st.booleans(), st.booleans(), st.booleans())
def test_a_holder_is_called_dead_only_where_it_would_be_seen(going: bool, here: bool, alive: bool) -> None:
    found = holder_of(going=going, here=here, alive=alive)
    assert (found is Holder.DEAD) is (here and not alive and not going)
    assert (found is Holder.UNSEEN) is (not here and not going)
