"""Where providers come from: mirrors on this machine, else the registry."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from butai.errors import MissingPartError
from butai.terraform.machine import this_platform
from butai.terraform.versions import satisfies, version_key
from butai.text import text

REGISTRY_HOSTS = {"terraform": "registry.terraform.io", "tofu": "registry.opentofu.org"}
"""By engine: where a provider source without a host comes from."""

MIRROR_VARIABLE = "BUTAI_PROVIDER_MIRROR"
SEARCH_ROOTS = (Path("/opt"), Path("/usr/local/share"), Path("/usr/share"))
# A folder with more entries than this is not where somebody keeps a mirror, and looking must stay under a second.
_LOOK_AT_MOST = 5_000
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?")


@dataclass(frozen=True)
class Package:
    """One provider package for this platform. `source` is complete: host/namespace/type."""

    source: str
    version: str
    mirror: Path


@dataclass(frozen=True)
class Mirrors:
    """What the mirrors of this machine hold."""

    packages: tuple[Package, ...] = ()

    @property
    def hosts(self) -> frozenset[str]:
        """The registry hosts that are served, for choosing an engine."""
        return frozenset(each.source.split("/")[0] for each in self.packages)

    def versions(self, source: str) -> list[str]:
        """The versions of a provider, oldest first."""
        return sorted({each.version for each in self.packages if each.source == source}, key=version_key)


@dataclass(frozen=True)
class Requirement:
    """A provider that a root needs: complete source, and a constraint (may be empty)."""

    source: str
    constraint: str = ""


def complete_source(source: str, host: str) -> str:
    """`aws` and `hashicorp/aws` with the engine's registry host before them; a complete source as it is."""
    parts = source.lower().split("/")
    return "/".join({1: [host, "hashicorp"], 2: [host]}.get(len(parts), []) + parts)


def find_mirrors(
    env: Mapping[str, str], *, home: Path, roots: Iterable[Path] = SEARCH_ROOTS, root_module: Path | None = None
) -> Mirrors:
    """Look for mirrors: BUTAI_PROVIDER_MIRROR, the engines' implied mirrors, then registry folders in `roots`.

    `root_module`: the folder the engine runs in, whose `terraform.d/plugins` is an implied mirror too.
    Raises MissingPartError when BUTAI_PROVIDER_MIRROR names a folder that holds no provider for this machine.
    """
    named = _named_mirror(env)
    folders = [*named, *_implied(env, home, root_module), *_by_folder_name([*roots, home / ".terraform.d"])]
    packages = [package for folder in dict.fromkeys(folders) for package in _packages(folder)]
    if named and not any(package.mirror in named for package in packages):
        raise MissingPartError(
            text(
                "{variable} names a folder without providers for {platform}: {folder}",
                variable=MIRROR_VARIABLE,
                platform=this_platform(),
                folder=named[0],
            ),
            next=text(
                "It must hold HOST/NAMESPACE/TYPE/VERSION/PLATFORM/ or the archives of `terraform providers mirror`."
            ),
            where=MIRROR_VARIABLE,
            code="mirror-empty",
        )
    return Mirrors(tuple(packages))


def cli_config(mirrors: Mirrors, required: Iterable[Requirement] = ()) -> str:
    """The text of a CLI configuration file: mirrored providers from the mirror, everything else from its registry.

    A provider whose mirrored versions all miss the root's constraint comes from its registry as well. No credentials
    are written here, and with this file the engine does not read those of `terraform login`: a private registry's token
    has to come as `TF_TOKEN_<host>` in the engine's environment.
    """
    wanted = {each.source: each.constraint for each in required}
    served: dict[Path, list[str]] = {}
    for package in mirrors.packages:
        if _matching(mirrors, Requirement(package.source, wanted.get(package.source, ""))):
            served.setdefault(package.mirror, []).append(package.source)
    blocks = [_method("filesystem_mirror", path, "include", sources) for path, sources in served.items()]
    direct = [_method("direct", None, "exclude", [each for sources in served.values() for each in sources])]
    installation = ["provider_installation {", *blocks, *direct, "}"] if served else []
    return "\n".join(["disable_checkpoint = true", *installation, ""])


def check(required: Iterable[Requirement], mirrors: Mirrors, registry_reachable: Callable[[str], bool]) -> None:
    """Raise MissingPartError for a provider that no mirror serves while its registry cannot be reached.

    `registry_reachable` gets a host; it is asked once for each, and only when it is needed.
    """
    missing = [each for each in required if not _matching(mirrors, each)]
    reachable = {host: registry_reachable(host) for host in sorted({_host(each) for each in missing})}
    for each in missing:
        if not reachable[_host(each)]:
            raise _not_to_be_had(each, mirrors)


