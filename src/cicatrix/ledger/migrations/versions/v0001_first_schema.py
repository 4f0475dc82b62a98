"""The first schema: entries, the seed's tables and views, operations and their slots, cases, requests, texts.

Frozen: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cicatrix.ledger.types import Json, Serial, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEYS = {"entries": "idx", "job_rerun_attempts": "id", "workflow_action_audit": "id", "rerun_outcomes": "id"}


def upgrade() -> None:
    _make_tables()
    _make_views()
    _make_guards()


def _make_views() -> None:
    for view in _VIEWS:
        op.execute(view)


def _make_guards() -> None:
    """Refuse UPDATE and DELETE, and an INSERT that meets a stored key: REPLACE would remove the stored row without
    firing a DELETE trigger (https://www.sqlite.org/lang_createtrigger.html, pragma recursive_triggers).
    """
    for table, key in _KEYS.items():
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only: {verb} refused'); END"
            )
        # the names are constants of this file
        taken = f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"  # noqa: S608
        if table == "entries":
            # the only next index is max + 1: no gap, and a stored index or hash never comes twice
            taken = (
                "NEW.idx IS NOT (SELECT coalesce(max(idx), -1) + 1 FROM entries)"
                " OR EXISTS (SELECT 1 FROM entries WHERE leaf_hash = NEW.leaf_hash)"
            )
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {taken}"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only: replace refused'); END"
        )


_VIEWS = (
    """
    CREATE VIEW job_rerun_attempt_counts AS
    SELECT resource_owner, resource_repo, pr_number, workflow_run_id, job_name,
           sum(CASE WHEN decision = 'RERUN_TRIGGERED' THEN 1 ELSE 0 END) AS total_attempts,
           max(attempt_number) AS max_attempt_number,
           max(created_at) AS last_attempt_at,
           max(history) AS decision_history
    FROM (
        SELECT resource_owner, resource_repo, pr_number, workflow_run_id, job_name, decision, attempt_number,
               created_at,
               json_group_array(decision) OVER (
                   PARTITION BY resource_owner, resource_repo, pr_number, workflow_run_id, job_name
                   ORDER BY created_at, id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
               ) AS history
        FROM job_rerun_attempts
    ) AS ordered
    GROUP BY resource_owner, resource_repo, pr_number, workflow_run_id, job_name
    """,
    """
    CREATE VIEW recent_job_reruns AS
    SELECT resource_owner || '/' || resource_repo AS repository, pr_number, workflow_run_id, job_name, attempt_number,
           decision, reason_code, request_id, created_at
    FROM job_rerun_attempts ORDER BY created_at DESC, id DESC LIMIT 100
    """,
    """
    CREATE VIEW recent_workflow_actions AS
    SELECT id, action_type, action_status, resource_type, resource_owner || '/' || resource_repo AS repository,
           resource_number, initiated_by, initiated_at, completed_at, error_message
    FROM workflow_action_audit ORDER BY created_at DESC, id DESC LIMIT 100
    """,
    """
    CREATE VIEW job_rerun_results AS
    SELECT a.id AS attempt_id, a.resource_owner, a.resource_repo, a.pr_number, a.workflow_run_id, a.job_name,
           a.attempt_number, a.decision, a.reason_code, a.failure_class, a.request_id, a.operation_id,
           a.operation_state, a.created_at AS decided_at, o.outcome, o.run_attempt, o.minutes, o.named,
           o.signature_before, o.signature_after, o.created_at AS judged_at
    FROM job_rerun_attempts AS a
    LEFT JOIN rerun_outcomes AS o ON o.operation_id = a.operation_id AND o.job_name = a.job_name
    """,
)


def _make_tables() -> None:
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
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("host", "repository_id", "run_id", name="ux_cases_run"),
    )
    op.create_index("ix_cases_wake", "cases", ["wake_at"], unique=False)
    op.create_table(
        "entries",
        sa.Column("idx", Serial, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("leaf_hash", sa.String(length=64), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=True),
        sa.Column("operation_id", sa.String(length=64), nullable=True),
        sa.Column("host", sa.String(length=255), nullable=True),
        sa.Column("repository_id", sa.String(length=20), nullable=True),
        sa.Column("run_id", sa.String(length=20), nullable=True),
        sa.PrimaryKeyConstraint("idx"),
        sa.UniqueConstraint("leaf_hash"),
    )
    op.create_index("ix_entries_decision", "entries", ["decision_id"], unique=False)
    op.create_index("ix_entries_operation", "entries", ["operation_id"], unique=False)
    op.create_index("ix_entries_run", "entries", ["host", "repository_id", "run_id"], unique=False)
    op.create_table(
        "flags",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "identity_conflicts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("run_id", sa.String(length=20), nullable=False),
        sa.Column("run_attempt", sa.Integer(), nullable=False),
        sa.Column("opened_at", UtcTime(), nullable=False),
        sa.Column("opened_index", Serial, nullable=False),
        sa.Column("resolved_at", UtcTime(), nullable=True),
        sa.Column("resolved_index", Serial, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("host", "repository_id", "run_id", "run_attempt", name="ux_identity_conflicts_attempt"),
    )
    op.create_table(
        "job_rerun_attempts",
        sa.Column("id", Serial, nullable=False),
        sa.Column("resource_owner", sa.String(length=255), nullable=False),
        sa.Column("resource_repo", sa.String(length=255), nullable=False),
        sa.Column("pr_number", sa.Integer(), nullable=False),
        sa.Column("workflow_run_id", Serial, nullable=False),
        sa.Column("job_name", sa.String(length=500), nullable=False),
        sa.Column("attempt_number", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=255), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("reason_code", sa.String(length=100), nullable=True),
        sa.Column("reasons", Json, nullable=True),
        sa.Column("prior_conclusion", sa.String(length=50), nullable=True),
        sa.Column("failure_class", sa.String(length=50), nullable=True),
        sa.Column("lawbook_hash", sa.String(length=255), nullable=True),
        sa.Column("max_attempts_limit", sa.Integer(), server_default="2", nullable=False),
        sa.Column("github_response", Json, nullable=True),
        sa.Column("github_error", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("workflow_id", sa.String(length=20), nullable=False),
        sa.Column("job_id", sa.String(length=20), nullable=True),
        sa.Column("job_key", sa.String(length=1000), nullable=False),
        sa.Column("head_sha", sa.String(length=64), nullable=False),
        sa.Column("run_attempt_before", sa.Integer(), nullable=True),
        sa.Column("run_attempt_after", sa.Integer(), nullable=True),
        sa.Column("triggering_actor", sa.String(length=255), nullable=True),
        sa.Column("operation_id", sa.String(length=64), nullable=True),
        sa.Column("operation_state", sa.String(length=20), nullable=True),
        sa.Column("rule_id", sa.String(length=255), nullable=True),
        sa.Column("evidence_ref", sa.String(length=64), nullable=True),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.Column("signature", sa.String(length=255), nullable=True),
        sa.CheckConstraint("decision IN ('RERUN_TRIGGERED', 'NOOP', 'BLOCKED')", name="ck_job_rerun_attempts_decision"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_job_rerun_attempts_key",
        "job_rerun_attempts",
        ["resource_owner", "resource_repo", "pr_number", "workflow_run_id", "job_name"],
        unique=False,
    )
    op.create_index(
        "ix_job_rerun_attempts_run", "job_rerun_attempts", ["host", "repository_id", "workflow_run_id"], unique=False
    )
    op.create_table(
        "kill_switches",
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.String(length=255), nullable=False),
        sa.Column("set_at", UtcTime(), nullable=False),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.CheckConstraint("scope IN ('deployment', 'organisation', 'repository')", name="ck_kill_switches_scope"),
        sa.PrimaryKeyConstraint("scope", "host", "target"),
    )
    op.create_table(
        "operations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("verb", sa.String(length=30), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("owner_id", sa.String(length=20), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("repository", sa.String(length=255), nullable=False),
        sa.Column("run_id", sa.String(length=20), nullable=False),
        sa.Column("target_job_id", sa.String(length=20), nullable=True),
        sa.Column("pull_request", sa.Integer(), nullable=False),
        sa.Column("head_sha", sa.String(length=64), nullable=False),
        sa.Column("base_attempt", sa.Integer(), nullable=False),
        sa.Column("named", Json, nullable=False),
        sa.Column("dependants", Json, nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=255), nullable=False),
        sa.Column("principal", sa.String(length=255), nullable=False),
        sa.Column("identity", sa.String(length=255), nullable=False),
        sa.Column("identity_shared", sa.Boolean(), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("sent_at", UtcTime(), nullable=True),
        sa.Column("not_before", UtcTime(), nullable=True),
        sa.Column("settled_at", UtcTime(), nullable=True),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("decided_index", Serial, nullable=True),
        sa.Column("intended_index", Serial, nullable=True),
        sa.Column("settled_index", Serial, nullable=True),
        sa.Column("judged_attempt", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "state IN ('SENT', 'DEFERRED', 'CONFIRMED', 'REFUSED', 'INDETERMINATE')", name="ck_operations_state"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_operations_owner", "operations", ["host", "owner_id", "created_at"], unique=False)
    op.create_index("ix_operations_repository", "operations", ["host", "repository_id", "created_at"], unique=False)
    op.create_index("ix_operations_request", "operations", ["request_id"], unique=False)
    op.create_index("ix_operations_run", "operations", ["host", "repository_id", "run_id"], unique=False)
    op.create_index("ix_operations_sha", "operations", ["host", "repository_id", "head_sha"], unique=False)
    op.create_index("ix_operations_state", "operations", ["state", "created_at"], unique=False)
    op.create_index(
        "ux_operations_open",
        "operations",
        ["host", "repository_id", "run_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('SENT', 'DEFERRED')"),
        postgresql_where=sa.text("state IN ('SENT', 'DEFERRED')"),
    )
    op.create_table(
        "pacing",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("identity", sa.String(length=255), nullable=False),
        sa.Column("next_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("host", "identity"),
    )
    op.create_table(
        "requests",
        sa.Column("request_id", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("lease_until", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_table(
        "rerun_outcomes",
        sa.Column("id", Serial, nullable=False),
        sa.Column("operation_id", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("run_id", sa.String(length=20), nullable=False),
        sa.Column("head_sha", sa.String(length=64), nullable=False),
        sa.Column("job_name", sa.String(length=500), nullable=False),
        sa.Column("job_key", sa.String(length=1000), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("run_attempt", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("signature_before", sa.String(length=255), nullable=True),
        sa.Column("signature_after", sa.String(length=255), nullable=True),
        sa.Column("named", sa.Boolean(), nullable=False),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('healed', 'failed_same', 'failed_other', 'cancelled', 'unknown')",
            name="ck_rerun_outcomes_outcome",
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_rerun_outcomes_operation", "rerun_outcomes", ["operation_id"], unique=False)
    op.create_index(
        "ix_rerun_outcomes_sha", "rerun_outcomes", ["host", "repository_id", "head_sha", "job_key"], unique=False
    )
    op.create_table(
        "slots",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=1100), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("operation_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("run_id", sa.String(length=20), nullable=False),
        sa.Column("head_sha", sa.String(length=64), nullable=False),
        sa.Column("job_name", sa.String(length=500), nullable=False),
        sa.Column("job_key", sa.String(length=1000), nullable=False),
        sa.CheckConstraint("scope IN ('run_job', 'sha_job')", name="ck_slots_scope"),
        sa.CheckConstraint("n BETWEEN 1 AND 5", name="ck_slots_cap"),
        sa.UniqueConstraint("host", "scope", "key", "n", name="ux_slots_number"),
    )
    op.create_index("ix_slots_operation", "slots", ["operation_id"], unique=False)
    op.create_index("ix_slots_run", "slots", ["host", "scope", "repository_id", "run_id"], unique=False)
    op.create_index("ix_slots_sha", "slots", ["host", "scope", "repository_id", "head_sha"], unique=False)
    op.create_table(
        "texts",
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("salt", sa.String(length=64), nullable=True),
        sa.Column("clear", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("ref"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "workflow_action_audit",
        sa.Column("id", Serial, nullable=False),
        sa.Column("action_type", sa.String(length=50), nullable=False),
        sa.Column("action_status", sa.String(length=20), server_default="pending", nullable=False),
        sa.Column("resource_type", sa.String(length=20), nullable=False),
        sa.Column("resource_owner", sa.String(length=255), nullable=False),
        sa.Column("resource_repo", sa.String(length=255), nullable=False),
        sa.Column("resource_number", sa.Integer(), nullable=True),
        sa.Column("initiated_by", sa.String(length=255), nullable=False),
        sa.Column("initiated_at", UtcTime(), nullable=False),
        sa.Column("completed_at", UtcTime(), nullable=True),
        sa.Column("action_params", Json, nullable=True),
        sa.Column("action_result", Json, nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_details", Json, nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.String(length=20), nullable=False),
        sa.Column("request_id", sa.String(length=255), nullable=False),
        sa.Column("operation_id", sa.String(length=64), nullable=True),
        sa.Column("ledger_index", Serial, nullable=False),
        sa.CheckConstraint(
            "action_status IN ('pending', 'completed', 'failed', 'noop', 'blocked')",
            name="ck_workflow_action_audit_status",
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_workflow_action_audit_initiator", "workflow_action_audit", ["initiated_by"], unique=False)
    op.create_index("ix_workflow_action_audit_request", "workflow_action_audit", ["request_id"], unique=False)
    op.create_index(
        "ix_workflow_action_audit_resource",
        "workflow_action_audit",
        ["resource_type", "resource_owner", "resource_repo", "resource_number"],
        unique=False,
    )
    op.create_index("ix_workflow_action_audit_status", "workflow_action_audit", ["action_status"], unique=False)
    op.create_index("ix_workflow_action_audit_type", "workflow_action_audit", ["action_type"], unique=False)
    op.create_index(
        "ix_job_rerun_attempts_pr",
        "job_rerun_attempts",
        ["resource_owner", "resource_repo", "pr_number", sa.text("created_at DESC")],
    )
    op.create_index("ix_job_rerun_attempts_request", "job_rerun_attempts", ["request_id", sa.text("created_at DESC")])
    op.create_index("ix_job_rerun_attempts_decision", "job_rerun_attempts", ["decision", sa.text("created_at DESC")])
