"""Terraform's own view of a configuration beside ours: what a plan says is configured, and what its graph can reach."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from butai.inventory.model import Graph, Kind, Node, Uses
from butai.terraform.environment import COLLECTION
from butai.terraform.state_index import without_indexes
from support.engine import provider_config

_LEADS = re.compile(r'"([^"]+)" -> "([^"]+)"')
_DECLARED = {Kind.RESOURCE, Kind.DATA, Kind.CALL, Kind.OUTPUT, Kind.VARIABLE}
_RUNNING = {Kind.RESOURCE, Kind.DATA}
# What a plan's configuration leaves out, or names elsewhere.
_LEFT_OUT = re.compile(
    r"lifecycle\.|provisioner\.|connection\.|(precondition|postcondition|validation|assert)\.|provider$|providers$|type$"
)


class View:
    """The root in `folder` as terraform sees it. Nothing of it is evaluated, and no cloud is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config = folder / "engine.tfrc"
        config.write_text(provider_config())
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self._env = {**kept, **COLLECTION, "TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1"}
        self._run("init", "-input=false", "-no-color")

    def configuration(self) -> dict[str, Any]:
        """`configuration` of a plan for nothing: it is whole, whatever is planned."""
        flags = ("-input=false", "-no-color", "-lock=false", "-refresh=false")
        self._run("plan", *flags, "-target=terraform_data.nothing", "-out=nothing.tfplan")
        shown: dict[str, Any] = json.loads(self._run("show", "-json", "nothing.tfplan"))
        found: dict[str, Any] = shown["configuration"]
        return found

    def leads(self) -> dict[str, set[str]]:
        """`terraform graph`: which resource waits for which, directly."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for source, target in _LEADS.findall(self._run("graph")):
            found[source].add(target)
        return found

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"terraform {arguments[0]}: {done.stdout}{done.stderr}"
        return done.stdout


def configured_otherwise(graph: Graph, root: str, configuration: Mapping[str, Any]) -> list[str]:
    """What a plan's configuration and our graph say differently about one root."""
    modules = dict(_modules(configuration["root_module"]))
    ours = dict(graph.expand(root))
    if modules.keys() != ours.keys():
        return [f"modules: {sorted(modules.keys() ^ ours.keys())}"]
    found = list(_provider_differences(graph, ours, configuration["provider_config"]))
    for prefix, module in modules.items():
        found += [f"{prefix}: {each}" for each in _module_differences(graph, ours[prefix], module)]
        found += [f"{prefix}: {each}" for each in _made_otherwise(graph, root, prefix, module)]
    return found


