"""What can be opened and closed on a map: folders of folders, roots and modules, the kinds of things in each, and the types
where there are many. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from butai.inventory.model import FOLDERS, Graph, Kind, Node

TOP: Final = ""
MANY: Final = 30
"""Beyond so many of one kind in a folder, those of one type stand together."""
_TYPED: Final = frozenset({Kind.RESOURCE, Kind.DATA, Kind.EPHEMERAL})
_FEW: Final = 2


class GroupKind(StrEnum):
    """What a group holds: folders, what is written in one folder, what of it is of one kind, or what of that of one type."""

    AREA = "area"
    ROOT = "root"
    MODULE = "module"
    KIND = "kind"
    TYPE = "type"


UNBOXED: Final = frozenset({GroupKind.KIND, GroupKind.TYPE})
"""Open, they stand in the list only: what is in them is drawn in the folder's box."""


@dataclass
class Group:
    """`inside`: ids of groups and nodes, in order. The id of an area ends in `/`, that of a kind is `FOLDER::KIND`, that of a
    type `FOLDER::KIND::TYPE`."""

    id: str
    kind: GroupKind
    name: str
    inside: list[str] = field(default_factory=list)


@dataclass
class Groups:
    """All groups by id, the whole repository under TOP, and what each group and node stands in."""

    by_id: dict[str, Group]
    above: dict[str, str]

    def around(self, id_: str) -> Iterator[str]:
        """The groups that something stands in, the nearest first, without the whole repository."""
        at = self.above.get(id_, TOP)
        while at != TOP:
            yield at
            at = self.above[at]

    def nodes_in(self, id_: str) -> list[str]:
        """The nodes in a group, in the groups in it too; a node alone is itself."""
        found: list[str] = []
        waiting = [id_]
        while waiting:
            at = waiting.pop()
            group = self.by_id.get(at)
            if group is None:
                found.append(at)
            else:
                waiting += reversed(group.inside)
        return found


def groups_of(graph: Graph) -> Groups:
    """Group what is written in a repository. A module from elsewhere stands by itself."""
    found = Groups({TOP: Group(TOP, GroupKind.AREA, graph.repository)}, {})
    for folder in _areas_first(graph.modules):
        module = graph.modules.get(folder)
        kind = GroupKind.AREA if module is None else GroupKind.ROOT if module.is_root else GroupKind.MODULE
        _add(found, Group(folder, kind, folder), _area_of(folder, found))
    for node in graph.nodes.values():
        if node.kind is Kind.EXTERNAL:
            found.above[node.id] = TOP
            found.by_id[TOP].inside.append(node.id)
        elif node.kind not in FOLDERS and node.kind is not Kind.REPOSITORY:
            _add_node(found, node)
    for large in [each for each in found.by_id.values() if each.kind is GroupKind.KIND and len(each.inside) > MANY]:
        _group_types(found, large, graph)
    order = {kind: number for number, kind in enumerate(Kind)}
    for folder in graph.modules:
        found.by_id[folder].inside.sort(key=lambda each: order[Kind(found.by_id[each].name)])
    return found


def kind_group(folder: str, kind: str) -> str:
    """The id of the group of what is of one kind in a folder."""
    return f"{folder}::{kind}"


def _areas_first(folders: Iterable[str]) -> list[str]:
    """Every folder with configuration and, before those in it, every folder that holds several of those: `envs/`."""
    folders = sorted(folders)
    ways: dict[str, set[str]] = {}
    for folder in folders:
        parts = [] if folder == "." else folder.split("/")
        for depth in range(1, len(parts)):
            ways.setdefault("/".join(parts[:depth]) + "/", set()).add(parts[depth])
    areas = [area for area, inside in ways.items() if len(inside) + (area[:-1] in folders) > 1]
    return sorted([*areas, *folders], key=lambda each: (each.rstrip("/").split("/"), not each.endswith("/")))


def _area_of(folder: str, found: Groups) -> str:
    if f"{folder}/" in found.by_id:
        return f"{folder}/"
    at = folder.rstrip("/")
    while "/" in at:
        at = at.rpartition("/")[0]
        if f"{at}/" in found.by_id:
            return f"{at}/"
    return TOP


def _add(found: Groups, group: Group, above: str) -> None:
    found.by_id[group.id] = group
    found.above[group.id] = above
    found.by_id[above].inside.append(group.id)


def _add_node(found: Groups, node: Node) -> None:
    kind = kind_group(node.module, node.kind)
    if kind not in found.by_id:
        _add(found, Group(kind, GroupKind.KIND, node.kind), node.module)
    found.above[node.id] = kind
    found.by_id[kind].inside.append(node.id)


def _group_types(found: Groups, kind: Group, graph: Graph) -> None:
    """Put together what is of one type, where there are several types: each stands where its first one stood."""
    if kind.name not in _TYPED:
        return
    counts = Counter(graph.nodes[each].type for each in kind.inside)
    together = {type_ for type_, count in counts.items() if type_ and count > _FEW} if len(counts) > 1 else set()
    nodes, kind.inside = kind.inside, []
    for each in nodes:
        type_ = graph.nodes[each].type
        if type_ not in together:
            kind.inside.append(each)
            continue
        group = f"{kind.id}::{type_}"
        if group not in found.by_id:
            _add(found, Group(group, GroupKind.TYPE, type_), kind.id)
        found.above[each] = group
        found.by_id[group].inside.append(each)
