"""The second schema: registry, lawbook store, keys, stop rules, automation policy, decisions to find, kill by action.

Frozen: a later change is a later migration. Rows of the first schema stay as they are, byte for byte.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from cicatrix.ledger.migrations.views_0002 import VIEWS
from cicatrix.ledger.types import Json, Serial, UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_HISTORY = (
    "repo_actions_registry_history",
    "registry_action_audit",
    "lawbook_versions",
    "lawbook_events",
    "stop_decision_audit",
    "automation_policy_executions",
)
_PAGE = 500


def upgrade() -> None:
    _make_registry_tables()
    _make_lawbook_tables()
    _make_audit_tables()
    _make_decisions()
    op.create_index("ix_entries_kind", "entries", ["kind", "idx"], unique=False)
    _widen_kill_switches()
    for view in VIEWS:
        op.execute(view)
    _make_guards()


def _make_guards() -> None:
    """As in the first schema: refuse UPDATE and DELETE, and an INSERT that meets a stored key.

    The label of a lawbook version is a key too: REPLACE would remove the row that bears it.
    """
    for table in _HISTORY:
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only: {verb} refused'); END"
            )
        # the names are constants of this file
        taken = f"EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"  # noqa: S608
        if table == "lawbook_versions":
            taken += (
                " OR EXISTS (SELECT 1 FROM lawbook_versions WHERE scope = NEW.scope AND host = NEW.host"
                " AND target = NEW.target AND version = NEW.version)"
            )
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {taken}"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only: replace refused'); END"
        )


def _widen_kill_switches() -> None:
    """Allow the scope `action`: SQLite cannot change a CHECK, so the table is made again with the rows that it had."""
    connection = op.get_bind()
    kept = [dict(row) for row in connection.execute(sa.text("SELECT * FROM kill_switches")).mappings()]
    op.drop_table("kill_switches")
    op.create_table(
        "kill_switches",
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.String(length=255), nullable=False),
        sa.Column("set_at", UtcTime(), nullable=False),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.CheckConstraint(
            "scope IN ('deployment', 'organisation', 'repository', 'action')", name="ck_kill_switches_scope"
        ),
        sa.PrimaryKeyConstraint("scope", "host", "target"),
    )
    if kept:
        connection.execute(
            sa.text(
                "INSERT INTO kill_switches (scope, host, target, reason, set_by, set_at, ledger_index)"
                " VALUES (:scope, :host, :target, :reason, :set_by, :set_at, :ledger_index)"
            ),
            kept,
        )


def _find_decisions() -> None:
    """One row for each decision that was recorded so far, out of its entry."""
    connection = op.get_bind()
    read = sa.text(
        "SELECT idx, kind, created_at, entry FROM entries WHERE kind LIKE '%.decided' AND idx > :after"
        " ORDER BY idx LIMIT :page"
    )
    store = sa.text(
        "INSERT INTO decisions (idx, decision_id, kind, host, repository_id, run_id, pull_request, decision,"
        " request_ref, created_at) VALUES (:idx, :decision_id, :kind, :host, :repository_id, :run_id, :pull_request,"
        " :decision, :request_ref, :created_at)"
    )
    after = -1
    while page := connection.execute(read, {"after": after, "page": _PAGE}).all():
        after = page[-1].idx
        told = [(row, json.loads(row.entry)) for row in page]
        rows = [
            {
                "idx": row.idx,
                "decision_id": entry["decisionId"],
                "kind": row.kind,
                "host": entry.get("host"),
                "repository_id": entry.get("repositoryId"),
                "run_id": entry.get("runId"),
                "pull_request": entry.get("pullRequest"),
                "decision": entry.get("decision"),
                "request_ref": entry.get("requestId"),
                "created_at": row.created_at,
            }
            for row, entry in told
            if entry.get("decisionId")
        ]
        if rows:
            connection.execute(store, rows)


def _make_registry_tables() -> None:
    op.create_table(
        "repo_actions_registry",
        sa.Column("id", Serial, nullable=False),
        sa.Column("registry_id", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=50), nullable=False),
        sa.Column("repository", sa.String(length=511), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("updated_by", sa.String(length=255), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("owner_id", sa.String(length=20), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("lines", Json, nullable=False),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("host", "repository_id", "revision", name="ux_repo_actions_registry_revision"),
    )
    op.create_index("ix_repo_actions_registry_name", "repo_actions_registry", ["host", "repository"], unique=False)
    op.create_index(
        "ux_repo_actions_registry_active",
        "repo_actions_registry",
        ["host", "repository_id"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )
    op.create_index(
        "ux_repo_actions_registry_id",
        "repo_actions_registry",
        ["registry_id"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "repo_actions_registry_history",
        sa.Column("id", Serial, nullable=False),
        sa.Column("registry_id", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=50), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("owner_id", sa.String(length=20), nullable=False),
        sa.Column("repository", sa.String(length=511), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.CheckConstraint(
            "action IN ('created', 'updated', 'activated', 'deactivated')",
            name="ck_repo_actions_registry_history_action",
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_repo_actions_registry_history_repository",
        "repo_actions_registry_history",
        ["host", "repository_id", "id"],
        unique=False,
    )
    op.create_table(
        "registry_action_audit",
        sa.Column("id", Serial, nullable=False),
        sa.Column("registry_id", sa.String(length=255), nullable=True),
        sa.Column("registry_version", sa.String(length=50), nullable=True),
        sa.Column("action_type", sa.String(length=50), nullable=False),
        sa.Column("action_status", sa.String(length=20), nullable=False),
        sa.Column("repository", sa.String(length=511), nullable=False),
        sa.Column("resource_type", sa.String(length=20), nullable=False),
        sa.Column("resource_number", sa.Integer(), nullable=True),
        sa.Column("validation_result", Json, nullable=False),
        sa.Column("executed_at", UtcTime(), nullable=False),
        sa.Column("executed_by", sa.String(length=255), nullable=False),
        sa.Column("evidence_id", sa.String(length=255), nullable=True),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=True),
        sa.Column("operation_id", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=255), nullable=False),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.CheckConstraint(
            "action_status IN ('allowed', 'blocked', 'pending_approval')", name="ck_registry_action_audit_status"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_registry_action_audit_executed",
        "registry_action_audit",
        ["host", "repository_id", "action_type", "executed_at"],
        unique=False,
    )
    op.create_index("ix_registry_action_audit_request", "registry_action_audit", ["request_id"], unique=False)


def _make_lawbook_tables() -> None:
    op.create_table(
        "lawbook_versions",
        sa.Column("id", Serial, nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("full_name", sa.String(length=511), nullable=False),
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.CheckConstraint("scope IN ('deployment', 'organisation', 'repository')", name="ck_lawbook_versions_scope"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("scope", "host", "target", "version", name="ux_lawbook_versions_label"),
    )
    op.create_table(
        "lawbook_active",
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("version_id", Serial, nullable=False),
        sa.Column("full_name", sa.String(length=511), nullable=False),
        sa.Column("activated_at", UtcTime(), nullable=False),
        sa.Column("activated_by", sa.String(length=255), nullable=False),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.PrimaryKeyConstraint("scope", "host", "target"),
    )
    op.create_table(
        "lawbook_events",
        sa.Column("id", Serial, nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("full_name", sa.String(length=511), nullable=False),
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.CheckConstraint("action IN ('activated', 'deactivated')", name="ck_lawbook_events_action"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_lawbook_events_scope", "lawbook_events", ["scope", "host", "target", "id"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("repositories", Json, nullable=True),
        sa.Column("actions", Json, nullable=True),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.Column("revoked_by", sa.String(length=255), nullable=True),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _make_audit_tables() -> None:
    op.create_table(
        "stop_decision_audit",
        sa.Column("id", Serial, nullable=False),
        sa.Column("resource_owner", sa.String(length=255), nullable=False),
        sa.Column("resource_repo", sa.String(length=255), nullable=False),
        sa.Column("pr_number", sa.Integer(), nullable=False),
        sa.Column("workflow_run_id", Serial, nullable=True),
        sa.Column("request_id", sa.String(length=255), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("reason_code", sa.String(length=100), nullable=True),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("recommended_next_step", sa.String(length=50), nullable=False),
        sa.Column("failure_class", sa.String(length=50), nullable=True),
        sa.Column("job_attempts", sa.Integer(), nullable=False),
        sa.Column("pr_attempts", sa.Integer(), nullable=False),
        sa.Column("lawbook_hash", sa.String(length=255), nullable=False),
        sa.Column("lawbook_version", sa.String(length=100), nullable=False),
        sa.Column("applied_rules", Json, nullable=False),
        sa.Column("evidence", Json, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("head_sha", sa.String(length=64), nullable=False),
        sa.Column("job_name", sa.String(length=500), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.CheckConstraint("decision IN ('CONTINUE', 'HOLD', 'KILL')", name="ck_stop_decision_audit_decision"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_stop_decision_audit_created", "stop_decision_audit", ["created_at"], unique=False)
    op.create_index(
        "ix_stop_decision_audit_job",
        "stop_decision_audit",
        ["host", "repository_id", "pr_number", "workflow_run_id", "job_name"],
        unique=False,
    )
    op.create_index("ix_stop_decision_audit_request", "stop_decision_audit", ["request_id"], unique=False)
    op.create_table(
        "automation_policy_executions",
        sa.Column("id", Serial, nullable=False),
        sa.Column("request_id", sa.String(length=255), nullable=False),
        sa.Column("action_type", sa.String(length=50), nullable=False),
        sa.Column("environment", sa.String(length=20), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("next_allowed_at", UtcTime(), nullable=True),
        sa.Column("requires_approval", sa.Boolean(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("idempotency_key_hash", sa.String(length=64), nullable=True),
        sa.Column("policy_name", sa.String(length=100), nullable=True),
        sa.Column("lawbook_version", sa.String(length=100), nullable=False),
        sa.Column("lawbook_hash", sa.String(length=255), nullable=False),
        sa.Column("resource_owner", sa.String(length=255), nullable=False),
        sa.Column("resource_repo", sa.String(length=255), nullable=False),
        sa.Column("resource_number", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("principal", sa.String(length=255), nullable=False),
        sa.Column("operation_id", sa.String(length=64), nullable=True),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_automation_policy_executions_created", "automation_policy_executions", ["created_at"], unique=False
    )
    op.create_index(
        "ix_automation_policy_executions_request", "automation_policy_executions", ["request_id"], unique=False
    )
    op.create_index(
        "ix_automation_policy_executions_runs",
        "automation_policy_executions",
        ["host", "repository_id", "action_type", "created_at"],
        unique=False,
    )


def _make_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("idx", Serial, autoincrement=False, nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=True),
        sa.Column("repository_id", sa.String(length=20), nullable=True),
        sa.Column("run_id", sa.String(length=20), nullable=True),
        sa.Column("pull_request", sa.Integer(), nullable=True),
        sa.Column("decision", sa.String(length=50), nullable=True),
        sa.Column("request_ref", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("idx"),
    )
    op.create_index("ix_decisions_decision", "decisions", ["decision_id"], unique=False)
    op.create_index(
        "ix_decisions_repository", "decisions", ["host", "repository_id", "pull_request", "idx"], unique=False
    )
    op.create_index("ix_decisions_request", "decisions", ["request_ref"], unique=False)
    op.create_table(
        "decision_inputs",
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("decision_id"),
    )
    op.create_index("ix_decision_inputs_created", "decision_inputs", ["created_at"], unique=False)
    _find_decisions()
