"""What keeps history from being changed on SQLite, and the self-test that proves it at each start.

Triggers stand in the file and hold for every program that opens it. The authorizer stands on our own connections and
also refuses what would remove the triggers (https://www.sqlite.org/c3ref/set_authorizer.html). Since it answers before
a trigger could, the self-test asks once without it and once with it.
"""

from __future__ import annotations

import sqlite3

from .errors import LedgerUnsafe, unavailable
from .tables import APPEND_ONLY, MUTABLE

_ALLOWED = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
    }
)
_CHANGES = frozenset({sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_READABLE_PRAGMAS = frozenset({"user_version", "application_id", "page_count", "data_version", "read_uncommitted"})
_OURS = frozenset((*APPEND_ONLY, *MUTABLE))
_CHANGEABLE = frozenset(MUTABLE)
_REFUSALS = frozenset({sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CONSTRAINT_TRIGGER})


def authorize(action: int, first: str | None, second: str | None, database: str | None, source: str | None) -> int:
    """An allow-list: reads, transactions, inserts into our tables, changes of the mutable ones. All else is denied:
    changes of append-only tables, DROP, ALTER, CREATE (also temporary), ATTACH, and pragmas that set anything.
    """
    del source
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_INSERT:
        allowed = first in _OURS and database == "main"
    elif action in _CHANGES:
        allowed = first in _CHANGEABLE and database == "main"
    else:
        allowed = action == sqlite3.SQLITE_PRAGMA and first in _READABLE_PRAGMAS and second is None
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


_PROBES = {
    "entries": (
        "INSERT INTO entries (idx, kind, created_at, entry, leaf_hash)"
        " SELECT coalesce(max(idx), -1) + 1, 'probe', '', '', 'probe' FROM entries"
    ),
    "job_rerun_attempts": (
        "INSERT INTO job_rerun_attempts (resource_owner, resource_repo, pr_number, workflow_run_id, job_name,"
        " attempt_number, request_id, decision, created_at, host, repository_id, workflow_id, job_key, head_sha,"
        " decision_id, ledger_index) VALUES ('', '', 0, 0, '', 0, '', 'NOOP', '', '', '', '', '', '', '', 0)"
    ),
    "workflow_action_audit": (
        "INSERT INTO workflow_action_audit (action_type, action_status, resource_type, resource_owner, resource_repo,"
        " initiated_by, initiated_at, created_at, updated_at, host, repository_id, request_id, ledger_index)"
        " VALUES ('', 'noop', '', '', '', '', '', '', '', '', '', '', 0)"
    ),
    "rerun_outcomes": (
        "INSERT INTO rerun_outcomes (operation_id, host, repository_id, run_id, head_sha, job_name, job_key, outcome,"
        " run_attempt, minutes, named, ledger_index, created_at)"
        " VALUES ('', '', '', '', '', '', '', 'unknown', 0, 0, 0, 0, '')"
    ),
    "repo_actions_registry_history": (
        "INSERT INTO repo_actions_registry_history (registry_id, version, action, content, created_at, created_by,"
        " content_hash, reason, host, repository_id, owner_id, repository, revision, file, ledger_index)"
        " VALUES ('', '', 'created', '', '', '', '', '', '', '', '', '', 0, '', 0)"
    ),
    "registry_action_audit": (
        "INSERT INTO registry_action_audit (action_type, action_status, repository, resource_type, validation_result,"
        " executed_at, executed_by, host, repository_id, request_id, ledger_index)"
        " VALUES ('', 'blocked', '', '', '', '', '', '', '', '', 0)"
    ),
    "lawbook_versions": (
        "INSERT INTO lawbook_versions (scope, host, target, full_name, version, hash, content, file, created_at,"
        " created_by, ledger_index) VALUES ('repository', '', '', '', '', '', '', '', '', '', 0)"
    ),
    "lawbook_events": (
        "INSERT INTO lawbook_events (scope, host, target, full_name, version, hash, action, reason, created_at,"
        " created_by, ledger_index) VALUES ('', '', '', '', '', '', 'activated', '', '', '', 0)"
    ),
    "stop_decision_audit": (
        "INSERT INTO stop_decision_audit (resource_owner, resource_repo, pr_number, request_id, decision, reasons,"
        " recommended_next_step, job_attempts, pr_attempts, lawbook_hash, lawbook_version, applied_rules, evidence,"
        " created_at, host, repository_id, head_sha, job_name, decision_id, ledger_index)"
        " VALUES ('', '', 0, '', 'HOLD', '', '', 0, 0, '', '', '', '', '', '', '', '', '', '', 0)"
    ),
    "automation_policy_executions": (
        "INSERT INTO automation_policy_executions (request_id, action_type, environment, allowed, reason,"
        " requires_approval, lawbook_version, lawbook_hash, resource_owner, resource_repo, created_at, host,"
        " repository_id, principal, ledger_index) VALUES ('', '', '', 0, '', 0, '', '', '', '', '', '', '', '', 0)"
    ),
    "branch_blocks": (
        "INSERT INTO branch_blocks (host, repository_id, ref, case_id, action, reason, principal, created_at,"
        " ledger_index) VALUES ('', '', '', '', 'blocked', '', '', '', 0)"
    ),
    "health_measurements": (
        "INSERT INTO health_measurements (host, repository_id, owner, repository, ref, sha, purpose, taken_at,"
        " set_hash, gate, band, report, ledger_index, created_at)"
        " VALUES ('', '', '', '', '', '', 'gate', '', '', '', '', '', 0, '')"
    ),
}
_RELABELLED = (
    "INSERT OR REPLACE INTO lawbook_versions (id, scope, host, target, full_name, version, hash, content, file,"
    " created_at, created_by, ledger_index) SELECT id + 1, scope, host, target, full_name, version, hash, content,"
    " file, created_at, created_by, ledger_index FROM lawbook_versions "
)
"""Replaces a row through its other key, the label."""
_KEYS = {"entries": "idx"}
_STRUCTURE = (
    "DROP TABLE entries",
    "DROP TRIGGER entries_no_update",
    "DROP INDEX ix_entries_run",
    "DROP VIEW recent_job_reruns",
    "ALTER TABLE entries RENAME TO gone",
    "ALTER TABLE entries ADD COLUMN extra TEXT",
    "CREATE TEMP TABLE entries (idx INTEGER)",
    "CREATE TEMP TRIGGER t AFTER INSERT ON slots BEGIN SELECT 1; END",
    "CREATE TRIGGER t AFTER INSERT ON slots BEGIN SELECT 1; END",
    "ATTACH DATABASE ':memory:' AS other",
    "PRAGMA writable_schema = ON",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA user_version = 0",
)


def forbidden(table: str, key: int) -> tuple[str, ...]:
    """Statements that would change the row `key` of an append-only table, each of which must fail."""
    column = _KEYS.get(table, "id")
    row = f"WHERE {column} = {key}"
    # table and column names are constants of this module, the key is a number
    changes = (
        f"UPDATE {table} SET {column} = {column} {row}",  # noqa: S608
        f"UPDATE OR IGNORE {table} SET {column} = {column} {row}",  # noqa: S608
        f"DELETE FROM {table} {row}",  # noqa: S608
        f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} {row}",  # noqa: S608
        f"INSERT INTO {table} SELECT * FROM {table} {row} ON CONFLICT DO UPDATE SET {column} = -1",  # noqa: S608
    )
    return (*changes, _RELABELLED + row) if table == "lawbook_versions" else changes


def self_test(connection: sqlite3.Connection, place: str) -> None:
    """Try to change history on probe rows, without and then with the authorizer, and roll all of it back.

    Leaves the authorizer installed. Raises `LedgerUnsafe` when a statement succeeds, `LedgerUnavailable` when the file
    cannot be written at all.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            rows = {table: connection.execute(sql).lastrowid or 0 for table, sql in _PROBES.items()}
            changes = [statement for table, row in rows.items() for statement in forbidden(table, row)]
            for statement in changes:
                _must_fail(connection, statement, place, "the triggers")
            connection.set_authorizer(authorize)
            for statement in (*changes, *_STRUCTURE):
                _must_fail(connection, statement, place, "the authorizer")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise unavailable(error, place) or _unsafe(place, f"the self-test could not run: {error}") from error


def _must_fail(connection: sqlite3.Connection, statement: str, place: str, guard: str) -> None:
    try:
        connection.execute(statement)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode in _REFUSALS:
            return
        raise unavailable(error, place) or _unsafe(place, f"`{statement}` failed for another reason: {error}") from None
    raise _unsafe(place, f"`{statement}` succeeded although {guard} should refuse it")


def _unsafe(place: str, why: str) -> LedgerUnsafe:
    return LedgerUnsafe(
        "The ledger no longer refuses changes of its history, so it was not opened.",
        f"{place}: {why}.",
        "Run `cicatrix ledger verify` against a head you kept; restore the file from a backup, or keep it as evidence.",
    )
