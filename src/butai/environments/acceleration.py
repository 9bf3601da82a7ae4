"""Letting a run in at the provider host, where its way is the fast one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from butai.blueprints.service import AtCommit
from butai.datafolder import DataFolder
from butai.environments.way import Circumstances, Way, decide, is_emulated, is_tested
from butai.errors import ButaiError
from butai.runs.folder import REATTACH, RunFolder
from butai.terraform.accelerator.client import HostClient, HostError
from butai.terraform.accelerator.protocol import words
from butai.terraform.engine import Engine
from butai.terraform.hcl import Root, module_files
from butai.terraform.packages import LOCK_FILE, PackageHashes, ProviderBinary, find_binary
from butai.terraform.providers import Mirrors, Requirement
from butai.terraform.state import resource_types
from butai.text import text


@dataclass(frozen=True)
class Prospect:
    """A run whose folder is ready but for its way. `state` gives the state's document, `checked` whether both ways agree."""

    run: str
    at: AtCommit
    engine: Engine
    folder: RunFolder
    root: Path
    environment: Mapping[str, str]
    only_looks: bool
    state: Callable[[], bytes | None]
    checked: Callable[[Iterable[ProviderBinary]], bool]


class Acceleration:
    """The fast way of this machine. `allowed`: the worker's setting."""

    def __init__(
        self, data: DataFolder, hashes: PackageHashes, mirrors: Callable[[], Mirrors], *, allowed: bool
    ) -> None:
        self._data, self._hashes, self._mirrors, self._allowed = data, hashes, mirrors, allowed
        self.host = HostClient(data.path / "providers")

    def way(self, run: Prospect) -> tuple[Way, dict[str, str]]:
        """The way of a run, and what its supervisor's environment gets for it."""
        binaries = self._binaries(run)
        way = decide(
            Circumstances(
                terms=run.at.blueprint.engine.acceleration,
                allowed=self._allowed,
                only_looks=run.only_looks,
                emulated=is_emulated(run.environment),
                checked=run.checked([each for each in binaries.values() if each]),
                crashed=self.host.crashed_lately(),
            )
        )
        if not way.accelerated:
            return way, {}
        shared = [each for each in binaries.values() if each and _is_proven(each, run)]
        if not shared:
            return _doubt(binaries), {}
        try:
            return way, {REATTACH: json.dumps(self._let_in(run, shared))}
        except HostError as error:
            return Way(False, text("the provider host does not help ({problem})", problem=str(error))), {}

    def _binaries(self, run: Prospect) -> dict[str, ProviderBinary | None]:
        """The program of every provider that the root needs, by source; none where it cannot be told for certain."""
        lock = run.root / LOCK_FILE
        locked = lock.read_text() if lock.exists() else ""

        def program(each: Requirement) -> ProviderBinary | None:
            return find_binary(each, locked, self._mirrors(), self._hashes, run.root / ".terraform")

        return {each.source: program(each) for each in run.at.root.requirements(run.engine.registry_host)}

    def _let_in(self, run: Prospect, binaries: list[ProviderBinary]) -> dict[str, Any]:
        names = _names(run)
        return {
            each.source: self.host.let_in(
                run.run,
                each,
                run.environment,
                root=run.root,
                names=names,
                until=run.folder.lock_path,
                keeper=self._data.path / "worker.lock",
            )
            for each in binaries
        }


def versions_of(engine: Engine, binaries: Iterable[ProviderBinary]) -> str:
    """A digest of an engine and the programs of its providers, under which it is kept that both ways were equal."""
    told = [str(engine), *sorted(f"{each.source} {each.version} {each.digest}" for each in binaries)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _is_proven(binary: ProviderBinary, run: Prospect) -> bool:
    return is_tested(binary.source, binary.version) or run.checked([binary])


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
    tree, fetched = run.folder.tree, run.root / ".terraform" / "modules"
    if _has_remote_modules(run.at.root) and not fetched.exists():
        return None
    try:
        state = run.state()
        known = resource_types(state) if state else set()
        return words(each.read_text(errors="replace") for each in _configuration(tree, fetched)) | known
    except (OSError, ButaiError):
        return None


def _has_remote_modules(root: Root) -> bool:
    return any(call.folder is None for each in (root, *root.children) for call in each.modules.values())


def _configuration(*folders: Path) -> Iterator[Path]:
    """Every module file below: more than the root uses, never less."""
    for folder in folders:
        for each in [folder, *folder.rglob("*")]:
            if each.is_dir():
                yield from module_files(each)