def registry_reachable(env: Mapping[str, str], *, timeout_s: float = 3.0) -> Callable[[str], bool]:
    """A check by opening a TCP connection to a registry's host, or to the proxy where one is set."""

    def reachable(host: str) -> bool:
        proxy = urlsplit(env.get("HTTPS_PROXY") or env.get("https_proxy") or "")
        try:
            name, _, port = host.partition(":")
            target = (proxy.hostname, proxy.port or 80) if proxy.hostname else (name, int(port or 443))
            with socket.create_connection(target, timeout=timeout_s):
                return True
        except (OSError, ValueError):
            return False

    return reachable


def _matching(mirrors: Mirrors, required: Requirement) -> list[str]:
    try:
        return [each for each in mirrors.versions(required.source) if satisfies(each, required.constraint)]
    except ValueError:
        # A constraint that cannot be read is the engine's to refuse, with file and line.
        return mirrors.versions(required.source)


def _not_to_be_had(required: Requirement, mirrors: Mirrors) -> MissingPartError:
    host, held = _host(required), mirrors.versions(required.source)
    wanted = f"{required.source} {required.constraint}".strip()
    only = text("The mirror has only {versions}", versions=", ".join(held[-5:]))
    why = only if held else text("No mirror on this machine has it")
    return MissingPartError(
        text("The provider {wanted} cannot be had.", wanted=wanted),
        why=text("{why}, and {host} cannot be reached.", why=why, host=host),
        next=text(
            "Give this machine a way to {host} (HTTPS_PROXY, if there is a proxy), or make a mirror "
            "on a machine that has one (`terraform providers mirror FOLDER`) and name it in "
            "{variable}.",
            host=host,
            variable=MIRROR_VARIABLE,
        ),
        code="provider-missing",
    )


def _host(required: Requirement) -> str:
    return required.source.split("/")[0]


def _method(kind: str, path: Path | None, patterns: str, sources: Iterable[str]) -> str:
    listed = ", ".join(_quoted(each) for each in sorted(set(sources)))
    place = [f"    path    = {_quoted(str(path))}"] if path else []
    return "\n".join([f"  {kind} {{", *place, f"    {patterns} = [{listed}]", "  }"])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _named_mirror(env: Mapping[str, str]) -> list[Path]:
    value = env.get(MIRROR_VARIABLE, "")
    folder = Path(value).expanduser().absolute()
    # Many name the host's folder itself; the mirror is the one that holds it.
    return [folder.parent if folder.name in REGISTRY_HOSTS.values() else folder] if value else []


def _implied(env: Mapping[str, str], home: Path, root_module: Path | None) -> list[Path]:
    """The engines' documented implied local mirrors (CLI configuration, "Implied Local Mirror Directories")."""
    data = [env.get("XDG_DATA_HOME") or str(home / ".local/share")]
    data += (env.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    apple = [base / "Library/Application Support/io.terraform/plugins" for base in (home, Path("/"))]
    own = [root_module / "terraform.d/plugins"] if root_module else []
    by_name = [Path(folder) / name / "plugins" for folder in data if folder for name in ("terraform", "opentofu")]
    return [*own, home / ".terraform.d/plugins", *by_name, *apple]


def _by_folder_name(roots: Iterable[Path]) -> list[Path]:
    """Folders with a registry host's folder in them: each root itself, and the folders in it."""
    near = [folder for root in roots for folder in [root, *_folders(root)]]
    return [folder for folder in near if any(_is_folder(folder / host) for host in REGISTRY_HOSTS.values())]


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(each for each in islice(path.iterdir(), _LOOK_AT_MOST) if _is_folder(each))
    except OSError:
        return []


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError:
        return False


def _packages(mirror: Path) -> list[Package]:
    found = []
    for host in (each for each in _folders(mirror) if _HOST.fullmatch(each.name)):
        for provider in (kind for namespace in _folders(host) for kind in _folders(namespace)):
            source = "/".join([host.name, provider.parent.name, provider.name])
            found += [Package(source, version, mirror) for version in sorted(_unpacked(provider) | _packed(provider))]
    return found


def _unpacked(provider: Path) -> set[str]:
    return {each.name for each in _folders(provider) if _is_version(each.name) and _is_folder(each / this_platform())}


def _packed(provider: Path) -> set[str]:
    before, after = f"terraform-provider-{provider.name}_", f"_{this_platform()}.zip"
    names = [each.name for each in provider.glob(f"{before}*{after}")]
    versions = {name.removeprefix(before).removesuffix(after) for name in names}
    return {each for each in versions if _is_version(each)}


def _is_version(text: str) -> bool:
    try:
        return bool(version_key(text))
    except ValueError:
        return False
