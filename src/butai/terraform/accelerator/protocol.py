"""What a proxy has to know of the plugin protocol, versions 5 and 6: names of calls, and a few messages' fields.

Source: docs/plugin-protocol/tfplugin5.proto and tfplugin6.proto of Terraform. Everything else passes through unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgpack

from butai.terraform.accelerator.wire import LENGTH, WireError, fields, last, number, values

SERVICES = {5: "tfplugin5.Provider", 6: "tfplugin6.Provider"}

SCHEMA = frozenset({"GetSchema", "GetProviderSchema"})
# They say what the provider is, whoever asks.
STATIC = SCHEMA | {"GetMetadata", "GetFunctions", "GetResourceIdentitySchemas"}
CHECK_CONFIGURATION = frozenset({"PrepareProviderConfig", "ValidateProviderConfig"})
CONFIGURE = frozenset({"Configure", "ConfigureProvider"})
STOP = frozenset({"Stop", "StopProvider"})
APPLY = "ApplyResourceChange"
# More than one message goes or comes. They are refused: of one that was taken for a plain call, the work would be done
# and the answer lost.
STREAMING = frozenset({"ListResource", "InvokeAction", "ReadStateBytes", "WriteStateBytes"})
# They say whether what is written is right; nothing that exists has a part in it.
CHECK_WRITTEN = frozenset(
    {
        "ValidateResourceTypeConfig",
        "ValidateResourceConfig",
        "ValidateDataSourceConfig",
        "ValidateDataResourceConfig",
        "ValidateEphemeralResourceConfig",
    }
)
# A state as the provider now writes it, from one as it wrote it before.
UPGRADE = "UpgradeResourceState"
# They change nothing, so they may be asked again.
REPEATABLE = CHECK_WRITTEN | frozenset(
    {
        UPGRADE,
        "UpgradeResourceIdentity",
        "ReadResource",
        "PlanResourceChange",
        "ReadDataSource",
        "ImportResourceState",
        "MoveResourceState",
        "CallFunction",
    }
)

# What an engine asks a provider that is not configured, too.
_UNCONFIGURED = re.compile(r"Get|Prepare|Validate|Upgrade|CallFunction$|MoveResourceState$")

# Fields of GetProviderSchema.Response that are maps from a name to a description; the same in both versions.
_MAPS = frozenset({2, 3, 7, 8, 9, 10, 11})
_MAP_KEY, _MAP_VALUE = 1, 2
_RESOURCES = 2
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NAMED = re.compile(r"\b(?:resource|data|ephemeral)\s+\"?([\w-]+)|\bprovider::[\w-]+::([\w-]+)")
_SURELY = "="
_CAPABILITIES = 3
# Where an answer holds its diagnostics.
OF_CONFIGURE, OF_SCHEMA, OF_OTHERS = 1, 4, 2
_SEVERITY, _ERROR = 1, 1
_LONGEST_PATH = 1024


@dataclass(frozen=True)
class Call:
    """A call's name, taken apart."""

    service: str
    method: str

    @property
    def to_provider(self) -> bool:
        """Whether it is one of the plugin protocol, not of the frame around it."""
        return self.service in SERVICES.values()


def parse_call(path: str) -> Call:
    """`/tfplugin5.Provider/ReadResource` as service and method."""
    service, _, method = path.removeprefix("/").partition("/")
    return Call(service, method)


def needs_configuration(method: str) -> bool:
    """Whether a provider can answer this only once it is configured; so of a call that is not known here."""
    return not _UNCONFIGURED.match(method)


def words(texts: Iterable[str]) -> frozenset[str]:
    """Everything in these texts that could be a resource type's or a function's name; what surely is one marked, too."""
    found: set[str] = set()
    for each in texts:
        found.update(_WORD.findall(each))
        found.update(_SURELY + (kind or function) for kind, function in _NAMED.findall(each))
    return frozenset(found)


def misses(there: frozenset[str], asked: frozenset[str]) -> bool:
    """Whether something surely is meant to be among these names and is not: an engine then proposes one of them all."""
    beginnings = {each.partition("_")[0] for each in there}
    surely = {each.removeprefix(_SURELY) for each in asked if each.startswith(_SURELY)}
    # A word without "_" is from a comment: "resource groups", "data users".
    return any("_" in each and each.partition("_")[0] in beginnings for each in surely - there)


