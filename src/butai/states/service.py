"""What can be done with states: read, write, lock, unlock, release after a death."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from butai.db import Database
from butai.errors import ButaiError, NotFoundError, RefusedError, WrongUseError
from butai.states import store
from butai.states.model import Head, Lock, lock_as_json, parse_head, why_not_write
from butai.states.seal import Seal, make_key, read_key
from butai.terraform.state import summary
from butai.text import text

Guard = Callable[[Session], None]


def _nobody_asks(_session: Session) -> None:
    """The guard of those who write outside a run."""


class LockedError(RefusedError):
    """Somebody else holds the state. `holder` is the lock that stands in the way."""

    code, status = "state-locked", 423

    def __init__(self, holder: Lock) -> None:
        super().__init__(
            text("The state is locked."),
            why=text(
                "{who} holds it since {time} UTC, for run {run}.",
                who=holder.who or text("somebody"),
                time=f"{holder.taken_at:%Y-%m-%d %H:%M}",
                run=holder.run_id,
            ),
            next=text("Wait for run {run}, or look at it: `butai env logs --run {run}`.", run=holder.run_id),
        )
        self.holder = holder


@dataclass(frozen=True)
class Version:
    """One version of a state without its content. `number` counts an environment's versions from 1."""

    number: int
    run_id: int
    serial: int
    lineage: str
    saved_at: datetime
    size: int
    resources: int


