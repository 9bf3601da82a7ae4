"""Ports of this machine's own address: listening, refusing, and asking for a free one."""

from __future__ import annotations

import socket

import pytest

from butai.errors import RefusedError
from butai.loopback import LOOPBACK, bind, free_port, is_free, listen


def test_a_port_is_listened_on_and_then_not_free() -> None:
    with listen(0) as listening:
        host, port = listening.getsockname()
        assert (host, is_free(port)) == (LOOPBACK, False)
        with socket.create_connection((LOOPBACK, port)):
            pass
    assert is_free(port)


def test_a_port_in_use_is_refused_with_the_way_out() -> None:
    with listen(0) as listening, pytest.raises(RefusedError) as refused:
        listen(listening.getsockname()[1])
    assert (refused.value.code, refused.value.where) == ("port-in-use", "--port")
    assert "--port 0" in refused.value.next


def test_of_two_that_are_bound_to_one_port_the_second_is_refused() -> None:
    port = free_port()
    with bind(port) as first:
        first.listen()
        with pytest.raises(RefusedError):
            listen(port)


def test_a_port_bound_alone_is_nobody_elses() -> None:
    with bind(0, alone=True) as alone:
        port = alone.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(OSError, match="in use"):
            bind(port, alone=True)


def test_an_address_of_the_next_version_works_alike() -> None:
    if not socket.has_ipv6 or not is_free(0, "::1"):
        pytest.skip("this machine has no ::1")
    with listen(0, "::1") as listening:
        assert not is_free(listening.getsockname()[1], "::1")


def test_a_free_port_can_be_listened_on() -> None:
    with listen(free_port()) as listening:
        assert listening.getsockname()[1]
