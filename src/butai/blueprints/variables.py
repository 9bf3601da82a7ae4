"""Which variable gets which value. Pure.

Filled by Butai and by nobody else: the environment's name, the images, the leases, the secrets (those by the worker,
from their references). Of the rest a person's own value goes before the blueprint's default, and that one before the
root's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import JsonValue

from butai.blueprints.model import Blueprint
from butai.blueprints.validate import Root
from butai.errors import WrongUseError, did_you_mean
from butai.leases.service import Range
from butai.text import text

_STRUCTURES = ("list", "set", "map", "object", "tuple")


class VariableError(WrongUseError):
    """A variable was given that cannot be given."""

    code = "bad-variable"


def variables_for(
    blueprint: Blueprint,
    root: Root,
    *,
    environment_name: str,
    images: Mapping[str, str],
    leases: Mapping[str, str],
    user: Mapping[str, str],
) -> dict[str, JsonValue]:
    """The values of the root's variables, ready for a `.tfvars.json`. Secrets are not among them.

    `images` by service, `leases` by pool, `user` what a person gave as NAME=VALUE. Raises VariableError for a name that
    the root lacks or Butai fills, for a secret in plain words, and for a service without an image.
    """
    own = _own(blueprint, environment_name, images, leases)
    given = {name: _checked(blueprint, root, name, value, own) for name, value in user.items()}
    return {**blueprint.defaults, **given, **own}


def _own(
    blueprint: Blueprint, environment_name: str, images: Mapping[str, str], leases: Mapping[str, str]
) -> dict[str, JsonValue]:
    named = blueprint.environment_variable
    own: dict[str, JsonValue] = {named: environment_name} if named else {}
    for name, service in blueprint.services.items():
        if name not in images:
            raise VariableError(
                text("The service `{name}` has no image.", name=name), next=text("Choose a branch or a commit for it.")
            )
        own[service.variable] = images[name]
    for name, lease in blueprint.leases.items():
        if lease.variable is not None:
            if name not in leases:
                raise VariableError(text("Nothing was lent from the pool `{name}`.", name=name), code="lease-missing")
            own[lease.variable] = int(leases[name]) if isinstance(lease.range, Range) else leases[name]
    return own


def _checked(blueprint: Blueprint, root: Root, name: str, value: str, own: Mapping[str, JsonValue]) -> JsonValue:
    where = f"--var {name}"
    if name in own or name in blueprint.secrets:
        raise VariableError(
            text("The variable `{name}` is filled by Butai.", name=name), next=text("Leave it out."), where=where
        )
    variable = root.variables.get(name)
    if variable is None:
        hint = did_you_mean(name, set(root.variables) - set(own) - set(blueprint.secrets))
        raise VariableError(
            text("The root has no variable `{name}`.", name=name), next=hint, where=where, code="unknown-variable"
        )
    if variable.sensitive:
        raise VariableError(
            text("The variable `{name}` is a secret: its value would be stored and shown.", name=name),
            next=text("Name a reference under `secrets` in butai.yaml: `ssm:/path` or `env:NAME`."),
            where=where,
            code="secret-in-plain",
        )
    return _structure(name, value) if variable.type.strip().startswith(_STRUCTURES) else value


def _structure(name: str, value: str) -> JsonValue:
    try:
        parsed: JsonValue = json.loads(value)
    except json.JSONDecodeError as error:
        raise VariableError(
            text("The variable `{name}` takes a list or a map, and this is not JSON.", name=name),
            why=text("{problem} at character {position}.", problem=error.msg, position=error.pos + 1),
            next=text('Write it as JSON: \'["a", "b"]\' or \'{"key": "value"}\'.'),
            where=f"--var {name}",
        ) from error
    return parsed
