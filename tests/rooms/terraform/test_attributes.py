"""Which attributes a plan would change: all of them, none that stay, and never a secret."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from butai.terraform.attributes import AT_MOST, HIDDEN, LATER, LONGEST, Attribute, changed, differing

SECRET = "s3cr3t-"
names = st.text("abc", min_size=1, max_size=2)
leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.text("xyz ", max_size=3)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
things = st.dictionaries(names, values, max_size=4)


def told(before: Any, after: Any, **marks: Any) -> list[Attribute]:
    return list(differing({"before": before, "after": after, **marks}))


def paths(found: list[Attribute]) -> list[str]:
    return [each.path for each in found]


def test_the_path_what_it_is_and_what_it_would_be() -> None:
    before = {"size": "small", "tags": {"Name": "a", "aws:team": "b"}, "rule": [{"port": 80}], "same": 1}
    after = {"size": "large", "tags": {"Name": "a", "aws:team": "c"}, "rule": [{"port": 443}], "same": 1}
    assert told(before, after) == [
        Attribute("rule[0].port", "80", "443"),
        Attribute("size", '"small"', '"large"'),
        Attribute('tags["aws:team"]', '"b"', '"c"'),
    ]


def test_what_only_an_apply_will_tell() -> None:
    found = told({"id": "i-1", "tags": {"a": "b"}}, {"tags": {"a": "b"}}, after_unknown={"id": True, "tags": {}})
    assert found == [Attribute("id", '"i-1"', LATER)]
    part = told({"list": None}, {"list": [{"a": 1}]}, after_unknown={"list": [{"b": True}]})
    assert [each.after for each in part] == [json.dumps([{"a": 1, "b": LATER}])]


def test_a_set_of_another_length_is_one_attribute_and_hidden_where_anything_in_it_is() -> None:
    assert told({"a": [1]}, {"a": [1, 2]}) == [Attribute("a", "[1]", "[1, 2]")]
    hidden = told({"a": [{"p": SECRET}]}, {"a": []}, before_sensitive={"a": [{"p": True}]})
    assert hidden == [Attribute("a", HIDDEN, HIDDEN)]


def test_one_side_that_is_sensitive_hides_both() -> None:
    assert told({"a": SECRET}, {"a": "open"}, before_sensitive={"a": True}) == [Attribute("a", HIDDEN, HIDDEN)]
    assert told({"a": "open"}, {"a": SECRET}, after_sensitive={"a": True}) == [Attribute("a", HIDDEN, HIDDEN)]


def test_one_that_makes_the_thing_anew_says_so() -> None:
    found = told({"a": 1, "b": [{"c": 1}]}, {"a": 2, "b": [{"c": 2}]}, replace_paths=[["b", 0, "c"]])
    assert [(each.path, each.forces) for each in found] == [("a", False), ("b[0].c", True)]


def test_long_values_are_cut_to_where_they_differ() -> None:
    policy = {"Statement": ["x" * 500, "Allow", "y" * 500]}
    other = {"Statement": ["x" * 500, "Deny", "y" * 500]}
    (found,) = told({"policy": json.dumps(policy)}, {"policy": json.dumps(other)})
    assert "Allow" in found.before and "Deny" in found.after
    assert max(len(found.before), len(found.after)) <= LONGEST + 2 and found.before.startswith("…")


def test_only_what_is_changed_or_made_anew_and_the_outputs() -> None:
    def change(address: str, *actions: str, **more: Any) -> dict[str, Any]:
        return {"address": address, "change": {"actions": list(actions), "before": {"a": 1}, "after": {"a": 2}}, **more}

    plan = {
        "resource_changes": [
            change("a.b", "update"),
            change("a.c", "create"),
            change("a.d", "delete"),
            change("a.e", "delete", "create"),
            change("a.f", "no-op"),
            change("a.g", "update", deposed="12345678"),
        ],
        "output_changes": {
            "url": {"actions": ["update"], "before": "http://a", "after": "http://b"},
            "word": {"actions": ["update"], "before": SECRET, "after": SECRET + "2", "after_sensitive": True},
            "same": {"actions": ["no-op"], "before": 1, "after": 1},
        },
    }
    found = {each.address: each.attributes for each in changed(plan)}
    assert list(found) == ["a.b", "a.e", "outputs"]
    assert found["outputs"] == [Attribute("url", '"http://a"', '"http://b"'), Attribute("word", HIDDEN, HIDDEN)]


def test_of_many_the_first_and_how_many_more() -> None:
    before, after = ({f"a{number:02}": value for number in range(20)} for value in (1, 2))
    change = {"actions": ["update"], "before": before, "after": after}
    (found,) = changed({"resource_changes": [{"address": "a.b", "change": change}]})
    assert (len(found.attributes), found.more, found.attributes[0].path) == (AT_MOST, 20 - AT_MOST, "a00")


@given(things)
def test_what_stays_is_not_told(thing: dict[str, Any]) -> None:
    assert told(thing, json.loads(json.dumps(thing))) == []


def given_of(value: Any) -> Any:
    """A value without what is not given: to Terraform an attribute that is null is one that is not there."""
    if isinstance(value, dict):
        return {key: given_of(each) for key, each in value.items() if each is not None}
    return [given_of(each) for each in value] if isinstance(value, list) else value


@given(things, names, values)
def test_one_attribute_that_becomes_another_is_told_and_nothing_else(
    thing: dict[str, Any], name: str, value: Any
) -> None:
    assume(json.dumps(given_of(thing.get(name))) != json.dumps(given_of(value)))
    found = paths(told(thing, {**thing, name: value}))
    assert found and all(path == name or path.startswith((f"{name}.", f"{name}[")) for path in found)


@given(things, things)
def test_both_ways_name_the_same_places(one: dict[str, Any], other: dict[str, Any]) -> None:
    there, back = told(one, other), told(other, one)
    assert paths(there) == paths(back)
    assert [(each.before, each.after) for each in there] == [(each.after, each.before) for each in back]
    assert all(each.before != each.after for each in there if len(each.before + each.after) < LONGEST)


secrets = st.builds(lambda number: f"{SECRET}{number}", st.integers(0, 9))


@st.composite
def marked(draw: st.DrawFn) -> tuple[Any, Any]:
    """A value with secrets in it, and the marks that a plan gives for it."""
    kind = draw(st.sampled_from(["open", "secret", "whole", "dict", "list"]))
    if kind == "open":
        return draw(leaves), False
    if kind == "secret":
        return draw(secrets), True
    if kind == "whole":
        return {"in": draw(secrets)}, True
    parts = [draw(marked()) for _ in range(draw(st.integers(0, 2)))]
    if kind == "list":
        return [value for value, _ in parts], [mark for _, mark in parts]
    return (
        {f"k{index}": value for index, (value, _) in enumerate(parts)},
        {f"k{index}": mark for index, (_, mark) in enumerate(parts) if mark},
    )


@given(st.dictionaries(names, marked(), max_size=3), st.dictionaries(names, marked(), max_size=3), things)
def test_no_secret_is_ever_told(before: dict[str, Any], after: dict[str, Any], unknown: dict[str, Any]) -> None:
    values = [{name: value for name, (value, _) in side.items()} for side in (before, after)]
    marks = [{name: mark for name, (_, mark) in side.items()} for side in (before, after)]
    found = told(*values, before_sensitive=marks[0], after_sensitive=marks[1], after_unknown=unknown)
    assert SECRET not in repr(found)
