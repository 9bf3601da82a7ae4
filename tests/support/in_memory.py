"""Repositories that are nowhere but in a test."""

from __future__ import annotations

from collections.abc import Mapping

from butai.inventory.model import Graph, Problem
from butai.inventory.reading import Entry, read_graph

ROOMY = 40


class Files:
    """Files by their paths, as a source of a graph."""

    def __init__(self, files: Mapping[str, str], name: str = "infra") -> None:
        self.files, self.name = {path: text.encode() for path, text in files.items()}, name

    def entries(self) -> tuple[list[Entry], list[Problem]]:
        """All of them."""
        return [Entry(path, len(content), path) for path, content in self.files.items()], []

    def read(self, entry: Entry) -> bytes:
        """One of them."""
        return self.files[entry.path]

    def folder_links(self) -> Mapping[str, str]:
        """There are none."""
        return {}


def graph_of(files: Mapping[str, str]) -> Graph:
    """The graph of some files."""
    return read_graph(Files(files))


def many(modules: int, each: int, roots: int = 4) -> Graph:
    """A repository of `modules` modules with `each` resources each, called by `roots` roots in turn."""
    files = {}
    for number in range(modules):
        lines = ['variable "size" { default = 1 }', 'output "arn" { value = aws_sqs_queue.q0.arn }']
        for queue in range(each):
            before = f"aws_sqs_queue.q{queue - 1}.arn" if queue % ROOMY else "var.size"
            lines.append(f'resource "aws_sqs_queue" "q{queue}" {{ name = {before} }}')
        files[f"modules/m{number:03}/main.tf"] = "\n".join(lines)
    for root in range(roots):
        calls = [f'module "m{at}" {{ source = "../../modules/m{at:03}" }}' for at in range(root, modules, roots)]
        files[f"envs/r{root}/main.tf"] = "\n".join(calls)
    return graph_of(files)