def trimmed(schema: bytes, keep: frozenset[str]) -> bytes:
    """The answer with only those entries of its maps whose names are kept; as it is where it cannot be read."""
    try:
        parts = [
            schema[each.start : each.end]
            for each in fields(schema)
            if each.number not in _MAPS or each.kind != LENGTH or _key(schema[each.value : each.end]) in keep
        ]
    except (WireError, UnicodeDecodeError):
        return schema
    return b"".join(parts)


def names(schema: bytes) -> frozenset[str]:
    """All resource types, data sources and functions that an answer describes. Raises WireError."""
    found = [each for each in fields(schema) if each.number in _MAPS and each.kind == LENGTH]
    return frozenset(_key(schema[each.value : each.end]) for each in found)


def versions(schema: bytes) -> dict[str, int]:
    """The version of each resource type's state, as an answer describes it; empty where it cannot be read."""
    found = {}
    with suppress(WireError, UnicodeDecodeError):
        for each in fields(schema):
            if (each.number, each.kind) == (_RESOURCES, LENGTH):
                entry = schema[each.value : each.end]
                found[_key(entry)] = number(last(entry, _MAP_VALUE), 1)
    return found


def is_current(request: bytes, of: Mapping[str, int]) -> bool:
    """Whether an UpgradeResourceState holds a state of the version that its type has."""
    try:
        kind, version = last(request, 1).decode(), number(request, 2)
    except (WireError, UnicodeDecodeError):
        return False
    return of.get(kind) == version


def _key(entry: bytes) -> str:
    return last(entry, _MAP_KEY).decode()


@dataclass(frozen=True)
class Configuration:
    """A Configure as it came."""

    method: str
    request: bytes

    @cached_property
    def meaning(self) -> bytes:
        """What it sets, the same for planning and applying."""
        return configuration(self.request)


def configuration(request: bytes) -> bytes:
    """What a Configure sets, without what the engine says it can do itself: that differs between planning and applying."""
    try:
        return b"".join(request[each.start : each.end] for each in fields(request) if each.number != _CAPABILITIES)
    except WireError:
        return request


def diagnostics_of(method: str) -> int:
    """The field in which the answer to this call holds its diagnostics."""
    return OF_SCHEMA if method in SCHEMA else OF_OTHERS


def has_errors(answer: bytes, number: int = OF_CONFIGURE) -> bool:
    """Whether the diagnostics in this field hold an error (a warning is none). What cannot be read counts as one."""
    try:
        return any(_severity(each) == _ERROR for each in values(answer, number))
    except WireError:
        return True


def has_diagnostics(answer: bytes, number: int) -> bool:
    """Whether there is anything in the field of its diagnostics. What cannot be read counts as if there were."""
    try:
        return bool(values(answer, number))
    except WireError:
        return True


def _severity(diagnostic: bytes) -> int:
    return number(diagnostic, _SEVERITY)


def is_creation(request: bytes) -> bool:
    """Whether an ApplyResourceChange makes something: nothing was there before. What cannot be read counts as one."""
    try:
        # prior_state = 2, a DynamicValue whose msgpack = 1 is nil.
        return last(last(request, 2), 1) in {b"", b"\xc0"}
    except WireError:
        return True


def may_name_one_of(entries: Iterable[bytes], request: bytes) -> bool:
    """Whether a call could hold a path that begins in a folder with these entries: a quick look before `relative_paths`."""
    return b"./" in request or any(each in request for each in entries)


def relative_paths(request: bytes) -> set[str]:
    """Texts in a call that could be the name of a file, relative to the folder in which the engine runs."""
    found = {text for each in _parts(request) for text in _texts(_unpacked(each))}
    return {text for text in found if text and not text.startswith("/") and len(text) <= _LONGEST_PATH}


def _parts(request: bytes) -> list[bytes]:
    """What the DynamicValues of a call hold as msgpack; other fields give something that is none, or nothing."""
    try:
        given = [request[each.value : each.end] for each in fields(request) if each.kind == LENGTH]
    except WireError:
        return []
    found = []
    for each in given:
        with suppress(WireError):
            found.append(last(each, 1))
    return found


def _unpacked(value: bytes) -> Any:
    try:
        return msgpack.unpackb(value, strict_map_key=False, unicode_errors="surrogateescape")
    except (ValueError, TypeError, RecursionError):
        return None


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value. Not by recursion: a value may be nested deeper than Python's stack."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, list):
            left += each
        elif isinstance(each, dict):
            left += each.values()
