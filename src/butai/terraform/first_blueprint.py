"""The text of a first `butai.yaml` out of what was found in a root: valid YAML, and honest about what nobody filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from butai.terraform.ecs_services import ServiceFound, as_name
from butai.terraform.inspect import Proposal, ToFill
from butai.terraform.inspect_leases import LeaseFound

FILL_IN = "FILL-IN"
_EXAMPLE = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_OF_THE_BACKEND = (
    *("bucket", "key", "workspace_key_prefix", "region"),
    *("use_lockfile", "dynamodb_table", "kms_key_id", "use_path_style"),
)
# Words that YAML reads as something else than text.
_NOT_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def first_blueprint(proposal: Proposal, name: str, *, region: str = "") -> str:
    """The file's text. `name` of the blueprint; `region`: used where the root names none.

    Every `FILL-IN` has to be replaced by a person; the file is refused as long as one stands in a place that is used.
    """
    parts = [
        list(_head(proposal, name, region)),
        list(_state(proposal)),
        list(_services(proposal)),
        list(_urls(proposal)),
        list(_leases(proposal)),
        list(_defaults(proposal)),
        list(_secrets(proposal)),
        list(_comments("Look at these before the first environment:", proposal.notes)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _head(proposal: Proposal, name: str, region: str) -> Iterator[str]:
    yield "# How Butai makes an environment from this root module. Written by `butai init`, to be read and changed."
    yield from _comments("Not yet usable:", proposal.refusals)
    yield "version: 1"
    yield f"name: {_blueprint_name(name)}"
    found = proposal.region or region
    yield _with(f"region: {_text(found or FILL_IN)}", "" if proposal.region else "the root names none; check this")
    yield from (f"# {each.name} ({each.where}) could carry it too" for each in proposal.environment[1:3])
    best = proposal.environment[0] if proposal.environment else None
    if proposal.workspaces and not best:
        return
    where = f"{best.where}, part of {best.uses} names" if best else "no variable was found"
    yield _with(f"environment_variable: {best.name if best else FILL_IN}", where)


def _state(proposal: Proposal) -> Iterator[str]:
    """The root's own `s3` backend: its environments are workspaces there, beside those that the team has."""
    backend = proposal.workspaces
    if backend is None:
        return
    said = {name: backend.settings[name] for name in _OF_THE_BACKEND if backend.settings.get(name)}
    locks = {} if {"use_lockfile", "dynamodb_table"} & said.keys() else {"use_lockfile": True}
    if "use_lockfile" in said:
        said.pop("dynamodb_table", None)
    yield "state: # this root reads terraform.workspace: every environment is a workspace of its name"
    yield f"  s3: # {backend.where}"
    for name, value in {"bucket": FILL_IN, "key": FILL_IN, **said, **locks}.items():
        yield f"    {name}: {_flow(value)}"


def _services(proposal: Proposal) -> Iterator[str]:
    usable, others = _split(proposal.services)
    if usable:
        yield "services:"
    for each in usable:
        yield f"  {each.name}: # {each.where}"
        yield _with(f"    repository: ../{each.name}", "its code: a path beside this repository, or a git URL")
        yield f"    variable: {each.variable}"
        image = _image(each)
        yield _with(
            f"    image: {_text(image)}", f"such as {_EXAMPLE}/{each.name}:{{commit}}" if image == FILL_IN else ""
        )
        yield _with(f"    ecs_service: {each.address}", "has several instances: add [KEY]" if each.many else "")
        yield "    branch: main"
    yield from _comments("ECS services that cannot be deployed one by one:", others)


def _split(services: tuple[ServiceFound, ...]) -> tuple[list[ServiceFound], list[str]]:
    """Services with a variable of their own, and what is to be said of the others."""
    owner: dict[str, ServiceFound] = {}
    others = []
    for each in services:
        if not each.variable:
            others.append(f"{each.where}: the image of {each.address} comes from no variable of this root.")
        elif each.variable in owner:
            same = owner[each.variable].name
            others.append(f"{each.where}: {each.address} takes {each.variable}, as `{same}` does; they roll together.")
        else:
            owner[each.variable] = each
    return list(owner.values()), others


def _image(service: ServiceFound) -> str:
    if service.is_tag:
        return "{commit}"
    repository, colon, tag = service.default.rpartition(":")
    known = repository if colon and "/" not in tag else service.default
    # A bare word such as `latest` or `nginx` is no repository of the team's own.
    return f"{known}:{{commit}}" if "/" in known else FILL_IN


def _urls(proposal: Proposal) -> Iterator[str]:
    if proposal.urls:
        yield "urls: # label: output. The first is the environment's main address."
        yield from (f"  {_text(each.label)}: {each.output} # {each.where}" for each in proposal.urls)
    else:
        yield "# No output is a URL. Add one to the root, then: urls: {web: url}"


def _leases(proposal: Proposal) -> Iterator[str]:
    if proposal.leases:
        yield "leases: # what two environments must not share"
        yield from (f"  {_text(each.name)}: {{{_lease(each)}}} # {each.where}" for each in proposal.leases)


def _lease(lease: LeaseFound) -> str:
    variable = f"variable: {lease.variable}, " if lease.variable else ""
    # A subdomain is the setting itself; the others have a mapping under their kind.
    settings: Any = lease.settings if lease.kind == "subdomain" else {lease.kind: lease.settings}
    return variable + _flow(settings)[1:-1]


def _defaults(proposal: Proposal) -> Iterator[str]:
    # As comments: a made-up value would pass for a real one.
    if proposal.defaults:
        yield "# Variables that nothing fills yet. Give each a value here, or a default in the root."
        yield "# defaults:"
        yield from (f"#   {each.name}: {FILL_IN} # {_told(each)}" for each in proposal.defaults)


def _secrets(proposal: Proposal) -> Iterator[str]:
    if proposal.secrets:
        yield 'secrets: # never the value: "ssm:/path" or "env:NAME" of the worker'
        yield from (f"  {each.name}: env:{each.name.upper()} # {_told(each)}" for each in proposal.secrets)


def _told(variable: ToFill) -> str:
    kind = " ".join(variable.type.split())
    return f"{variable.where} {kind[:60]}".rstrip()


def _comments(title: str, lines: list[str] | tuple[str, ...]) -> Iterator[str]:
    if lines:
        yield f"# {title}"
        yield from (f"# - {' '.join(line.split())}" for line in lines)


def _blueprint_name(text: str) -> str:
    """Lower-case letters, digits and single hyphens, a letter first, at most 40 characters."""
    return as_name(text).lstrip("-0123456789")[:40].strip("-") or "staging"


def _with(line: str, comment: str) -> str:
    return f"{line} # {comment}" if comment else line


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    """A text as YAML takes it back unchanged."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    return text if plain else json.dumps(text, ensure_ascii=False)
