"""Letting a run in at the provider host, where its way is the fast one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from butai.blueprints.service import AtCommit
from butai.datafolder import DataFolder
from butai.environments.reuse import Root
from butai.environments.way import Circumstances, Way, decide, is_emulated, is_tested, turned_off
from butai.errors import ButaiError
from butai.runs.folder import REATTACH
from butai.runs.model import READ_ONLY, RunKind
from butai.terraform.accelerator.client import HostClient, HostError
from butai.terraform.accelerator.protocol import words
from butai.terraform.engine import Engine
from butai.terraform.hcl import Root as Module
from butai.terraform.hcl import module_files
from butai.terraform.packages import LOCK_FILE, PackageHashes, ProviderBinary, find_binary
from butai.terraform.providers import Mirrors, Requirement
from butai.terraform.state import resource_types
from butai.text import text


@dataclass(frozen=True)
class Prospect:
    """A run whose folder is ready but for its way. `checked`: whether both ways were found equal with these programs."""

    run: int
    kind: RunKind
    at: AtCommit
    root: Root
    environment: Mapping[str, str]
    checked: Callable[[Iterable[ProviderBinary]], bool]


class Acceleration:
    """The fast way of this machine. `allowed`: the worker's setting."""

    def __init__(
        self, data: DataFolder, hashes: PackageHashes, mirrors: Callable[[], Mirrors], *, allowed: bool
    ) -> None:
        self._data, self._hashes, self._mirrors, self._allowed = data, hashes, mirrors, allowed
        self.host = HostClient(data.providers)

    def way(self, run: Prospect) -> tuple[Way, dict[str, str]]:
        """The way of a run, and what its supervisor's environment gets for it."""
        compares = run.kind is RunKind.ENGINE_CHECK
        off = turned_off(run.at.blueprint.engine.acceleration, allowed=self._allowed, compares=compares)
        if off is not None:
            return off, {}
        binaries = self.programs(run.at, run.root.engine, run.root.path)
        way = decide(self._circumstances(run, [each for each in binaries.values() if each]))
        if not way.accelerated:
            return way, {}
        shared = [each for each in binaries.values() if each and _is_proven(each, run)]
        if not shared:
            return _doubt(binaries), {}
        try:
            return way, {REATTACH: json.dumps(self._let_in(run, shared))}
        except HostError as error:
            return Way(False, text("the provider host does not help ({problem})", problem=str(error))), {}

    def _circumstances(self, run: Prospect, binaries: list[ProviderBinary]) -> Circumstances:
        return Circumstances(
            terms=run.at.blueprint.engine.acceleration,
            allowed=self._allowed,
            only_looks=run.kind in READ_ONLY,
            compares=run.kind is RunKind.ENGINE_CHECK,
            emulated=is_emulated(run.environment),
            checked=run.checked(binaries),
            crashed=self.host.crashed_lately(),
        )

    def programs(self, at: AtCommit, engine: Engine, root: Path) -> dict[str, ProviderBinary | None]:
        """The program of every provider that a root needs, by source; none where it cannot be told for certain."""
        lock = root / LOCK_FILE
        locked = lock.read_text() if lock.exists() else ""

        def program(each: Requirement) -> ProviderBinary | None:
            return find_binary(each, locked, self._mirrors(), self._hashes, root / ".terraform")

        return {each.source: program(each) for each in at.root.requirements(engine.registry_host)}

    def _let_in(self, run: Prospect, binaries: list[ProviderBinary]) -> dict[str, Any]:
        names = _names(run)
        return {
            each.source: self.host.let_in(
                str(run.run),
                each,
                run.environment,
                root=run.root.path,
                names=names,
                until=run.root.folder.lock_path,
                keeper=self._data.path / "worker.lock",
            )
            for each in binaries
        }


def _is_proven(binary: ProviderBinary, run: Prospect) -> bool:
    compares = run.kind is RunKind.ENGINE_CHECK
    return compares or is_tested(binary.source, binary.version) or run.checked([binary])


def _doubt(binaries: Mapping[str, ProviderBinary | None]) -> Way:
    """Why none of the root's providers is shared."""
    for source, found in binaries.items():
        if found is None:
            return Way(False, text("the program of `{source}` cannot be told for certain", source=source))
        words = text(
            "`{source}` {version} was not compared on both ways (`butai engine check` does it)",
            source=source,
            version=found.version,
        )
        return Way(False, words)
    return Way(False, text("its root needs no provider"))


def _names(run: Prospect) -> frozenset[str] | None:
    """All that configuration and state name, so that the provider need not describe more; none where that is not known."""
    tree, fetched = run.root.folder.tree, run.root.path / ".terraform" / "modules"
    if _has_remote_modules(run.at.root) and not fetched.exists():
        return None
    try:
        state = run.root.state()
        known = resource_types(state) if state else set()
        return words(each.read_text(errors="replace") for each in _configuration(tree, fetched)) | known
    except (OSError, ButaiError):
        return None


def _has_remote_modules(root: Module) -> bool:
    return any(call.folder is None for each in (root, *root.children) for call in each.modules.values())


def _configuration(*folders: Path) -> Iterator[Path]:
    """Every module file below: more than the root uses, never less."""
    for folder in folders:
        for each in [folder, *folder.rglob("*")]:
            if each.is_dir():
                yield from module_files(each)
