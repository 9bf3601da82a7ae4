"""Terraform's functions by their names, and calling one: unknown and null arguments are kept from what takes none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from butai.terraform.evaluation import (
    functions_collections,
    functions_encoding,
    functions_files,
    functions_fileset,
    functions_maps,
    functions_network,
    functions_numbers,
    functions_sets,
    functions_strings,
    functions_time,
    functions_types,
)
from butai.terraform.evaluation.conversion import convert
from butai.terraform.evaluation.signatures import Function, Parameter
from butai.terraform.evaluation.values import NOT_KNOWN, Refused, Value, unknown

if TYPE_CHECKING:
    from butai.terraform.evaluation.expressions import Evaluator

FUNCTIONS: dict[str, Function] = {
    **functions_collections.FUNCTIONS,
    **functions_encoding.FUNCTIONS,
    **functions_files.FUNCTIONS,
    **functions_fileset.FUNCTIONS,
    **functions_maps.FUNCTIONS,
    **functions_network.FUNCTIONS,
    **functions_numbers.FUNCTIONS,
    **functions_sets.FUNCTIONS,
    **functions_strings.FUNCTIONS,
    **functions_time.FUNCTIONS,
    **functions_types.FUNCTIONS,
}


def call(name: str, given: Sequence[Value], evaluator: Evaluator) -> Value:
    """The result of a call; unknown for a function that is not known here. Raises Refused and BeyondLimits."""
    function = FUNCTIONS.get(name.removeprefix("core::"))
    if function is None:
        return NOT_KNOWN
    missing = len(function.parameters) - len(given)
    if missing > 0 or (missing < 0 and function.rest is None):
        raise Refused
    parameters = [*function.parameters, *[function.rest or Parameter()] * -missing]
    arguments = [convert(*pair) for pair in zip(given, (each.type for each in parameters), strict=True)]
    pairs = list(zip(arguments, parameters, strict=True))
    if any(value.is_null and not parameter.null for value, parameter in pairs):
        raise Refused
    if any(value.type.is_loose and not parameter.anything for value, parameter in pairs):
        return NOT_KNOWN
    if any(value.is_unknown and not parameter.unknown for value, parameter in pairs):
        return unknown(function.result)
    return function.body(evaluator, *arguments) if function.looks else function.body(*arguments)
