"""Taking and giving back, on both databases, alone and many at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from butai.db import Database
from butai.environments.store import Environment, named
from butai.leases import service as leases
from butai.leases.store import LeaseRow
from butai.localcloud.postgres import packaged
from support.databases import database, database_url, postgres
from support.postgres import start

__all__ = ["database", "database_url", "postgres"]

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
POOLS: dict[str, leases.Pool] = {
    "listener_priority": leases.Range(from_=100, to=120, step=10),
    "subdomain": leases.Subdomain(domain="ivr.localhost"),
    "vpc_cidr": leases.CidrPool(supernet="10.40.0.0/16", prefix=20),
    "test_number": leases.ListPool(values=["050-5530-0111", "050-5530-0112"]),
}


def environment(session: Session, name: str, blueprint: str = "ivr") -> int:
    """The number of the environment of that name, made if it is not there."""
    found = named(session, name, blueprint)
    if found:
        return found[0].id
    row = Environment(
        blueprint=blueprint,
        name=name,
        owner="aiko",
        created_at=NOW,
        ref="main",
        commit="0" * 40,
        services={},
        variables={},
        engine_name="terraform",
        engine_version="1.11.4",
    )
    session.add(row)
    session.flush()
    return row.id


def take(
    database: Database, name: str, pools: Mapping[str, leases.Pool] = POOLS, blueprint: str = "ivr"
) -> dict[str, str]:
    with database.session() as session:
        return leases.take_all(session, blueprint, environment(session, name, blueprint), name, pools, now=NOW)


def test_each_environment_gets_its_own(database: Database) -> None:
    assert take(database, "qa-1") == {
        "listener_priority": "100",
        "subdomain": "qa-1.ivr.localhost",
        "vpc_cidr": "10.40.0.0/20",
        "test_number": "050-5530-0111",
    }
    assert take(database, "qa-2") == {
        "listener_priority": "110",
        "subdomain": "qa-2.ivr.localhost",
        "vpc_cidr": "10.40.16.0/20",
        "test_number": "050-5530-0112",
    }


def test_taking_twice_keeps_what_is_held(database: Database) -> None:
    first = take(database, "qa-1")
    assert take(database, "qa-1") == first
    changed: dict[str, leases.Pool] = {
        "listener_priority": leases.Range(from_=500, to=510),
        "extra": leases.ListPool(values=["x"]),
    }
    assert take(database, "qa-1", {**POOLS, **changed}) == first | {"extra": "x"}


def test_when_one_pool_is_empty_nothing_is_taken(database: Database) -> None:
    take(database, "qa-1")
    take(database, "qa-2")
    with database.session() as session:
        third = environment(session, "qa-3")
        with pytest.raises(leases.PoolExhaustedError) as caught:
            leases.take_all(session, "ivr", third, "qa-3", POOLS, now=NOW)
        # Even a caller that goes on and commits has nothing.
        assert leases.of(session, third) == {}
    assert "050-5530-0111 by ivr/qa-1" in caught.value.why
    with database.session() as session:
        assert leases.of(session, third) == {}


def test_what_is_given_back_is_lent_again_and_stays_in_the_history(database: Database) -> None:
    first = take(database, "qa-1")
    later = NOW + timedelta(hours=1)
    with database.session() as session:
        number = environment(session, "qa-1")
        assert leases.give_back(session, number, now=later) == first
        assert leases.give_back(session, number, now=later) == {}
    assert take(database, "qa-4")["listener_priority"] == "100"
    with database.session() as session:
        rows = session.scalars(select(LeaseRow).where(LeaseRow.value == "100").order_by(LeaseRow.id)).all()
        assert [(row.environment_name, row.released_at) for row in rows] == [("qa-1", later), ("qa-4", None)]


def test_two_blueprints_share_host_names_and_networks_but_no_numbers(database: Database) -> None:
    take(database, "qa-1")
    other = {name: pool for name, pool in POOLS.items() if name != "subdomain"}
    # Another supernet around the first: the block already lent is passed over.
    other["vpc_cidr"] = leases.CidrPool(supernet="10.40.0.0/18", prefix=19)
    assert take(database, "qa-1", other, blueprint="crm") == {
        "listener_priority": "100",
        "vpc_cidr": "10.40.32.0/19",
        "test_number": "050-5530-0111",
    }
    with pytest.raises(leases.PoolExhaustedError) as caught:
        take(database, "qa-1", {"host": leases.Subdomain(domain="ivr.localhost")}, blueprint="shop")
    assert caught.value.code == "host-name-taken"
    assert "ivr/qa-1" in caught.value.what


def test_two_pools_of_one_blueprint_do_not_overlap(database: Database) -> None:
    pools: dict[str, leases.Pool] = {
        "vpc": leases.CidrPool(supernet="10.40.0.0/16", prefix=20),
        "peer": leases.CidrPool(supernet="10.40.0.0/16", prefix=24),
    }
    assert take(database, "qa-1", pools) == {"vpc": "10.40.0.0/20", "peer": "10.40.16.0/24"}


def test_a_second_host_name_of_an_environment_is_nobodys_first(database: Database) -> None:
    pools: dict[str, leases.Pool] = {
        "subdomain": leases.Subdomain(domain="ivr.localhost"),
        "subdomain:api": leases.Subdomain(domain="ivr.localhost", suffix="api"),
    }
    take(database, "qa-1", pools)
    with pytest.raises(leases.PoolExhaustedError):
        take(database, "qa-1-api", pools)


def test_the_database_itself_refuses_a_value_lent_twice(database: Database) -> None:
    take(database, "qa-1")
    row = {"pool": "listener_priority", "scope": "ivr/listener_priority", "value": "100", "taken_at": NOW}
    with pytest.raises(IntegrityError), database.session() as session:
        other = environment(session, "other")
        session.add(LeaseRow(blueprint="ivr", environment_id=other, environment_name="other", **row))


def test_overview_shows_declared_pools_and_what_is_left_of_old_ones(database: Database) -> None:
    take(database, "qa-1")
    declared = {name: pool for name, pool in POOLS.items() if name != "test_number"}
    with database.session() as session:
        uses = {use.name: use for use in leases.overview(session, "ivr", declared)}
    assert uses["listener_priority"].capacity == 3
    assert uses["vpc_cidr"].capacity == 16
    assert uses["subdomain"].capacity is None
    assert uses["test_number"].pool is None
    assert [(held.value, held.environment_name) for held in uses["test_number"].held] == [("050-5530-0111", "qa-1")]
    assert uses["listener_priority"].held[0].taken_at == NOW


TAKER = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from butai.db import Database
from butai.leases import service as leases
from butai.tables import load_tables

url, first = sys.argv[1], int(sys.argv[2])
load_tables()
database = Database(url)
pools = {
    "port": leases.Range(from_=1, to=40),
    "net": leases.CidrPool(supernet="10.0.0.0/16", prefix=22),
    "subdomain": leases.Subdomain(domain="ivr.localhost"),
}

def one(number):
    environment, name = first + number, f"qa-{first + number}"
    try:
        with database.session() as session:
            got = leases.take_all(session, "ivr", environment, name, pools, now=datetime.now(UTC))
        if number % 5 == 4:  # some go away again while the others are still asking
            with database.session() as session:
                leases.give_back(session, environment, now=datetime.now(UTC))
            return None
        return got
    except leases.PoolExhaustedError:
        return "exhausted"

print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(4) as pool:
    print(json.dumps(list(pool.map(one, range(20)))))
database.close()
"""


