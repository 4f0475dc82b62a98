"""Rows of `job_rerun_attempts` that are written when the fate of a call is known (LG-2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cicatrix.core.operations import AttemptRow, JobRef, Operation, OperationState
from cicatrix.core.reasons import Reason
from cicatrix.ledger import Tx


def end_queue(tx: Tx, operation: Operation, index: int, reason: Reason, why: str) -> None:
    """A BLOCKED row for each job that the operation's decision left queued: its turn will not come any more."""
    decided = tx.decision(operation.decision_id) or {}
    refs = [
        JobRef(name=str(job["name"]), key=str(job["key"]), job_id=job["jobId"], signature=job.get("signature") or None)
        for job in decided.get("jobs", [])
        if job.get("state") == "queued"
    ]
    rows = settled_rows(tx, operation, operation.state, index, decision="BLOCKED", reason=reason, error=why, refs=refs)
    tx.record_attempts(replace(row, operation_id=None, operation_state=None) for row in rows)


def settled_rows(
    tx: Tx,
    operation: Operation,
    state: OperationState,
    index: int,
    *,
    decision: str,
    reason: Reason | None = None,
    response: Mapping[str, object] | None = None,
    error: str | None = None,
    refs: Sequence[JobRef] | None = None,
) -> list[AttemptRow]:
    """The rows of the jobs that the operation named (or of `refs`), from the decision as it was recorded."""
    decided = tx.decision(operation.decision_id) or {}
    jobs = {(j.get("jobId"), j.get("name")): j for j in decided.get("jobs", [])}
    triggered = decision == "RERUN_TRIGGERED"
    rows = []
    for ref in operation.named if refs is None else refs:
        job = jobs.get((ref.job_id, ref.name), {})
        code = reason.value if reason else job.get("reasonCode") or None
        rows.append(
            AttemptRow(
                resource_owner=operation.owner,
                resource_repo=operation.repository,
                pr_number=operation.pull_request,
                workflow_run_id=operation.run_id,
                job_name=ref.name,
                attempt_number=int(job.get("attemptNumber") or 0) if triggered else 0,
                request_id=operation.request_id,
                decision=decision,
                reason_code=code,
                reasons=tuple(x for x in (code, error) if x),
                prior_conclusion=job.get("priorConclusion") or None,
                failure_class=job.get("failureClass"),
                lawbook_hash=str(decided.get("lawbookHash", "")),
                max_attempts_limit=int(job.get("maximum") or 2),
                github_response=response,
                github_error=error,
                host=operation.host,
                repository_id=operation.repository_id,
                workflow_id=str(decided.get("workflowId", "")),
                job_id=ref.job_id,
                job_key=ref.key,
                head_sha=operation.head_sha,
                run_attempt_before=operation.base_attempt,
                run_attempt_after=operation.base_attempt + 1 if triggered else None,
                triggering_actor=str(decided.get("triggeringActorId") or "") or None,
                operation_id=operation.id,
                operation_state=state.value,
                rule_id=job.get("rule") or None,
                decision_id=operation.decision_id,
                ledger_index=index,
                signature=ref.signature,
            )
        )
    return rows
