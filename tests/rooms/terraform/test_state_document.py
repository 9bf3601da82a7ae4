"""Reading a state that a real engine wrote, and bytes that are none."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.terraform import commands
from butai.terraform.state import MASK, StateResource, UnreadableStateError, is_empty, summary
from support.tiny_root import TinyRoot

MINIMAL = {"version": 4, "terraform_version": "1.11.4", "serial": 3, "lineage": "l", "outputs": {}, "resources": []}


def document(**members: Any) -> bytes:
    return json.dumps({**MINIMAL, **members}).encode()


def test_a_real_state_and_what_a_destroy_leaves(tiny: TinyRoot) -> None:
    values = tiny.values(environment="qa-1")
    tiny.run(commands.apply(tiny.engine, values))
    tiny.run(commands.apply(tiny.engine, tiny.values(environment="qa-1", exit_code=1)))
    state = tiny.folder / "terraform.tfstate"
    found = summary(state.read_bytes())
    assert [(each.address, each.type, len(each.id), each.tainted) for each in found.resources] == [
        ("terraform_data.first", "terraform_data", 36, False),
        ("terraform_data.second", "terraform_data", 36, True),
    ]
    assert (found.terraform_version, found.serial > 1, len(found.lineage)) == (tiny.engine.version, True, 36)
    assert {each.name: each.shown for each in found.outputs} == {"address": "http://qa-1.localhost", "password": MASK}
    assert not found.is_empty
    assert "hunter2" not in repr(found)
    tiny.run(commands.destroy(tiny.engine, values))
    assert is_empty(state.read_bytes())
    assert summary(state.read_bytes()).lineage == found.lineage


def test_the_value_is_there_for_who_asks() -> None:
    found = summary(document(outputs={"a": {"value": ["x"], "type": "string", "sensitive": True}}))
    assert (found.outputs[0].value, found.outputs[0].shown) == (["x"], MASK)


def test_addresses_with_modules_and_keys() -> None:
    def resource(mode: str, name: str, *keys: Any, **more: Any) -> dict[str, Any]:
        instances = [{"attributes": {"id": f"id-{key}"}, **({} if key is None else {"index_key": key})} for key in keys]
        return {"mode": mode, "type": "aws_subnet", "name": name, "instances": instances, **more}

    raw = [
        resource("managed", "one", None),
        resource("managed", "many", 0, 1),
        resource("managed", "each", 'a "b"', module='module.net["x"]'),
        resource("data", "read", None),
        resource("managed", "none"),
    ]
    assert summary(document(resources=raw)).resources == (
        StateResource("aws_subnet.one", "aws_subnet", "id-None"),
        StateResource("aws_subnet.many[0]", "aws_subnet", "id-0"),
        StateResource("aws_subnet.many[1]", "aws_subnet", "id-1"),
        StateResource('module.net["x"].aws_subnet.each["a \\"b\\""]', "aws_subnet", 'id-a "b"'),
    )


def test_data_sources_alone_are_an_empty_state() -> None:
    data = {"mode": "data", "type": "aws_vpc", "name": "main", "instances": [{"attributes": {"id": "vpc-1"}}]}
    assert is_empty(document(resources=[data]))
    assert is_empty(b"")
    assert is_empty(b" \n")
    assert not is_empty(document(resources=[{**data, "mode": "managed"}]))


@pytest.mark.parametrize(
    "raw",
    [b"x", b"[]", b"{}", b"null", b"\xff", b'{"version": 3}', b'{"version": 4, "resources": [1]}', b"[" * 100_000],
)
def test_what_is_no_state_is_refused_by_name(raw: bytes) -> None:
    with pytest.raises(UnreadableStateError) as caught:
        summary(raw)
    assert caught.value.code == "state-unreadable"


def test_a_refusal_does_not_quote_the_document() -> None:
    with pytest.raises(UnreadableStateError) as caught:
        summary(b'{"version": 4, "outputs": {"p": "hunter2"}}')
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


SCALAR = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "managed", "data", "x"])
PARTS = st.sampled_from(
    ["serial", "lineage", "resources", "outputs", "mode", "instances", "type", "name", "attributes"]
)
INNER = st.dictionaries(PARTS, SCALAR, max_size=4)
VALUE = SCALAR | INNER | st.lists(SCALAR | INNER, max_size=2)


@given(st.dictionaries(PARTS, VALUE | st.lists(st.dictionaries(PARTS, VALUE, max_size=6), max_size=2), max_size=5))
def test_any_json_is_a_state_or_refused(members: dict[str, Any]) -> None:
    with contextlib.suppress(UnreadableStateError):
        summary(document(**members))
