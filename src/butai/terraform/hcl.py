"""What a root module declares, read from its files without running an engine.

Files of overrides are read like the others: they add, and what was declared first stays. The engine's own message is the
judge of what is valid; the problems given here only say where a file could not be read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from butai.errors import NotFoundError
from butai.terraform.hcl_json import parse_json
from butai.terraform.hcl_syntax import UNKNOWN, Block, Parsed, SyntaxProblem, parse_hcl
from butai.terraform.root import Backend, Local, ModuleCall, Output, Resource, Root, Validation, Variable, WorkspaceUse
from butai.text import text

__all__ = ["UNKNOWN", "ModuleCall", "Output", "Resource", "Root", "Variable", "module_files", "read_root", "tfvars"]


def read_root(folder: Path, engine: str | None = None) -> Root:
    """Read the root module in `folder`, with the local modules it calls.

    `engine`: `terraform` leaves `.tofu` files out; otherwise a `.tofu` file replaces the `.tf` file of the same name.
    Raises NotFoundError for a folder without any; what cannot be read in a file is in `problems`.
    """
    if not folder.is_dir() or not module_files(folder, engine):
        raise NotFoundError(
            text("`{folder}` is no root module.", folder=folder),
            why=text("It holds no file that ends in .tf, .tofu or .tf.json."),
            next=text("Name the folder that you would run the engine in."),
            code="no-root-module",
        )
    seen: set[Path] = {folder.resolve()}
    children: list[Root] = []
    root = _read_module(folder, folder, engine)
    waiting = list(root.modules.values())
    while waiting:
        call = waiting.pop(0)
        if call.folder and call.folder.resolve() not in seen:
            seen.add(call.folder.resolve())
            children.append(_read_module(call.folder, folder, engine))
            waiting += children[-1].modules.values()
    uses = tuple(chain(root.workspace_uses, *(each.workspace_uses for each in children)))
    problems = tuple(chain(root.problems, *(each.problems for each in children)))
    return replace(root, workspace_uses=uses, problems=problems, children=tuple(children))


def tfvars(folder: Path) -> dict[str, tuple[str, int]]:
    """Which variables the root's own variable files set, each with file and line; of several the one that wins."""
    found: dict[str, tuple[str, int]] = {}
    automatic = sorted(
        each.name for each in folder.iterdir() if each.name.endswith((".auto.tfvars", ".auto.tfvars.json"))
    )
    for name in ["terraform.tfvars", "terraform.tfvars.json", *automatic]:
        if (folder / name).is_file():
            body = _parse(folder / name, name).body
            found |= {key: (name, expression.line) for key, expression in body.attributes.items()}
    return found


def module_files(folder: Path, engine: str | None = None) -> list[Path]:
    """The files that make up a module, by name, overrides last: no subfolders, no hidden or back-up files."""
    kinds = (".tf", ".tf.json") if engine == "terraform" else (".tf", ".tf.json", ".tofu", ".tofu.json")
    names = {each.name for each in folder.iterdir() if each.name.endswith(kinds) and each.is_file()}
    shown = {each for each in names if not each.startswith((".", "#"))}
    used = [each for each in shown if ".tofu" in each or each.replace(".tf", ".tofu") not in shown]
    return [folder / each for each in sorted(used, key=lambda name: (_is_override(name), name))]


def _is_override(name: str) -> bool:
    stem = name.partition(".")[0]
    return stem == "override" or stem.endswith("_override")


def _parse(path: Path, shown: str) -> Parsed:
    try:
        source = path.read_bytes()
    except OSError as error:
        return Parsed(
            Block("", (), 1),
            SyntaxProblem(shown, 1, 1, text("the file cannot be read ({problem})", problem=error.strerror)),
        )
    return parse_json(source, shown) if path.suffix == ".json" else parse_hcl(source, shown)


