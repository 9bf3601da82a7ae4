"""The edges of one module: who refers to whom, through calls too. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from butai.inventory.declared import Declared
from butai.inventory.model import Edge, Graph, Kind, Problem, Uses
from butai.inventory.parts import WAITED_FOR
from butai.terraform.hcl_blocks import Expression, Reference
from butai.text import text

# What is no block of this module.
_BUILT_IN: Final = frozenset({"each", "count", "self", "path", "terraform", "tofu", "provider"})
_PREFIXED: Final = {"data": 3, "ephemeral": 3, "var": 2, "local": 2, "module": 2}
# Arguments of a call that are the engine's own.
_OF_CALLS: Final = frozenset({"source", "version", "providers"})
_AN_ADDRESS = re.compile(r"[A-Za-z_][\w-]*\.[A-Za-z_][\w.-]*")


def links(graph: Graph, folder: str, declared: Mapping[str, Declared]) -> Iterator[Edge]:
    """Every edge that leaves what this folder declares, and those from a called module's variables to what they are given."""
    for address, each in declared.items():
        source = f"{folder}:{address}"
        seen: set[tuple[str, ...]] = set()
        for edge in _of(graph, folder, declared, source, each):
            # Each argument of a call is another thing to the called module.
            key = (edge.target, edge.uses, edge.call, edge.attribute if each.kind is Kind.CALL else "")
            if key not in seen and edge.target != source:
                seen.add(key)
                yield edge
        if each.kind is Kind.CALL:
            yield from _inputs(graph, folder, declared, each)


def target(path: str, declared: Mapping[str, Declared]) -> str | None:
    """The address that a reference names; none where this module declares no such thing."""
    names = path.split(".")
    if names[0] in _BUILT_IN:
        return None
    address = ".".join(names[: _PREFIXED.get(names[0], 2)])
    return address if address in declared else None


def missing(folder: str, found: Sequence[tuple[str, int, str]], *, terragrunt: bool = False) -> list[Problem]:
    """What `undeclared` found: the engine refuses it. Where Terragrunt runs it may be written then, and is only counted."""
    if terragrunt and found:
        words = text(
            "`{folder}` uses names that are declared nowhere in it ({count}): Terragrunt may write them when it runs",
            count=len(found),
            folder=folder,
        )
        return [Problem(found[0][0], found[0][1], words)]
    return [
        Problem(file, line, text("`{address}` is not declared in `{folder}`", address=address, folder=folder))
        for file, line, address in found
    ]


def undeclared(declared: Mapping[str, Declared]) -> Iterator[tuple[str, int, str]]:
    """Variables, local values and modules that are referred to and not declared, each once: file, line and address."""
    told: set[str] = set()
    for each in declared.values():
        if each.kind in {Kind.MOVED, Kind.REMOVED}:
            # They name what is not there any more.
            continue
        for _, expression in _expressions(each):
            for reference in expression.references:
                said = ".".join(reference.path.split(".")[:2])
                if said.split(".")[0] in {"var", "local", "module"} and said not in declared and said not in told:
                    told.add(said)
                    yield each.file, reference.line, said


def _of(graph: Graph, folder: str, declared: Mapping[str, Declared], source: str, each: Declared) -> Iterator[Edge]:
    for name, expression in _expressions(each):
        if name == "lifecycle.ignore_changes":
            continue
        uses = Uses.DEPENDS_ON if name == "depends_on" else Uses.REFERENCE
        for reference in _references(name, expression):
            found = target(reference.path, declared)
            if found is None:
                continue
            yield Edge(source, f"{folder}:{found}", uses, name, reference.line)
            yield from _through(graph, folder, source, reference, name)


def _expressions(each: Declared) -> Iterator[tuple[str, Expression]]:
    if each.expression is not None:
        yield "value", each.expression
    waiting = [("", each.block)]
    while waiting:
        prefix, block = waiting.pop()
        for name, expression in block.attributes.items():
            yield prefix + name, expression
        # A check's data sources are declared for themselves.
        waiting += [(f"{prefix}{inner.type}.", inner) for inner in block.blocks if inner.type != "data"]


def _references(name: str, expression: Expression) -> Iterator[Reference]:
    yield from expression.references
    if name in {"depends_on", "lifecycle.replace_triggered_by", "from", "to"} and not expression.references:
        # In JSON, and before Terraform 0.12, addresses are texts.
        for found in _AN_ADDRESS.finditer(expression.text):
            yield Reference(found.group(), expression.line)


def _through(graph: Graph, folder: str, source: str, reference: Reference, name: str) -> Iterator[Edge]:
    """A call's output is also the output that the called module declares; a whole call is everything in that module."""
    names = reference.path.split(".")
    called = graph.modules[folder].calls.get(names[1]) if names[0] == "module" and len(names) > 1 else None
    if called is None:
        return
    call = f"{folder}:module.{names[1]}"
    output = f"{called}:output.{names[2]}" if len(names) > 2 else ""
    uses = Uses.DEPENDS_ON if name == "depends_on" else Uses.OUTPUT
    if output and output in graph.nodes:
        yield Edge(source, output, Uses.OUTPUT, name, reference.line, call)
    if not output or reference.fixed == 2:
        # The engine takes an index that it has to evaluate first for the whole, too.
        yield Edge(source, called, uses, name, reference.line, call)


def _inputs(graph: Graph, folder: str, declared: Mapping[str, Declared], call: Declared) -> Iterator[Edge]:
    """A called module's variables need what the call gives them, and all that is in it what the call waits for."""
    called = graph.modules[folder].calls.get(call.name)
    if called is None:
        return
    for name, expression in call.block.attributes.items():
        variable = f"{called}:var.{name}"
        if name in WAITED_FOR:
            source, uses = called, Uses.DEPENDS_ON
        elif name not in _OF_CALLS and variable in graph.nodes:
            source, uses = variable, Uses.INPUT
        else:
            continue
        for reference in _references(name, expression):
            found = target(reference.path, declared)
            through = [edge.target for edge in _through(graph, folder, source, reference, name)]
            for each in [f"{folder}:{found}", *through] if found else through:
                yield Edge(source, each, uses, name, reference.line, f"{folder}:{call.address}")
