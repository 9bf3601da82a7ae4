"""A repository out of a dictionary, for what needs no files."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent

from butai.inventory.model import Graph, Problem
from butai.inventory.reading import Entry, is_terraforms, read_graph

ROOMY = 40


class Written:
    """Files by path; `links` are folders that are links."""

    name = "infra"

    def __init__(self, files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None) -> None:
        self.files = {path: text if isinstance(text, bytes) else dedent(text).encode() for path, text in files.items()}
        self.links = links or {}

    def entries(self) -> tuple[list[Entry], list[Problem]]:
        """All that are Terraform's."""
        return [Entry(path, len(text), path) for path, text in self.files.items() if is_terraforms(path)], []

    def read(self, entry: Entry) -> bytes:
        """A file's content."""
        return self.files[entry.real]

    def folder_links(self) -> Mapping[str, str]:
        """As given."""
        return self.links


class WrittenBeside:
    """What expressions read."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def read(self, path: str) -> bytes | None:
        """A file's content."""
        return self._files.get(path)

    def files(self, folder: str) -> list[str]:
        """All below a folder."""
        return [each for each in self._files if folder == "." or each.startswith(f"{folder}/")]


def graph_of(files: Mapping[str, str | bytes], engine: str = "", links: Mapping[str, str] | None = None) -> Graph:
    """The graph of these files."""
    return read_graph(Written(files, links), engine=engine)


def told(graph: Graph) -> list[str]:
    """Its problems as they are shown."""
    return [f"{each.file}:{each.line}: {each.what}" for each in graph.problems]


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
