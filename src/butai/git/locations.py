"""Where a repository is and what a ref may look like: rules on text alone, applied once, at the door."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import urlsplit, urlunsplit

from butai.errors import WrongUseError
from butai.terraform.text import plain
from butai.text import text

SCHEMES = ("https", "http", "ssh", "git", "file")

# user@host:path, git's own short form of ssh. A path with a colon behind its first slash is a path.
_SCP = re.compile(r"(?:(?P<user>[\w.+-]+)@)?(?P<host>[\w.-]+|\[[0-9a-fA-F:]+\]):(?P<path>[^:].*)", re.ASCII)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_USER_INFORMATION = re.compile(r"(?<=://)[^/@\s]*@")
# git-check-ref-format(1), and no leading hyphen.
_BAD_REF = re.compile(r"^[-/]|[/.]$|\.lock(/|$)|(^|/)\.|\.\.|//|@\{|[\s~^:?*\[\\\x00-\x20\x7f]|^@$|^$")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class LocationError(WrongUseError):
    """What was given cannot be a repository that Butai uses."""

    code = "bad-repository"


class RefError(WrongUseError):
    """What was given cannot be a branch, a tag or a commit."""

    code = "bad-ref"


def redact(text: str) -> str:
    """The text without user names and passwords inside URLs, fit to be shown or logged."""
    return _USER_INFORMATION.sub("***@", text)


def is_url(location: str) -> bool:
    """Whether it names something to be reached by a URL (or user@host:path), and not a path on this machine."""
    return bool(_URL.match(location)) or bool(_scp(location))


def _scp(location: str) -> re.Match[str] | None:
    return None if location.startswith(("/", ".")) else _SCP.fullmatch(location)


def check_location(location: str) -> str:
    """Refuse what git could take for an option, a helper program or a place for passwords; give the rest back.

    Raises LocationError; the message never repeats a password.
    """
    shown = plain(redact(location))
    if not location or location != location.strip() or not location.isprintable():
        raise LocationError(
            text("`{shown}` is neither a path nor a URL.", shown=shown),
            why=text("It is empty or has blanks or control codes."),
        )
    if location.startswith("-"):
        raise LocationError(
            text("`{shown}` is neither a path nor a URL.", shown=shown), why=text("It begins with a hyphen.")
        )
    if "::" in location.split("/", maxsplit=1)[0]:
        raise LocationError(
            text("`{shown}` names a remote helper.", shown=shown),
            next=text("Use a path or a URL: {schemes}.", schemes=", ".join(SCHEMES)),
        )
    if _URL.match(location):
        _check_url(location, shown)
    elif (scp := _scp(location)) and scp["path"].startswith("-"):
        raise LocationError(
            text("`{shown}` is neither a path nor a URL.", shown=shown), why=text("Its path begins with a hyphen.")
        )
    return location


def _check_url(location: str, shown: str) -> None:
    try:
        url = urlsplit(location)
    except ValueError as error:
        raise LocationError(text("`{shown}` is not a URL.", shown=shown), why=str(error)) from error
    if url.scheme not in SCHEMES:
        raise LocationError(
            text("Butai does not use `{scheme}` for git.", scheme=url.scheme),
            next=text("Use one of {schemes}.", schemes=", ".join(SCHEMES)),
        )
    if url.scheme != "file" and (not url.hostname or url.hostname.startswith("-")):
        raise LocationError(text("`{shown}` names no host.", shown=shown))
    # A name alone is normal for ssh (git@host); for https it is often a token.
    if url.password is not None or (url.username is not None and url.scheme != "ssh"):
        raise LocationError(
            text("The URL carries a user name or a password, which would be stored and shown."),
            next=text(
                "Give it as {url} and keep the password in git's credential helper, or use ssh.",
                url=_without_user(location),
            ),
            code="credentials-in-url",
        )


def _without_user(location: str) -> str:
    url = urlsplit(location)
    return urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2], query="", fragment=""))


def resolve_location(base: str, location: str) -> str:
    """A repository named in a blueprint: absolute as it is, relative ("../web", ".") to the blueprint's repository.

    Like git's own relative submodule URLs: `../web` is the sibling of the repository, on disk and on a server.
    """
    if is_url(location) or location.startswith("/"):
        return check_location(location)
    if _URL.match(base):
        url = urlsplit(base)
        joined = urlunsplit(url._replace(path=_join(url.path, location, base)))
    elif scp := _scp(base):
        joined = base[: scp.start("path")] + _join("/" + scp["path"], location, base).lstrip("/")
    else:
        joined = _join(base, location, base)
    return check_location(joined)


def _join(path: str, relative: str, base: str) -> str:
    parts = [part for part in path.split("/") if part]
    for part in relative.split("/"):
        if part == ".." and not parts:
            raise LocationError(text("`{relative}` leads out of {base}.", relative=relative, base=redact(base)))
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def repository_name(location: str) -> str:
    """The last part of a repository's path, without `.git`, as a name: lower-case letters, digits and hyphens."""
    last = posixpath.basename(location.rstrip("/").replace(":", "/")).removesuffix(".git")
    return re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")


def check_ref(ref: str) -> str:
    """Refuse what git does not take as a name of a branch, a tag or a commit. Raises RefError."""
    if _BAD_REF.search(ref) or len(ref) > 250 or not ref.isprintable():
        raise RefError(
            text("`{ref}` cannot be the name of a branch, a tag or a commit.", ref=plain(ref)),
            next=text("Give a name as `git branch` shows it, or a commit's hash."),
        )
    return ref


def is_commit(ref: str) -> bool:
    """Whether it is a whole commit hash (SHA-1 or SHA-256)."""
    return bool(_COMMIT.fullmatch(ref))
