"""How decisions and operations look in the ledger: entries and rows, made here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from cicatrix.core.actions import ActionType
from cicatrix.core.attempts import RunFacts
from cicatrix.core.operations import AttemptRow, AuditRow, Kind, Operation, Verb
from cicatrix.core.plan import JobPlan, Plan
from cicatrix.core.policy import Policy, RerunRequest
from cicatrix.core.reasons import Action, Reason
from cicatrix.ledger import Tx

ROW_DECISION = {Action.RERUN: "RERUN_TRIGGERED", Action.SKIP: "NOOP", Action.BLOCKED: "BLOCKED"}
AUDIT_STATUS = {"NOOP": "noop", "BLOCKED": "blocked", "RERUN_TRIGGERED": "pending"}


_FOLDERS = re.compile(r"(?<=\()(?:[A-Za-z]:)?[/\\~][^()]*[/\\]")
"""Folders before a lawbook's file name: they are somebody's computer, and no entry holds them."""


def stamp(moment: datetime | None) -> str | None:
    """UTC, ISO 8601 with Z; microseconds kept."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


class Deciding(Protocol):
    """For whom, and under what policy, something is decided."""

    @property
    def request(self) -> RerunRequest: ...

    @property
    def policy(self) -> Policy: ...


def decided_entry(tx: Tx, turn: Deciding, facts: RunFacts, plan: Plan, *, decision_id: str, inputs_hash: str) -> int:
    """Append `rerun.decided`: one entry a decision, holding all its jobs. Foreign text goes in as commitments."""
    run, request, policy = facts.run, turn.request, turn.policy
    return tx.append(
        "rerun.decided",
        {
            "decisionId": decision_id,
            "requestId": tx.text(request.request_id),
            "principal": tx.text(request.principal),
            "host": facts.repository.host,
            "repositoryId": facts.repository.id,
            "ownerId": facts.repository.owner_id,
            "repository": tx.text(facts.repository.full_name),
            "pullRequest": facts.pull_request_number,
            "runId": run.id,
            "workflowId": run.workflow_id,
            "workflowPath": run.path,
            "workflow": tx.text(run.name) if run.name else "",
            "runAttempt": run.run_attempt or 0,
            "headSha": run.head_sha,
            "triggeringActorId": run.triggering_actor_id or "",
            "lawbookHash": policy.resolved.hash,
            "lawbookVersion": policy.resolved.lawbook.version,
            "decisionInputsHash": inputs_hash,
            "accessHash": policy.access_hash,
            "registry": _registry(tx, policy),
            "environment": policy.environment.value,
            "mode": request.mode.value,
            "maxAttempts": request.max_attempts,
            "dryRun": request.dry_run,
            "automatic": request.automatic,
            "decision": plan.decision,
            "price": tx.text(plan.price),
            "reasons": tx.text("\n".join(plan.reasons)),
            "jobs": [_job(tx, job) for job in plan.jobs],
        },
    )


def _registry(tx: Tx, policy: Policy) -> dict[str, object]:
    """The registry's answer: part of the decision's entry, since it was asked for this decision alone (RG-1)."""
    told = policy.evaluation
    if told is None:
        return {}
    return {
        "action": told.action_type.value,
        "status": told.status,
        "maxRetries": "" if told.max_retries is None else str(told.max_retries),
        "kind": told.kind,
        "errors": tx.text("\n".join(told.errors)) if told.errors else "",
    }


def _job(tx: Tx, job: JobPlan) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": job.name,
        "key": job.key,
        "jobId": job.job.id,
        "priorConclusion": job.job.conclusion or "",
        "action": job.action.value,
        "reasonCode": job.reason.value if job.reason else "",
        "reasons": [r.value for r in job.reasons],
        "attemptNumber": job.attempt_number,
        "limits": _FOLDERS.sub("", str(job.limits)),
        "maximum": job.limits.left + job.limits.used,
        "state": job.state or "",
    }
    if job.reason and job.why.get(job.reason):
        entry["why"] = tx.text(job.why[job.reason])
    if job.verdict:
        entry["failureClass"] = job.verdict.failure_class.value
        entry["confidence"] = job.verdict.confidence
        entry["rule"] = job.verdict.rule or ""
        entry["stage"] = job.verdict.stage
        entry["lineNumber"] = job.verdict.line_number or 0
        entry["signature"] = job.verdict.signature or ""
        entry["rulesetHash"] = job.verdict.ruleset_hash
        if job.verdict.line:
            entry["line"] = tx.text(job.verdict.line)
        if job.verdict.step:
            entry["step"] = tx.text(job.verdict.step)
    return entry


