"""Files of an older schema, in use: made by the product's own migrations, filled with rows that the product wrote."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from cicatrix.ledger.address import parse
from cicatrix.ledger.connect import connect
from cicatrix.ledger.migrate import migrate

MADE = (
    sqlite3.SQLITE_CREATE_TABLE,
    sqlite3.SQLITE_CREATE_INDEX,
    sqlite3.SQLITE_CREATE_VIEW,
    sqlite3.SQLITE_CREATE_TRIGGER,
    sqlite3.SQLITE_DROP_TABLE,
)


def columns(connection: sqlite3.Connection, table: str, schema: str = "main") -> str:
    return ", ".join(f'"{row[1]}"' for row in connection.execute(f"PRAGMA {schema}.table_info({table})"))


def copy_back(new: Path, old: Path, revision: str, tables: Iterable[str]) -> None:
    """Make a file of that schema and give it the rows of the new one, as far as it has their columns."""
    migrate(lambda: connect(parse(str(old))), str(old), target=revision)
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("ATTACH DATABASE ? AS new", (str(new),))
        for table in tables:
            known = columns(connection, table)
            connection.execute(f"INSERT INTO {table} ({known}) SELECT {known} FROM new.{table}")
        connection.commit()


def known_columns(path: Path, tables: Iterable[str]) -> dict[str, str]:
    """The columns of each table, to be asked for again when there are more."""
    with closing(sqlite3.connect(path)) as connection:
        return {table: columns(connection, table) for table in tables}


def rows(path: Path, table: str, known: str = "*") -> list[object]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT {known} FROM {table} ORDER BY 1, 2, 3").fetchall()


def structure(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()


def schema_version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def failing_after(path: Path, stop: int) -> Callable[[], sqlite3.Connection]:
    """Makes connections whose disk gives out at the n-th piece of schema."""

    def creator() -> sqlite3.Connection:
        connection = connect(parse(str(path)))
        made = 0

        def authorizer(action: int, *_: object) -> int:
            nonlocal made
            made += action in MADE
            return sqlite3.SQLITE_DENY if made >= stop else sqlite3.SQLITE_OK

        connection.set_authorizer(authorizer)
        return connection

    return creator
