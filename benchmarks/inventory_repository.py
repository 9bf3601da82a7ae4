"""A repository of Terraform as large teams have them, made up: 10,000 resources in 2,000 files. One seed, one repository.

python -m benchmarks.inventory_repository FOLDER
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Template

# What the files say; `@{name}` and its like are filled in.
TEXTS = Path(__file__).parent / "inventory_texts"
SEED = 20
# 150 modules of 4 files with 8 resources, and 100 roots of 14 files, of which 8 have 11 resources.
MODULES, TEAMS, ENVIRONMENTS, SERVICES = 150, 25, ("dev", "staging", "production", "drill"), 8
_WORDS = (TEXTS / "words.txt").read_text().split()
_NOTES = (
    "Sized for the sale in November; smaller since.",
    "Asked for by security: see the ticket before this is changed.",
    "The old cluster still reads this one.",
    "TODO: one of these for each region.",
    "Same as in production, but for the size.",
)


class _Text(Template):
    """HCL is full of `$`."""

    delimiter = "@"


def repository(seed: int = SEED) -> Iterator[tuple[str, str]]:
    """Path and content of every file."""
    chance = random.Random(seed)  # noqa: S311 - the same for everybody is the point
    modules = [f"modules/{_name(chance)}-{number:03}" for number in range(MODULES)]
    for folder in modules:
        for file in ("main", "variables", "outputs", "versions"):
            yield f"{folder}/{file}.tf", _fill(f"module/{file}", chance, name=_name(chance))
    for number in range(TEAMS):
        team = f"{_name(chance)}-{number:02}"
        for environment in ENVIRONMENTS:
            yield from _root(chance, f"live/{team}/{environment}", team, environment, chance.sample(modules, 6))


def write(folder: Path, seed: int = SEED) -> None:
    """The repository as files below a folder."""
    for path, content in repository(seed):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


def _root(
    chance: random.Random, folder: str, team: str, environment: str, modules: list[str]
) -> Iterator[tuple[str, str]]:
    services = chance.sample(_WORDS, SERVICES)
    given = {"team": team, "environment": environment}
    for file in ("backend", "providers", "variables", "locals"):
        yield f"{folder}/{file}.tf", _fill(f"root/{file}", chance, name=team, **given)
    names = [module.rpartition("/")[2] for module in modules]
    calls = [
        _fill("root/module_call", chance, name=name, service=service, **given)
        for name, service in zip(names, services, strict=False)
    ]
    yield f"{folder}/modules.tf", "\n".join(calls)
    outputs = [
        _fill("root/output", chance, name=service, module=names[number % len(names)])
        for number, service in enumerate(services)
    ]
    yield f"{folder}/outputs.tf", "\n".join(outputs)
    for service in services:
        yield f"{folder}/service_{service}.tf", _fill("root/service", chance, name=service, **given)


def _fill(text: str, chance: random.Random, **given: str) -> str:
    numbers = {
        "size": chance.choice((256, 512, 1024, 2048)),
        "count": chance.randint(1, 12),
        "days": chance.choice((7, 14, 30, 90, 365)),
        "port": chance.randint(3000, 9000),
        "percent": chance.randint(50, 95),
        "priority": chance.randint(1, 50_000),
        "note": chance.choice(_NOTES),
    }
    return _read(text).substitute(numbers, **given)


@cache
def _read(text: str) -> _Text:
    return _Text((TEXTS / f"{text}.tf.txt").read_text())


def _name(chance: random.Random) -> str:
    return f"{chance.choice(_WORDS)}-{chance.choice(_WORDS)}"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