def _modules(module: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield prefix, module
    for name, call in module.get("module_calls", {}).items():
        yield from _modules(call["module"], f"{prefix}module.{name}.")


def _module_differences(graph: Graph, folder: str, module: Mapping[str, Any]) -> Iterator[str]:
    theirs: dict[str, dict[str, set[str]]] = {each["address"]: _theirs(each) for each in module.get("resources", [])}
    theirs |= {f"module.{name}": _theirs(each) for name, each in module.get("module_calls", {}).items()}
    theirs |= {f"output.{name}": _theirs(each) for name, each in module.get("outputs", {}).items()}
    theirs |= {f"var.{name}": {} for name in module.get("variables", {})}
    nodes = {each.address: each for each in graph.in_module(folder)}
    ours = {address for address, each in nodes.items() if each.kind in _DECLARED}
    if ours != theirs.keys():
        yield f"addresses: {sorted(ours ^ theirs.keys())}"
    for address in sorted(ours & theirs.keys()):
        mine, other = _ours(nodes[address], set(nodes)), _known(theirs[address], set(nodes))
        for name in sorted(mine.keys() | other.keys()):
            hidden = "" in theirs[address].get(name, ())
            if mine.get(name, set()) != other.get(name, set()) and not hidden and not _LEFT_OUT.search(name):
                yield f"{address}.{name}: {mine.get(name)}, terraform says {other.get(name)}"
        yield from _edge_differences(graph, nodes[address], mine)


def _edge_differences(graph: Graph, node: Node, mine: Mapping[str, set[str]]) -> Iterator[str]:
    named = {f"{node.module}:{each}" for said in mine.values() for each in said}
    edges = {
        each.target
        for each in graph.uses.get(node.id, ())
        if each.uses in {Uses.REFERENCE, Uses.DEPENDS_ON} and not each.call
    }
    if edges != named - {node.id}:
        yield f"edges of {node.address}: {sorted(edges ^ named)}"


def _theirs(said: Mapping[str, Any]) -> dict[str, set[str]]:
    """References by the dotted name of what they are written in; an empty one where terraform says nothing: a secret's."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    every = dict(said.get("expressions", {}))
    elsewhere = {"count": "count_expression", "for_each": "for_each_expression", "value": "expression"}
    every |= {name: said[key] for name, key in elsewhere.items() if key in said}
    every["depends_on"] = {"references": said.get("depends_on", [])}
    for name, each in every.items():
        for path, reference in _references(name, each):
            found[path].add(reference)
    for provisioner in said.get("provisioners", []):
        for name, each in provisioner.get("expressions", {}).items():
            for path, reference in _references(f"provisioner.{name}", each):
                found[path].add(reference)
    return found


def _references(path: str, said: Any) -> Iterator[tuple[str, str]]:
    if isinstance(said, list):
        for each in said:
            yield from _references(path, each)
    elif isinstance(said, dict) and isinstance(said.get("references"), list):
        yield from ((path, each) for each in said["references"])
    elif said == {}:
        yield path, ""
    elif isinstance(said, dict) and "constant_value" not in said:
        for name, each in said.items():
            yield from _references(f"{path}.{name}", each)


def _known(said: Mapping[str, set[str]], addresses: set[str]) -> dict[str, set[str]]:
    found = {name: {_address(each, addresses) for each in every} - {""} for name, every in said.items()}
    return {name: every for name, every in found.items() if every}


def _ours(node: Node, addresses: set[str]) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, expression in node.expressions():
        said = {each.path for each in expression.references}
        if name == "depends_on" and not said:
            # In JSON they are plain texts.
            said = set(re.findall(r"[\w.-]+\.[\w.-]+", expression.text))
        found[name] |= {_address(each, addresses) for each in said} - {""}
    return {name: every for name, every in found.items() if every}


def _address(reference: str, addresses: set[str]) -> str:
    names = without_indexes(reference).split(".")
    return next((".".join(names[:count]) for count in (3, 2) if ".".join(names[:count]) in addresses), "")


def _provider_differences(graph: Graph, ours: Mapping[str, str], theirs: Mapping[str, Any]) -> Iterator[str]:
    """Every configuration; terraform also names providers that are only required, and some that it makes up."""
    mine = {
        f"{prefix.removesuffix('.')}:{each.name}".lstrip(":")
        for prefix, folder in ours.items()
        for each in graph.in_module(folder)
        if each.kind is Kind.PROVIDER
    }
    written = {key for key, each in theirs.items() if "alias" in each or "expressions" in each}
    if not written <= mine <= theirs.keys():
        yield f"providers: {sorted(written - mine)} {sorted(mine - theirs.keys())}"


def _made_otherwise(graph: Graph, root: str, prefix: str, module: Mapping[str, Any]) -> Iterator[str]:
    """The configured provider that each resource is made with, wherever it is configured."""
    for each in module.get("resources", []):
        where, _, name = each["provider_config_key"].rpartition(":")
        configured = graph.find(root, f"{where}.provider.{name}" if where else f"provider.{name}")
        node = graph.find(root, prefix + each["address"])
        if configured and node and configured.id not in graph.needs(node.id):
            yield f"{each['address']} is made with {configured.id}"


def reached_otherwise(graph: Graph, root: str, leads: Mapping[str, set[str]]) -> list[str]:
    """Pairs of resources of which only one of both says that the first needs the second; each folder's counted once."""
    written = {address: node for address in _addresses(graph, root) if (node := graph.find(root, address))}
    unknown = {each for pair in leads.items() for each in (pair[0], *pair[1])} - written.keys()
    theirs: defaultdict[str, set[str]] = defaultdict(set)
    for address, node in written.items():
        theirs[node.id] |= {written[each].id for each in _all_from(address, leads) if each in written} - {node.id}
    found = [f"unknown: {each}" for each in sorted(unknown)]
    for node_id in sorted({each.id for each in written.values()}):
        ours = {each for each in graph.needs(node_id) if graph.nodes[each].kind in _RUNNING}
        found += [f"{node_id} -> {each}: only ours" for each in sorted(ours - theirs[node_id])]
        found += [f"{node_id} -> {each}: only terraform's" for each in sorted(theirs[node_id] - ours)]
        backwards = {each for each in ours if node_id not in graph.impact(each)}
        found += [f"{node_id} is not in the impact of {each}" for each in sorted(backwards)]
    return found


def _addresses(graph: Graph, root: str) -> Iterator[str]:
    for prefix, folder in graph.expand(root):
        yield from (prefix + each.address for each in graph.in_module(folder) if each.kind in _RUNNING)


def _all_from(start: str, leads: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for each in leads.get(waiting.pop(), set()) - seen:
            seen.add(each)
            waiting.append(each)
    return seen
