"""The seed's views of the second schema (behaviour 5 and 8). Frozen with it.

Times are text of fixed width in UTC, so that comparing the text compares the time; `now` is the database's clock.
"""

from __future__ import annotations


def _since(span: str) -> str:
    return f"strftime('%Y-%m-%dT%H:%M:%f', 'now', '-{span}')"


_REPOSITORY = "resource_owner || '/' || resource_repo AS repository"

# every part that is not literal is a constant of this file
VIEWS = (
    """
    CREATE VIEW active_registries AS
    SELECT registry_id, version, repository, content_hash, created_at, created_by, updated_at, updated_by, host,
           repository_id, revision, ledger_index
    FROM repo_actions_registry WHERE active
    """,
    """
    CREATE VIEW recent_registry_actions AS
    SELECT id, registry_id, registry_version, action_type, action_status, repository, resource_type, resource_number,
           executed_at, executed_by, evidence_id
    FROM registry_action_audit ORDER BY executed_at DESC, id DESC LIMIT 100
    """,
    f"""
    CREATE VIEW recent_stop_decisions AS
    SELECT id, {_REPOSITORY}, pr_number, workflow_run_id, job_name, request_id, decision, reason_code,
           recommended_next_step, failure_class, job_attempts, pr_attempts, lawbook_version, created_at
    FROM stop_decision_audit ORDER BY created_at DESC, id DESC LIMIT 100
    """,  # noqa: S608
    f"""
    CREATE VIEW active_holds AS
    SELECT s.id, s.resource_owner || '/' || s.resource_repo AS repository, s.pr_number, s.workflow_run_id, s.job_name,
           s.reason_code, s.recommended_next_step, s.request_id, s.created_at
    FROM stop_decision_audit AS s
    WHERE s.decision = 'HOLD' AND s.created_at >= {_since("24 hours")} AND NOT EXISTS (
        SELECT 1 FROM stop_decision_audit AS later
        WHERE later.host = s.host AND later.repository_id = s.repository_id AND later.pr_number = s.pr_number
          AND later.workflow_run_id IS s.workflow_run_id AND later.job_name = s.job_name AND later.id > s.id
    )
    """,  # noqa: S608
    f"""
    CREATE VIEW stop_analytics AS
    SELECT decision, reason_code, failure_class, count(*) AS decisions,
           count(DISTINCT host || '/' || repository_id || '/' || pr_number) AS pull_requests,
           avg(job_attempts) AS average_job_attempts, max(pr_attempts) AS max_pr_attempts,
           min(created_at) AS first_at, max(created_at) AS last_at
    FROM stop_decision_audit WHERE created_at >= {_since("7 days")}
    GROUP BY decision, reason_code, failure_class
    """,  # noqa: S608
    f"""
    CREATE VIEW recent_automation_executions AS
    SELECT id, action_type, environment, allowed, reason, next_allowed_at, requires_approval, policy_name,
           {_REPOSITORY}, resource_number, request_id, principal, created_at
    FROM automation_policy_executions ORDER BY created_at DESC, id DESC LIMIT 200
    """,  # noqa: S608
    f"""
    CREATE VIEW denied_automation_executions AS
    SELECT id, action_type, environment, reason, next_allowed_at, requires_approval, policy_name, {_REPOSITORY},
           resource_number, request_id, principal, created_at
    FROM automation_policy_executions WHERE NOT allowed AND created_at >= {_since("24 hours")}
    """,  # noqa: S608
    f"""
    CREATE VIEW automation_analytics AS
    SELECT action_type, environment, policy_name, count(*) AS evaluations,
           sum(CASE WHEN allowed THEN 1 ELSE 0 END) AS allowed, sum(CASE WHEN allowed THEN 0 ELSE 1 END) AS denied,
           sum(CASE WHEN allowed AND operation_id IS NOT NULL THEN 1 ELSE 0 END) AS executed,
           count(DISTINCT host || '/' || repository_id) AS repositories, max(created_at) AS last_at
    FROM automation_policy_executions WHERE created_at >= {_since("7 days")}
    GROUP BY action_type, environment, policy_name
    """,  # noqa: S608
    f"""
    CREATE VIEW automation_rate_limits AS
    SELECT host, repository_id, action_type, count(*) AS executions_last_hour, min(created_at) AS first_at,
           max(created_at) AS last_at
    FROM automation_policy_executions
    WHERE allowed AND operation_id IS NOT NULL AND created_at >= {_since("1 hours")}
    GROUP BY host, repository_id, action_type
    """,  # noqa: S608
)
