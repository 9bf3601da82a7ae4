"""The engine for an environment: chosen once, kept for all its runs; and where its providers come from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from butai.blueprints.service import AtCommit
from butai.datafolder import write_private
from butai.settings import Settings
from butai.terraform.download import pinned_tofu
from butai.terraform.engine import Engine, choose, require_at_least
from butai.terraform.environment import engine_environment
from butai.terraform.hcl import Root
from butai.terraform.providers import (
    Mirrors,
    check,
    cli_config,
    find_mirrors,
    registry_reachable,
)


class OfRoot(Protocol):
    """Whatever has a root module."""

    @property
    def root(self) -> Root:
        """The root module."""


class Engines:
    """Engines and providers of this machine."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings, self._environ = settings, environ
        self._mirrors: Mirrors | None = None

    @property
    def mirrors(self) -> Mirrors:
        """The mirrors of this machine; looked for once."""
        if self._mirrors is None:
            self._mirrors = find_mirrors(self._environ, home=Path.home())
        return self._mirrors

    def find(self, *, flag: str | None = None, blueprint: str | None = None, lock_file: str | None = None) -> Engine:
        """The engine to use, by flag, blueprint, lock file, or what has its providers; else the pinned download."""
        return choose(
            flag=flag,
            blueprint=blueprint,
            lock_file=lock_file,
            search_path=self._environ.get("PATH"),
            mirrors=self.mirrors,
            download=self._download,
        )

    def _download(self) -> Path:
        return pinned_tofu(self._settings.cache, releases_url=self._settings.tofu_base_url)

    def choose(self, at: AtCommit, *, flag: str | None = None) -> Engine:
        """The engine for a new environment. Refused when a provider that the root names cannot be had."""
        engine = self.find(flag=flag, blueprint=at.blueprint.engine.name, lock_file=at.lock_file)
        check(at.root.requirements(engine.registry_host), self.mirrors, registry_reachable(self._environ))
        return engine

    def for_root(self, of: OfRoot, lock_file: str) -> Engine:
        """The engine for a root that no blueprint says anything of."""
        engine = self.find(lock_file=lock_file)
        check(of.root.requirements(engine.registry_host), self.mirrors, registry_reachable(self._environ))
        return engine

    def keep(self, at: AtCommit, name: str, version: str) -> Engine:
        """The engine that an environment was made with, or a newer one of the same name; an older one is refused."""
        engine = self.find(flag=name)
        require_at_least(engine, name, version)
        check(at.root.requirements(engine.registry_host), self.mirrors, registry_reachable(self._environ))
        return engine

    def environment(self, at: OfRoot, engine: Engine, folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
        """The engine's environment variables, with a CLI configuration of its own in `folder`."""
        config = folder / "engine.tfrc"
        write_private(config, self.cli_config(at, engine).encode())
        return engine_environment(
            self._environ, extra=extra, cli_config=config, plugin_cache=self.plugin_cache(at, engine)
        )

    def cli_config(self, at: OfRoot, engine: Engine) -> str:
        """The text of the engine's CLI configuration."""
        return cli_config(self.mirrors, at.root.requirements(engine.registry_host))

    def plugin_cache(self, at: OfRoot, engine: Engine) -> Path | None:
        """A folder for providers from a registry, where there are any: they are large, and every run would fetch them."""
        if all(self.mirrors.versions(each.source) for each in at.root.requirements(engine.registry_host)):
            return None
        cache = self._settings.cache / "providers"
        cache.mkdir(parents=True, exist_ok=True)
        return cache
