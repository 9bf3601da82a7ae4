"""The graph as JSON: a documented shape with a version, for programs. Pure."""

from __future__ import annotations

from typing import Any, Final

from butai.inventory.model import Graph, Module, Node
from butai.inventory.values import Values
from butai.terraform.hcl_literals import UNKNOWN

VERSION: Final = 1
"""Raised when something is taken away or changes its meaning; not when something is added."""


def document(graph: Graph, values: Values | None = None) -> dict[str, Any]:
    """Everything in the graph. Lines and columns count from 1; 0 is not known.

    `values`: each node tells what its expressions come to, too.
    """
    return {
        "version": VERSION,
        "repository": graph.repository,
        "digest": graph.digest,
        "terragrunt": graph.terragrunt,
        "modules": [_module(each) for each in graph.modules.values()],
        "nodes": [node_document(each, values) for each in graph.nodes.values()],
        "edges": [
            {
                "from": each.source,
                "to": each.target,
                "uses": each.uses,
                "attribute": each.attribute,
                "line": each.line,
                "call": each.call,
            }
            for each in graph.edges
        ],
        "problems": [{"file": each.file, "line": each.line, "what": str(each.what)} for each in graph.problems],
    }


def node_document(node: Node, values: Values | None = None) -> dict[str, Any]:
    """One node with its place, its comments and its expressions as they are written.

    With `values` it has what they come to (`values`), and names those that only the world can tell (`unknown`).
    """
    told: dict[str, Any] = {}
    if values is not None:
        found = values.of(node)
        told = {
            "values": {name: each for name, each in found.items() if each is not UNKNOWN},
            "unknown": [name for name, each in found.items() if each is UNKNOWN],
        }
    return {
        "id": node.id,
        "kind": node.kind,
        "address": node.address,
        "module": node.module,
        "name": node.name,
        "type": node.type,
        "file": node.file,
        "line": node.line,
        "column": node.column,
        "end_line": node.end_line,
        "end_column": node.end_column,
        "comments": [{"text": each.text, "line": each.line} for each in node.comments],
        "expressions": {name: expression.text for name, expression in node.expressions()},
        "overridden_in": list(node.overridden_in),
        **told,
    }


def _module(module: Module) -> dict[str, Any]:
    return {
        "folder": module.folder,
        "root": module.is_root,
        "calls": module.calls,
        "providers": {
            name: {"source": source, "version": version} for name, (source, version) in module.requirements.items()
        },
        "terraform": module.required_version,
        "variables": {file: {name: each.text for name, each in set_.items()} for file, set_ in module.tfvars.items()},
        "files": list(module.files),
        "tests": list(module.tests),
    }
