"""Every setting of Butai, written once: field, default and meaning. `docs/reference/settings.md` is made from here."""

from __future__ import annotations

from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from butai.interval import EVERY
from butai.terraform.download import RELEASES_URL


def zone_of(name: str) -> tzinfo:
    """The team's zone by name; UTC when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def _data_default() -> Path:
    return Path(platformdirs.user_data_dir("butai", appauthor=False))


def _cache_default() -> Path:
    return Path(platformdirs.user_cache_dir("butai", appauthor=False))


class Settings(BaseSettings):
    """Read from `BUTAI_*` environment variables; a command's flags go before them."""

    model_config = SettingsConfigDict(env_prefix="BUTAI_", extra="ignore")

    data: Path = Field(default_factory=_data_default, description="Folder for everything that Butai keeps.")
    cache: Path = Field(default_factory=_cache_default, description="Folder for what can be fetched again (an engine).")
    database: str = Field(default="", description="SQLAlchemy URL; empty means an SQLite file in the data folder.")
    url: str = Field(
        default="", description="Address of the server for the command line; empty: read from the data folder."
    )
    host: str = Field(default="127.0.0.1", description="Address that the server listens on; loopback only.")
    port: int = Field(default=8710, description="Port that the server listens on; 0 takes a free one.")
    concurrency: int = Field(
        default=0,
        ge=0,
        description="Runs at once on this worker; 0: as many as its free memory and cores are measured to allow.",
    )
    max_runs: int = Field(default=0, ge=0, description="Runs at once in all, over all workers; 0 for no limit.")
    labels: dict[str, str] = Field(
        default_factory=dict,
        description='Labels of this worker that blueprints can ask for, as JSON: {"account": "dev"}.',
    )
    keep_events_days: int = Field(
        default=90, ge=0, description="Days that the log of an ended run is kept, and its output on disk; 0: for ever."
    )
    keep_run_folders: int = Field(
        default=7,
        ge=0,
        description="Days that the exported tree of an ended run is kept on its worker; 0: until the next daily tidying.",
    )
    keep_prepared_days: int = Field(
        default=7,
        ge=0,
        description="Days that what an `init` made is kept for later runs after its last use; 0: every run does its own.",
    )
    keep_prepared_mib: int = Field(
        default=4096, ge=0, description="Mebibytes that these prepared folders may take on disk, at each daily tidying."
    )
    drift_every: str = Field(
        default="24h",
        pattern=EVERY,
        description="Time between two drift checks of an environment or root (30m, 24h, 7d, off); `butai.yaml` goes before it.",
    )
    fetch_every: str = Field(
        default="5m",
        pattern=EVERY,
        description="Time between two fetches of the blueprints' repositories by the server (5m, 1h, or off).",
    )
    http_state_hosts: str = Field(
        default="",
        description="Hosts that are given TF_HTTP_USERNAME and TF_HTTP_PASSWORD where a state is read from them for the "
        "inventory: HOST (by https) or HOST:PORT, with commas between them; no other host is given these.",
    )
    provider_mirror: Path | None = Field(default=None, description="Filesystem mirror with providers for the engine.")
    tofu_base_url: str = Field(
        default=RELEASES_URL,
        description="Where the pinned OpenTofu release is fetched when the machine has no engine.",
    )
    acceleration: bool = Field(
        default=True,
        description="Whether runs may share provider processes on this worker, as far as `butai.yaml` lets them.",
    )
    timezone: str = Field(default="UTC", description="Zone in which the portal and the command line show times.")

    @property
    def zone(self) -> tzinfo:
        """The team's zone."""
        return zone_of(self.timezone)

    @property
    def database_url(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database or f"sqlite:///{self.data / 'butai.db'}"
