"""Which way a run goes: with a provider that others use too, or with one of its own. Pure; when in doubt, its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from butai.text import Text, text

TESTED: Mapping[str, Collection[str]] = {"registry.terraform.io/hashicorp/aws": ("5.100.0",)}
"""Providers, by complete source, and the versions with which both ways were compared in Butai's own tests."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Circumstances:
    """What the way is decided by.

    `terms` as in `butai.yaml`, `allowed` as the worker's setting says; `only_looks`: the run changes nothing; `emulated`:
    its cloud is one on this machine; `compares`: it is there to compare both ways; `checked`: both ways were found equal
    for this blueprint with these versions; `crashed`: the provider host or a provider ended by itself a few runs ago.
    """

    terms: str
    allowed: bool
    only_looks: bool
    emulated: bool
    checked: bool
    compares: bool = False
    crashed: bool = False


@dataclass(frozen=True)
class Way:
    """The way that a run goes, and why."""

    accelerated: bool
    why: Text


def turned_off(terms: str, *, allowed: bool, compares: bool) -> Way | None:
    """The plain way where somebody chose it; none where nobody did. Nothing needs to be looked at for it."""
    if not allowed:
        return Way(False, text("the worker's setting turns the fast way off"))
    if terms == "off" and not compares:
        return Way(False, text("`engine.acceleration` is `off` in butai.yaml"))
    return None


def decide(at: Circumstances) -> Way:
    """What may be known before the provider is looked at."""
    off = turned_off(at.terms, allowed=at.allowed, compares=at.compares)
    if off is not None:
        return off
    if at.compares:
        return Way(True, text("it compares both ways"))
    if at.crashed:
        return Way(False, text("a shared provider ended by itself a few runs ago"))
    if at.only_looks:
        return Way(True, text("it only looks"))
    if at.emulated:
        return Way(True, text("its cloud is an emulated one on this machine"))
    if at.terms != "applies":
        return Way(False, text("changes on real accounts go the fast way only with `engine.acceleration: applies`"))
    if not at.checked:
        return Way(False, text("`butai engine check` has not compared both ways with these versions"))
    return Way(True, text("butai.yaml says so, and both ways were found equal"))


def is_tested(source: str, version: str) -> bool:
    """Whether Butai's own tests compare both ways with this provider."""
    return version in TESTED.get(source, ())


def is_emulated(environment: Mapping[str, str]) -> bool:
    """Whether all of AWS is on this machine's own address for an engine with this environment."""
    host = urlsplit(environment.get("AWS_ENDPOINT_URL", "")).hostname or ""
    others = [value for name, value in environment.items() if name.startswith("AWS_ENDPOINT_URL_")]
    return host in _LOOPBACK and all((urlsplit(each).hostname or "") in _LOOPBACK for each in others)
