"""What a run's tasks do to databases: which migrations each version knows, and whose tasks ran. Two files in its folder.

migrations.json  worker    by service, the migrations that the wanted version's repository holds
ran_once.json    program   services all of whose tasks ended well
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from butai.datafolder import write_json

Versions = Mapping[str, dict[str, str]]

KNOWN, RAN = "migrations.json", "ran_once.json"


@dataclass(frozen=True)
class Migrated:
    """What of a run matters to databases: `known` by service, the services whose tasks `ran`, and their `versions`."""

    known: Mapping[str, list[str]] = field(default_factory=dict)
    ran: frozenset[str] = frozenset()
    versions: Versions = field(default_factory=dict)


def keep_known(folder: Path, known: Mapping[str, Sequence[str]]) -> None:
    """Write down what the wanted versions know; nothing where they declare no migrations."""
    if known:
        write_json(folder / KNOWN, dict(known))


def keep_ran(folder: Path, services: Iterable[str]) -> None:
    """Write down whose tasks ended well, beside those of an earlier moment of the run."""
    write_json(folder / RAN, sorted({*services, *_read(folder / RAN, [])}))


def migrated(folder: Path, versions: Versions) -> Migrated:
    """What was written down in the folder of a run with these versions."""
    return Migrated(_read(folder / KNOWN, {}), frozenset(_read(folder / RAN, [])), versions)


def _read(path: Path, default: Any) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return default
