"""What a root module declares: plain facts with their places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from butai.terraform.hcl_syntax import Block, Expression, SyntaxProblem
from butai.terraform.providers import Requirement, complete_source

# The built-in provider of `terraform_data`, which nobody has to install.
_BUILT_IN = "terraform"


@dataclass(frozen=True, kw_only=True)
class Declared:
    """Where something stands: the file relative to the root module's folder, and the line from 1."""

    file: str
    line: int

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Validation:
    """A validation rule: the text of its condition and of its message."""

    condition: str
    error_message: str


@dataclass(frozen=True)
class Variable(Declared):
    """An input variable. `type` is source text; `default` is UNKNOWN where there is none or it is no literal."""

    name: str
    type: str
    has_default: bool
    default: Any
    sensitive: bool
    nullable: bool
    description: str
    validations: tuple[Validation, ...] = ()


@dataclass(frozen=True)
class Output(Declared):
    """An output; `value` is the source text of its expression."""

    name: str
    value: str
    sensitive: bool
    description: str
    body: Block = field(repr=False)


@dataclass(frozen=True)
class Resource(Declared):
    """A resource or data source; `body` holds its attributes and blocks."""

    type: str
    name: str
    body: Block = field(repr=False)
    is_data: bool = False

    @property
    def address(self) -> str:
        """Its address in the root, without an instance's key."""
        return f"{'data.' if self.is_data else ''}{self.type}.{self.name}"


@dataclass(frozen=True)
class ModuleCall(Declared):
    """A call of a module. `source` is its text; `folder` the local folder it names, if that is there."""

    name: str
    source: str
    body: Block = field(repr=False)
    folder: Path | None = None


@dataclass(frozen=True)
class Local(Declared):
    """A local value."""

    name: str
    expression: Expression


@dataclass(frozen=True)
class Backend(Declared):
    """The backend (or `cloud`) that the root declares."""

    type: str
    settings: dict[str, Any] = field(default_factory=dict)
    """Those of its settings that are literals."""


@dataclass(frozen=True)
class WorkspaceUse(Declared):
    """A use of `terraform.workspace`: this root keeps its environments apart by workspaces."""


@dataclass(frozen=True)
class Root:
    """The facts of a root module. Mappings are by name, in the order of the files' names."""

    folder: Path
    variables: dict[str, Variable]
    outputs: dict[str, Output]
    resources: dict[str, Resource]
    modules: dict[str, ModuleCall]
    locals: dict[str, Local]
    providers: dict[str, Block]
    required_providers: dict[str, Any]
    required_version: str
    backend: Backend | None
    workspace_uses: tuple[WorkspaceUse, ...]
    problems: tuple[SyntaxProblem, ...]
    children: tuple[Root, ...] = ()

    def requirements(self, registry_host: str) -> list[Requirement]:
        """Providers that the root and its local modules need: declared ones, and those that resource types imply."""
        found: dict[str, list[str]] = {}
        for module in (self, *self.children):
            for source, constraint in module._needs():
                found.setdefault(complete_source(source, registry_host), []).append(constraint)
        return [Requirement(source, ", ".join(filter(None, dict.fromkeys(each)))) for source, each in found.items()]

    def _needs(self) -> Iterator[tuple[str, str]]:
        declared = {name: _needed(name, given) for name, given in self.required_providers.items()}
        yield from (each for each in declared.values() if not each[0].startswith("terraform.io/builtin/"))
        for resource in self.resources.values():
            # `provider = google-beta.eu` says it; else the first word of the type does.
            local = (resource.body.text("provider").split(".")[0] or resource.type.split("_")[0]).strip('"')
            if local not in {*declared, _BUILT_IN}:
                yield local, ""


def _needed(name: str, given: Any) -> tuple[str, str]:
    """Source and constraint of one entry; before Terraform 0.13 the entry was the constraint alone."""
    if not isinstance(given, dict):
        return name, given if isinstance(given, str) else ""
    source, version = given.get("source"), given.get("version")
    return source if isinstance(source, str) else name, version if isinstance(version, str) else ""
