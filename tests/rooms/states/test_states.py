"""States: versions, locks, encryption at rest, and the endpoint that an engine talks to."""

from __future__ import annotations

import base64
import json
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.db import Database
from butai.errors import ButaiError, RefusedError, WrongUseError
from butai.states import store
from butai.states.endpoint import StateEndpoint
from butai.states.model import Head, Lock, parse_head, why_not_write
from butai.states.seal import Seal
from butai.states.service import LockedError, States
from support.rows import add_environment, add_run, new_database

pytestmark = pytest.mark.model

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def document(serial: int, lineage: str = "one", **more: object) -> bytes:
    return json.dumps({"version": 4, "serial": serial, "lineage": lineage, "resources": [], **more}).encode()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = new_database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def states(database: Database, tmp_path: Path) -> States:
    return States(database, tmp_path / "state.key", lambda: NOW)


@pytest.fixture
def ids(database: Database) -> tuple[int, int]:
    environment = add_environment(database, "qa-1")
    return environment, add_run(database, environment)


def test_every_version_is_kept_and_the_newest_is_read(states: States, ids: tuple[int, int]) -> None:
    environment, run = ids
    assert states.read(environment) is None
    states.write(environment, run, document(1), lock_id="")
    states.write(environment, run, document(2), lock_id="")
    assert states.read(environment) == document(2)
    assert states.versions(environment) == 2


def test_a_secret_in_a_state_is_not_readable_in_the_database(
    states: States, database: Database, ids: tuple[int, int], tmp_path: Path
) -> None:
    environment, run = ids
    states.write(environment, run, document(1, password="hunter2-in-the-clear"), lock_id="")
    with database.session() as session:
        version = store.newest(session, environment)
        assert version is not None and b"hunter2" not in version.body
    database.close()
    assert not any(b"hunter2" in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


def test_a_row_copied_to_another_environment_does_not_open(
    states: States, database: Database, ids: tuple[int, int]
) -> None:
    environment, run = ids
    states.write(environment, run, document(1), lock_id="")
    other = add_environment(database, "qa-2")
    with database.session() as session:
        version = store.newest(session, environment)
        assert version is not None
        version.environment_id = other
    with pytest.raises(ButaiError) as caught:
        states.read(other)
    assert caught.value.code == "state-unreadable"


@pytest.mark.parametrize(
    ("body", "reason"),
    [(document(3, "other"), "lineage"), (document(1), "older"), (b"not json", "not a Terraform state")],
)
def test_a_state_that_is_no_successor_is_refused(
    states: States, ids: tuple[int, int], body: bytes, reason: str
) -> None:
    environment, run = ids
    states.write(environment, run, document(2), lock_id="")
    with pytest.raises(WrongUseError, match=reason):
        states.write(environment, run, body, lock_id="")
    assert states.read(environment) == document(2)


def test_a_lock_is_held_by_one_and_named(states: States, ids: tuple[int, int]) -> None:
    environment, run = ids
    states.lock(environment, Lock("a", "ken@mac", "OperationTypeApply", run, NOW))
    with pytest.raises(LockedError, match="locked") as caught:
        states.lock(environment, Lock("b", "aya@mac", "OperationTypePlan", run, NOW))
    assert caught.value.holder.lock_id == "a"
    assert "ken@mac" in caught.value.why
    with pytest.raises(LockedError):
        states.write(environment, run, document(1), lock_id="b")
    with pytest.raises(LockedError):
        states.unlock(environment, "b")
    states.unlock(environment, "a")
    assert states.lock_of(environment) is None


def test_only_the_run_that_holds_a_lock_releases_it(states: States, database: Database, ids: tuple[int, int]) -> None:
    environment, run = ids
    other = add_run(database, environment)
    states.lock(environment, Lock("a", "", "", run, NOW))
    assert not states.release_of_run(environment, other)
    assert states.lock_of(environment) is not None
    assert states.release_of_run(environment, run)
    assert not states.release_of_run(environment, run)


def test_the_key_file_is_for_its_owner_only(states: States, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "state.key").stat().st_mode) == 0o600
    assert states


