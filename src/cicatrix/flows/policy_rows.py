"""What the places that may say no answered to one decision, as rows beside its entry (RG-1, LB-4)."""

from __future__ import annotations

from typing import Protocol

from cicatrix.core.attempts import RunFacts
from cicatrix.core.facts import Repository
from cicatrix.core.operations import Usage
from cicatrix.core.plan import Plan
from cicatrix.core.policy import Policy, RerunRequest
from cicatrix.core.records import AutomationRow, RegistryAuditRow, StopRow
from cicatrix.core.stop_rules import stop_results
from cicatrix.ledger import Tx


class Asking(Protocol):
    """For whom, and under what policy, something is decided."""

    @property
    def request(self) -> RerunRequest: ...

    @property
    def policy(self) -> Policy: ...


def record_policy(tx: Tx, turn: Asking, facts: RunFacts, *, index: int, operation_id: str | None) -> None:
    """The registry's and the automation policy's answer. Cooldowns and windows count rows with an operation only.

    Same transaction as the decision: a row that cannot be written is a refusal, since nothing is committed then.
    """
    request, policy, home = turn.request, turn.policy, facts.repository
    if (told := policy.evaluation) is not None:
        active = tx.active_registry(home.host, home.id)
        tx.record_registry_audit(
            RegistryAuditRow(
                registry_id=active.registry.registry_id if active else None,
                registry_version=active.registry.version if active else None,
                action_type=told.action_type.value,
                action_status=told.status,
                repository=home.full_name,
                resource_type="pull_request" if facts.pull_request_number else "workflow_run",
                resource_number=facts.pull_request_number or None,
                validation_result=told.as_json(),
                executed_at=tx.now,
                executed_by=request.principal,
                evidence_id=str(index) if told.allowed else None,
                host=home.host,
                repository_id=home.id,
                content_hash=active.registry.hash if active else None,
                operation_id=operation_id,
                request_id=request.request_id,
                ledger_index=index,
            )
        )
    record_automation(
        tx,
        request,
        policy,
        home,
        index=index,
        operation_id=operation_id,
        pull_request=facts.pull_request_number or None,
    )


def record_automation(
    tx: Tx,
    request: RerunRequest,
    policy: Policy,
    home: Repository,
    *,
    index: int,
    operation_id: str | None = None,
    pull_request: int | None = None,
) -> None:
    """The automation policy's answer, if the lawbook has one; before any pull request is known too."""
    verdict = policy.automation
    if verdict is None:
        return
    tx.record_automation(
        AutomationRow(
            request_id=request.request_id,
            action_type=request.action.value,
            environment=policy.environment.value,
            allowed=verdict.allow and not verdict.denied_but_permissive,
            reason=verdict.reason,
            next_allowed_at=verdict.next_allowed_at,
            requires_approval=verdict.requires_approval,
            idempotency_key=verdict.idempotency_key or None,
            idempotency_key_hash=verdict.idempotency_key_hash or None,
            policy_name=verdict.policy_name or None,
            lawbook_version=policy.resolved.lawbook.version,
            lawbook_hash=policy.resolved.hash,
            resource_owner=home.owner,
            resource_repo=home.name,
            resource_number=pull_request,
            host=home.host,
            repository_id=home.id,
            principal=request.principal,
            operation_id=operation_id,
            ledger_index=index,
        )
    )


def record_stops(
    tx: Tx, turn: Asking, facts: RunFacts, plan: Plan, usage: Usage, *, decision_id: str, index: int
) -> None:
    """A row for every failed job that a stop rule judged: HOLD and KILL too, which the original never stored (A18)."""
    request, policy, home = turn.request, turn.policy, facts.repository
    for stop in stop_results(plan, usage, policy.resolved.lawbook):
        if request.only_jobs is not None and stop.job not in request.only_jobs:
            continue
        tx.record_stop(
            StopRow(
                resource_owner=home.owner,
                resource_repo=home.name,
                pr_number=facts.pull_request_number,
                workflow_run_id=facts.run.id,
                request_id=request.request_id,
                decision=stop.decision.value,
                reason_code=stop.reason_code,
                reasons=stop.reasons,
                recommended_next_step=stop.next_step,
                failure_class=stop.failure_class.value if stop.failure_class else None,
                job_attempts=stop.job_attempts,
                pr_attempts=stop.pull_request_attempts,
                lawbook_hash=policy.resolved.hash,
                lawbook_version=policy.resolved.lawbook.version,
                applied_rules=stop.applied_rules,
                evidence={"thresholds": dict(stop.thresholds)},
                host=home.host,
                repository_id=home.id,
                head_sha=facts.run.head_sha,
                job_name=stop.job,
                decision_id=decision_id,
                ledger_index=index,
            )
        )
