"""The pinned OpenTofu release, for a machine that has no engine."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from butai.errors import MissingPartError
from butai.terraform.machine import this_platform
from butai.text import joined, text

RELEASES_URL = "https://github.com/opentofu/opentofu/releases/download"
_INSTALL = text(
    "Install OpenTofu (https://opentofu.org/docs/intro/install/) or Terraform yourself, and put it on PATH."
)
_LARGEST = 500_000_000
_TIMEOUT = httpx.Timeout(30)


@dataclass(frozen=True)
class Pin:
    """A release of OpenTofu, and the SHA-256 of its archive by platform."""

    version: str
    sha256: Mapping[str, str]

    def path(self, platform: str) -> str:
        """Where the archive lies below the releases' URL."""
        return f"v{self.version}/tofu_{self.version}_{platform}.zip"


# Changed by a person, from the release's own tofu_VERSION_SHA256SUMS and its signature
# (key E3E6E43D84CB852EADB0051D0C0AF313E5FD9F80).
PIN = Pin(
    "1.12.5",
    {
        "linux_amd64": "dade9650e6b74fc7a8b986bd8717497d32f9e09cf82e479afef4977fa3085536",
        "linux_arm64": "528f4eea63452bbddb30fa4f1780b57fac8d7676f9dda0f772e847bb62c1260a",
        "darwin_arm64": "dbb5a5bae9b0cabf622cd81a80ea02230eae8a3813215400df41a2cb89b47157",
        "darwin_amd64": "45ab896c37c9e2b461604d3fd162867e825bef85b2c2c4c5443b28dc5fb51bd4",
    },
)


def pinned_tofu(
    cache: Path,
    *,
    releases_url: str = RELEASES_URL,
    pin: Pin = PIN,
    platform: str | None = None,
) -> Path:
    """The path of the pinned `tofu` in `cache`; it is downloaded if it is not there yet.

    The archive is checked against the pin before it is unpacked, and only the binary is taken out of it. Nothing is left
    behind by a failure. Raises MissingPartError: no pin for the platform, no way to the server, or a wrong checksum.
    """
    platform = platform or this_platform()
    target = cache / f"tofu_{pin.version}_{platform}" / "tofu"
    if target.exists():
        return target
    if platform not in pin.sha256:
        raise MissingPartError(
            text("There is no engine on this machine, and none is pinned for {platform}.", platform=platform),
            next=_INSTALL,
            code="engine-no-pin",
        )
    url = f"{releases_url.rstrip('/')}/{pin.path(platform)}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(target.parent) as archive:
        found = _fetch(url, archive)
        _compare(url, found, pin.sha256[platform])
        _unpack(archive, target)
    return target


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(dir=folder, prefix=".partial-")
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _fetch(url: str, target: Path) -> str:
    """Download to a file; its SHA-256."""
    digest, size = hashlib.sha256(), 0
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=_TIMEOUT) as answer, target.open("wb") as file:
            answer.raise_for_status()
            for chunk in answer.iter_raw():
                size += len(chunk)
                if size > _LARGEST:
                    raise _failed(url, text("It is larger than {size} bytes.", size=_LARGEST))
                digest.update(chunk)
                file.write(chunk)
    except httpx.HTTPStatusError as error:
        raise _failed(url, text("The server answered {status}.", status=error.response.status_code)) from error
    except httpx.RemoteProtocolError as error:
        raise _failed(url, text("The download was cut off after {size} bytes.", size=size)) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _failed(url, text("The server cannot be reached ({kind}).", kind=type(error).__name__)) from error
    return digest.hexdigest()


def _failed(url: str, why: str) -> MissingPartError:
    return MissingPartError(
        text("There is no engine on this machine, and OpenTofu could not be downloaded."),
        why=joined(": ", (url, why)),
        next=_INSTALL,
        code="engine-download",
    )


def _compare(url: str, found: str, pinned: str) -> None:
    if found != pinned:
        raise MissingPartError(
            text("The downloaded OpenTofu is not the pinned one; it was thrown away."),
            why=text("{url} has SHA-256 {found}, pinned is {pinned}.", url=url, found=found, pinned=pinned),
            next=text("Something on the way changed it: tell whoever runs the network. {install}", install=_INSTALL),
            code="engine-checksum",
        )


def _unpack(archive: Path, target: Path) -> None:
    with _temporary(target.parent) as binary:
        try:
            with zipfile.ZipFile(archive) as opened, opened.open("tofu") as source, binary.open("wb") as file:
                while chunk := source.read(1 << 20):
                    file.write(chunk)
        except (zipfile.BadZipFile, KeyError) as error:
            raise _failed(str(archive), text("The pinned archive holds no file `tofu`.")) from error
        binary.chmod(0o755)
        # Whoever looks meanwhile sees no engine or a whole one.
        binary.replace(target)
