"""What a state document says (format version 4 of Terraform and OpenTofu)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from butai.errors import ButaiError
from butai.text import text

MASK = "(sensitive)"
# `provider["registry.terraform.io/hashicorp/aws"].virginia`, with a module's path before it.
_PROVIDER = re.compile(r'provider\["([^"]+)"\]')


class UnreadableStateError(ButaiError):
    """The bytes are no state that this version of Butai can read."""

    code = "state-unreadable"


@dataclass(frozen=True)
class StateResource:
    """A managed object: its address with the instance's key, its type, and the provider's id for it (may be empty)."""

    address: str
    type: str
    id: str
    tainted: bool = False


@dataclass(frozen=True)
class StateObject:
    """Everything that a state holds of one object. The attributes (secrets too) are not in its repr."""

    address: str
    tainted: bool
    attributes: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class StateOutput:
    """An output. Its value is not in its repr; `shown` is what may be printed."""

    name: str
    sensitive: bool
    value: Any = field(repr=False)

    @property
    def shown(self) -> Any:
        """The value, or a mask for a sensitive one."""
        return MASK if self.sensitive else self.value


@dataclass(frozen=True)
class StateSummary:
    """One version of a state. `resources` are the managed ones: data sources own nothing."""

    serial: int
    lineage: str
    terraform_version: str
    resources: tuple[StateResource, ...]
    outputs: tuple[StateOutput, ...]

    @property
    def is_empty(self) -> bool:
        """Whether it manages nothing any more."""
        return not self.resources


def summary(document: bytes) -> StateSummary:
    """Read a state document. Raises UnreadableStateError for anything but a version 4 state."""
    with reading(document) as raw:
        return _summary(raw)


def _summary(raw: dict[str, Any]) -> StateSummary:
    return StateSummary(
        serial=int(raw.get("serial", 0)),
        lineage=str(raw.get("lineage", "")),
        terraform_version=str(raw.get("terraform_version", "")),
        resources=tuple(_resources(raw.get("resources") or [])),
        outputs=tuple(_outputs(raw.get("outputs") or {})),
    )


def _whole(document: bytes) -> list[dict[str, Any]]:
    """The resources of a state of which everything can be read. Raises UnreadableStateError."""
    with reading(document) as raw:
        _summary(raw)
        return raw.get("resources") or []


@contextmanager
def reading(document: bytes) -> Iterator[dict[str, Any]]:
    """The JSON of a version 4 state. What is not as it must be, there or for who reads on, is an UnreadableStateError."""
    try:
        raw = json.loads(document)
        if raw["version"] != 4:
            raise UnreadableStateError(
                text("This state has format version {version}.", version=f"{raw['version']!r}"),
                next=text("Butai reads version 4."),
            )
        yield raw
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # `from None`: the reason would quote the document, which holds secrets.
        why = text("It is no state document of format version 4 ({kind}).", kind=type(error).__name__)
        raise UnreadableStateError(text("The state cannot be read."), why=why) from None


def objects(document: bytes) -> dict[str, StateObject]:
    """The managed objects by address, with their attributes; a deposed one beside the one that took its place."""
    found = (_object(address, instance) for address, _, instance in _instances(_whole(document)))
    return {each.address: each for each in found}


def providers(document: bytes) -> frozenset[str]:
    """Complete sources of the providers that have something in a state; without those built into the engine.

    No bytes at all have none. Raises UnreadableStateError.
    """
    if not document.strip():
        return frozenset()
    named = (str(each.get("provider", "")) for each in _whole(document))
    found = {match[1] for each in named if (match := _PROVIDER.search(each))}
    return frozenset(each for each in found if not each.startswith("terraform.io/builtin/"))


def resource_types(document: bytes) -> frozenset[str]:
    """Types of everything that a state holds, data sources too; none in no bytes at all. Raises UnreadableStateError."""
    if not document.strip():
        return frozenset()
    return frozenset(str(each.get("type", "")) for each in _whole(document))


def is_empty(document: bytes) -> bool:
    """Whether this state manages nothing. No bytes at all (a state never written) is empty as well."""
    return not document.strip() or summary(document).is_empty


def _resources(raw: list[dict[str, Any]]) -> Iterator[StateResource]:
    for address, kind, instance in _instances(raw):
        attributes = instance.get("attributes") or {}
        yield StateResource(address, kind, str(attributes.get("id") or ""), instance.get("status") == "tainted")


def _instances(raw: list[dict[str, Any]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Address, type and content of every managed instance."""
    for resource in raw:
        if resource.get("mode") != "managed":
            continue
        module = f"{resource['module']}." if resource.get("module") else ""
        for instance in resource["instances"]:
            address = f"{module}{resource['type']}.{resource['name']}{index_of(instance)}"
            yield address, str(resource["type"]), instance


def _object(address: str, instance: dict[str, Any]) -> StateObject:
    deposed = instance.get("deposed")
    attributes = instance.get("attributes") or instance.get("attributes_flat") or {}
    whole = f"{address} (deposed {deposed})" if deposed else address
    return StateObject(whole, instance.get("status") == "tainted", attributes)


def index_of(instance: dict[str, Any]) -> str:
    """What an instance of `count` or `for_each` has behind its address: `[0]`, `["a"]`."""
    key = instance.get("index_key")
    return "" if key is None else f"[{json.dumps(key, ensure_ascii=False)}]"


def _outputs(raw: dict[str, dict[str, Any]]) -> Iterator[StateOutput]:
    for name, output in sorted(raw.items()):
        yield StateOutput(name, bool(output.get("sensitive")), output["value"])
