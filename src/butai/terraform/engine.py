"""Finding the engine: Terraform or OpenTofu, which of them, and whether it may go on with an environment."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from butai.errors import MissingPartError, RefusedError, WrongUseError
from butai.terraform.providers import REGISTRY_HOSTS, Mirrors
from butai.terraform.versions import version_key
from butai.text import text

TITLES = {"terraform": "Terraform", "tofu": "OpenTofu"}
_OLDEST = {"terraform": "1.0.0", "tofu": "1.6.0"}
# They could report success and save an empty state (Terraform's notes on 1.1.2).
_HARMFUL = {("terraform", "1.1.0"), ("terraform", "1.1.1")}
_PROBE_TIMEOUT_S = 60
# What stands at a path may be a switch between versions, whose answer changes without the file.
_ANSWER_HOLDS_S = 10.0
_answers: dict[tuple[object, ...], tuple[float, Engine]] = {}
_PROVIDER_LINE = re.compile(r'^\s*provider\s+"([^"/]+)/', re.MULTILINE)


@dataclass(frozen=True)
class Engine:
    """An engine on this machine. `name`: `terraform` or `tofu`; `version` as it reports it itself."""

    name: str
    path: Path
    version: str

    @property
    def registry_host(self) -> str:
        """Where a provider source without a host comes from."""
        return REGISTRY_HOSTS[self.name]

    def as_stored(self) -> dict[str, str]:
        """As a file keeps it."""
        return {"name": self.name, "path": str(self.path), "version": self.version}

    def __str__(self) -> str:
        return f"{TITLES[self.name]} {self.version}"


def stored_engine(raw: Mapping[str, str]) -> Engine:
    """What `as_stored` gave."""
    return Engine(raw["name"], Path(raw["path"]), raw["version"])


def probe(path: Path) -> Engine:
    """Ask a binary what it is. Raises MissingPartError when it does not answer as an engine does.

    A run is refused at the door and prepared by what the answer says: within seconds nobody asks twice.
    """
    now, key = time.monotonic(), _identity(path)
    asked_at, engine = _answers.get(key, (-math.inf, None))
    if engine is None or now - asked_at > _ANSWER_HOLDS_S:
        engine = _asked(path)
        _answers[key] = now, engine
    return engine


def _identity(path: Path) -> tuple[object, ...]:
    try:
        found = path.stat()
    except OSError:
        return (path,)
    return path, found.st_ino, found.st_mtime_ns, found.st_size


def _asked(path: Path) -> Engine:
    env = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    try:
        answer = subprocess.run(
            [str(path), "version", "-json"],
            capture_output=True,
            check=True,
            timeout=_PROBE_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            # A folder without a lock file, and no call home about newer versions.
            cwd="/",
            env={**env, "CHECKPOINT_DISABLE": "1"},
        )
        return _engine(path, json.loads(answer.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError) as error:
        raise MissingPartError(
            text("`{path}` does not work as Terraform or OpenTofu.", path=path),
            why=text("`{path} version -json` gave no version ({kind}).", path=path, kind=type(error).__name__),
            next=text("Run that command yourself, or name another engine with --engine."),
            code="engine-broken",
        ) from error


def _engine(path: Path, answer: dict[str, Any]) -> Engine:
    version = str(answer["terraform_version"])
    version_key(version)
    # Both engines call their version `terraform_version`; only Terraform says whether it is outdated.
    return Engine("terraform" if "terraform_outdated" in answer else "tofu", path, version)


def choose(
    *,
    flag: str | None,
    blueprint: str | None,
    lock_file: str | None,
    search_path: str | None,
    mirrors: Mirrors,
    download: Callable[[], Path],
) -> Engine:
    """The engine to use: what the flag says, else the blueprint, else the lock file, else what has its providers.

    `flag`: a name or a path. `lock_file`: the text of `.terraform.lock.hcl`. `search_path`: a PATH, None for this
    process's own. `mirrors`: an engine whose registry they serve comes first. `download` fetches the pinned OpenTofu
    and returns its path; it is called when OpenTofu is asked for and missing, or nothing is there.
    """
    if flag and (os.sep in flag or flag.startswith(".")):
        return _usable(probe(Path(flag).expanduser().absolute()))
    for wanted, where in ((flag, "--engine"), (blueprint, "butai.yaml: engine")):
        if wanted:
            return _named(wanted, where, search_path, download)
    locked = engine_of_lock_file(lock_file or "")
    if locked:
        return _named(locked, ".terraform.lock.hcl", search_path, download)
    present = [name for name in REGISTRY_HOSTS if shutil.which(name, path=search_path)]
    served = [name for name in present if REGISTRY_HOSTS[name] in mirrors.hosts]
    if not present:
        return _usable(probe(download()))
    return _named((served or present)[0], "PATH", search_path, download)


def engine_of_lock_file(text: str) -> str | None:
    """The engine that wrote a lock file, by the registry host in it; none where it names neither or both."""
    hosts = set(_PROVIDER_LINE.findall(text))
    engines = [name for name, host in REGISTRY_HOSTS.items() if host in hosts]
    return engines[0] if len(engines) == 1 else None


def require_at_least(engine: Engine, recorded_name: str, recorded_version: str) -> None:
    """Refuse another engine, or an older one, than the one an environment was last changed with."""
    if engine.name != recorded_name:
        raise RefusedError(
            text(
                "This environment was made with {recorded}, not with {engine}.",
                recorded=TITLES[recorded_name],
                engine=TITLES[engine.name],
            ),
            why=text("The two write states, lock files and provider addresses that the other may not read."),
            next=text(
                "Use {recorded_name} {recorded_version} or newer.",
                recorded_name=recorded_name,
                recorded_version=recorded_version,
            ),
            code="engine-other",
        )
    if version_key(engine.version) < version_key(recorded_version):
        raise RefusedError(
            text(
                "{engine} is older than the version {recorded_version} that this environment was last changed with.",
                engine=engine,
                recorded_version=recorded_version,
            ),
            why=text("An older engine may not read the newer one's state."),
            next=text(
                "Install {engine} {recorded_version} or newer, or name it with --engine.",
                engine=TITLES[engine.name],
                recorded_version=recorded_version,
            ),
            code="engine-older",
        )


def _named(name: str, where: str, search_path: str | None, download: Callable[[], Path]) -> Engine:
    if name not in REGISTRY_HOSTS:
        raise WrongUseError(
            text("There is no engine called `{name}`.", name=name), next=text("Use `terraform` or `tofu`."), where=where
        )
    found = shutil.which(name, path=search_path)
    if found:
        return _usable(probe(Path(found).absolute()))
    if name == "tofu":
        return _usable(probe(download()))
    raise MissingPartError(
        text("Terraform is not installed on this machine."),
        why=text("`{where}` asks for it, and there is no `terraform` on PATH.", where=where),
        next=text("Install Terraform, or use OpenTofu with --engine tofu (then without Terraform's lock file)."),
        where=where,
        code="engine-missing",
    )


def _usable(engine: Engine) -> Engine:
    oldest = _OLDEST[engine.name]
    too_old = version_key(engine.version) < version_key(oldest)
    if too_old or (engine.name, engine.version) in _HARMFUL:
        harm = text("That release can report success and save an empty state.")
        raise MissingPartError(
            text("{engine} ({path}) cannot be used.", engine=engine, path=engine.path),
            why=text("Butai needs {oldest} or newer.", oldest=oldest) if too_old else harm,
            next=text("Install a newer {engine}.", engine=TITLES[engine.name]),
            code="engine-too-old",
        )
    return engine
