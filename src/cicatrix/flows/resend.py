"""Sends a DEFERRED operation again: read and plan anew, then a new receipt, or REFUSED when the plan now says no."""

from __future__ import annotations

from collections.abc import Mapping

from cicatrix.core.attempts import RunFacts
from cicatrix.core.cases import Case, CaseState
from cicatrix.core.facts import Receipt
from cicatrix.core.operations import Operation, OperationState
from cicatrix.core.plan import Call, Plan
from cicatrix.core.policy import Mode, RerunRequest
from cicatrix.core.reasons import Reason, by_precedence
from cicatrix.flows.context import DEFER_LIMIT, Context
from cicatrix.flows.fresh import read_fresh
from cicatrix.flows.intent import Turn, plan_in, resolved_in
from cicatrix.flows.reading import read_head_again
from cicatrix.flows.settle import act, refuse, step_case
from cicatrix.ledger import Intent, Tx


def send_again(ctx: Context, operation: Operation) -> OperationState:
    """A DEFERRED operation: read and plan again, then SENT with a new receipt, or REFUSED when the plan now says no."""
    if ctx.now() - operation.created_at >= DEFER_LIMIT:
        refuse(ctx, operation, "GitHub asked to wait for more than 1 h", expected={OperationState.DEFERRED})
        return OperationState.REFUSED
    with ctx.ledger.read() as view:
        case = view.case_of_run(operation.host, operation.repository_id, operation.run_id)
    request = request_of(operation, case)
    reading, facts = read_fresh(
        ctx, request, operation.owner, operation.repository, operation.run_id, pull_request=operation.pull_request
    )
    if (reading.identity.login, reading.identity.shared) != (operation.identity, operation.identity_shared):
        return operation.state  # another identity's attempt could not be told as this operation's: not ours to send
    facts = read_head_again(ctx, facts)
    turn = Turn(
        ctx=ctx, request=request, policy=reading.policy, rules=reading.rules, identity=reading.identity, resends=True
    )

    def decide(tx: Tx) -> Intent | str | tuple[Reason, str]:
        now = ctx.now()
        current = tx.operation(operation.id)
        if current is None or current.state is not OperationState.DEFERRED:
            return "settled meanwhile"
        plan, _ = plan_in(tx, resolved_in(tx, turn, facts), facts, excluding=operation.id)
        attempt = facts.run.run_attempt
        if attempt is not None and attempt < operation.base_attempt:
            return "a stale read"
        if plan.call is None or attempt != operation.base_attempt or not _same(plan.call, operation):
            return _why_not(plan, facts, operation)
        interval = ctx.deployment.write_interval
        free_at = tx.take_pace(operation.host, operation.identity, now, interval) if interval else None
        if free_at is not None:
            return "paced"
        sent = tx.record_resent(operation.id)
        assert sent is not None
        assert sent.intended_index is not None
        step_case(tx, sent, CaseState.DECIDING, now)
        step_case(tx, sent, CaseState.ACTING, now, wake_at=now + ctx.deployment.reconcile_window)
        return Intent(operation_id=sent.id, ledger_index=sent.intended_index, send=sent.sends)

    outcome = ctx.ledger.intend("resend", decide)
    if isinstance(outcome, Receipt):
        return act(ctx, outcome).state
    if isinstance(outcome, tuple):
        reason, why = outcome
        refuse(ctx, operation, f"not sent again: {why}", reason=reason, expected={OperationState.DEFERRED})
    with ctx.ledger.read() as view:
        current = view.operation(operation.id)
    return current.state if current else operation.state


def _why_not(plan: Plan, facts: RunFacts, operation: Operation) -> tuple[Reason, str]:
    """Why it is not sent again: somebody made the next attempt, or what the plan now says about its jobs."""
    attempt, names = facts.run.run_attempt, {ref.name for ref in operation.named}
    if attempt is not None and attempt > operation.base_attempt:
        return Reason.ALREADY_RERUN_BY_OTHER, f"attempt {attempt} is there already"
    codes = by_precedence(job.reason for job in plan.jobs if job.name in names and job.reason and not job.state)
    told = "; ".join(plan.reasons)
    return (codes[0], told) if codes else (Reason.GITHUB_REFUSED, f"the plan is another one now: {told}")


def _same(call: Call, operation: Operation) -> bool:
    """Whether the call would do what the operation's slots were taken for: the same jobs, with the same dependants."""
    return (
        call.verb is operation.verb
        and call.target_job_id == operation.target_job_id
        and {r.name for r in call.named} == {r.name for r in operation.named}
        and {r.name for r in call.dependants} == {r.name for r in operation.dependants}
    )


def request_of(operation: Operation, case: Case | None) -> RerunRequest:
    """The request that made the operation, as its case remembers it."""
    data: Mapping[str, object] = case.data if case else {}
    return RerunRequest(
        request_id=operation.request_id,
        principal=operation.principal,
        mode=Mode(str(data.get("mode", Mode.FAILED_ONLY.value))),
        max_attempts=int(str(data.get("maxAttempts", 2))),
        automatic=bool(data.get("automatic", False)),
        only_jobs=frozenset(map(str, only)) if isinstance(only := data.get("onlyJobs"), list) else None,
    )
