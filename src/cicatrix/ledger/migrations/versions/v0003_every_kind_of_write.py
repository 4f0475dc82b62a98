"""The third schema: every kind of write, cases of a ref, leases, blocked branches, measurements, credentials.

Frozen: a later change is a later migration. Rows stay as they are; new columns are nullable or have a default, so that
a process of the version before, which is still running, may go on writing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cicatrix.ledger.types import Json, Serial, UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_HISTORY = ("branch_blocks", "health_measurements")
_CASE = (
    "id, host, repository_id, owner, repository, run_id, pull_request, head_sha, state, wake_at, awaits, epoch,"
    " opened_at, updated_at, schema, lease_until, operation_id, note, data"
)


def upgrade() -> None:
    _find_entries_by_case()
    _widen_operations()
    _widen_cases()
    _make_tables()
    _make_guards()


def _index(name: str, table: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    """An index over a part of the rows."""
    told = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, sqlite_where=told, postgresql_where=told)


def _find_entries_by_case() -> None:
    """Copy the case id out of the text. The guard against UPDATE steps aside within this transaction; no other column,
    and above all no text and no hash, is touched.
    """
    op.add_column("entries", sa.Column("case_id", sa.String(length=64), nullable=True))
    op.execute("DROP TRIGGER entries_no_update")
    op.execute(
        "UPDATE entries SET case_id = json_extract(entry, '$.caseId')"
        " WHERE entry LIKE '%\"caseId\":\"_%' AND json_extract(entry, '$.caseId') <> ''"
    )
    op.execute(
        "CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries"
        " BEGIN SELECT RAISE(ABORT, 'entries is append-only: update refused'); END"
    )
    _index("ix_entries_case", "entries", ["case_id"], "case_id IS NOT NULL")


def _widen_operations() -> None:
    """At most one open operation is now one for each kind and target; a rerun's target is empty, so its bound stays."""
    op.add_column("operations", sa.Column("case_id", sa.String(length=64), nullable=True))
    op.add_column(
        "operations", sa.Column("target", sa.String(length=300), server_default=sa.text("''"), nullable=False)
    )
    op.add_column("operations", sa.Column("params", Json, server_default=sa.text("'{}'"), nullable=False))
    op.drop_index("ux_operations_open", "operations")
    key = ["host", "repository_id", "run_id", "kind", "target"]
    _index("ux_operations_open", "operations", key, "state IN ('SENT', 'DEFERRED')", unique=True)
    _index("ix_operations_case", "operations", ["case_id"], "case_id IS NOT NULL")
    _index(
        "ix_operations_target", "operations", ["host", "repository_id", "kind", "target", "created_at"], "target <> ''"
    )


def _widen_cases() -> None:
    """Allow cases without a run: SQLite cannot drop a UNIQUE, so the table is made again with the rows that it had."""
    op.execute("CREATE TABLE cases_kept AS SELECT * FROM cases")
    op.drop_table("cases")
    op.create_table(
        "cases",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("repository", sa.String(length=255), nullable=False),
        sa.Column("run_id", sa.String(length=20), nullable=False),
        sa.Column("pull_request", sa.Integer(), nullable=False),
        sa.Column("head_sha", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("wake_at", UtcTime(), nullable=True),
        sa.Column("awaits", sa.String(length=255), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("opened_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("lease_until", UtcTime(), nullable=True),
        sa.Column("operation_id", sa.String(length=64), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("ref", sa.String(length=300), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_cases_wake", "cases", ["wake_at"], unique=False)
    _index("ux_cases_run", "cases", ["host", "repository_id", "run_id"], "run_id <> ''", unique=True)
    _index("ux_cases_ref", "cases", ["host", "repository_id", "ref", "head_sha"], "run_id = ''", unique=True)
    op.execute(f"INSERT INTO cases ({_CASE}) SELECT {_CASE} FROM cases_kept")  # noqa: S608 -- a constant of this file
    op.drop_table("cases_kept")


def _make_tables() -> None:
    op.create_table(
        "ref_leases",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("ref", sa.String(length=300), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("host", "repository_id", "ref"),
    )
    op.create_table(
        "branch_blocks",
        sa.Column("id", Serial, nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("ref", sa.String(length=300), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("principal", sa.String(length=255), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.CheckConstraint("action IN ('blocked', 'released')", name="ck_branch_blocks_action"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_branch_blocks_case", "branch_blocks", ["case_id"], unique=False)
    op.create_index("ix_branch_blocks_ref", "branch_blocks", ["host", "repository_id", "ref"], unique=False)
    _make_measurements()
    op.create_table(
        "credentials_seen",
        sa.Column("slot", sa.String(length=100), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("first_seen", UtcTime(), nullable=False),
        sa.Column("last_used", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("slot", "fingerprint"),
    )


def _make_measurements() -> None:
    op.create_table(
        "health_measurements",
        sa.Column("id", Serial, nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("repository", sa.String(length=255), nullable=False),
        sa.Column("ref", sa.String(length=300), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=True),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("taken_at", UtcTime(), nullable=False),
        sa.Column("set_hash", sa.String(length=64), nullable=False),
        sa.Column("confidence", sa.Integer(), nullable=True),
        sa.Column("health", sa.Integer(), nullable=True),
        sa.Column("ready", sa.Boolean(), nullable=True),
        sa.Column("gate", sa.String(length=20), nullable=False),
        sa.Column("band", sa.String(length=20), nullable=False),
        sa.Column("report", Json, nullable=False),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('gate', 'before', 'after', 'validation', 'culprit')", name="ck_health_measurements_purpose"
        ),
        sa.CheckConstraint("confidence BETWEEN 0 AND 100", name="ck_health_measurements_confidence"),
        sa.CheckConstraint("health BETWEEN 0 AND 100", name="ck_health_measurements_health"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_health_measurements_case", "health_measurements", ["case_id"], unique=False)
    op.create_index(
        "ix_health_measurements_ref", "health_measurements", ["host", "repository_id", "ref", "id"], unique=False
    )
    op.create_index(
        "ix_health_measurements_sha", "health_measurements", ["host", "repository_id", "sha", "id"], unique=False
    )


def _make_guards() -> None:
    """As in the schemas before: refuse UPDATE and DELETE, and an INSERT that meets a stored key."""
    for table in _HISTORY:
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only: {verb} refused'); END"
            )
        # the names are constants of this file
        taken = f"EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"  # noqa: S608
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {taken}"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only: replace refused'); END"
        )
