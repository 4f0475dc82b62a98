"""What a caller is told about a decision whose call has this fate: from the ledger, not from memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cicatrix.core.attempts import RunFacts, merged_jobs
from cicatrix.core.facts import Job
from cicatrix.core.operations import Operation, OperationState
from cicatrix.core.plan import JobPlan, Plan
from cicatrix.core.policy import Limits
from cicatrix.core.reasons import Action, Reason
from cicatrix.flows.answer import Decided
from cicatrix.flows.context import Context

ASK_AGAIN = timedelta(seconds=30)
"""When asking again may help where nobody knows when somebody else's attempt ends."""


def answer_of_operation(ctx: Context, facts: RunFacts, operation: Operation, *, plan: Plan | None = None) -> Decided:
    """What the caller is told about a decision whose call has this fate."""
    current = operation_now(ctx, operation.id)
    if plan is None:
        plan = _stored_plan(ctx, facts, current)
    override, why, wake_at = None, "", None
    state = current.state
    if state is OperationState.REFUSED:
        override, why = _refusal(current)
        wake_at = ctx.now() + ASK_AGAIN if override is Reason.RUN_IN_PROGRESS else None
    elif state in {OperationState.SENT, OperationState.INDETERMINATE}:
        override = Reason.OUTCOME_UNKNOWN
        why = f"operation {current.id} is {state}: GitHub's answer never came, reading it back settles it"
        wake_at = (current.sent_at or current.created_at) + ctx.deployment.reconcile_window
    elif state is OperationState.DEFERRED:
        override, wake_at = Reason.RUN_IN_PROGRESS, current.not_before
        why = f"operation {current.id} waits: {current.answer or 'writes are paced'}"
    return Decided(
        facts=facts,
        plan=plan,
        decision_id=current.decision_id,
        ledger_index=current.decided_index or 0,
        operation=current,
        override=override,
        override_why=why,
        wake_at=wake_at,
    )


def _refusal(operation: Operation) -> tuple[Reason, str]:
    code, _, why = operation.answer.partition(": ")
    known = code in {r.value for r in Reason}
    return (Reason(code), why) if known else (Reason.GITHUB_REFUSED, operation.answer)


def _stored_plan(ctx: Context, facts: RunFacts, operation: Operation) -> Plan:
    """The plan of an interrupted try of the same request, as far as the ledger tells it: the jobs that it decided."""
    with ctx.ledger.read() as view:
        decided = view.decision(operation.decision_id) or {}
    jobs = {j.id: j for j in merged_jobs(facts.attempts)}
    names = {j.name: j for j in merged_jobs(facts.attempts)}
    plans = []
    for told in decided.get("jobs", []):
        job = jobs.get(str(told.get("jobId"))) or names.get(str(told.get("name")))
        if job is not None:
            plans.append(_stored_job(told, job, facts))
    reasons = tuple(line for line in str(decided.get("reasons", "")).splitlines() if line)
    return Plan(run_id=operation.run_id, decision=str(decided.get("decision", "")), reasons=reasons, jobs=tuple(plans))


def _stored_job(told: Mapping[str, Any], job: Job, facts: RunFacts) -> JobPlan:
    code = str(told.get("reasonCode") or "")
    reason = Reason(code) if code else None
    as_told = replace(
        job, id=str(told.get("jobId") or job.id), conclusion=str(told.get("priorConclusion") or "") or None
    )
    return JobPlan(
        name=job.name,
        key=str(told.get("key", "")),
        job=as_told,
        action=Action(str(told["action"])),
        reason=reason,
        reasons=tuple(Reason(r) for r in told.get("reasons", [])),
        why={reason: str(told.get("why", ""))} if reason else {},
        verdict=facts.verdicts.get(job.id),
        limits=Limits(asked=0, registry=None, lawbook=0, used=0, left=0, bound_by=str(told.get("limits", ""))),
        attempt_number=int(told.get("attemptNumber") or 0),
        state=str(told.get("state") or "") or None,
    )


def operation_now(ctx: Context, operation_id: str) -> Operation:
    """The operation as the ledger holds it at this moment."""
    with ctx.ledger.read() as view:
        operation = view.operation(operation_id)
    assert operation is not None
    return operation
