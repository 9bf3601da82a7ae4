"""Which servers of states are told a password."""

from __future__ import annotations

import pytest

from butai.inventory.places import Login, login

pytestmark = pytest.mark.model

VARIABLES = {"TF_HTTP_USERNAME": "mika", "TF_HTTP_PASSWORD": "hunter2"}


@pytest.mark.parametrize(
    ("hosts", "url", "told"),
    [
        ("", "https://states.example.com/x", False),
        ("states.example.com", "https://states.example.com/x", True),
        ("other.example.com, States.Example.com", "https://STATES.example.com:443/x", True),
        ("states.example.com", "http://states.example.com/x", False),
        ("states.example.com:80", "http://states.example.com/x", True),
        ("states.example.com", "https://states.example.com:8443/x", False),
        ("states.example.com:8443", "https://states.example.com:8443/x", True),
        ("states.example.com:8443", "https://states.example.com/x", False),
        ("example.com", "https://states.example.com/x", False),
        ("states.example.com", "https://states.example.com.evil.example/x", False),
        ("*", "https://states.example.com/x", False),
        ("[::1]:8080", "http://[::1]:8080/x", True),
        ("states.example.com:no", "https://states.example.com/x", False),
    ],
)
def test_only_a_host_that_is_named_is_told_a_password(hosts: str, url: str, *, told: bool) -> None:
    assert login(VARIABLES, hosts).of(url) == (("mika", "hunter2") if told else None)


def test_without_a_user_nobody_is_told_one_and_no_log_has_the_password() -> None:
    assert login({"TF_HTTP_PASSWORD": "hunter2"}, "states.example.com").of("https://states.example.com/x") is None
    assert "hunter2" not in repr(Login("mika", "hunter2"))
