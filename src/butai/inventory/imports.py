"""`import` blocks that take things into a state. Pure.

`terraform plan -generate-config-out=generated.tf` then writes a first version of their code.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from butai.aws.arn import parse_arn
from butai.aws.existing import Existing

LONGEST_NAME = 60
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Each `$` before a brace, since `$${` alone would be `${`; what a terminal would not show; the marks of a string.
_SPECIAL = re.compile(r'["\\\n\r\t]|[$%](?=[$%]*\{)|[\x00-\x1f\x7f-\x9f\u2028\u2029]')


@dataclass(frozen=True)
class Import:
    """One block: the address that a thing gets, and the id by which the provider finds it."""

    to: str
    id: str
    existing: Existing
    provider: str = ""


@dataclass(frozen=True)
class Imports:
    """The blocks, and what cannot be had by one: things whose Terraform type is not known."""

    blocks: tuple[Import, ...]
    left: tuple[Existing, ...]

    @property
    def hcl(self) -> str:
        """As a file."""
        return "\n".join(_block(each) for each in self.blocks)


def imports(
    chosen: Sequence[Existing], taken: Collection[str] = (), providers: Mapping[str, str] | None = None
) -> Imports:
    """A block for each chosen thing. No address is one of `taken` (those in code) or another's.

    `providers`: the provider's configuration for a region that is not the root's own: `aws.virginia`.
    """
    known = [each for each in chosen if each.kind.startswith("aws_")]
    addresses = _addresses(known, taken)
    blocks = [
        Import(to, import_id(each), each, (providers or {}).get(each.region, ""))
        for to, each in zip(addresses, known, strict=True)
    ]
    return Imports(tuple(blocks), tuple(each for each in chosen if not each.kind.startswith("aws_")))


def import_id(each: Existing) -> str:
    """What the provider's `import` wants: the id, but for a few types."""
    match each.kind:
        case "aws_db_instance" | "aws_ecs_cluster":
            return each.name
        case "aws_ecs_service":
            return "/".join(each.arn.split("/")[-2:])
        case "aws_ecs_task_definition":
            return each.arn
    return each.id


def quoted(words: str) -> str:
    """A string of HCL that is these words and nothing else."""
    return f'"{_SPECIAL.sub(lambda match: _escaped(match[0]), words)}"'


def _escaped(character: str) -> str:
    return _ESCAPES.get(character, f"\\u{ord(character):04x}")


def _block(each: Import) -> str:
    provider = f"  provider = {each.provider}\n" if each.provider else ""
    gap = " " * (6 if provider else 0)
    return f"import {{\n{provider}  to{gap} = {each.to}\n  id{gap} = {quoted(each.id)}\n}}\n"


def _addresses(chosen: Iterable[Existing], taken: Collection[str]) -> Iterator[str]:
    used = set(taken)
    for each in chosen:
        wanted = f"{each.kind}.{_name(each)}"
        number, address = 1, wanted
        while address in used:
            number += 1
            address = f"{wanted}_{number}"
        used.add(address)
        yield address


def _name(each: Existing) -> str:
    """A name that is valid everywhere, out of the thing's own or, where that has no letter of ours, its id."""
    names = (_plain(_own_name(word)) for word in (each.name, each.id))
    found = next((name for name in names if name), "imported")
    return found if found[0].isalpha() else f"_{found}"


def _own_name(word: str) -> str:
    arn = parse_arn(word)
    return arn.rest if arn else word


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", word.lower())[:LONGEST_NAME].strip("_")
