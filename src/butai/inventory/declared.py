"""What the files of one folder declare together, override files in Terraform's order. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from butai.inventory.model import Kind, Problem
from butai.terraform.hcl_blocks import Block, Comment, Expression, Parsed
from butai.text import text

# Merged argument by argument; other blocks of an override replace those of the same type.
_MERGED: Final = frozenset({"lifecycle", "required_providers"})
_LABELLED: Final = {
    "resource": (Kind.RESOURCE, 2, ""),
    "data": (Kind.DATA, 2, "data."),
    "ephemeral": (Kind.EPHEMERAL, 2, "ephemeral."),
    "variable": (Kind.VARIABLE, 1, "var."),
    "output": (Kind.OUTPUT, 1, "output."),
    "module": (Kind.CALL, 1, "module."),
    "check": (Kind.CHECK, 1, "check."),
}
_POINTING: Final = {"moved": (Kind.MOVED, "from"), "import": (Kind.IMPORT, "to"), "removed": (Kind.REMOVED, "from")}


@dataclass
class Declared:
    """One declaration. `expression` is a local value's; `around`: the comments right above it and behind its end."""

    kind: Kind
    address: str
    name: str
    type: str
    file: str
    block: Block
    expression: Expression | None = None
    around: tuple[Comment, ...] = ()
    overridden_in: list[str] = field(default_factory=list)


def declarations(
    files: Iterable[tuple[str, Parsed]], overrides: Iterable[tuple[str, Parsed]] = ()
) -> tuple[dict[str, Declared], list[Problem]]:
    """By address. `files` and `overrides` are those of one folder, each in the order of their names.

    Of two with one address the first is kept; the engine refuses that.
    """
    found: dict[str, Declared] = {}
    problems: list[Problem] = []
    for over, (file, parsed) in [*((False, each) for each in files), *((True, each) for each in overrides)]:
        for each in _in_file(file, parsed.body):
            if over and each.kind is Kind.BACKEND:
                # A backend of an override takes the place of any other.
                found = {address: known for address, known in found.items() if known.kind is not Kind.BACKEND}
            before = found.get(each.address)
            if before is None:
                found[each.address] = each
            elif over:
                found[each.address] = _overridden(before, each)
            elif each.kind in {Kind.SETTINGS, Kind.MOVED, Kind.IMPORT, Kind.REMOVED, Kind.OTHER, Kind.PROVIDER}:
                each.address = _another(each.address, found)
                found[each.address] = each
            else:
                words = text("`{address}` is declared twice; here is the second one", address=each.address)
                problems.append(Problem(file, each.block.line, words))
    return found, problems


def is_override(file: str) -> bool:
    """Whether a file changes what others declare."""
    stem = re.sub(r"\.(tf|tofu)(\.json)?$", "", file.rpartition("/")[2])
    return stem == "override" or stem.endswith("_override")


def _in_file(file: str, body: Block) -> Iterator[Declared]:
    around = _comments_around(body.comments)
    for block in body.blocks:
        yield from _of_block(file, block, around(block.line, block.end_line))


def _of_block(file: str, block: Block, around: tuple[Comment, ...]) -> Iterator[Declared]:
    kind, labels, prefix = _LABELLED.get(block.type, (Kind.OTHER, -1, ""))
    if len(block.labels) == labels:
        address = prefix + ".".join(block.labels)
        named = block.labels[0] if labels == 2 else ""
        yield Declared(kind, address, block.labels[-1], named, file, block, around=around)
        if kind is Kind.CHECK:
            for inner in block.of_type("data"):
                yield from _of_block(file, inner, ())
    elif block.type == "locals":
        yield from _locals(file, block)
    elif block.type == "provider" and len(block.labels) == 1:
        name = ".".join(filter(None, (block.labels[0], block.value("alias", ""))))
        yield Declared(Kind.PROVIDER, f"provider.{name}", name, block.labels[0], file, block, around=around)
    elif block.type == "terraform":
        yield Declared(Kind.SETTINGS, "terraform", "terraform", "", file, block, around=around)
        yield from _backends(file, block)
    elif block.type in _POINTING:
        kind, attribute = _POINTING[block.type]
        target = block.text(attribute).strip('"')
        yield Declared(kind, f"{block.type}.{target}", target, "", file, block, around=around)
    else:
        address = ".".join((block.type, *block.labels))
        yield Declared(Kind.OTHER, address, address, block.type, file, block, around=around)


def _locals(file: str, block: Block) -> Iterator[Declared]:
    around = _comments_around(block.comments)
    for name, each in block.attributes.items():
        place = replace(block, line=each.line, column=each.column, end_line=each.end_line, end_column=each.end_column)
        place.attributes, place.blocks, place.comments = {}, (), _inside(block.comments, place)
        yield Declared(Kind.LOCAL, f"local.{name}", name, "", file, place, each, around(each.line, each.end_line))


def _inside(comments: tuple[Comment, ...], place: Block) -> tuple[Comment, ...]:
    """Those above its last line: on that one a comment may stand behind it."""
    return tuple(each for each in comments if place.line <= each.line < place.end_line)


def _backends(file: str, settings: Block) -> Iterator[Declared]:
    for block in settings.blocks:
        if block.type in {"backend", "cloud"}:
            name = block.labels[0] if block.labels else block.type
            yield Declared(Kind.BACKEND, f"backend.{name}", name, "", file, block)


def _overridden(base: Declared, over: Declared) -> Declared:
    block = _merged(base.block, over.block)
    return replace(
        base,
        block=block,
        expression=over.expression or base.expression,
        overridden_in=[*base.overridden_in, f"{over.file}:{over.block.line}"],
    )


def _merged(base: Block, over: Block) -> Block:
    theirs = {_made(each) for each in over.blocks}
    kept = [each for each in base.blocks if _made(each) not in theirs]
    new = [_merged_with(base, each) if each.type in _MERGED else each for each in over.blocks]
    return replace(base, attributes={**base.attributes, **over.attributes}, blocks=(*kept, *new))


def _made(block: Block) -> str:
    """The type of the blocks that it is, or makes."""
    return block.labels[0] if block.type == "dynamic" and block.labels else block.type


def _merged_with(base: Block, over: Block) -> Block:
    same = base.of_type(over.type)
    return _merged(same[0], over) if same else over


def _comments_around(comments: tuple[Comment, ...]) -> Callable[[int, int], tuple[Comment, ...]]:
    ending = {each.end_line: each for each in comments if not each.behind}
    behind = {each.line: each for each in comments if each.behind}

    def around(line: int, end_line: int) -> tuple[Comment, ...]:
        found = [behind[end_line]] if end_line in behind else []
        while (each := ending.get(line - 1)) is not None:
            found.insert(0, each)
            line = each.line
        return tuple(found)

    return around


def _another(address: str, found: dict[str, Declared]) -> str:
    number = 2
    while f"{address}#{number}" in found:
        number += 1
    return f"{address}#{number}"
