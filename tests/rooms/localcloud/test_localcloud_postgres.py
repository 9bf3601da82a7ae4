"""A real PostgreSQL behind an RDS instance: its user, its data, and what it survives."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from butai.errors import MissingPartError
from butai.localcloud import postgres as under_test
from butai.localcloud.children import Children
from butai.localcloud.postgres import Master, PostgresServers, packaged
from butai.localcloud.servers import Address

MASTER = Master("ivr_admin", "it's a secret", "calls")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[PostgresServers]:
    servers = PostgresServers(tmp_path / "rds", Children(tmp_path / "children"))
    yield servers
    servers.stop()


def connect(address: Address, master: Master = MASTER) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=address.host, port=address.port, user=master.user, password=master.password, dbname=master.database,
        autocommit=True,
    )  # fmt: skip


def started(servers: PostgresServers, wanted: Address | None = None) -> Address:
    address = servers.start("one", wanted or Address.wanted(None))
    servers.set_master("one", MASTER)
    return address


def test_its_user_makes_users_and_databases_as_on_rds_and_is_no_superuser(servers: PostgresServers) -> None:
    with connect(started(servers)) as connection:
        connection.execute("CREATE ROLE qa_1 LOGIN PASSWORD 'x'")
        connection.execute("GRANT qa_1 TO ivr_admin")
        connection.execute("CREATE DATABASE qa_1 OWNER qa_1")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("ALTER SYSTEM SET work_mem = '1MB'")


def test_another_password_is_the_only_one_from_then_on(servers: PostgresServers) -> None:
    address, other = started(servers), Master(MASTER.user, "another", MASTER.database)
    servers.set_master("one", other)
    connect(address, other).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(address)


def test_data_survives_a_stop_and_a_kill_at_the_same_address(servers: PostgresServers) -> None:
    address = started(servers, Address.wanted(15432))
    with connect(address) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        servers.stop()  # although somebody is connected
    assert servers.start("one", address) == address
    time.sleep(1)  # at most that much is lost by a kill
    servers._servers["one"]._child.signal(signal.SIGKILL)
    while servers._servers["one"].alive():
        time.sleep(0.01)
    servers.keep()
    assert servers.answers(servers._servers["one"])
    with connect(address) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]


def test_two_that_ask_for_one_port_both_have_it(servers: PostgresServers) -> None:
    one, two = (servers.start(name, Address.wanted(15433)) for name in ("one", "two"))
    assert one.port == two.port == 15433 and one.host != two.host


def test_deleting_ends_the_server_and_removes_the_data(servers: PostgresServers) -> None:
    address = started(servers)
    servers.delete("one")
    assert list(servers.folder.iterdir()) == []
    with pytest.raises(psycopg.OperationalError):
        connect(address)


def test_half_made_data_is_made_anew(servers: PostgresServers) -> None:
    (servers.folder / "one" / "data.making").mkdir(parents=True)
    connect(started(servers)).close()


def test_the_packaged_programs_serve_where_the_system_has_none(
    servers: PostgresServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "programs", lambda: packaged()[0])
    connect(started(servers)).close()


def test_without_any_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(under_test, "_SYSTEM_FOLDERS", ())
    monkeypatch.setattr(under_test, "packaged", list)
    with pytest.raises(MissingPartError, match="no PostgreSQL") as told:
        under_test.programs()
    assert "postgresql" in told.value.next
