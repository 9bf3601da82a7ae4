"""States in a team's own bucket: after an engine's end the truth is there, and a version of it is kept here."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from butai.aws.s3_state import S3Place, S3State
from butai.aws.session import Access, session_for
from butai.runs.model import EngineEnd
from butai.states.service import Guard, States

# An engine's clock is its machine's; the run's is the database's writer's.
CLOCKS_DIFFER = timedelta(minutes=1)


def as_remote(place: S3Place, access: Access) -> dict[str, Any]:
    """Where a run's state lies and as whom it is reached, to be stored: no secret is in it."""
    return {"place": asdict(place), "access": asdict(access)}


def open_remote(remote: Mapping[str, Any]) -> S3State:
    """That state, with the credentials of this process's environment."""
    return S3State(session_for(Access(**remote["access"])), S3Place(**remote["place"]))


def keep_copy(states: States, remote: S3State, environment_id: int, run_id: int, guard: Guard) -> bytes | None:
    """What lies in the bucket becomes the newest version here, where it is another one. That document; none if there is none."""
    content = remote.read()
    if content is not None and content != states.read(environment_id):
        states.write(environment_id, run_id, content, lock_id="", guard=guard)
    return content


def release_left(remote: S3State, end: EngineEnd, since: datetime | None) -> bool:
    """Release the lock that this run's engine, which was seen dead, left behind; nobody else's."""
    if end.exit_code is not None and end.exit_code >= 0:
        return False
    lock = remote.lock()
    if lock is None or since is None or lock.created is None or lock.created < since - CLOCKS_DIFFER:
        return False
    return lock.who.endswith(f"@{platform.node()}") and remote.release(lock.id)