class States:
    """States of all environments. Needs the key whose fingerprint the database knows."""

    def __init__(self, database: Database, key_file: Path, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._seal = _seal_for(database, key_file)

    def read(self, environment_id: int) -> bytes | None:
        """The newest version's document, or none when there never was one."""
        with self._database.reading() as session:
            return self.read_in(session, environment_id)

    def read_in(self, session: Session, environment_id: int) -> bytes | None:
        """`read` inside the caller's transaction."""
        version = store.newest(session, environment_id)
        return self._seal.open(version.body, owner=environment_id) if version else None

    def write(
        self, environment_id: int, run_id: int, content: bytes, *, lock_id: str, guard: Guard = _nobody_asks
    ) -> None:
        """Keep a new version. Refused without the lock that is held, or when it is not a successor of the newest.

        `guard` is asked first, in the same transaction: it raises when the writer has lost its right to write.
        """
        with self._database.session() as session:
            guard(session)
            held = store.lock_of(session, environment_id)
            if held is not None and held.lock_id != lock_id:
                raise LockedError(held)
            new, newest = parse_head(content), store.newest(session, environment_id)
            reason = why_not_write(new, store.head_of(newest))
            if reason or new is None:
                raise WrongUseError(text("This state is refused."), why=reason, code="state-refused")
            session.add(
                store.StateVersion(
                    environment_id=environment_id,
                    run_id=run_id,
                    serial=new.serial,
                    lineage=new.lineage,
                    saved_at=self._now(),
                    size=len(content),
                    resources=_count(content),
                    body=self._seal.close(content, owner=environment_id),
                )
            )

    def lock(self, environment_id: int, lock: Lock, *, guard: Guard = _nobody_asks) -> None:
        """Take the lock; `LockedError` names the holder when there is one."""
        try:
            with self._database.session() as session:
                guard(session)
                held = store.lock_of(session, environment_id)
                if held is not None:
                    raise LockedError(held)
                store.put_lock(session, environment_id, lock)
        except IntegrityError:
            # Two asked in the same moment on a database without a global write lock; the other one won.
            held = self.lock_of(environment_id)
            raise LockedError(held or lock) from None

    def unlock(self, environment_id: int, lock_id: str) -> None:
        """Give the lock back. An empty id comes from `force-unlock`, which a person asked for."""
        with self._database.session() as session:
            held = store.lock_of(session, environment_id)
            if held is not None and lock_id and held.lock_id != lock_id:
                raise LockedError(held)
            store.drop_lock(session, environment_id)

    def lock_of(self, environment_id: int) -> Lock | None:
        """The lock that is held, or none."""
        with self._database.reading() as session:
            return store.lock_of(session, environment_id)

    def release_of_run(self, environment_id: int, run_id: int) -> bool:
        """Release the lock that this run's engine left; only for an engine that was seen dead. True if there was one."""
        with self._database.session() as session:
            held = store.lock_of(session, environment_id)
            if held is None or held.run_id != run_id:
                return False
            store.drop_lock(session, environment_id)
            return True

    def versions(self, environment_id: int) -> int:
        """How many versions are kept."""
        with self._database.reading() as session:
            return store.count_versions(session, environment_id)

    def history(self, environment_id: int) -> list[Version]:
        """Every version, the newest first."""
        with self._database.session() as session:
            rows = store.all_versions(session, environment_id)
            for row in rows:
                if row.size is None or row.resources is None:
                    content = self._seal.open(row.body, owner=environment_id)
                    row.size, row.resources = len(content), _count(content)
            return [_version(number, row) for number, row in enumerate(rows, 1)][::-1]

    def document(self, environment_id: int, number: int) -> bytes:
        """The content of version `number`."""
        with self._database.reading() as session:
            rows = store.all_versions(session, environment_id)
            if not 1 <= number <= len(rows):
                raise NotFoundError(
                    text("This state has no version {number}.", number=number),
                    next=text("Versions are 1 to {last}.", last=len(rows)) if rows else text("It has none yet."),
                    where="version",
                    code="unknown-version",
                )
            return self._seal.open(rows[number - 1].body, owner=environment_id)

    def newest_head(self, environment_id: int) -> Head | None:
        """Serial and lineage of the newest version."""
        with self._database.reading() as session:
            return store.head_of(store.newest(session, environment_id))

    def others_with(self, environment_id: int, lineage: str) -> list[int]:
        """Environments besides this one whose newest version has this lineage and manages something."""
        with self._database.reading() as session:
            others = store.owners_of(session, lineage) - {environment_id}
            newest = {other: store.newest(session, other) for other in sorted(others)}
            return [other for other, row in newest.items() if row and row.lineage == lineage and row.resources != 0]

    @contextmanager
    def held(self, environment_id: int, lock: Lock, guard: Guard) -> Iterator[None]:
        """Hold the lock while something is written without an engine. What this run left locked in a death is its own."""
        self.release_of_run(environment_id, lock.run_id)
        self.lock(environment_id, lock, guard=guard)
        try:
            yield
        finally:
            self.unlock(environment_id, lock.lock_id)

    def keep_upload(self, session: Session, environment_id: int, content: bytes) -> str:
        """Keep a document until the run that imports it has looked at it; its name."""
        upload = store.StateUpload(
            id=secrets.token_hex(16),
            environment_id=environment_id,
            given_at=self._now(),
            body=self._seal.close(content, owner=environment_id),
        )
        store.put_upload(session, upload)
        return upload.id

    def upload(self, environment_id: int, name: str) -> bytes | None:
        """A document that was given; none when it is not wanted any more."""
        with self._database.reading() as session:
            row = session.get(store.StateUpload, name)
            return self._seal.open(row.body, owner=environment_id) if row else None

    def forget_upload(self, session: Session, name: str) -> None:
        """What was given was looked at."""
        store.drop_upload(session, name)


def _count(content: bytes) -> int | None:
    """How many resources a document manages; none where it is of a kind that an engine wrote and Butai cannot read."""
    try:
        return len(summary(content).resources)
    except ButaiError:
        return None


def _version(number: int, row: store.StateVersion) -> Version:
    size, resources = row.size or 0, row.resources or 0
    return Version(number, row.run_id, row.serial, row.lineage, row.saved_at, size, resources)


def conflict_body(error: LockedError) -> dict[str, str]:
    """Answer to a LOCK request that cannot be met, in the engine's shape."""
    return lock_as_json(error.holder)


def _seal_for(database: Database, key_file: Path) -> Seal:
    with database.reading() as session:
        known = session.scalar(select(store.StateKey.fingerprint))
    if known is None:
        return _first_seal(database, key_file)
    key = read_key(key_file)
    if key is None:
        raise RefusedError(
            text("The key that encrypts this database's states is missing: {file}.", file=key_file),
            why=text("The database was encrypted with the key of fingerprint {known}.", known=known),
            next=text("Copy `state.key` from the machine that made the database to {file} (mode 0600).", file=key_file),
            code="state-key",
        )
    seal = Seal(key)
    if seal.fingerprint != known:
        raise RefusedError(
            text("{file} is not the key of this database.", file=key_file),
            why=text(
                "Its fingerprint is {found}; the database was encrypted with {known}.",
                found=seal.fingerprint,
                known=known,
            ),
            next=text("Copy the right `state.key` to {file} (mode 0600). Nothing was changed.", file=key_file),
            code="state-key",
        )
    return seal


def _first_seal(database: Database, key_file: Path) -> Seal:
    """The seal of a database that knew of none a moment ago: of two processes at once the second finds the first one's."""
    with database.session() as session:
        if session.scalar(select(store.StateKey.fingerprint)) is None:
            seal = Seal(read_key(key_file) or make_key(key_file))
            session.add(store.StateKey(id=1, fingerprint=seal.fingerprint))
            return seal
    return _seal_for(database, key_file)
