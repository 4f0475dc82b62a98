"""History cannot be changed: not by us, not by a program that only opens the file, and a missing guard is noticed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from cicatrix.ledger import Ledger, LedgerUnsafe
from cicatrix.ledger.address import parse
from cicatrix.ledger.connect import connect
from cicatrix.ledger.guards import authorize
from cicatrix.ledger.tables import APPEND_ONLY
from tests.ledger.helpers import attempt, audit, measurement, open_ledger, outcome
from tests.ledger.policy_values import (
    activate_lawbook,
    activate_registry,
    automation,
    registry,
    registry_audit,
    stop,
)

KEYS = {"entries": "idx"}


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """A ledger with at least two rows in each append-only table."""
    for n in range(2):
        with ledger.write("fill") as tx:
            index = tx.append("rerun.decided", {"decisionId": f"d{n}"})
            tx.record_attempts([attempt(ledger_index=index)])
            tx.record_audit(audit(ledger_index=index))
            tx.record_outcome(outcome(ledger_index=index))
            tx.record_registry_audit(registry_audit(ledger_index=index))
            tx.record_stop(stop(ledger_index=index))
            tx.record_automation(automation(ledger_index=index))
            activate_registry(tx, registry(f"retries: {n}"))
            activate_lawbook(tx, version=f"2026-11-22.{n}")
            tx.block_branch("github.com", "100", "refs/heads/main", f"case{n}", "rolled back", "octavia")
            tx.record_measurement(measurement())
    return ledger


@pytest.fixture
def raw(filled: Ledger, path: Path) -> Iterator[sqlite3.Connection]:
    """Another program on the same file: no authorizer, the triggers alone."""
    filled.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def guarded(filled: Ledger, path: Path) -> Iterator[sqlite3.Connection]:
    """A connection as ours are: with the authorizer."""
    filled.close()
    with closing(connect(parse(str(path)))) as connection:
        connection.set_authorizer(authorize)
        yield connection


def attacks(table: str) -> list[str]:
    key = KEYS.get(table, "id")
    columns = "executed_at" if table == "registry_action_audit" else "created_at"
    by_label = (
        f"INSERT OR REPLACE INTO {table} SELECT * FROM (SELECT id + 100, scope, host, target, full_name, version, hash,"
        f" 'another', file, created_at, created_by, ledger_index FROM {table})"
    )
    return [
        *([by_label] if table == "lawbook_versions" else []),
        f"UPDATE {table} SET {columns} = 'x'",
        f"UPDATE {table} SET {columns} = 'x' WHERE {key} = 1",
        f"UPDATE OR IGNORE {table} SET {columns} = 'x'",
        f"UPDATE OR REPLACE {table} SET {key} = {key} + 1",
        f"DELETE FROM {table}",
        f"DELETE FROM {table} WHERE {key} = 1",
        f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} WHERE {key} = 1",
        f"REPLACE INTO {table} SELECT * FROM {table}",
        f"INSERT OR IGNORE INTO {table} SELECT * FROM {table} WHERE {key} = 1",
        f"INSERT INTO {table} SELECT * FROM {table} WHERE {key} = 1 ON CONFLICT DO UPDATE SET {columns} = 'x'",
    ]


def snapshot(connection: sqlite3.Connection) -> dict[str, list[object]]:
    return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in APPEND_ONLY}


@pytest.mark.shows("LG-7", "A18", "D12")
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_another_program_cannot_change_history_through_the_triggers(raw: sqlite3.Connection, table: str) -> None:
    before = snapshot(raw)
    for statement in attacks(table):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(statement)
    assert snapshot(raw) == before
    assert all(len(rows) >= 2 for rows in before.values())


@pytest.mark.shows("LG-7", "D12")
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_our_own_connections_cannot_change_history(guarded: sqlite3.Connection, table: str) -> None:
    before = snapshot(guarded)
    for statement in attacks(table):
        with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|append-only"):
            guarded.execute(statement)
    assert snapshot(guarded) == before


@pytest.mark.shows("LG-7", "D12")
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_our_own_connections_are_refused_before_any_trigger(guarded: sqlite3.Connection, table: str) -> None:
    """Two guards, and neither stands in for the other: a trigger can be dropped by whoever opens the file."""
    for statement in attacks(table):
        if statement.startswith(("UPDATE", "DELETE")):
            with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
                guarded.execute(statement)


@pytest.mark.shows("LG-7", "D12")
@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE entries",
        "DROP TABLE slots",
        "DROP TRIGGER entries_no_update",
        "DROP INDEX ix_entries_run",
        "DROP VIEW recent_job_reruns",
        "ALTER TABLE entries RENAME TO gone",
        "ALTER TABLE entries ADD COLUMN extra TEXT",
        "ALTER TABLE entries DROP COLUMN kind",
        "CREATE TABLE other (id INTEGER)",
        "CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM slots; END",
        "CREATE TEMP TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM slots; END",
        "CREATE TEMP TABLE entries (idx INTEGER)",
        "CREATE TEMP VIEW entries AS SELECT 1",
        "ATTACH DATABASE ':memory:' AS other",
        "PRAGMA writable_schema = ON",
        "PRAGMA recursive_triggers = OFF",
        "PRAGMA ignore_check_constraints = ON",
        "PRAGMA user_version = 0",
        "PRAGMA journal_mode = DELETE",
        "REINDEX",
        "INSERT INTO sqlite_master VALUES ('table', 'x', 'x', 0, '')",
    ],
)
def test_our_own_connections_cannot_remove_the_guards(guarded: sqlite3.Connection, statement: str) -> None:
    with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|prohibited|may not be modified"):
        guarded.execute(statement)


def test_every_table_with_guards_is_known_as_append_only(raw: sqlite3.Connection) -> None:
    guarded = raw.execute("SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'trigger'")
    assert {name for (name,) in guarded} == set(APPEND_ONLY)


def test_an_entry_cannot_be_inserted_with_a_gap_or_before_the_end(raw: sqlite3.Connection) -> None:
    for index in (-1, 0, 1, 3, 99):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(
                "INSERT INTO entries (idx, kind, created_at, entry, leaf_hash) VALUES (?, '', '', '', 'h')", [index]
            )


def test_every_pooled_connection_bears_the_authorizer(filled: Ledger) -> None:
    with filled.read() as one, filled.read() as two, filled.read() as three:
        for view in (one, two, three):
            with pytest.raises(DBAPIError, match="not authorized"):
                view._connection.exec_driver_sql("DROP TABLE entries")


@pytest.mark.shows("LG-7", "T29")
@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("guard", ["no_update", "no_delete", "no_replace"])
def test_the_self_test_refuses_a_file_whose_guard_was_removed(
    path: Path, ledger: Ledger, table: str, guard: str
) -> None:
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"DROP TRIGGER {table}_{guard}")
    with pytest.raises(LedgerUnsafe) as caught:
        open_ledger(path)
    assert table in caught.value.why
    assert "succeeded" in caught.value.why


@pytest.mark.shows("LG-7", "T29")
def test_the_self_test_refuses_a_guard_that_was_made_harmless(path: Path, ledger: Ledger) -> None:
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER entries_no_delete")
        connection.execute("CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN SELECT 1; END")
    with pytest.raises(LedgerUnsafe, match="DELETE FROM entries"):
        open_ledger(path)


def test_the_self_test_leaves_nothing_behind(path: Path, filled: Ledger) -> None:
    filled.close()
    with closing(sqlite3.connect(path)) as connection:
        before = list(connection.iterdump())
    open_ledger(path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before


def test_writes_are_durable_before_they_are_acknowledged(path: Path, ledger: Ledger) -> None:
    """WAL with synchronous = FULL (2): a commit reaches the disk before it returns."""
    ledger.close()
    with closing(connect(parse(str(path)))) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