def _read_module(folder: Path, root: Path, engine: str | None) -> Root:
    parsed = {
        os.path.relpath(path, root): _parse(path, os.path.relpath(path, root)) for path in module_files(folder, engine)
    }
    blocks = [(block, file) for file, each in parsed.items() for block in each.body.blocks]
    settings = [(inner, file) for block, file in blocks if block.type == "terraform" for inner in block.blocks]
    return Root(
        folder=folder,
        variables=_first(_variable(block, file) for block, file in blocks if _is(block, "variable", 1)),
        outputs=_first(_output(block, file) for block, file in blocks if _is(block, "output", 1)),
        resources=_first(_resource(block, file) for block, file in blocks if _is(block, "resource", 2, "data")),
        modules=_first(_module(block, file, folder) for block, file in blocks if _is(block, "module", 1)),
        locals=_first(_locals(blocks)),
        # Of several configurations of one provider the one without an alias is what resources get by themselves.
        providers={
            block.labels[0]: block for block, _ in blocks if _is(block, "provider", 1) and not block.text("alias")
        },
        required_providers=_required_providers([block for block, _ in settings]),
        required_version=_required_version([block for block, _ in blocks if block.type == "terraform"]),
        backend=_backend(settings),
        workspace_uses=tuple(_workspace_uses(blocks)),
        problems=tuple(each.problem for each in parsed.values() if each.problem),
    )


def _is(block: Block, kind: str, labels: int, other: str = "") -> bool:
    return block.type in {kind, other} and len(block.labels) == labels


def _first(named: Iterator[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in named:
        found.setdefault(each.address if isinstance(each, Resource) else each.name, each)
    return found


def _variable(block: Block, file: str) -> Variable:
    default = block.attributes.get("default")
    rules = [Validation(each.text("condition"), _said(each, "error_message")) for each in block.of_type("validation")]
    return Variable(
        name=block.labels[0],
        type=block.text("type"),
        has_default=default is not None,
        default=default.value if default else UNKNOWN,
        sensitive=block.value("sensitive", False) is True,
        nullable=block.value("nullable", True) is not False,
        description=_said(block, "description"),
        validations=tuple(rules),
        file=file,
        line=block.line,
    )


def _said(block: Block, name: str) -> str:
    """A text as it is meant where it is a literal, else its source."""
    value = block.value(name)
    return value.strip() if isinstance(value, str) else block.text(name)


def _output(block: Block, file: str) -> Output:
    sensitive = block.value("sensitive", False) is True
    value, said = block.text("value"), _said(block, "description")
    return Output(block.labels[0], value, sensitive, said, block, file=file, line=block.line)


def _resource(block: Block, file: str) -> Resource:
    kind, name = block.labels
    return Resource(kind, name, block, block.type == "data", file=file, line=block.line)


def _module(block: Block, file: str, folder: Path) -> ModuleCall:
    source = block.value("source")
    local = isinstance(source, str) and source.startswith(("./", "../")) and (folder / source).is_dir()
    place = Path(os.path.normpath(folder / source)) if local else None
    return ModuleCall(block.labels[0], _said(block, "source"), block, place, file=file, line=block.line)


def _locals(blocks: list[tuple[Block, str]]) -> Iterator[Local]:
    for block, file in blocks:
        if block.type == "locals":
            yield from (Local(name, each, file=file, line=each.line) for name, each in block.attributes.items())


def _required_providers(settings: list[Block]) -> dict[str, Any]:
    found = [each for each in settings if each.type == "required_providers"]
    return {name: each.value(name, {}) for each in found for name in each.attributes}


def _required_version(blocks: list[Block]) -> str:
    return ", ".join(_said(each, "required_version") for each in blocks if "required_version" in each.attributes)


def _backend(settings: list[tuple[Block, str]]) -> Backend | None:
    found = [(each, file) for each, file in settings if each.type in {"backend", "cloud"}]
    # The last one wins, as an override file does.
    if not found:
        return None
    block, file = found[-1]
    literals = {name: each.value for name, each in block.attributes.items() if each.value is not UNKNOWN}
    return Backend("".join(block.labels) or block.type, literals, file=file, line=block.line)


def _workspace_uses(blocks: list[tuple[Block, str]]) -> Iterator[WorkspaceUse]:
    for block, file in blocks:
        lines = {
            reference.line
            for expression in block.expressions()
            for reference in expression.references
            if reference.path in {"terraform.workspace", "tofu.workspace"}
        }
        yield from (WorkspaceUse(file=file, line=line) for line in sorted(lines))
