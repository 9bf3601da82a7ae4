"""The contract with a container: what its definition asks for, and the command and environment that follow from it."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.secretsmanager.exceptions import SecretsManagerClientError

from butai.errors import ButaiError
from butai.localcloud.state import CloudState

DEFAULT_STOP_TIMEOUT_S = 30.0
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_VARIABLE = re.compile(r"\$(?:(?P<plain>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\})")
_SHELL_ONLY = frozenset({"&&", "||", "|", ";", "&", "<", ">", ">>", "2>&1"})


class ContainerError(ButaiError):
    """A container that cannot be started as defined; `what` is worded as a task's stopped reason."""

    code = "container-definition"


@dataclass(frozen=True)
class LogTarget:
    """Where `awslogs` sends lines: a log group, and the first part of the stream's name."""

    group: str
    prefix: str


@dataclass(frozen=True)
class Container:
    """What a container definition says, as far as the local cloud heeds it. Secrets are name -> `valueFrom`."""

    name: str
    image: str
    essential: bool
    entry_point: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    stop_timeout_s: float
    logs: LogTarget | None


def overridden(definition: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """A container definition with what RunTask says otherwise: its command, and variables of its environment."""
    given = {pair["name"]: pair for pair in (*(definition.get("environment") or ()), *(other.get("environment") or ()))}
    command = {"command": other["command"]} if other.get("command") else {}
    return {**definition, **command, "environment": list(given.values())}


def read_definition(definition: Mapping[str, Any]) -> Container:
    """Read one container definition of the ECS API."""
    return Container(
        name=definition["name"],
        image=definition["image"],
        essential=definition.get("essential", True),
        entry_point=tuple(definition.get("entryPoint") or ()),
        command=tuple(definition.get("command") or ()),
        environment={pair["name"]: pair.get("value", "") for pair in definition.get("environment") or ()},
        secrets={secret["name"]: secret["valueFrom"] for secret in definition.get("secrets") or ()},
        stop_timeout_s=float(definition.get("stopTimeout") or DEFAULT_STOP_TIMEOUT_S),
        logs=_log_target(definition.get("logConfiguration") or {}),
    )


def _log_target(configuration: Mapping[str, Any]) -> LogTarget | None:
    options = configuration.get("options") or {}
    if configuration.get("logDriver") != "awslogs" or not options.get("awslogs-group"):
        return None
    return LogTarget(options["awslogs-group"], options.get("awslogs-stream-prefix", "ecs"))


def environment(
    container: Container, secrets: Mapping[str, str], *, cloud: Mapping[str, str], port: int, home: Path
) -> dict[str, str]:
    """The whole environment of a container: nothing of the local cloud's own.

    `PORT` wins over the definition: there it names the port inside a container's own network, which is not to be had
    here. Python writes its lines at once and leaves no caches in the checkout, which tasks share.
    """
    return {
        "PATH": f"{Path(sys.executable).parent}:{_SYSTEM_PATH}",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **cloud,
        **container.environment,
        **secrets,
        "HOME": str(home),
        "TMPDIR": str(home),
        "PORT": str(port),
    }


def argv(container: Container, checkout: Path, env: Mapping[str, str]) -> list[str]:
    """The command of a container: its own, else the line of its repository's Procfile. Raises ContainerError."""
    own = [*container.entry_point, *container.command]
    return _with_interpreter(own or _from_procfile(container, checkout, env))


def _with_interpreter(command: Sequence[str]) -> list[str]:
    # By its full path: the folder of a system's interpreter need not have both names.
    if command[0] in ("python", "python3"):
        return [sys.executable, *command[1:]]
    return list(command)


def _from_procfile(container: Container, checkout: Path, env: Mapping[str, str]) -> list[str]:
    try:
        lines = read_procfile((checkout / "Procfile").read_text())
    except (OSError, UnicodeDecodeError):
        lines = {}
    if not lines:
        raise ContainerError(
            f"CannotStartContainerError: {container.name} has no command, and {container.image} no Procfile",
            next="Give the container a `command`, or commit a Procfile with a line `web: COMMAND`.",
        )
    line = lines.get(container.name) or lines.get("web") or next(iter(lines.values()))
    return split_line(line, env)


def read_procfile(text: str) -> dict[str, str]:
    """The lines `name: command` of a Procfile, in order; comments and anything else are passed over."""
    pairs = (line.partition(":") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {name.strip(): command.strip() for name, colon, command in pairs if colon and command.strip()}


def split_line(line: str, env: Mapping[str, str]) -> list[str]:
    """A Procfile's command as an argument list, with `$NAME`, `${NAME}` and `${NAME:-default}` filled in.

    No shell reads it. Raises ContainerError for a line that needs one.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise ContainerError(f"CannotStartContainerError: the Procfile line `{line}`: {error}") from error
    if needing := _SHELL_ONLY.intersection(words):
        raise ContainerError(
            f"CannotStartContainerError: the Procfile line `{line}` needs a shell for `{min(needing)}`",
            next="Write it as `sh -c '...'`.",
        )
    words = words[1:] if words[:1] == ["exec"] else words
    return [_VARIABLE.sub(lambda found: _value(found, env), word) for word in words]


def _value(found: re.Match[str], env: Mapping[str, str]) -> str:
    return env.get(found["plain"] or found["braced"], "") or found["default"] or ""


def resolve_secrets(state: CloudState, container: Container) -> dict[str, str]:
    """Values of a container's secrets out of SSM or Secrets Manager. Raises ContainerError for one that is not there."""
    with state.lock:
        return {name: _secret(state, source) for name, source in container.secrets.items()}


def _secret(state: CloudState, source: str) -> str:
    return (
        _managed(state, source)
        if source.startswith("arn:") and ":secretsmanager:" in source
        else _parameter(state, source)
    )


def _managed(state: CloudState, source: str) -> str:
    """`arn:...:secret:NAME[:JSON-KEY:STAGE:VERSION]`: the whole secret, or one value of the object that it is."""
    missing = (
        "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: "
        f"there is no {source}"
    )
    parts = [*source.split(":"), "", "", ""]
    arn, key, stage, version = ":".join(parts[:7]), *parts[7:10]
    try:
        found = state.backend("secretsmanager").get_secret_value(arn, version or None, stage or None)["SecretString"]
        return str(json.loads(found)[key]) if key else str(found)
    except (SecretsManagerClientError, LookupError, ValueError, TypeError) as error:
        raise ContainerError(missing, why=str(error), next="Create the secret before the service.") from error


def _parameter(state: CloudState, source: str) -> str:
    missing = (
        "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secrets from ssm: "
        f"invalid parameters: {source}"
    )
    if source.startswith("arn:") and ":ssm:" not in source:
        raise ContainerError(missing, why="The local cloud knows SSM parameters and secrets of Secrets Manager.")
    parameter = state.backend("ssm").get_parameter(source)
    value = parameter.decrypt(parameter.value) if parameter is not None else None
    if value is None:
        raise ContainerError(missing, next="Create the parameter before the service.")
    return str(value)
