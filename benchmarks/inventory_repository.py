"""A repository of Terraform as large teams have them, made up: 10,000 resources in 2,000 files. One seed, one repository.

python -m benchmarks.inventory_repository FOLDER
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template

from benchmarks.inventory_texts import (
    BACKEND,
    CALLS,
    LOCALS,
    MODULE,
    MODULE_OUTPUTS,
    MODULE_VARIABLES,
    OUTPUTS,
    PROVIDERS,
    SERVICE,
    VARIABLES,
    VERSIONS,
    WORDS,
)

SEED = 20
# 150 modules of 4 files with 8 resources, and 100 roots of 14 files, of which 8 have 11 resources.
MODULES, TEAMS, ENVIRONMENTS, SERVICES = 150, 25, ("dev", "staging", "production", "drill"), 8
RESOURCES, FILES = 10_000, 2_000
_WORDS = WORDS.split()
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
        for file, template in _MODULE_FILES.items():
            yield f"{folder}/{file}", _fill(template, chance, name=_name(chance))
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
    for file, template in _ROOT_FILES.items():
        yield f"{folder}/{file}", _fill(template, chance, name=team, **given)
    calls = [
        _fill(CALLS, chance, name=f"{module.rpartition('/')[2]}", source=f"../../../{module}", service=service, **given)
        for module, service in zip(modules, services, strict=False)
    ]
    yield f"{folder}/modules.tf", "\n".join(calls)
    outputs = [
        _fill(OUTPUTS, chance, name=each, module=modules[at % len(modules)].rpartition("/")[2])
        for at, each in enumerate(services)
    ]
    yield f"{folder}/outputs.tf", "\n".join(outputs)
    for service in services:
        yield f"{folder}/service_{service}.tf", _fill(SERVICE, chance, name=service, **given)


def _fill(template: str, chance: random.Random, **given: str) -> str:
    numbers = {
        "size": chance.choice((256, 512, 1024, 2048)),
        "count": chance.randint(1, 12),
        "days": chance.choice((7, 14, 30, 90, 365)),
        "port": chance.randint(3000, 9000),
        "percent": chance.randint(50, 95),
        "priority": chance.randint(1, 50_000),
        "note": chance.choice(_NOTES),
    }
    return _Text(template).substitute(numbers, **given)


def _name(chance: random.Random) -> str:
    return f"{chance.choice(_WORDS)}-{chance.choice(_WORDS)}"


_MODULE_FILES = {
    "main.tf": MODULE,
    "variables.tf": MODULE_VARIABLES,
    "outputs.tf": MODULE_OUTPUTS,
    "versions.tf": VERSIONS,
}
_ROOT_FILES = {"backend.tf": BACKEND, "providers.tf": PROVIDERS, "variables.tf": VARIABLES, "locals.tf": LOCALS}

if __name__ == "__main__":
    write(Path(sys.argv[1]))
