"""Places of states that Butai does not keep: a bucket, Terraform's `http` backend, a file on the server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
_S3 = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^?#]+)")


class PlaceError(ButaiError):
    """The state cannot be read there."""

    code = "state-place"


def checked(place: str) -> str:
    """The place as it is kept and shown. Raises WrongUseError, whose words do not repeat what may be a secret."""
    if not place.isprintable() or place != place.strip() or len(place) > LONGEST:
        raise _wrong()
    if place.startswith(("http://", "https://")):
        return _checked_url(place)
    if _S3.fullmatch(place) or place.startswith("/"):
        return place
    raise _wrong()


def read(place: str, accesses: Sequence[Access], environ: Mapping[str, str]) -> bytes:
    """The document. A bucket is asked with each access until one may. Raises a ButaiError that says why not."""
    if place.startswith("/"):
        found = _of_file(Path(place))
    elif match := _S3.fullmatch(place):
        found = _of_bucket(match["bucket"], match["key"], accesses)
    else:
        found = _of_server(place, environ)
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
                "Give the server TF_HTTP_USERNAME and TF_HTTP_PASSWORD in its environment, and the bare address here."
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


def _of_server(url: str, environ: Mapping[str, str]) -> bytes:
    user, password = environ.get("TF_HTTP_USERNAME", ""), environ.get("TF_HTTP_PASSWORD", "")
    auth = (user, password) if user else None
    content = bytearray()
    try:
        # A redirect is not followed: it may lead to another host than the one that was told.
        with httpx.stream("GET", url, auth=auth, timeout=HTTP_S, trust_env=False) as answer:
            if answer.status_code in NOTHING:
                return b""
            if answer.status_code != 200:
                raise _unread(url, f"HTTP {answer.status_code}")
            for part in answer.iter_bytes():
                content += part
                _refuse_long(url, len(content))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unread(url, str(error) or type(error).__name__) from error
    return bytes(content)


def _refuse_long(place: str, size: int) -> None:
    if size > MOST_BYTES:
        raise _unread(place, text("It has more than {most} bytes.", most=MOST_BYTES))


def _unread(place: str, why: str) -> PlaceError:
    return PlaceError(text("The state at {place} cannot be read.", place=place), why=why)