def attempt_row(
    request: RerunRequest,
    facts: RunFacts,
    policy_hash: str,
    job: JobPlan,
    *,
    decision_id: str,
    index: int,
    operation: Operation | None = None,
    action: Action | None = None,
    reason: Reason | None = None,
    why: str = "",
    attempt_number: int | None = None,
    response: Mapping[str, object] | None = None,
    error: str | None = None,
    run_attempt_after: int | None = None,
) -> AttemptRow:
    """The row of one job decision; `action` and `reason` replace the plan's when the call's fate says otherwise."""
    final = action or job.action
    code = reason or job.reason
    detail = why or (job.why.get(code, "") if code else "")
    return AttemptRow(
        resource_owner=facts.repository.owner,
        resource_repo=facts.repository.name,
        pr_number=facts.pull_request_number,
        workflow_run_id=facts.run.id,
        job_name=job.name,
        attempt_number=job.attempt_number if attempt_number is None else attempt_number,
        request_id=request.request_id,
        decision=ROW_DECISION[final],
        reason_code=code.value if code else None,
        reasons=tuple(x for x in (*(r.value for r in job.reasons), detail) if x),
        prior_conclusion=job.job.conclusion,
        failure_class=job.verdict.failure_class.value if job.verdict else None,
        lawbook_hash=policy_hash,
        max_attempts_limit=max(1, job.limits.left + job.limits.used),
        github_response=response,
        github_error=error,
        host=facts.repository.host,
        repository_id=facts.repository.id,
        workflow_id=facts.run.workflow_id,
        job_id=job.job.id,
        job_key=job.key,
        head_sha=facts.run.head_sha,
        run_attempt_before=facts.run.run_attempt,
        run_attempt_after=run_attempt_after,
        triggering_actor=facts.run.triggering_actor_id,
        operation_id=operation.id if operation else None,
        operation_state=operation.state.value if operation else None,
        rule_id=job.verdict.rule if job.verdict else None,
        decision_id=decision_id,
        ledger_index=index,
        signature=job.verdict.signature if job.verdict else None,
    )


def audit_row(
    request: RerunRequest,
    facts: RunFacts,
    *,
    status: str,
    index: int,
    now: datetime,
    result: Mapping[str, object],
    operation: Operation | None = None,
    error: str | None = None,
) -> AuditRow:
    pull = facts.pull_request_number
    return AuditRow(
        action_type=request.action.value,
        action_status=status,
        resource_type="pull_request" if pull else "workflow_run",
        resource_owner=facts.repository.owner,
        resource_repo=facts.repository.name,
        resource_number=pull or None,
        initiated_by=request.principal,
        initiated_at=now,
        completed_at=None if status == "pending" else now,
        action_params={"runId": facts.run.id, "requestId": request.request_id},
        action_result=result,
        error_message=error,
        host=facts.repository.host,
        repository_id=facts.repository.id,
        request_id=request.request_id,
        operation_id=operation.id if operation else None,
        ledger_index=index,
    )


def action_of(operation: Operation) -> ActionType:
    """The registry's action that the operation performs."""
    if operation.kind != Kind.RERUN:
        return ActionType(str(operation.params["action"]))
    return ActionType.RERUN_CHECKS if operation.verb is Verb.RERUN else ActionType.RERUN_FAILED_JOBS


def operation_audit_row(
    operation: Operation,
    *,
    status: str,
    index: int,
    now: datetime,
    result: Mapping[str, object],
    error: str | None = None,
) -> AuditRow:
    """The row of what became of an operation; the row of its decision says `pending`."""
    return AuditRow(
        action_type=action_of(operation).value,
        action_status=status,
        resource_type="pull_request" if operation.pull_request else "workflow_run",
        resource_owner=operation.owner,
        resource_repo=operation.repository,
        resource_number=operation.pull_request or None,
        initiated_by=operation.principal,
        initiated_at=operation.created_at,
        completed_at=now,
        action_params={"runId": operation.run_id, "requestId": operation.request_id},
        action_result=result,
        error_message=error,
        host=operation.host,
        repository_id=operation.repository_id,
        request_id=operation.request_id,
        operation_id=operation.id,
        ledger_index=index,
    )
