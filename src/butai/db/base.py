"""Engine, sessions and column types that every room's tables share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, MetaData, TypeDecorator, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session

from butai.errors import WrongUseError
from butai.text import text

BUSY_TIMEOUT_MS = 15_000
FROZEN_MS = 10_000
# What a statement raises when the database is away, full or shut, or has ended the transaction: worth trying again.
# Everything else is a fault.
AWAY = (OperationalError, InterfaceError, InternalError)

# Named constraints, so that a migration can change them on both databases.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Parent of every table."""

    metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: aware going in, aware UTC coming out, on databases that forget the zone too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse a time without a zone: guessing one is how clocks start to lie."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give every stored time its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """One database (SQLite file or PostgreSQL), given by its SQLAlchemy URL.

    `with database.session() as session:` is one transaction: committed at the end, rolled back on any error. On SQLite
    it takes the write lock at once, so that two writers queue instead of failing half-way.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One look that changes nothing: on SQLite it neither waits for writers nor makes them wait."""
        with Session(self.engine.execution_options(reading=True), expire_on_commit=False) as session:
            yield session

    @staticmethod
    def warm_up(url: str) -> None:
        """Load what this kind of database needs, without a connection: forks of this process find it loaded."""
        _engine(url).dispose()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    kind = make_url(url).get_backend_name()
    if kind == "postgresql":
        # psycopg 3 is the driver that is installed; a bare postgresql:// would look for another one.
        # A worker that freezes in the middle of a transaction must not hold its locks against everybody else.
        limits = {"options": f"-c idle_in_transaction_session_timeout={FROZEN_MS}"}
        url_of_driver = make_url(url).set(drivername="postgresql+psycopg")
        return create_engine(url_of_driver, pool_pre_ping=True, connect_args=limits)
    if kind != "sqlite":
        raise WrongUseError(
            text("`{kind}` is not a database that Butai can use.", kind=kind),
            next=text("Use `sqlite:///PATH` or `postgresql://USER@HOST/NAME`."),
            code="unknown-database",
        )
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own implicit BEGIN comes too late to queue writers.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("reading") else "BEGIN IMMEDIATE")
