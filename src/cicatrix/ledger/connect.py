"""Connections to the SQLite file, and the one engine over them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import LRUCache

from .address import Address
from .errors import LedgerUnavailable, unavailable
from .guards import authorize, self_test
from .migrate import APPLICATION_ID, SCHEMA_VERSION, migrate

WRITER = "cicatrix_writer"
"""Execution option of a connection whose transaction begins with the write lock."""


_COMPILED: LRUCache[object, object] = LRUCache(500)


def connect(address: Address) -> sqlite3.Connection:
    """A bare connection: no authorizer, autocommit until BEGIN. Raises `LedgerUnavailable`."""
    _check_place(address)
    try:
        connection = sqlite3.connect(
            address.uri, uri=True, isolation_level=None, check_same_thread=False, timeout=address.busy_timeout
        )
        connection.execute(f"PRAGMA synchronous = {address.synchronous}")
        connection.execute("PRAGMA trusted_schema = OFF")
        if address.max_page_count is not None:
            connection.execute(f"PRAGMA max_page_count = {address.max_page_count}")
        connection.execute("PRAGMA user_version").fetchone()  # the first read: finds a file that is no database
    except sqlite3.Error as error:
        raise unavailable(error, str(address.path)) or error from error
    return connection


def open_engine(address: Address, *, read_only: bool) -> Engine:
    """The engine over a migrated, self-tested file. Raises `LedgerUnavailable` or `LedgerUnsafe`."""
    if read_only:
        address = replace(address, mode="ro")
    elif address.mode == "ro":
        raise LedgerUnavailable(
            "The ledger cannot be written.",
            f"{address.path}: the address says mode=ro.",
            "Take mode=ro out of CICATRIX_DATABASE_URL; reads and `--dry-run` work with it.",
        )
    first = connect(address)
    try:
        _check_schema(first, address, read_only=read_only)
        if read_only:
            first.set_authorizer(authorize)
        else:
            self_test(first, str(address.path))
    except BaseException:
        first.close()
        raise
    engine = _engine(_creator(address, first))
    engine.connect().close()  # hands the first connection to the pool, which then closes it
    return engine


def _creator(address: Address, first: sqlite3.Connection) -> Callable[[], sqlite3.Connection]:
    ready = [first]

    def create() -> sqlite3.Connection:
        if ready:
            return ready.pop()
        connection = connect(address)
        connection.set_authorizer(authorize)
        return connection

    return create


def _engine(creator: Callable[[], Any]) -> Engine:
    """An engine over its own pool that shares dialect and compiled statements with the others of this process.

    SQLAlchemy keys compiled statements by dialect object, so a fresh engine compiles everything again: 16 of the 47 ms
    of a short session.
    """
    template = _template()
    pool = QueuePool(creator, pool_size=8, max_overflow=-1, dialect=template.dialect)
    engine = Engine(pool, template.dialect, template.url)
    event.listen(engine, "begin", _begin)
    return engine.execution_options(compiled_cache=_COMPILED)


@cache
def _template() -> Engine:
    engine = create_engine("sqlite://")
    engine.connect().close()  # the first connection completes the dialect
    engine.dispose()
    return engine


def _begin(connection: Connection) -> None:
    writer = connection.get_execution_options().get(WRITER, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


def _check_place(address: Address) -> None:
    path = address.path
    if not path.parent.is_dir():
        raise LedgerUnavailable(
            "The ledger cannot be opened.",
            f"{path}: the folder {path.parent} does not exist.",
            f"Make it with `mkdir -p {path.parent}`, or name another file in CICATRIX_DATABASE_URL.",
        )
    if path.is_dir():
        raise LedgerUnavailable(
            "The ledger cannot be opened.",
            f"{path} is a folder, not a file.",
            f"Name a file in it, for instance {path / 'ledger.db'}, in CICATRIX_DATABASE_URL.",
        )
    if address.mode != "rwc" and not path.exists():
        raise LedgerUnavailable(
            "The ledger cannot be opened.",
            f"{path} does not exist, and mode={address.mode} makes no new file.",
            "Ask for a first rerun (it makes the ledger), or name another file in CICATRIX_DATABASE_URL.",
        )


def _check_schema(connection: sqlite3.Connection, address: Address, *, read_only: bool) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == SCHEMA_VERSION:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        if application == APPLICATION_ID:
            return
    if version > SCHEMA_VERSION:
        raise LedgerUnavailable(
            "The ledger was written by a newer Cicatrix.",
            f"{address.path} has schema {version}, this version knows {SCHEMA_VERSION}.",
            "Install the newer version again; a ledger never goes back.",
        )
    if read_only:
        raise LedgerUnavailable(
            "The ledger is not ready to be read.",
            f"{address.path} has schema {version}, this version needs {SCHEMA_VERSION}.",
            "Open it once for writing (any `cicatrix rerun` or `cicatrix tick`), which brings it up to date.",
        )
    migrate(lambda: connect(address), str(address.path))
