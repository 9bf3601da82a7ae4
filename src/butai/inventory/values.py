"""What the expressions of a graph come to, as far as that can be told without the world. Pure but for the reading of files."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from butai.inventory.model import Graph, Kind, Module, Node
from butai.inventory.read_by_code import CodeFiles
from butai.terraform.evaluation.module import Declaration, ModuleScope, evaluate_module
from butai.terraform.evaluation.values import SetValue
from butai.terraform.hcl_literals import UNKNOWN

# Their expressions are addresses, or the engine's own words.
_NO_VALUES = frozenset({Kind.MOVED, Kind.IMPORT, Kind.REMOVED, Kind.SETTINGS})
_META = frozenset({"depends_on", "provider", "providers", "lifecycle"})
_OF_CALLS = frozenset({"source", "version", "count", "for_each", "providers", "depends_on"})
# Of a module that more roots read, what depends on the root is unknown.
_MOST_ROOTS = 16
# In what depends on where a module is, and in nothing else that is common: `path.module`, `templatefile("...")`.
_LOOKS = ("path", "file")


class Values:
    """The values of one graph.

    A module's variables have what all its calls hand in alike, and are unknown where those differ; without a call they have
    what the folder's own variable files and defaults give them. What a module of several roots reads is known where it is the
    same from all. `files`: the repository's. `workspace`: what `terraform.workspace` is, if that is said.
    """

    def __init__(self, graph: Graph, files: CodeFiles | None = None, workspace: str | None = None) -> None:
        self._graph, self._files, self._workspace = graph, files, workspace
        self._scopes: dict[str, list[ModuleScope]] = {}
        self._making: set[str] = set()

    def of(self, node: Node) -> dict[str, Any]:
        """The value of each expression by its name, JSON's types; UNKNOWN where it depends on the world or an instance."""
        if node.kind in _NO_VALUES or node.module not in self._graph.modules:
            return {}
        scope = self._scopes_of(node.module)[0]
        if node.kind is Kind.VARIABLE:
            return {} if scope.is_sensitive(node.name) else {"value": _plain(scope.variable(node.name))}
        found = {name: each for name, each in node.expressions() if name.split(".")[0] not in _META}
        return {name: self._evaluated(node.module, each.text) for name, each in found.items()}

    def one(self, node: Node, text: str) -> Any:
        """The value of one expression that is written in a node's folder."""
        return self._evaluated(node.module, text)

    def _evaluated(self, folder: str, text: str) -> Any:
        """What it is from every root that reads the folder; UNKNOWN where they differ."""
        first, *others = self._scopes_of(folder)
        found = _plain(first.evaluate(text))
        if found is UNKNOWN or any(not _same(_plain(each.evaluate(text)), found) for each in others):
            return UNKNOWN
        return found

    def _scopes_of(self, folder: str) -> list[ModuleScope]:
        if folder not in self._scopes:
            self._scopes[folder] = self._made(self._graph.modules[folder])
        return self._scopes[folder]

    def _made(self, module: Module) -> list[ModuleScope]:
        nodes = [each for each in self._graph.in_module(module.folder) if each.block is not None]
        declared = {each.name: _declaration(each) for each in nodes if each.kind is Kind.VARIABLE}
        calls = self._calls.get(module.folder, [])
        # Variable files are read beside a root alone.
        values = {} if calls else dict(given(module))
        for name, value in self._inputs(module.folder, calls).items():
            if value is not None:
                values[name] = value
            elif name in declared:
                declared[name] = replace(declared[name], default=None)
        written = {each.name: each.expression.text for each in nodes if each.kind is Kind.LOCAL and each.expression}
        return [
            evaluate_module(
                declared,
                values,
                written,
                read=files.read if files else None,
                files=files.files if files else None,
                root=root or ".",
                module=None if root is None else posixpath.relpath(module.folder, root),
                workspace=self._workspace,
            )
            for root in self._places(module.folder, nodes)
            for files in [None if root is None else self._files]
        ]

    def _places(self, folder: str, nodes: Sequence[Node]) -> Sequence[str | None]:
        """The roots from which a folder is to be looked at; none where that changes nothing, or they are too many."""
        roots = sorted(self._roots(folder, set())) or [folder]
        if len(roots) == 1:
            return roots
        looks = any(word in each.text for node in nodes for _, each in node.expressions() for word in _LOOKS)
        return roots if looks and len(roots) <= _MOST_ROOTS else [None]

    def _roots(self, folder: str, seen: set[str]) -> set[str]:
        seen.add(folder)
        callers = {each.module for each in self._calls.get(folder, [])}
        return set[str]().union(*(self._roots(each, seen) for each in callers - seen)) if callers else {folder}

    def _inputs(self, folder: str, calls: Sequence[Node]) -> dict[str, str | None]:
        """What calls of a folder set: each as an expression; none where they differ, or it is not known."""
        self._making.add(folder)
        names = {name for each in calls if each.block for name in each.block.attributes} - _OF_CALLS
        said = {name: {self._input(each, name) for each in calls} for name in names}
        self._making.discard(folder)
        return {name: next(iter(each)) if len(each) == 1 else None for name, each in said.items()}

    def _input(self, call: Node, name: str) -> str | None:
        expression = call.block.attributes.get(name) if call.block else None
        if expression is None or call.module in self._making:
            return None
        value = self._evaluated(call.module, expression.text)
        return None if value is UNKNOWN else _written(value)

    @cached_property
    def _calls(self) -> dict[str, list[Node]]:
        """By the folder that they read."""
        found: dict[str, list[Node]] = {}
        for each in self._graph.nodes.values():
            folder = self._graph.modules[each.module].calls.get(each.name) if each.kind is Kind.CALL else None
            if folder is not None:
                found.setdefault(folder, []).append(each)
        return found


def given(module: Module) -> Mapping[str, str]:
    """What the variable files give that the engine reads by itself, the later ones first in their say."""
    named = {file.rpartition("/")[2]: values for file, values in module.tfvars.items()}
    automatic = sorted(each for each in named if each.endswith((".auto.tfvars", ".auto.tfvars.json")))
    found: dict[str, str] = {}
    for name in ("terraform.tfvars", "terraform.tfvars.json", *automatic):
        found |= {key: each.text for key, each in named.get(name, {}).items()}
    return found


def _declaration(node: Node) -> Declaration:
    block = node.block
    assert block is not None
    default = block.attributes.get("default")
    return Declaration(
        block.text("type"),
        default.text if default else None,
        nullable=block.value("nullable", True) is not False,
        sensitive=block.value("sensitive", False) is True,
    )


def _written(value: Any) -> str:
    """A value as an expression that comes to it."""
    return json.dumps(value, sort_keys=True).replace("${", "$${").replace("%{", "%%{")


def _same(one: Any, other: Any) -> bool:
    # Python takes 1 and true for equal.
    return one is other or (one is not UNKNOWN and _written(one) == _written(other))


def _plain(value: Any) -> Any:
    """A value for JSON: one that is unknown in any part is unknown as a whole."""
    if isinstance(value, dict):
        parts = {str(name): _plain(each) for name, each in value.items()}
        return UNKNOWN if any(each is UNKNOWN for each in parts.values()) else parts
    if isinstance(value, list | tuple | SetValue):
        items = [_plain(each) for each in value]
        return UNKNOWN if any(each is UNKNOWN for each in items) else items
    return str(value) if isinstance(value, Decimal) else value
