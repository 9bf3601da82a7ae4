"""The reference pages are those of the code, and the README's links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.reference import TARGET, pages

ROOT = Path(__file__).parents[2]


def test_the_reference_is_current() -> None:
    for name, text in pages().items():
        assert (TARGET / name).read_text() == text, f"{name} is stale: make docs"


def test_every_command_is_in_the_reference_with_its_sentence() -> None:
    rows = [line for line in pages()["commands.md"].splitlines() if line.startswith("| `butai")]
    assert len(rows) >= 20
    assert all(re.fullmatch(r"\| `[^`]+` \| .+[.:] \|", row) for row in rows), rows


@pytest.mark.parametrize(
    "page", ["README.md", "README.ja.md", *(f"docs/{each.name}" for each in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(page: str) -> None:
    file = ROOT / page
    for target in re.findall(r"\]\(([^)#]+)", file.read_text()):
        if not target.startswith("http"):
            assert (file.parent / target).exists(), f"{page}: {target}"
