"""What may be a repository and a ref, and how relative ones are meant."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.git.locations import (
    LocationError,
    RefError,
    check_location,
    check_ref,
    is_commit,
    is_url,
    redact,
    repository_name,
    resolve_location,
)

pytestmark = pytest.mark.model


@pytest.mark.parametrize(
    "location",
    [
        "https://github.com/example/ivr.git",
        "https://git.example:8443/ivr",
        "ssh://git@github.com/example/ivr.git",
        "git@github.com:example/ivr.git",
        "host:ivr.git",
        "file:///srv/git/ivr",
        "git://git.example/ivr",
        "/srv/git/ivr",
        "../ivr",
        "./a:b",
        "srv/a::b",
    ],
)
def test_a_repository_that_may_be_used(location: str) -> None:
    assert check_location(location) == location


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("", "bad-repository"),
        ("-uupload-pack=id", "bad-repository"),
        ("--upload-pack=id", "bad-repository"),
        ("ext::sh -c id", "bad-repository"),
        ("ext::sh%20-c%20id", "bad-repository"),
        ("fd::7", "bad-repository"),
        ("http+unix://x/y", "bad-repository"),
        ("ftp://x/y", "bad-repository"),
        ("ssh://-oProxyCommand=id/x", "bad-repository"),
        ("https:///x", "bad-repository"),
        ("https://[::1/x", "bad-repository"),
        ("git@host:-x", "bad-repository"),
        ("/srv/a\nb", "bad-repository"),
        ("/srv/\x1b[31m", "bad-repository"),
        (" /srv", "bad-repository"),
        ("https://user:hunter2@github.com/x", "credentials-in-url"),
        ("https://hunter2@github.com/x?y=1", "credentials-in-url"),
        ("ssh://git:hunter2@github.com/x", "credentials-in-url"),
        ("https://:hunter2@github.com/x", "credentials-in-url"),
    ],
)
def test_a_repository_that_is_refused(location: str, code: str) -> None:
    with pytest.raises(LocationError) as caught:
        check_location(location)
    assert caught.value.code == code
    assert "hunter2" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_advice_for_a_url_with_a_password_is_the_url_without() -> None:
    with pytest.raises(LocationError) as caught:
        check_location("https://me:hunter2@github.com/x/y.git")
    assert "https://github.com/x/y.git" in caught.value.next


@pytest.mark.parametrize(
    ("base", "location", "expected"),
    [
        ("/srv/infra", "../web", "/srv/web"),
        ("/srv/infra", ".", "/srv/infra"),
        ("/srv/infra", "services/web", "/srv/infra/services/web"),
        ("/srv/infra/", "./../web/", "/srv/web"),
        ("/srv/infra", "/else/web", "/else/web"),
        ("/srv/infra", "git@github.com:x/web", "git@github.com:x/web"),
        ("https://github.com/x/infra.git", "../web.git", "https://github.com/x/web.git"),
        ("https://github.com/x/infra.git", "../../y/web", "https://github.com/y/web"),
        ("git@github.com:x/infra.git", "../web", "git@github.com:x/web"),
        ("ssh://git@host:22/x/infra", "../web", "ssh://git@host:22/x/web"),
        ("file:///srv/infra", "../web", "file:///srv/web"),
    ],
)
def test_a_relative_repository_is_a_sibling(base: str, location: str, expected: str) -> None:
    assert resolve_location(base, location) == expected


def test_a_relative_repository_stays_below_its_base() -> None:
    with pytest.raises(LocationError, match="leads out of"):
        resolve_location("https://github.com/x", "../../../etc")


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("/srv/IVR_infra/", "ivr-infra"),
        ("https://github.com/x/ivr.git", "ivr"),
        ("git@github.com:ivr.git", "ivr"),
        ("/", ""),
    ],
)
def test_the_name_of_a_repository(location: str, name: str) -> None:
    assert repository_name(location) == name


def test_urls_and_paths() -> None:
    assert is_url("https://x/y")
    assert is_url("git@x:y")
    assert not is_url("./x:y")
    assert not is_url("/x:y")
    assert not is_url("x/y:z")


def test_what_is_shown() -> None:
    assert redact("fatal: https://me:pw@host/x and https://tok@h") == "fatal: https://***@host/x and https://***@h"


def test_commits() -> None:
    assert is_commit("a" * 40)
    assert is_commit("0" * 64)
    assert not is_commit("a" * 39)
    assert not is_commit("A" * 40)


@pytest.mark.parametrize("ref", ["main", "feature/blue-banner", "v1.2", "日本語", "a@b", "x-y_z+1"])
def test_refs(ref: str) -> None:
    assert check_ref(ref) == ref


@given(st.text(min_size=1, max_size=12) | st.text("ab/.-@{}~^:?*[\\ \n\x7f", min_size=1, max_size=8))
def test_every_ref_that_is_taken_git_takes_too(ref: str) -> None:
    try:
        check_ref(ref)
    except RefError as error:
        assert "\x1b" not in str(error)
        return
    assert (
        subprocess.run(["git", "check-ref-format", "--branch", ref], capture_output=True, check=False).returncode == 0
    )
