"""What was changed outside since a state was written, out of a plan that only looks for that. Pure.

Providers report much that nobody changed: what is empty is read in another way than it was written, and what a provider
finds out by itself (the time of a backup, the rules that other things gave to a security group) becomes another. So what the
code decides is told apart from what it leaves to the provider.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from butai.terraform.attributes import CHANGES, SIDES, Attribute, Changed, differing, first_of
from butai.terraform.own_things import OwnThings

_EMPTY = frozenset({"null", '""', "[]", "{}"})
_CALL = re.compile(r'module\.([^.\[]+)(?:\["(?:[^"\\]|\\.)*"\]|\[\d+\])?(?:\.|$)')
_HEAD = re.compile(r"[^.\[]+")
# Made of `tags` and the provider's `default_tags`, which code writes.
_OF_TAGS = "tags_all"
Codes = dict[tuple[tuple[str, ...], str, str], frozenset[str]]
"""Of each resource (the calls that lead to its module, its type and name) the attributes and blocks that its code sets."""


def drifted(plan: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[Changed]:
    """Every address that was changed since its state was written: as `changed` would tell a change back to that.

    `plan`: of `show -json`; `schemas`: of `providers schema -json`. What the code decides comes first. Where nothing
    differs but how something empty is read, the address has no attribute.
    """
    codes, own = _codes((), plan.get("configuration", {}).get("root_module", {})), OwnThings(plan)
    for each in plan.get("resource_drift", ()):
        if each["change"]["actions"] in CHANGES and not each.get("deposed"):
            decided = _Decided(each, codes, schemas, own)
            found = [replace(one, in_code=decided.by_code(one)) for one in _back(each["change"]) if decided.counts(one)]
            yield first_of(each["address"], sorted(found, key=lambda one: not one.in_code))


def _back(change: Mapping[str, Any]) -> Iterator[Attribute]:
    back = {side: change.get(other) for one in SIDES for side, other in (one, one[::-1])}
    return (one for one in differing(back) if not {one.before, one.after} <= _EMPTY)


class _Decided:
    """What of one resource its code decides: what it sets, and what is nothing unless code sets it."""

    def __init__(self, drift: Mapping[str, Any], codes: Codes, schemas: Mapping[str, Any], own: OwnThings) -> None:
        calls = tuple(_CALL.findall(drift.get("module_address", "")))
        self._set = codes.get((calls, drift["type"], drift["name"]))
        provider = schemas.get("provider_schemas", {}).get(drift.get("provider_name"), {})
        block = provider.get("resource_schemas", {}).get(drift["type"], {}).get("block", {})
        self._left = {name for name, each in block.get("attributes", {}).items() if each.get("computed")}
        self._change, self._type = drift["change"], drift["type"]
        self._own = own

    def counts(self, attribute: Attribute) -> bool:
        """Not where other resources of the code made it."""
        name = _head(attribute)
        return not (self._given(name) and self._own.explain(self._change["before"], self._change["after"], name))

    def by_code(self, attribute: Attribute) -> bool:
        """Whether an update would put it back. Where the code is gone or the type unknown, better one too many is told."""
        name = _head(attribute)
        plain = self._set is None or name in self._set or name not in self._left or name == _OF_TAGS
        return plain or self._given(name)

    def _given(self, name: str) -> bool:
        """Whether that shows what the code writes as things of their own."""
        return self._own.give(self._type, self._change["after"].get("id") or "", name)


def _head(attribute: Attribute) -> str:
    found = _HEAD.match(attribute.path)
    return found.group() if found else attribute.path


def _codes(calls: tuple[str, ...], module: Mapping[str, Any]) -> Codes:
    found = {
        (calls, each["type"], each["name"]): frozenset(each.get("expressions", {}))
        for each in module.get("resources", ())
        if each.get("mode") == "managed"
    }
    for name, call in module.get("module_calls", {}).items():
        found.update(_codes((*calls, name), call.get("module", {})))
    return found
