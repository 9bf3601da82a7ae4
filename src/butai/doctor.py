"""`butai doctor`: everything that a first start needs, as a tree of OK, not OK and skipped, each with its remedy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from butai import loopback
from butai.datafolder import DataFolder
from butai.environments.engines import Engines
from butai.errors import ButaiError
from butai.runs import gauge
from butai.runs.queue import WaitsFor
from butai.runs.room import room
from butai.settings import Settings

OK, NOT_OK, SKIPPED = "OK", "not OK", "skipped"
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. A group has parts; it is as bad as the worst of them."""

    name: str
    result: str
    found: str = ""
    remedy: str = ""
    parts: tuple[Check, ...] = field(default=())

    @property
    def failed(self) -> bool:
        """Whether it, or a part of it, is not OK."""
        return self.result == NOT_OK or any(part.failed for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """The check and its parts."""
        own = {"name": self.name, "result": self.result, "found": self.found, "remedy": self.remedy}
        return {**own, "parts": [part.as_json() for part in self.parts]}


def examine(settings: Settings, environ: Mapping[str, str]) -> list[Check]:
    """Look at everything; one failure never keeps the rest from being looked at."""
    return [
        _group("machine", [_python(), _program("git", "--version"), _port(settings), _room(settings)]),
        _group("data", _data(settings)),
        _group("engine", _engine(settings, environ)),
        _group("cloud", [_aws(environ)]),
        _group("demo", [_redis()]),
    ]


def lines(checks: list[Check], depth: int = 0) -> list[str]:
    """The tree as text."""
    shown: list[str] = []
    for check in checks:
        pad = "  " * depth
        shown.append(f"{pad}{check.result:<7} {check.name}" + (f": {check.found}" if check.found else ""))
        if check.remedy:
            shown.append(f"{pad}        -> {check.remedy}")
        shown += lines(list(check.parts), depth + 1)
    return shown


def _group(name: str, parts: list[Check]) -> Check:
    failed = any(part.failed for part in parts)
    return Check(name, NOT_OK if failed else OK, parts=tuple(parts))


def _guard(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, OK, look())
    except ButaiError as error:
        found = f"{error.what} {error.why}".strip()
        return Check(name, NOT_OK, found, error.next)


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return Check("Python", OK, found)
    return Check("Python", NOT_OK, found, "Install Python 3.11 or newer.")


def _program(name: str, flag: str) -> Check:
    path = shutil.which(name)
    if path is None:
        return Check(name, NOT_OK, "not on PATH", f"Install {name} (on Debian: apt-get install {name}).")
    answer = subprocess.run([path, flag], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return Check(name, OK, answer.stdout.strip().splitlines()[0] if answer.stdout else path)


def _port(settings: Settings) -> Check:
    try:
        loopback.bind(settings.port, settings.host).close()
    except OSError as error:
        remedy = "A server that runs already is fine; else take another port: `butai serve --port 0`."
        return Check(f"port {settings.port}", SKIPPED, error.strerror or str(error), remedy)
    return Check(f"port {settings.port}", OK, "free")


def _room(settings: Settings) -> Check:
    if settings.concurrency:
        return Check("runs at once", OK, f"{settings.concurrency}, as set")
    machine = gauge.machine(gauge.cores(), 0.0)
    found = f"as measured; {machine.cores} cores, {machine.free_mib} MiB free"
    if room(machine, []).full is WaitsFor.MEMORY:
        return Check("runs at once", SKIPPED, found, "Runs go on one or a few at a time for want of memory.")
    return Check("runs at once", OK, found)


def _data(settings: Settings) -> list[Check]:
    def folder() -> str:
        data = DataFolder(settings.data)
        free_gib = shutil.disk_usage(data.path).free / 2**30
        if free_gib < 1:
            raise ButaiError(f"{data.path} has {free_gib:.1f} GiB left.", next="Make room, or use --data.")
        return f"{data.path}, {free_gib:.0f} GiB free"

    def database() -> str:
        from butai.db import Database
        from butai.db.migrate import migrate

        migrate(Database(settings.database_url))
        return "SQLite in the data folder" if not settings.database else "reached"

    return [_guard("folder", folder), _guard("database", database)]


def _engine(settings: Settings, environ: Mapping[str, str]) -> list[Check]:
    engines = Engines(settings, environ)

    def mirrors() -> str:
        held = sorted({f"{each.source} {each.version}" for each in engines.mirrors.packages})
        return ", ".join(held) or "none; providers come from the registry"

    def engine() -> str:
        if not any(shutil.which(name) for name in ("terraform", "tofu")):
            return "none on PATH; the pinned OpenTofu is downloaded when it is first needed"
        found = engines.find()
        return f"{found} ({found.path})"

    return [_guard("Terraform or OpenTofu", engine), _guard("provider mirror", mirrors)]


def _aws(environ: Mapping[str, str]) -> Check:
    import boto3

    if environ.get("AWS_ENDPOINT_URL"):
        return Check("AWS", OK, f"endpoint {environ['AWS_ENDPOINT_URL']}")
    if boto3.Session().get_credentials() is None:
        remedy = "Set AWS_PROFILE or keys for the worker, or try `butai demo`, which needs no account."
        return Check("AWS credentials", SKIPPED, "none found", remedy)
    return Check("AWS credentials", OK, "found")


def _redis() -> Check:
    for name in ("redis-server", "valkey-server"):
        if shutil.which(name):
            return Check("Redis for the local cloud", OK, name)
    return Check("Redis for the local cloud", OK, "none on PATH; the built-in one is used")
