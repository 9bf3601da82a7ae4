"""Redis servers behind ElastiCache clusters: the installed one and fakeredis, by the same tests."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from butai.localcloud.children import Children
from butai.localcloud.redis import RedisServers
from butai.localcloud.servers import Address
from butai.loopback import free_port

FAKE = ""


def installed() -> str:
    """The machine's own server. Without one only the fallback can be tried here."""
    return next((name for name in ("redis-server", "valkey-server") if shutil.which(name)), FAKE)


@pytest.fixture(params=sorted({FAKE, installed()}), ids=lambda binary: binary or "fakeredis")
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServers]:
    """Servers with their data in a new folder."""
    servers = RedisServers(tmp_path / "redis", Children(tmp_path / "children"), request.param)
    yield servers
    servers.stop()


def connect(address: Address, database: int = 0) -> Any:
    """A client."""
    return redis.Redis(address.host, address.port, database, protocol=2, retry=Retry(NoBackoff(), 0))


def fill(address: Address) -> None:
    """One key of each kind, in two databases, one with an expiry."""
    client = connect(address)
    client.set("text", b"\x00\xff")
    client.set("short-lived", "x", px=300)
    client.set("long-lived", "x", ex=1000)
    client.rpush("list", *range(2000))
    client.hset("hash", mapping={"a": "1", "b": "2"})
    client.sadd("set", "a", "b")
    client.zadd("zset", {"a": 1.5})
    client.xadd("stream", {"call": "1"}, id="1-1")
    connect(address, 3).set("elsewhere", "y")


def contents(address: Address) -> dict[str, Any]:
    """What `fill` wrote, but for the key that has expired."""
    client = connect(address)
    return {
        "text": client.get("text"),
        "short-lived": client.get("short-lived"),
        "ttl": client.ttl("long-lived") > 900,
        "list": client.lrange("list", 0, -1),
        "hash": client.hgetall("hash"),
        "set": client.smembers("set"),
        "zset": client.zrange("zset", 0, -1, withscores=True),
        "stream": client.xrange("stream"),
        "elsewhere": connect(address, 3).get("elsewhere"),
    }


def test_two_clusters_do_not_share_data(servers: RedisServers) -> None:
    one, other = servers.start("one", Address.wanted(None)), servers.start("other", Address.wanted(None))
    connect(one).set("key", "1")
    assert one != other
    assert connect(other).get("key") is None


def test_data_of_every_kind_survives_a_stop_at_the_same_address(servers: RedisServers) -> None:
    address = servers.start("one", Address.wanted(None))
    fill(address)
    servers.stop()
    time.sleep(0.4)  # the short-lived key ends meanwhile
    assert servers.start("one", address) == address
    kept = contents(address)
    assert kept.pop("short-lived") is None
    assert kept["text"] == b"\x00\xff"
    assert len(kept["list"]) == 2000
    assert all(kept.values())


def test_an_asked_port_is_given_to_several_clusters(servers: RedisServers) -> None:
    port = free_port()
    first, second = servers.start("one", Address.wanted(port)), servers.start("two", Address.wanted(port))
    assert first == Address("127.0.0.1", port)
    assert second.port == port  # on Linux: every address in 127.0.0.0/8 is loopback
    assert second.host != first.host


def test_a_port_taken_meanwhile_is_replaced(servers: RedisServers) -> None:
    address = servers.start("one", Address.wanted(None))
    connect(address).set("key", "1")
    servers.stop()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("0.0.0.0", address.port))
        squatter.listen()
        moved = servers.start("one", address)
        assert moved.port != address.port
        assert connect(moved).get("key") == b"1"


def test_deleting_ends_the_server_and_removes_the_data(servers: RedisServers) -> None:
    address = servers.start("one", Address.wanted(None))
    connect(address).set("key", "1")
    servers.delete("one")
    with pytest.raises(redis.ConnectionError):
        connect(address).ping()
    assert not (servers.folder / "one").exists()
    assert connect(servers.start("one", address)).get("key") is None


def test_data_is_on_disk_a_second_later_without_a_stop(servers: RedisServers, tmp_path: Path) -> None:
    address = servers.start("one", Address.wanted(None))
    fill(address)
    time.sleep(1.2)  # appendfsync everysec
    servers.keep()
    shutil.copytree(servers.folder / "one", tmp_path / "copy" / "one")
    others = RedisServers(tmp_path / "copy", servers.children, servers.binary)
    try:
        assert contents(others.start("one", Address.wanted(None))) == contents(address) | {"ttl": True}
    finally:
        others.stop()


# Understands what a Redis is started with, so that the test is the same on a machine without one.
STAND_IN = """#!{python}
import sys
from fakeredis import TcpFakeServer
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
TcpFakeServer((options["--bind"], int(options["--port"]))).serve_forever()
"""


def test_a_killed_server_is_started_again_where_it_was(tmp_path: Path) -> None:
    binary = tmp_path / "redis-server"
    binary.write_text(STAND_IN.format(python=sys.executable))
    binary.chmod(0o755)
    children = Children(tmp_path / "children")
    servers = RedisServers(tmp_path / "redis", children, str(binary))
    try:
        address = servers.start("one", Address.wanted(None))
        (record,) = children.folder.glob("*.json")
        os.kill(json.loads(record.read_text())["pid"], signal.SIGKILL)
        wait_for(lambda: not answers(address))
        wait_for(lambda: kept(servers) and answers(address))
    finally:
        servers.stop()


def kept(servers: RedisServers) -> bool:
    """One tick of the keeper."""
    servers.keep()
    return True


def answers(address: Address) -> bool:
    """Whether a Redis is there."""
    try:
        return bool(connect(address).ping())
    except redis.RedisError:
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it is true, ten seconds at most."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)
