"""Expressions that nobody wrote: the evaluation says what `terraform console` says, or that it does not know."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from butai.terraform.evaluation.module import evaluate
from butai.terraform.evaluation.scope import Scope
from butai.terraform.hcl_literals import UNKNOWN
from support.console import Console
from support.expressions import expression

# Each example starts the engine once, for as many expressions as one start is worth.
EXAMPLES, EACH = 2, 120


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Console:
    folder: Path = tmp_path_factory.mktemp("console")
    return Console(folder)


@settings(max_examples=EXAMPLES)
@given(random=st.randoms(use_true_random=False), depth=st.integers(min_value=1, max_value=3))
def test_made_up_expressions_are_as_the_engine_has_them(console: Console, random: Random, depth: int) -> None:
    _compare(console, [expression(random, depth) for _ in range(EACH)])


@settings(max_examples=EXAMPLES)
@given(random=st.randoms(use_true_random=False))
def test_what_the_engine_refuses_is_refused(console: Console, random: Random) -> None:
    _compare(console, [f'try({expression(random, 2)}, "refused")' for _ in range(EACH)])


def _compare(console: Console, asked: list[str]) -> None:
    found = [evaluate(f"jsonencode({each})", Scope()) for each in asked]
    pairs = zip(asked, console.answers(asked), found, strict=True)
    assert [each for each in pairs if each[2] is not UNKNOWN and each[1] != each[2]] == []
    assert sum(each is UNKNOWN for each in found) < 0.7 * len(found), "too few of them mean anything"
