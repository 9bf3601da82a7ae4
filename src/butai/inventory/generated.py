"""The code that `terraform plan -generate-config-out` writes, made such that the next plan takes it. Pure.

The engine writes every attribute that a type has, with nothing and zero where a thing has none: the provider refuses many of
these beside each other. What is left out here is what an absent attribute means anyway; the next plan shows where not.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from butai.inventory.imports import quoted
from butai.terraform.hcl_syntax import Block, Expression, SyntaxProblem, parse_hcl

INDENT = "  "
# Zero is not what they are without a value.
ZEROS_KEPT = frozenset({"desired_count", "reserved_concurrent_executions", "threshold"})
# They say again, in other words, what another attribute says.
SAID_TWICE: Mapping[str, frozenset[str]] = {"aws_subnet": frozenset({"availability_zone_id"})}
EVERYWHERE = frozenset({"tags_all"})
# Only what stands on an Outpost may say it.
FALSE_LEFT_OUT = frozenset({"map_customer_owned_ip_on_launch"})
# What AWS does not give back, and a type is not valid without.
NEEDED: Mapping[str, str] = {"aws_lambda_function": "filename", "aws_ssm_parameter": "value"}


@dataclass(frozen=True)
class Generated:
    """The code, and by address the attribute that a person has to write. `problem`: why it could not be read, and stays as
    it is."""

    hcl: str
    unfinished: Mapping[str, str]
    problem: SyntaxProblem | None = None


def mended(written: str) -> Generated:
    """What the engine wrote without the attributes that stand for nothing or say what others say."""
    parsed = parse_hcl(written.encode(), "generated.tf")
    if parsed.problem:
        return Generated(written, {}, parsed.problem)
    resources = [each for each in parsed.body.blocks if each.type == "resource" and len(each.labels) == 2]
    needed = ((each, NEEDED.get(each.labels[0], "")) for each in resources)
    unfinished = {".".join(each.labels): name for each, name in needed if name and not _says(each, name)}
    return Generated("\n".join("".join(_lines(_without(each), "")) for each in resources), unfinished)


def _without(resource: Block) -> Block:
    left_out = EVERYWHERE | SAID_TWICE.get(resource.labels[0], frozenset())
    cleaned = _cleaned(resource, left_out)
    if resource.labels[0] != "aws_lb":
        return cleaned
    # Subnets and mappings are the same list; only mappings tell addresses.
    with_addresses = any(len(each.attributes) > 1 for each in cleaned.of_type("subnet_mapping"))
    return _cleaned(cleaned, {"subnets"} if with_addresses else {"subnet_mapping"})


def _cleaned(block: Block, left_out: Collection[str] = ()) -> Block:
    """Without what stands for nothing, and without blocks of which nothing is left."""
    attributes = {
        name: each
        for name, each in block.attributes.items()
        if name not in left_out and not _is_nothing(name, each.value)
    }
    inner = [_cleaned(each) for each in block.blocks if each.type not in left_out]
    kept = tuple(each for each in inner if each.attributes or each.blocks)
    return Block(block.type, block.labels, block.line, attributes, kept)


def _is_nothing(name: str, value: Any) -> bool:
    if value is False:
        return name in FALSE_LEFT_OUT
    return value is None or value in ([], {}) or (value == 0 and name not in ZEROS_KEPT)


def _says(block: Block, name: str) -> bool:
    return block.value(name) is not None


def _lines(block: Block, indent: str) -> Iterator[str]:
    yield f"{indent}{' '.join([block.type, *(quoted(each) for each in block.labels)])} {{\n"
    for single, group in itertools.groupby(block.attributes.items(), key=lambda each: "\n" not in each[1].text):
        yield from _attributes(dict(group), f"{indent}{INDENT}", aligned=single)
    for each in block.blocks:
        yield from _lines(each, f"{indent}{INDENT}")
    yield f"{indent}}}\n"


def _attributes(attributes: Mapping[str, Expression], indent: str, *, aligned: bool) -> Iterator[str]:
    """As the engine's `fmt` writes them."""
    width = max(map(len, attributes)) if aligned else 0
    for name, each in attributes.items():
        yield f"{indent}{name.ljust(width)} = {each.text}\n"
