"""Where roots say that their state lies, in the words in which a person tells it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from butai.inventory.model import Graph, Kind
from butai.terraform.hcl_blocks import Block
from butai.terraform.state_index import StateInstance

# Terraform's own, where the backend names none.
_PREFIX = "env:"


@dataclass(frozen=True)
class Written:
    """A root's `backend` block. `place`: where the state of its workspace `default` lies; `workspaces`: where those of
    others begin, and `key` what follows their names. Both are empty where there are none, or not to be told."""

    root: str
    place: str
    workspaces: str = ""
    key: str = ""

    def workspace(self, place: str) -> str | None:
        """The workspace whose state lies there, empty for `default`; none where it is no state of this root's."""
        if place == self.place:
            return ""
        name = place.removeprefix(self.workspaces).removesuffix(f"/{self.key}")
        is_one = bool(self.workspaces) and place == f"{self.workspaces}{name}/{self.key}" and "/" not in name
        return name if is_one and name else None


def written(graph: Graph) -> Iterator[Written]:
    """Every backend of which literals say enough."""
    for node in graph.nodes.values():
        if node.kind is Kind.BACKEND and node.block is not None:
            found = _written(node.module, node.name, node.block)
            if found:
                yield found


def workspace_at(graph: Graph, root: str, place: str) -> str:
    """The workspace of a root whose state lies there; empty for `default`, and where the root does not say so."""
    names = [each.workspace(place) for each in written(graph) if each.root == root]
    return next(filter(None, names), "")


def root_of(graph: Graph, place: str, instances: Sequence[StateInstance]) -> str | None:
    """The root whose state it is: the one that says so, else the only one that declares more than half of what is in it."""
    for each in written(graph):
        if each.workspace(place) is not None:
            return each.root
    managed = [each for each in instances if each.mode == "managed"]
    counts = {
        each.folder: sum(graph.find(each.folder, one.path) is not None for one in managed) for each in graph.roots()
    }
    best = [folder for folder, count in counts.items() if 2 * count > len(managed) and count == max(counts.values())]
    return best[0] if len(best) == 1 else None


def _written(root: str, backend: str, block: Block) -> Written | None:
    said = {name: block.value(name) for name in ("bucket", "key", "workspace_key_prefix", "address")}
    if backend == "http" and isinstance(said["address"], str):
        return Written(root, said["address"])
    bucket, key, prefix = said["bucket"], said["key"], said["workspace_key_prefix"]
    if backend != "s3" or not isinstance(bucket, str) or not isinstance(key, str):
        return None
    # One that is written, but not as a literal, may be anything.
    known = _PREFIX if prefix is None and "workspace_key_prefix" not in block.attributes else prefix
    workspaces = f"s3://{bucket}/{known}/" if isinstance(known, str) and known else ""
    return Written(root, f"s3://{bucket}/{key}", workspaces, key)
