"""Ready-made registries, lawbooks, keys and rows of those who may say no."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from cicatrix.core.actions import ActionType, Role
from cicatrix.core.principal import ApiKey, RepositoryScope
from cicatrix.core.records import AutomationRow, RegistryAuditRow, StopRow
from cicatrix.core.registry import Registry
from cicatrix.lawbook.registry import load_registry
from cicatrix.ledger import Tx
from tests.ledger.helpers import HOST, SHA, START

DOCUMENT = """
version: 1.0.0
registryId: {registry_id}
repository: {repository}
notes: {note!r}
createdAt: 2026-11-21T12:00:00Z
createdBy: octavia
allowedActions:
  - actionType: rerun_failed_jobs
    maxRetries: 3
"""


def registry(note: str = "", *, registry_id: str = "registry-site", repository: str = "acme/site") -> Registry:
    """A valid document; another `note` is another content."""
    text = DOCUMENT.format(registry_id=registry_id, repository=repository, note=note)
    read, problems = load_registry(text, "registry.yml")
    assert read is not None, problems
    return read


def activate_registry(tx: Tx, document: Registry | None = None, **changes: Any) -> int | None:
    values: dict[str, Any] = {
        "host": HOST,
        "repository_id": "100",
        "owner_id": "9",
        "full_name": "acme/site",
        "registry": document or registry(),
        "principal": "key:admin",
    }
    return tx.activate_registry(**(values | changes))


def activate_lawbook(tx: Tx, **changes: Any) -> int | None:
    version = changes.get("version", "2026-11-22.1")
    text = f"version: {version}\nmode: act\n"
    values: dict[str, Any] = {
        "scope": "repository",
        "host": HOST,
        "target": "100",
        "full_name": "acme/site",
        "content": text,
        "version": version,
        "hash": sha256(text.encode()).hexdigest(),
        "file": "cicatrix.yml",
        "principal": "key:admin",
    }
    return tx.activate_lawbook(**(values | changes))


def key(key_id: str = "k1", **changes: Any) -> ApiKey:
    base = ApiKey(
        id=key_id,
        label="the bot of team site",
        role=Role.OPERATOR,
        repositories=(RepositoryScope(host=HOST, repository_id="100", full_name="acme/site"),),
        actions=frozenset({ActionType.RERUN_FAILED_JOBS, ActionType.RERUN_CHECKS}),
        created_at=START,
        created_by="key:admin",
        expires_at=START + timedelta(days=90),
    )
    return replace(base, **changes)


def registry_audit(status: str = "allowed", **changes: Any) -> RegistryAuditRow:
    base = RegistryAuditRow(
        registry_id="registry-site",
        registry_version="1.0.0",
        action_type="rerun_failed_jobs",
        action_status=status,
        repository="acme/site",
        resource_type="pull_request",
        resource_number=3,
        validation_result={"allowed": status == "allowed", "errors": [], "warnings": []},
        executed_at=START,
        executed_by="key:k1",
        evidence_id="decision-1",
        host=HOST,
        repository_id="100",
        content_hash="c" * 64,
        operation_id="op1" if status == "allowed" else None,
        request_id="request-1",
        ledger_index=0,
    )
    return replace(base, **changes)


def stop(decision: str = "HOLD", **changes: Any) -> StopRow:
    base = StopRow(
        resource_owner="acme",
        resource_repo="site",
        pr_number=3,
        workflow_run_id="9007199254740993",
        request_id="request-1",
        decision=decision,
        reason_code=None if decision == "CONTINUE" else "MAX_ATTEMPTS",
        reasons=("2 of 2 reruns used",),
        recommended_next_step="PROMPT" if decision == "CONTINUE" else "MANUAL_REVIEW",
        failure_class="infra_transient",
        job_attempts=2,
        pr_attempts=4,
        lawbook_hash="f" * 64,
        lawbook_version="2026-11-22.1",
        applied_rules=("maxRerunsPerJob",),
        evidence={"attemptCounts": {"currentJobAttempts": 2, "totalPrAttempts": 4}},
        host=HOST,
        repository_id="100",
        head_sha=SHA,
        job_name="unit",
        decision_id="decision-1",
        ledger_index=0,
    )
    return replace(base, **changes)


def automation(*, allowed: bool = True, **changes: Any) -> AutomationRow:
    base = AutomationRow(
        request_id="request-1",
        action_type="rerun_failed_jobs",
        environment="staging",
        allowed=allowed,
        reason="" if allowed else "1 of 1 runs in 3600 s",
        next_allowed_at=None if allowed else START + timedelta(hours=1),
        idempotency_key="acme/site:3",
        idempotency_key_hash="d" * 64,
        policy_name="rerun_failed_jobs",
        lawbook_version="2026-11-22.1",
        lawbook_hash="f" * 64,
        resource_owner="acme",
        resource_repo="site",
        resource_number=3,
        host=HOST,
        repository_id="100",
        principal="key:k1",
        operation_id="op1" if allowed else None,
        ledger_index=0,
    )
    return replace(base, **changes)
