"""Migrations: they make the tables that the code works with, all or nothing, and leave data alone."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from cicatrix.ledger import Ledger, LedgerUnavailable, LedgerUnsafe
from cicatrix.ledger.address import parse
from cicatrix.ledger.connect import connect
from cicatrix.ledger.migrate import APPLICATION_ID, SCHEMA_VERSION, migrate
from cicatrix.ledger.tables import APPEND_ONLY, MUTABLE, metadata
from tests.ledger.helpers import intend, open_ledger, operation

VERSIONS = Path("src/cicatrix/ledger/migrations/versions")


def pieces(sql: str) -> list[str]:
    """The parts of a CREATE statement, in an order that does not depend on who wrote it."""
    listed = re.sub(r",(?![^()]*\))", "\n", re.sub(r"(?s)\A([^(]*\()(.*)\)", r"\1\n\2\n)", sql))
    return sorted(part.strip() for part in re.sub(r"[ \t]+", " ", listed).splitlines() if part.strip())


def schema(connection: sqlite3.Connection) -> dict[str, list[str]]:
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL"
        " AND name <> 'alembic_version'"
    )
    return {name: pieces(sql) for name, sql in rows}


def test_the_migrations_make_the_tables_that_the_code_knows(path: Path, ledger: Ledger, tmp_path: Path) -> None:
    ledger.close()
    engine = create_engine(f"sqlite:///{tmp_path}/wanted.db")
    metadata.create_all(engine)
    engine.dispose()
    with closing(sqlite3.connect(path)) as ours, closing(sqlite3.connect(tmp_path / "wanted.db")) as wanted:
        assert schema(ours) == schema(wanted)
        tables = {name for (name,) in ours.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {*APPEND_ONLY, *MUTABLE, "alembic_version"}


def test_the_schema_version_is_the_number_of_migrations() -> None:
    folder = Path(__file__).parents[2] / VERSIONS
    assert len(list(folder.glob("v[0-9]*.py"))) == SCHEMA_VERSION


def test_a_file_bears_its_version_and_its_owner(path: Path, ledger: Ledger) -> None:
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_migrating_a_file_with_data_again_changes_nothing(path: Path, ledger: Ledger) -> None:
    intend(ledger, operation())
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        before = list(connection.iterdump())
        connection.execute("PRAGMA user_version = 0")
    again = open_ledger(path)
    with again.read() as view:
        assert view.operation("op1")
    again.close()
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


@pytest.mark.shows("F18")
@pytest.mark.parametrize("stop", [1, 2, 20, 60, 100])
def test_a_migration_stopped_half_way_leaves_nothing_and_runs_again(path: Path, stop: int) -> None:
    def creator() -> sqlite3.Connection:
        """A connection whose disk gives out at the n-th piece of schema."""
        connection = connect(parse(str(path)))
        made = 0

        def authorizer(action: int, *_: object) -> int:
            nonlocal made
            made += action in (sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_INSERT)
            return sqlite3.SQLITE_DENY if made >= stop else sqlite3.SQLITE_OK

        connection.set_authorizer(authorizer)
        return connection

    with pytest.raises(Exception, match=r"not authorized|prohibited"):
        migrate(creator, str(path))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    ledger = open_ledger(path)
    assert intend(ledger, operation())
    ledger.close()


def test_alembic_is_imported_by_a_migration_only(path: Path, ledger: Ledger) -> None:
    ledger.close()
    script = (
        "import sys; from tests.ledger.helpers import open_ledger; open_ledger(sys.argv[1]).close();"
        "print('alembic' in sys.modules)"
    )

    def imported(file: Path) -> str:
        return subprocess.run(
            [sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=True
        ).stdout.strip()

    assert imported(path) == "False"
    assert imported(path.with_name("new.db")) == "True"


def test_opening_a_ready_file_is_cheap(path: Path, ledger: Ledger) -> None:
    """Under 20 ms with the self-test, by processor time and the best of five: a busy machine does not matter."""
    ledger.close()

    def cost() -> float:
        before = time.process_time()
        open_ledger(path).close()
        return time.process_time() - before

    assert min(cost() for _ in range(5)) < 0.020


def test_a_file_whose_table_was_dropped_is_not_opened(path: Path, ledger: Ledger) -> None:
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE rerun_outcomes")
    with pytest.raises((LedgerUnsafe, LedgerUnavailable), match="rerun_outcomes"):
        open_ledger(path)