def test_another_key_is_refused_and_says_what_to_copy(states: States, database: Database, tmp_path: Path) -> None:
    assert states
    (tmp_path / "state.key").write_bytes(base64.urlsafe_b64encode(bytes(32)))
    with pytest.raises(RefusedError) as caught:
        States(database, tmp_path / "state.key", lambda: NOW)
    assert caught.value.code == "state-key" and "Copy" in caught.value.next
    (tmp_path / "state.key").unlink()
    with pytest.raises(RefusedError, match="missing"):
        States(database, tmp_path / "state.key", lambda: NOW)
    assert not (tmp_path / "state.key").exists()


@given(st.binary(max_size=2000), st.integers(min_value=1))
def test_what_is_sealed_opens_again_and_only_for_its_owner(content: bytes, owner: int) -> None:
    seal = Seal(bytes(range(32)))
    sealed = seal.close(content, owner=owner)
    assert seal.open(sealed, owner=owner) == content
    with pytest.raises(ButaiError):
        seal.open(sealed, owner=owner + 1)
    with pytest.raises(ButaiError):
        seal.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), owner=owner)


@given(st.integers(0, 9), st.integers(0, 9), st.booleans())
def test_a_write_may_go_through_only_forward_in_one_lineage(new: int, newest: int, same: bool) -> None:
    reason = why_not_write(Head(new, "a"), Head(newest, "a" if same else "b"))
    assert (reason == "") == (same and new >= newest)


@given(st.binary(max_size=200))
def test_any_body_is_read_without_raising(body: bytes) -> None:
    assert parse_head(body) is None or b"serial" in body


@pytest.fixture
def endpoint(states: States, ids: tuple[int, int]) -> Iterator[StateEndpoint]:
    environment, run = ids
    server = StateEndpoint(
        states, environment_id=environment, run_id=run, user="u", password="p", now=lambda: NOW, guard=lambda _: None
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def ask(
    server: StateEndpoint, method: str, body: bytes = b"", auth: tuple[str, str] = ("u", "p"), **params: str
) -> httpx.Response:
    return httpx.request(method, server.url, content=body, auth=auth, params=params, trust_env=False, verify=False)


def lock_body(lock_id: str) -> bytes:
    return json.dumps({"ID": lock_id, "Who": "ken@mac", "Operation": "OperationTypeApply"}).encode()


def test_the_endpoint_speaks_the_http_backends_protocol(endpoint: StateEndpoint) -> None:
    assert ask(endpoint, "GET").status_code == 404
    assert ask(endpoint, "LOCK", lock_body("one")).status_code == 200
    refused = ask(endpoint, "LOCK", lock_body("two"))
    assert refused.status_code == 423 and refused.json()["ID"] == "one"
    assert ask(endpoint, "POST", document(1), ID="two").status_code == 423
    assert ask(endpoint, "POST", document(1), ID="one").status_code == 200
    assert ask(endpoint, "GET").content == document(1)
    assert ask(endpoint, "POST", document(0), ID="one").status_code == 409
    assert ask(endpoint, "UNLOCK", lock_body("one")).status_code == 200
    assert ask(endpoint, "LOCK", lock_body("two")).status_code == 200
    # `force-unlock` sends an empty body: a person has asked for it.
    assert ask(endpoint, "UNLOCK").status_code == 200
    assert ask(endpoint, "DELETE").status_code == 405


@pytest.mark.parametrize("auth", [("u", "wrong"), ("wrong", "p"), ("", "")])
def test_the_endpoint_lets_nobody_else_in(endpoint: StateEndpoint, auth: tuple[str, str]) -> None:
    for method in ("GET", "POST", "LOCK", "UNLOCK"):
        assert ask(endpoint, method, document(1), auth=auth).status_code == 401
    assert httpx.get(endpoint.url, trust_env=False, verify=False).status_code == 401
    assert (
        httpx.get(endpoint.url, headers={"Authorization": "Basic ###"}, trust_env=False, verify=False).status_code
        == 401
    )


def test_the_endpoint_listens_on_loopback_only(endpoint: StateEndpoint) -> None:
    assert endpoint.server_address[0] == "127.0.0.1"
