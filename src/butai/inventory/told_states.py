"""States that somebody told of, as they were read last: everything that is shown of them is out of the database."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from datetime import datetime

from butai.aws.session import Access
from butai.db import Database
from butai.errors import ButaiError
from butai.inventory import coverage_store as store
from butai.inventory import places
from butai.terraform.state_index import StateInstance, index
from butai.text import restored

# S3 says of every bucket where it is, whoever asks from where.
ANYWHERE = Access("us-east-1")
AT_ONCE = 8


@dataclass(frozen=True)
class ToldState:
    """One of them. `root`: as somebody said, else empty. `own`: as whom it is read, where that is not as the blueprints say.

    `read_at`: none where it could never be read; `failure`: why it could not since. `environment_id`: of
    what its runs are, where there is one.
    """

    place: str
    root: str
    own: Access | None
    var_files: tuple[str, ...]
    secrets: Mapping[str, str]
    read_at: datetime | None
    instances: tuple[StateInstance, ...]
    failure: ButaiError | None
    environment_id: int | None = None

    @property
    def count(self) -> int:
        """How many things it manages."""
        return sum(each.mode == "managed" for each in self.instances)

    def accesses(self, others: Sequence[Access]) -> Sequence[Access]:
        """As whom it is read: as was told, where no region was in that of the others, else as any of the others."""
        if self.own is None:
            return others
        return [replace(self.own, region=self.own.region or next((each.region for each in others), ANYWHERE.region))]


class ToldStates:
    """Those of all repositories."""

    def __init__(self, database: Database, login: places.Login, now: Callable[[], datetime]) -> None:
        self._database, self._login, self._now = database, login, now
        self._lock = threading.Lock()
        self._unpacked: dict[int, tuple[datetime | None, tuple[StateInstance, ...]]] = {}

    def kept(self, repository: str) -> list[ToldState]:
        """A repository's, as they were read last, in the order in which they were told."""
        with self._database.reading() as session:
            rows = store.states_of(session, repository)
        return [self._view(row) for row in rows]

    def read(self, repository: str, accesses: Sequence[Access], only: str = "") -> list[ToldState]:
        """Read them now, beside each other (or one alone, by its place), and keep what is in them."""
        waiting = [each for each in self.kept(repository) if only in ("", each.place)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda each: self._read(repository, each, accesses), waiting))
        return self.kept(repository)

    def document(self, place: str, accesses: Sequence[Access]) -> bytes:
        """What lies there now, secrets and all. Raises a ButaiError that says why not."""
        return places.read(place, accesses or [ANYWHERE], self._login)

    def _read(self, repository: str, each: ToldState, accesses: Sequence[Access]) -> None:
        kept, failure = b"", None
        try:
            kept = _packed(index(self.document(each.place, each.accesses(accesses))))
        except ButaiError as error:
            failure = error.as_stored()
        with self._database.session() as session:
            row = store.state_at(session, repository, each.place)
            if row is not None:
                row.failure = failure
                row.instances, row.read_at = (row.instances, row.read_at) if failure else (kept, self._now())

    def _view(self, row: store.InventoryState) -> ToldState:
        named = row.region or row.profile or row.role
        return ToldState(
            place=row.place,
            root=row.root,
            own=Access(row.region, row.profile, row.role) if named else None,
            var_files=tuple(row.var_files),
            secrets=row.secrets,
            read_at=row.read_at,
            instances=self._instances(row),
            failure=_failure(row),
            environment_id=row.environment_id,
        )

    def _instances(self, row: store.InventoryState) -> tuple[StateInstance, ...]:
        with self._lock:
            known = self._unpacked.get(row.id)
            if known is None or known[0] != row.read_at:
                known = self._unpacked[row.id] = row.read_at, _unpacked(row.instances)
        return known[1]


def _packed(instances: Sequence[StateInstance]) -> bytes:
    return zlib.compress(json.dumps([astuple(each) for each in instances]).encode())


def _unpacked(kept: bytes | None) -> tuple[StateInstance, ...]:
    """What was kept; nothing where another version wrote it in another shape, until it is read again."""
    try:
        return tuple(StateInstance(*each) for each in json.loads(zlib.decompress(kept))) if kept else ()
    except (zlib.error, ValueError, TypeError):
        return ()


def _failure(row: store.InventoryState) -> ButaiError | None:
    if row.failure is None:
        return None
    said = {name: restored(row.failure[name], row.failure["texts"][name]) for name in ("what", "why", "next")}
    return ButaiError(**said, code=row.failure["code"])
