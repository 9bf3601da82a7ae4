"""Configurations by chance that terraform accepts: modules in modules, in both syntaxes, with overrides; no provider needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

# Around a reference to a value of any type. Terraform evaluates what it can already when it plans nothing.
AROUND = (
    "{}",
    '"a-${{jsonencode({})}}"',
    "upper(jsonencode({}))",
    "[{}, 1e3][0]",
    "{{ k = {} }}",
    '{{ "k-${{jsonencode({})}}" : [true, null] }}',
    "[for each_one in [{}] : each_one if each_one != null]",
    "{{ for k, v in {{ a = {} }} : k => v... }}",
    '"%{{ if jsonencode({}) != "" }}y %{{~ else }}n%{{ endif }}"',
    'try({}, "no")',
    '"$${{var.no}} %%{{ if local.no }} ${{jsonencode({})}}"',
    '"${{join("-", ["x", jsonencode({})])}}"',
    '(true ? jsonencode({}) : "b")',
    "(\n      {}\n      # var.commented\n    )",
)
NATIVE_ONLY = (
    "<<EOT\n  ${{jsonencode({})}} var.no\nEOT",
    "<<-EOT\n      a\n    ${{jsonencode({})}}\n    EOT",
    "1.5e-3 + length([{}])",
)


@dataclass
class Written:
    """A block as it is to be written: `arguments` are expressions."""

    type: str
    labels: tuple[str, ...]
    arguments: dict[str, str] = field(default_factory=dict)
    depends_on: list[str] = field(default_factory=list)

    def native(self) -> str:
        """In the native syntax."""
        lines = [" ".join((self.type, *(f'"{each}"' for each in self.labels), "{"))]
        lines += [f"  {name} = {expression}" for name, expression in self.arguments.items()]
        if self.depends_on:
            lines.append(f"  depends_on = [{', '.join(self.depends_on)}]")
        return "\n".join([*lines, "}", ""])

    def json(self) -> dict[str, Any]:
        """In the JSON syntax."""
        body: dict[str, Any] = {name: _json(name, expression) for name, expression in self.arguments.items()}
        if self.depends_on:
            body["depends_on"] = self.depends_on
        for label in reversed((self.type, *self.labels)):
            body = {label: body}
        return body


def _json(name: str, expression: str) -> Any:
    if name in {"source", "ephemeral"}:
        return json.loads(expression)
    if name == "providers":
        given = expression.strip("{} ").split(" = ")
        return {given[0]: given[1]}
    return f"${{{expression}}}"


def files_of(blocks: list[Written], overrides: list[Written], syntax: str) -> dict[str, str]:
    """The files of one folder."""
    if syntax == "json":
        said = {
            "main.tf.json": [each.json() for each in blocks],
            "x_override.tf.json": [each.json() for each in overrides],
        }
        return {name: json.dumps(_merged(each), indent=1) for name, each in said.items() if each}
    said_natively = {"main.tf": blocks, "override.tf": overrides}
    return {name: "\n".join(each.native() for each in every) for name, every in said_natively.items() if every}


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        for name, each in part.items():
            found[name] = _merged([found[name], each]) if isinstance(found.get(name), dict) else each
    return found


class _Folder:
    """One folder while it is being written: everything may refer to what came before, so that nothing goes in a circle."""

    def __init__(self, draw: Callable[..., Any], below: list[_Folder], name: str) -> None:
        self.draw, self.name = draw, name
        self.syntax = draw(st.sampled_from(["native", "native", "json"]))
        self.values = ["local.key"]
        self.dependable: list[str] = []
        self.blocks = [Written("locals", (), {"key": '"a"'})]
        self.overrides: list[Written] = []
        self.inputs = [f"in{number}" for number in range(draw(st.integers(0, 2)))]
        self.outputs: list[str] = []
        self.calls: list[_Folder] = []
        for each in self.inputs:
            self.blocks.append(Written("variable", (each,), draw(st.sampled_from([{}, {"ephemeral": "false"}]))))
            self.values.append(f"var.{each}")
        makers = [self.resource, self.resource, self.local, self.data]
        for number in range(draw(st.integers(1, 6))):
            if below and draw(st.booleans()):
                self.call(number, draw(st.sampled_from(below)))
            else:
                draw(st.sampled_from(makers))(number)
        for number in range(draw(st.integers(0, 3))):
            self.blocks.append(Written("output", (f"o{number}",), {"value": self.expression()}, self.waits()))
            self.outputs.append(f"o{number}")

    def expression(self) -> str:
        around = AROUND if self.syntax == "json" else AROUND + NATIVE_ONLY
        return str(self.draw(st.sampled_from(around))).format(self.draw(st.sampled_from(self.values)))

    def waits(self) -> list[str]:
        if not self.dependable:
            return []
        return list(self.draw(st.lists(st.sampled_from(self.dependable), max_size=1)))

    def repeated(self) -> tuple[dict[str, str], str]:
        """The arguments that make several of one thing, and an index for one of these."""
        kind = self.draw(st.sampled_from(["one", "one", "count", "for_each"]))
        if kind == "count":
            return {"count": f"length([\n    {self.expression()}\n  ])"}, self.draw(
                st.sampled_from(["[0]", "[length(local.key)]"])
            )
        if kind == "for_each":
            index = self.draw(st.sampled_from(['["a"]', "[local.key]", '["${local.key}"]']))
            return {"for_each": f"{{\n    a = {self.expression()}\n  }}"}, index
        return {}, ""

    def resource(self, number: int) -> None:
        several, index = self.repeated()
        self.blocks.append(
            Written("resource", ("terraform_data", f"r{number}"), {**several, "input": self.expression()}, self.waits())
        )
        if self.draw(st.integers(0, 4)) == 0:
            self.overrides.append(Written("resource", ("terraform_data", f"r{number}"), {"input": self.expression()}))
        address = f"terraform_data.r{number}"
        self.dependable.append(address)
        self.values += [f"{address}{index}.id", f"{address}{index}.output", address]

    def data(self, number: int) -> None:
        arguments = {
            "backend": '"local"',
            "config": f"{{\n    path = jsonencode([\n      {self.expression()}\n    ])\n  }}",
        }
        self.blocks.append(Written("data", ("terraform_remote_state", f"d{number}"), arguments, self.waits()))
        self.dependable.append(f"data.terraform_remote_state.d{number}")
        self.values.append(f"data.terraform_remote_state.d{number}.outputs.x")

    def local(self, number: int) -> None:
        self.blocks.append(Written("locals", (), {f"l{number}": self.expression()}))
        self.values.append(f"local.l{number}")

    def call(self, number: int, called: _Folder) -> None:
        self.calls.append(called)
        several, index = self.repeated()
        arguments = {"source": f'"../{called.name}"', **several}
        arguments |= {each: self.expression() for each in called.inputs}
        self.blocks.append(Written("module", (f"m{number}",), arguments, self.waits()))
        self.dependable.append(f"module.m{number}")
        self.values.append(f"module.m{number}")
        self.values += [f"module.m{number}{index}.{each}" for each in called.outputs]

    def files(self) -> dict[str, str]:
        return {
            f"{self.name}/{name}": text for name, text in files_of(self.blocks, self.overrides, self.syntax).items()
        }


@dataclass(frozen=True)
class Project:
    """Files by path; `top/` is the folder that calls the others, and `inputs` are its variables."""

    files: dict[str, str]
    inputs: list[str]


@st.composite
def projects(draw: Callable[..., Any]) -> Project:
    """Up to four folders."""
    folders: list[_Folder] = []
    for number in range(draw(st.integers(0, 3))):
        folders.append(_Folder(draw, list(folders), f"m{number}"))
    top = _Folder(draw, folders, "top")
    called = {top.name: top}
    waiting = [top]
    while waiting:
        new = {each.name: each for each in waiting.pop().calls if each.name not in called}
        called |= new
        waiting += new.values()
    return Project({file: text for each in called.values() for file, text in each.files().items()}, top.inputs)


def called_by_one_root(made: list[Project]) -> dict[str, str]:
    """Several projects under one root: one run of terraform for all of them."""
    root = ['provider "terraform" {\n  alias = "other"\n}\nresource "terraform_data" "start" {}\n']
    files: dict[str, str] = {}
    for number, project in enumerate(made):
        arguments = {"source": f'"./p{number}/top"', **dict.fromkeys(project.inputs, "terraform_data.start.id")}
        if number % 2:
            arguments["providers"] = "{ terraform = terraform.other }"
        root.append(Written("module", (f"p{number}",), arguments).native())
        files |= {f"p{number}/{name}": text for name, text in project.files.items()}
    return {"main.tf": "\n".join(root), **files}
