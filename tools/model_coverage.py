"""Fails when a room's `model.py` is covered by less than the promised share. Run by `make test`, after the tests of models."""

from __future__ import annotations

import sys
from pathlib import Path

import coverage

PROMISED = 95.0


def main() -> int:
    """Print each model's share; 1 when one is too low."""
    data = coverage.Coverage()
    data.load()
    models = sorted(Path("src/butai").glob("*/model.py"))
    low = []
    for model in models:
        share = _share(data, model)
        print(f"{share:6.1f} %  {model}")
        if share < PROMISED:
            low.append(str(model))
    if low:
        print(f"Below {PROMISED} %: {', '.join(low)}", file=sys.stderr)
    return 1 if low or not models else 0


def _share(data: coverage.Coverage, model: Path) -> float:
    _, statements, _, missing, _ = data.analysis2(str(model.resolve()))
    return 100.0 * (len(statements) - len(missing)) / max(1, len(statements))


if __name__ == "__main__":
    sys.exit(main())
