"""Places of states that Butai does not keep: a bucket, Terraform's `http` backend, a file on the server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from butai.aws.s3_state import S3Place, S3State
from butai.aws.session import Access, session_for
from butai.errors import ButaiError, WrongUseError
from butai.text import text

MOST_BYTES = 256 * 1024 * 1024
HTTP_S = 30.0
LONGEST = 2000
# What a server of states answers where it has none (Terraform's `http` backend).
NOTHING = frozenset({204, 404})
WANTS_LOGIN = frozenset({401, 403})
HTTP, HTTPS = 80, 443
_S3 = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^?#]+)")


class PlaceError(ButaiError):
    """The state cannot be read there."""

    code = "state-place"


@dataclass(frozen=True)
class Login:
    """What servers of states are told, and which: anybody may add a place, so that a server has to be named for it.

    `hosts`: `HOST` (by https) or `HOST:PORT`.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    hosts: frozenset[str] = frozenset()

    def of(self, url: str) -> tuple[str, str] | None:
        """User and password for a server; none where it is not named."""
        return (self.user, self.password) if self.user and self.is_named(url) else None

    def is_named(self, url: str) -> bool:
        """Whether the setting names the server of an address."""
        parts = urlsplit(url)
        here = parts.hostname, parts.port or (HTTPS if parts.scheme == "https" else HTTP)
        return any(here == _host(each) for each in self.hosts)


def login(environ: Mapping[str, str], hosts: str) -> Login:
    """Out of the variables that Terraform's `http` backend reads, and the setting's hosts with commas between them."""
    named = frozenset(filter(None, re.split(r"[,\s]+", hosts)))
    return Login(environ.get("TF_HTTP_USERNAME", ""), environ.get("TF_HTTP_PASSWORD", ""), named)


def checked(place: str) -> str:
    """The place as it is kept and shown. Raises WrongUseError, whose words do not repeat what may be a secret."""
    if not place.isprintable() or place != place.strip() or len(place) > LONGEST:
        raise _wrong()
    if place.startswith(("http://", "https://")):
        return _checked_url(place)
    if _S3.fullmatch(place) or place.startswith("/"):
        return place
    raise _wrong()


def read(place: str, accesses: Sequence[Access], login: Login) -> bytes:
    """The document. A bucket is asked with each access until one may. Raises a ButaiError that says why not."""
    if place.startswith("/"):
        found = _of_file(Path(place))
    elif match := _S3.fullmatch(place):
        found = _of_bucket(match["bucket"], match["key"], accesses)
    else:
        found = _of_server(place, login)
    if not found:
        raise PlaceError(text("There is no state at {place}.", place=place))
    return found


def _checked_url(place: str) -> str:
    try:
        parts = urlsplit(place)
        is_plain = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise _wrong() from error
    if not is_plain:
        raise _wrong()
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise WrongUseError(
            text("This address has more in it than host and path."),
            why=text("A user, a password or a token would be kept and shown."),
            next=text(
                "Give the server TF_HTTP_USERNAME and TF_HTTP_PASSWORD in its environment, name the host in "
                "BUTAI_HTTP_STATE_HOSTS, and say the bare address here."
            ),
            where="place",
            code="secret-in-place",
        )
    return place


def _wrong() -> WrongUseError:
    return WrongUseError(
        text("This is no place of a state."),
        next=text("Say `s3://BUCKET/KEY`, `https://HOST/PATH`, or the absolute path of a file on the server."),
        where="place",
        code="bad-place",
    )


def _of_file(file: Path) -> bytes:
    try:
        # Not a pipe nor a device: reading one may never end.
        if not file.is_file():
            return b""
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise _unread(str(file), str(error.strerror)) from error
    _refuse_long(str(file), len(content))
    return content


def _of_bucket(bucket: str, key: str, accesses: Sequence[Access]) -> bytes:
    refused: ButaiError | None = None
    for access in accesses:
        try:
            return S3State(session_for(access), S3Place(bucket, key, access.region)).read() or b""
        except ButaiError as error:
            refused = error
    assert refused is not None, "there is always one access"
    raise refused


def _of_server(url: str, login: Login) -> bytes:
    content = bytearray()
    try:
        # A redirect is not followed: it may lead to another host than the one that was told.
        with httpx.stream(
            "GET", url, auth=login.of(url), timeout=HTTP_S, trust_env=False, follow_redirects=False
        ) as answer:
            if answer.status_code in NOTHING:
                return b""
            if answer.status_code in WANTS_LOGIN and not login.of(url):
                raise _unread(url, *_why_no_login(url, login))
            if answer.status_code != 200:
                raise _unread(url, f"HTTP {answer.status_code}")
            for part in answer.iter_bytes():
                content += part
                _refuse_long(url, len(content))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unread(url, str(error) or type(error).__name__) from error
    return bytes(content)


def _why_no_login(url: str, login: Login) -> tuple[str, str]:
    """Why a server that wants one was told none, and what to do."""
    parts = urlsplit(url)
    host = parts.netloc if parts.port or parts.scheme == "https" else f"{parts.netloc}:{HTTP}"
    if login.user:
        return (
            text("It wants a password, and {host} is not among the hosts that are told one.", host=host),
            text("If this server may have TF_HTTP_PASSWORD, name it: `BUTAI_HTTP_STATE_HOSTS={host}`.", host=host),
        )
    return (
        text("It wants a password."),
        text(
            "Give Butai TF_HTTP_USERNAME, TF_HTTP_PASSWORD and `BUTAI_HTTP_STATE_HOSTS={host}` in its environment.",
            host=host,
        ),
    )


def _host(named: str) -> tuple[str | None, int | None]:
    parts = urlsplit(f"//{named}")
    try:
        port = parts.port or HTTPS
    except ValueError:
        return None, None
    return parts.hostname, port


def _refuse_long(place: str, size: int) -> None:
    if size > MOST_BYTES:
        raise _unread(place, text("It has more than {most} bytes.", most=MOST_BYTES))


def _unread(place: str, why: str, next: str = "") -> PlaceError:
    return PlaceError(text("The state at {place} cannot be read.", place=place), why=why, next=next)
