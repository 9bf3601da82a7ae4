"""Evaluation against `terraform console`: never wrong, and seldom unknown where the engine has an answer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from butai.demo.team import examples_folder
from butai.terraform.evaluation.module import Declaration, ModuleScope, evaluate, evaluate_module
from butai.terraform.evaluation.scope import ListFiles, ReadFile, Scope
from butai.terraform.hcl_literals import UNKNOWN
from butai.terraform.hcl_syntax import Block, parse_hcl
from support.console import Console

CASES = Path(__file__).parents[1] / "cases" / "evaluation"
ROOTS = {
    "cases": CASES / "root",
    "staging": examples_folder() / "ivr" / "infra" / "staging",
    "base": examples_folder() / "ivr" / "infra" / "base",
    "ways": Path(__file__).parent / "ways_root",
}
# What such roots refer to that a console without providers and resources knows too.
KNOWN = ("var.", "local.", "path.", "terraform.")
MADE_UP = {"string": '"qa-1"', "number": '"101"', "map(number)": '{ a = "1" }'}
MOST_UNKNOWN = 0.05


def expressions() -> list[str]:
    lines = (CASES / "expressions.txt").read_text().splitlines()
    return [each for each in lines if each and not each.startswith("#")]


def reader(folder: Path) -> ReadFile:
    def read(path: str) -> bytes | None:
        file = folder / path
        return file.read_bytes() if file.is_file() else None

    return read


def lister(folder: Path) -> ListFiles:
    def files(below: str) -> list[str]:
        found = (each for each in (folder / below).rglob("*") if each.is_file())
        return [each.relative_to(folder).as_posix() for each in found]

    return files


def wrong_and_unknown(answers: list[str | None], found: list[object]) -> tuple[list[int], int]:
    """Which are wrong, and how many are unknown here although the engine has an answer."""
    pairs = list(zip(answers, found, strict=True))
    wrong = [place for place, (answer, each) in enumerate(pairs) if each is not UNKNOWN and each != answer]
    return wrong, sum(answer is not None and each is UNKNOWN for answer, each in pairs)


def test_written_expressions(tmp_path: Path) -> None:
    asked = expressions()
    assert len(asked) >= 650
    root = tmp_path / "root"
    shutil.copytree(CASES / "files", root)
    answers = Console(root).answers(asked)
    scope = Scope(read=reader(root), files=lister(root), workspace="default")
    wrong, unknown = wrong_and_unknown(answers, [evaluate(f"jsonencode({each})", scope) for each in asked])
    assert [(asked[place], answers[place]) for place in wrong] == []
    answered = sum(each is not None for each in answers)
    assert answered >= 600 and unknown <= MOST_UNKNOWN * answered


def test_what_is_refused_is_refused_here_too(tmp_path: Path) -> None:
    """The other cases, each with something to fall back on."""
    lines = (CASES / "refused.txt").read_text().splitlines()
    asked = [f'try({each}, "refused")' for each in lines if each and not each.startswith("#")]
    root = tmp_path / "root"
    root.mkdir()
    answers = Console(root).answers(asked)
    wrong, unknown = wrong_and_unknown(answers, [evaluate(f"jsonencode({each})", Scope()) for each in asked])
    assert [(asked[place], answers[place]) for place in wrong] == []
    assert len(asked) >= 200 and unknown <= MOST_UNKNOWN * len(asked)


@pytest.mark.parametrize("name", ROOTS)
def test_variables_and_locals_of_roots(tmp_path: Path, name: str) -> None:
    bodies = list(parsed(ROOTS[name]))
    declared = {block.labels[0]: block for body in bodies for block in body.of_type("variable")}
    local_values = known_locals(bodies)
    root = tmp_path / "root"
    root.mkdir()
    (root / "main.tf").write_text(rewritten(declared, local_values))
    given = root / "terraform.tfvars"
    given.write_text(values_for(declared, ROOTS[name] / given.name))
    asked = [f"var.{each}" for each in declared] + [f"local.{each}" for each in local_values]
    answers = Console(root).answers(asked)
    module = module_of(declared, local_values, given)
    wrong, unknown = wrong_and_unknown(answers, [module.evaluate(f"jsonencode({each})") for each in asked])
    assert [(asked[place], answers[place]) for place in wrong] == []
    assert asked and unknown == 0


def parsed(folder: Path) -> Iterator[Block]:
    for file in sorted(folder.glob("*.tf")):
        yield parse_hcl(file.read_bytes(), file.name).body


def known_locals(bodies: list[Block]) -> dict[str, str]:
    """Locals that need nothing but variables and each other."""
    found = {
        name: each for body in bodies for block in body.of_type("locals") for name, each in block.attributes.items()
    }
    while True:
        paths = {name: [reference.path for reference in each.references] for name, each in found.items()}
        left = {
            name: each
            for name, each in found.items()
            if all(path.startswith(KNOWN) for path in paths[name])
            and all(path.split(".")[1] in found for path in paths[name] if path.startswith("local."))
        }
        if len(left) == len(found):
            return {name: each.text for name, each in left.items()}
        found = left


def values_for(declared: dict[str, Block], file: Path) -> str:
    """The root's own values, or made up ones for variables that must be given."""
    if file.is_file():
        return file.read_text()
    missing = [name for name, block in declared.items() if "default" not in block.attributes]
    return "".join(f"{name} = {MADE_UP[declared[name].text('type')]}\n" for name in missing)


def rewritten(declared: dict[str, Block], local_values: dict[str, str]) -> str:
    """A root of these alone, without its rules for values, which a console would have kept."""
    lines: list[str] = []
    for name, block in declared.items():
        kept = [each for each in ("type", "default", "nullable", "sensitive") if each in block.attributes]
        lines += [f'variable "{name}" {{', *(f"  {each} = {block.text(each)}" for each in kept), "}"]
    return "\n".join([*lines, "locals {", *(f"  {name} = {text}" for name, text in local_values.items()), "}", ""])


def module_of(declared: dict[str, Block], local_values: dict[str, str], given: Path) -> ModuleScope:
    variables = {
        name: Declaration(
            block.text("type"), block.text("default") or None, nullable=block.value("nullable", True) is not False
        )
        for name, block in declared.items()
    }
    values = {name: each.text for name, each in parse_hcl(given.read_bytes(), given.name).body.attributes.items()}
    return evaluate_module(variables, values, local_values, workspace="default")
