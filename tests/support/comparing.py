"""What AWS makes up, told apart from what was asked for: an id is called after the place where it was first seen.

What was done twice alike is then told in the same words, and a reference that leads elsewhere is still seen.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import zip_longest
from typing import Any

_ID = re.compile(
    r"""
    (?P<kept> :secret:[\w/-]+- ) [A-Za-z0-9]{6} \b              # the end of a secret's ARN
    | \b 127\.0\.0\.1:\d+ \b                                    # where an emulated AWS listens
    | \b [0-9a-f]{8} (?: -[0-9a-f]{4} ){3} -[0-9a-f]{12} \b
    | \b [a-z]+-[0-9a-f]{17} \b                                 # of EC2
    | (?<= / ) (?: [0-9a-f]{16} | [0-9a-f]{32} ) \b              # of a load balancer and what is below it; of tasks
    | \b A[A-Z0-9]{19,20} \b                                    # of IAM
    | \b \d{18}[0-9a-f]{8} \b                                   # of the provider: the time and a number
    """,
    re.VERBOSE,
)
_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?")
_A_TIME = "<a time>"
_TIMES = frozenset({"creation_time", "creationTime"})
# What an engine says only when something takes long, and what differs from run to run.
_MEANWHILE = re.compile(r"Still \w+\.\.\. \[")
_OF_A_RUN = re.compile(r"after \d+s|deposed object \w+")
# Written in any order, or in that of the ids.
_SETS = frozenset({"relevant_attributes", "sensitive_attributes", "ids"})


class Names:
    """Names for the ids of one cloud, kept over everything that is told of it."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._seen = Counter[str]()

    def state(self, document: dict[str, Any] | None) -> Any:
        """A state's document, its resources by address. An id that a resource has is called after that resource."""
        if document is None:
            return None
        resources = by_address(document["resources"])
        for address, each in resources.items():
            if each["mode"] == "managed":
                for key in ("id", "arn"):
                    self.told(each["attributes"].get(key), f"{address}.{key}")
        told = {address: self.told(each, address) for address, each in resources.items()}
        return {**self.told({**document, "resources": []}, "state"), "resources": told}

    def told(self, value: Any, place: str, *, unordered: bool = False) -> Any:
        """A document with names for ids and without times. `unordered`: no list in it has an order."""
        return self._told(value, place, unordered)

    def words(self, said: str) -> list[str]:
        """An engine's lines, in an order of their own: what goes on at once is told as it comes."""
        lines = [_OF_A_RUN.sub("", each) for each in said.splitlines() if not _MEANWHILE.search(each)]
        return [self._text(each, "said") for each in sorted(lines, key=self._shape)]

    def _told(self, value: Any, place: str | None, unordered: bool) -> Any:
        if isinstance(value, dict):
            pairs = [(self._text(key, place), key) for key in sorted(value, key=self._shape)]
            return {name: self._one(key, value[key], _below(place, f".{name}"), unordered) for name, key in pairs}
        if isinstance(value, list):
            each_at = enumerate(sorted(value, key=self._shape) if unordered else value)
            return [self._told(each, _below(place, f"[{number}]"), unordered) for number, each in each_at]
        if isinstance(value, datetime):
            return _A_TIME
        return self._text(value, place) if isinstance(value, str) else value

    def _one(self, key: str, value: Any, place: str | None, unordered: bool) -> Any:
        return _A_TIME if key in _TIMES else self._told(value, place, unordered or key in _SETS)

    def _text(self, text: str, place: str | None) -> str:
        return _ID.sub(lambda found: (found["kept"] or "") + self._name(found[0], place), _MOMENT.sub(_A_TIME, text))

    def _name(self, found: str, place: str | None) -> str:
        if found not in self._names and place is not None:
            self._seen[place] += 1
            number = f" {self._seen[place]}" if self._seen[place] > 1 else ""
            self._names[found] = f"<{place}{number}>"
        return self._names.get(found, "")

    def _shape(self, value: Any) -> str:
        """To put in order. An id that has no name yet gets none by this, and is like any other."""
        return json.dumps(self._told(value, None, unordered=True), sort_keys=True)


def _below(place: str | None, part: str) -> str | None:
    return None if place is None else place + part


def by_address(resources: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The instances of a state's resources by their addresses; what was replaced and still stands beside the new one."""
    found = {}
    for resource in resources:
        parts = [resource.get("module", ""), "data" if resource["mode"] == "data" else "", resource["type"]]
        address = ".".join([*filter(None, parts), resource["name"]])
        for each in resource["instances"]:
            key = f"[{json.dumps(each['index_key'])}]" if "index_key" in each else ""
            replaced = " (deposed)" if "deposed" in each else ""
            found[address + key + replaced] = {"mode": resource["mode"], "provider": resource["provider"], **each}
    return found


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """What differs between two documents, and where (`Ellipsis`: not there); none where they are equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other}, key=str)
        return [each for key in keys for each in differences(one.get(key, ...), other.get(key, ...), f"{place}.{key}")]
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip_longest(one, other, fillvalue=...)
        return [each for number, pair in enumerate(pairs) for each in differences(*pair, f"{place}[{number}]")]
    return [] if one == other and type(one) is type(other) else [f"{place.lstrip('.')}: {one!r} != {other!r}"]
