"""What a state knows of the world: address by address the real id, ARN, region and account. Pure.

Nothing else of a state's attributes is kept: they hold secrets.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from butai.aws.arn import parse_arn, plain_arn
from butai.terraform.state import index_of, reading

# A key in a module's or a resource's address: `[0]`, `["a \"b\" [c]"]`.
_INDEX = re.compile(r'\[(?:[0-9]+|"(?:[^"\\]|\\.)*")\]')
# This provider's ids are what it made up, and serve as passwords.
_TELLS_SECRETS = '/random"]'


@dataclass(frozen=True)
class Place:
    """Where a provider works. Each is empty where it is not known."""

    region: str = ""
    account: str = ""


@dataclass(frozen=True)
class StateInstance:
    """One instance that a state holds.

    `path`: the address without any index, as it is declared in code. `mode`: `managed` or `data`. `provider`: the address of
    its provider's configuration as the state has it. `id` and `arn` as the provider keeps them, `region` (empty for what
    belongs to none) and `account`: each empty where the state does not tell. `deposed`: the key of one that another has
    taken the place of and that is still to be destroyed.
    """

    address: str
    path: str
    type: str
    mode: str
    provider: str
    id: str
    arn: str = ""
    region: str = ""
    account: str = ""
    tainted: bool = False
    deposed: str = ""


def index(document: bytes, told: Mapping[str, Place] | None = None) -> list[StateInstance]:
    """Every instance of a state document, data sources too; none in no bytes at all. Raises UnreadableStateError.

    `told`: where a provider's configuration works, by its address as the state has it. What is told of nothing is taken
    from the ARNs of its neighbours with the same configuration, where they all agree.
    """
    if not document.strip():
        return []
    with reading(document) as raw:
        found = [_instance(resource, each) for resource in raw.get("resources") or [] for each in resource["instances"]]
    places = {**_places(found), **(told or {})}
    return [_placed(each, places.get(each.provider, Place())) for each in found]


def without_indexes(address: str) -> str:
    """An address as it is declared in code: `module.a["x"].aws_lb.main[0]` is `module.a.aws_lb.main`."""
    return _INDEX.sub("", address)


def _instance(resource: dict[str, Any], instance: dict[str, Any]) -> StateInstance:
    mode, module = str(resource["mode"]), resource.get("module")
    path = ".".join(
        [*([module] if module else []), *(["data"] if mode == "data" else []), resource["type"], resource["name"]]
    )
    attributes = instance.get("attributes") or instance.get("attributes_flat") or {}
    provider, named = str(resource.get("provider", "")), str(attributes.get("arn") or "")
    arn, region = parse_arn(named), attributes.get("region")
    return StateInstance(
        address=f"{path}{index_of(instance)}",
        path=without_indexes(path),
        type=str(resource["type"]),
        mode=mode,
        provider=provider,
        # What a data source was asked is in its id: a URL with a token in it.
        id=_id(attributes, instance, provider) if mode == "managed" else "",
        arn=plain_arn(named) if arn else "",
        region=(arn.region if arn else "") or (region if isinstance(region, str) else ""),
        account=arn.account if arn else "",
        tainted=instance.get("status") == "tainted",
        deposed=str(instance.get("deposed") or ""),
    )


def _id(attributes: Mapping[str, Any], instance: Mapping[str, Any], provider: str) -> str:
    """The id, unless it is or may be a secret itself."""
    found = attributes.get("id")
    hidden = [attributes.get(name) for name in _sensitive(instance)]
    return str(found) if found and found not in hidden and _TELLS_SECRETS not in provider else ""


def _sensitive(instance: Mapping[str, Any]) -> Iterator[str]:
    """Names of the attributes that a state marks as sensitive."""
    for path in instance.get("sensitive_attributes") or []:
        step = path[0] if isinstance(path, list) else path
        yield str(step["value"])


def _places(found: Iterable[StateInstance]) -> dict[str, Place]:
    """Where each provider's configuration works, as far as all ARNs of what it manages agree."""
    regions: dict[str, set[str]] = defaultdict(set)
    accounts: dict[str, set[str]] = defaultdict(set)
    for each in found:
        if each.mode == "managed":
            regions[each.provider] |= {each.region} - {""}
            accounts[each.provider] |= {each.account} - {""}
    return {name: Place(_only(regions[name]), _only(accounts[name])) for name in regions}


def _only(values: set[str]) -> str:
    return next(iter(values)) if len(values) == 1 else ""


def _placed(each: StateInstance, place: Place) -> StateInstance:
    # An ARN without a region is that of a thing that belongs to none.
    region = each.region or ("" if each.arn else place.region)
    return replace(each, region=region, account=each.account or place.account)
