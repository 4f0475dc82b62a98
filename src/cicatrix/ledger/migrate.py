"""Brings a file to the present schema, in one transaction. Forward only."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from .errors import LedgerUnavailable, sqlite_code, unavailable

SCHEMA_VERSION = 3
"""`PRAGMA user_version` of an up-to-date file: the number of migrations in `migrations/versions`."""

APPLICATION_ID = 0x43696378
"""`PRAGMA application_id` ("Cicx"): tells our files from those of other programs (https://www.sqlite.org/fileformat.html)."""

_FOLDER = Path(__file__).parent / "migrations"
_WAL_TRIES, _WAL_PAUSE = 500, 0.02


def migrate(creator: Callable[[], sqlite3.Connection], place: str, *, target: str = "head") -> None:
    """Run what is missing. Several processes may call it at once: one does the work, the others find it done.

    Raises `LedgerUnavailable` when the file is another program's or cannot be written.
    """
    engine = create_engine("sqlite://", creator=creator, poolclass=NullPool)
    event.listen(engine, "begin", _begin_immediate)
    try:
        raw = creator()
        try:
            _set_wal(raw)
        finally:
            raw.close()
        with engine.begin() as connection:
            version = _version(connection, place)
            if version < SCHEMA_VERSION:
                _upgrade(connection, target)
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.exec_driver_sql(f"PRAGMA user_version = {_revision_number(connection)}")
    except (DBAPIError, sqlite3.Error) as error:
        raise unavailable(error, place) or error from error
    finally:
        engine.dispose()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _set_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL, which lasts. The switch does not wait for locks by itself, so first opens at once try again."""
    for left in reversed(range(_WAL_TRIES)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if left == 0 or sqlite_code(error) != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(_WAL_PAUSE)
        else:
            return


def _version(connection: Connection, place: str) -> int:
    version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    application = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
    empty = connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar_one() == 0
    if application == APPLICATION_ID or (empty and version == 0):
        return version
    raise LedgerUnavailable(
        "The file is not a ledger.",
        f"{place} is the database of another program; nothing was changed in it.",
        "Name another file in CICATRIX_DATABASE_URL.",
    )


def _upgrade(connection: Connection, target: str) -> None:
    # Alembic takes about half a second to import, so only the process that migrates pays for it.
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    script = ScriptDirectory(str(_FOLDER))
    steps = script._upgrade_revs  # noqa: SLF001 -- the function Alembic's own upgrade command hands to its environment

    def missing(revision: object, _context: object) -> object:
        return steps(target, revision)  # type: ignore[arg-type]  # Alembic types it loosely

    with EnvironmentContext(Config(), script, fn=missing, destination_rev=target) as environment:
        environment.configure(connection=connection)
        with environment.begin_transaction():
            environment.run_migrations()


def _revision_number(connection: Connection) -> int:
    """Revisions are named by their number: `0001`, `0002`."""
    return int(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