def test_many_processes_and_threads_at_once_never_get_the_same(database: Database) -> None:
    # 3 x 20 ask for 40; 3 x 4 give back at once: whoever comes too late is told so.
    with database.session() as session:
        numbers = [environment(session, f"qa-{number}") for number in range(60)]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", TAKER, database.url, str(first)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in numbers[::20]
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    with ThreadPoolExecutor(len(children)) as pool:
        answers = list(pool.map(lambda child: child.communicate("go\n", timeout=120)[0], children))
    results = [result for answer in answers for result in json.loads(answer)]
    assert [child.returncode for child in children] == [0, 0, 0]
    held = [result for result in results if isinstance(result, dict)]
    assert len(held) + results.count("exhausted") + results.count(None) == 60
    assert len(held) >= 40 - 12
    for pool_name in ("port", "net", "subdomain"):
        values = [result[pool_name] for result in held]
        assert len(values) == len(set(values))
    with database.session() as session:
        rows = session.scalars(select(LeaseRow).where(LeaseRow.released_at.is_(None), LeaseRow.pool == "port")).all()
        assert sorted(row.value for row in rows) == sorted(result["port"] for result in held)


def test_the_packaged_postgresql_serves_where_there_is_no_system_one() -> None:
    server = start(packaged()[0])
    try:
        with server.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.stop()
    assert not server.folder.exists()
