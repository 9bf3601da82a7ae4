"""Functions stay short and files small, so that a newcomer can read any of them at once."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "butai"


def lengths() -> list[int]:
    found = []
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append((node.end_lineno or node.lineno) - node.lineno + 1)
    return sorted(found)


def test_functions_are_short() -> None:
    found = lengths()
    assert statistics.median(found) <= 10
    assert found[int(len(found) * 0.95)] <= 35
    assert sum(length > 60 for length in found) < len(found) / 100


def test_files_are_small() -> None:
    large = {str(file): n for file in SOURCE.rglob("*.py") if (n := len(file.read_text().splitlines())) > 350}
    assert not large
