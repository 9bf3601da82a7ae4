"""What can be done with states: read, write, lock, unlock, release after a death."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from butai.db import Database
from butai.errors import RefusedError, WrongUseError
from butai.states import store
from butai.states.model import Lock, lock_as_json, parse_head, why_not_write
from butai.states.seal import Seal, make_key, read_key
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


class States:
    """States of all environments. Needs the key whose fingerprint the database knows."""

    def __init__(self, database: Database, key_file: Path, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._seal = _seal_for(database, key_file)

    def read(self, environment_id: int) -> bytes | None:
        """The newest version's document, or none when there never was one."""
        with self._database.session() as session:
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
        with self._database.session() as session:
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
        with self._database.session() as session:
            return store.count_versions(session, environment_id)


def conflict_body(error: LockedError) -> dict[str, str]:
    """Answer to a LOCK request that cannot be met, in the engine's shape."""
    return lock_as_json(error.holder)


def _seal_for(database: Database, key_file: Path) -> Seal:
    with database.session() as session:
        known = session.scalars(select(store.StateKey)).first()
        key = read_key(key_file)
        if known is None:
            seal = Seal(key or make_key(key_file))
            session.add(store.StateKey(id=1, fingerprint=seal.fingerprint))
            return seal
        if key is None:
            raise RefusedError(
                text("The key that encrypts this database's states is missing: {file}.", file=key_file),
                why=text("The database was encrypted with the key of fingerprint {known}.", known=known.fingerprint),
                next=text(
                    "Copy `state.key` from the machine that made the database to {file} (mode 0600).", file=key_file
                ),
                code="state-key",
            )
        seal = Seal(key)
        if seal.fingerprint != known.fingerprint:
            raise RefusedError(
                text("{file} is not the key of this database.", file=key_file),
                why=text(
                    "Its fingerprint is {found}; the database was encrypted with {known}.",
                    found=seal.fingerprint,
                    known=known.fingerprint,
                ),
                next=text("Copy the right `state.key` to {file} (mode 0600). Nothing was changed.", file=key_file),
                code="state-key",
            )
        return seal
