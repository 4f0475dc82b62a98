"""Transaction A: plan once more under the lock, and record that plan with its slots, its intent and its case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cicatrix import __version__
from cicatrix.core.actions import ActionType
from cicatrix.core.attempts import RunFacts
from cicatrix.core.canonical import canonical_hash
from cicatrix.core.cases import AWAITS, ENDED, Case, CaseState
from cicatrix.core.facts import Identity, Receipt
from cicatrix.core.operations import AttemptRow, Operation, OperationState, UsageQuery
from cicatrix.core.plan import Plan
from cicatrix.core.policy import Policy, RerunRequest
from cicatrix.core.reasons import Reason
from cicatrix.core.replay import Inputs, replay
from cicatrix.core.replay import record as record_inputs
from cicatrix.flows import record
from cicatrix.flows.cases import move, path_to_deciding, still_held, take_over
from cicatrix.flows.context import Context
from cicatrix.flows.outcomes import record_earlier
from cicatrix.flows.policies import Rules, policy_in
from cicatrix.flows.policy_rows import record_policy, record_stops
from cicatrix.flows.rows import end_queue
from cicatrix.ledger import Intent, Tx, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Who decides about a run, for whom, under what policy."""

    ctx: Context
    request: RerunRequest
    policy: Policy
    rules: Rules
    identity: Identity
    siblings: tuple[RunFacts, ...] = ()
    """The other red runs of the same head, whose reruns by others count too."""
    held: Case | None = None
    """The claimed case whose tick decides; None for a fresh request."""
    resends: bool = False
    """A deferred call of an earlier decision is to be sent: its own cooldown does not hold it."""


@dataclass(frozen=True, slots=True)
class Again:
    """What was read is too old to decide on: read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A decision without a call, or whose call has to wait (`operation` is then DEFERRED)."""

    plan: Plan
    decision_id: str
    index: int
    operation: Operation | None = None


class SlotsTaken(Exception):  # noqa: N818  # named for what is the case
    """The table of slots has less room than the plan counted. Nothing was committed: the table is right."""


def usage_query(facts: RunFacts, action: ActionType) -> UsageQuery:
    """What to count for a decision about this run, and which action's kill switch to look at."""
    return UsageQuery(
        host=facts.repository.host,
        repository_id=facts.repository.id,
        owner_id=facts.repository.owner_id,
        run_id=facts.run.id,
        pull_request=facts.pull_request_number,
        head_sha=facts.run.head_sha,
        action=action.value,
    )


def plan_in(view: View, turn: Turn, facts: RunFacts, *, excluding: str | None = None) -> tuple[Plan, Inputs]:
    """The plan on the usage that this transaction sees, and all that it rests on.

    `excluding` leaves out an operation that is sent again.
    """
    now = turn.ctx.now()
    usage = view.usage(usage_query(facts, turn.request.action), now, excluding=excluding)
    siblings = tuple(
        (s, view.operations_of_run(s.repository.host, s.repository.id, s.run.id))
        for s in turn.siblings
        if s.run.head_sha == facts.run.head_sha
    )
    inputs = Inputs(request=turn.request, facts=facts, policy=turn.policy, usage=usage, now=now, siblings=siblings)
    return replay(inputs), inputs


def record_decision(
    turn: Turn, facts: RunFacts, *, started: int, head_read: bool
) -> tuple[Receipt, Plan] | Recorded | Again:
    """One transaction: budgets and the run's operations are read again under the lock, and what is planned is recorded.

    Again when another operation of the run was created since the ledger had `started` entries, or when a call is due
    whose head was not read again. Raises StaleEpoch when the case of the tick that decides was taken over.
    """
    chosen: list[Plan] = []

    def decide(tx: Tx) -> Recorded | Again | Intent:
        still_held(tx, turn.held)
        known = tx.operations_of_run(facts.repository.host, facts.repository.id, facts.run.id)
        if any((op.intended_index or 0) >= started for op in known):
            return Again()
        current = resolved_in(tx, turn, facts)
        _watch_identity(tx, facts, turn.identity, known)
        record_earlier(tx, facts, known)
        plan, inputs = plan_in(tx, current, facts)
        if plan.call is not None and not head_read:
            return Again()
        chosen.append(plan)
        recorded = _record_plan(tx, current, facts, plan, inputs)
        if plan.call is None:
            record_policy(tx, current, facts, index=recorded.index, operation_id=None)
            return recorded
        operation = _operation(current, facts, recorded)
        record_policy(tx, current, facts, index=recorded.index, operation_id=operation.id)
        return _intend(tx, current, plan, operation)

    try:
        outcome: Receipt | Recorded | Again = turn.ctx.ledger.intend("intent", decide)
    except SlotsTaken:
        return record_refusal(turn, facts, Reason.MAX_ATTEMPTS_EXCEEDED, "the table of slots has no room left")
    return (outcome, chosen[-1]) if isinstance(outcome, Receipt) else outcome


def record_refusal(turn: Turn, facts: RunFacts, reason: Reason, why: str) -> Recorded:
    """Record a decision that stops at one more reason than the policy's own."""
    with turn.ctx.ledger.write("refusal") as tx:
        still_held(tx, turn.held)
        current = resolved_in(tx, turn, facts)
        stopped = replace(current, policy=replace(current.policy, stops=(*current.policy.stops, (reason, why))))
        plan, inputs = plan_in(tx, stopped, facts)
        recorded = _record_plan(tx, stopped, facts, plan, inputs)
        record_policy(tx, stopped, facts, index=recorded.index, operation_id=None)
        return recorded


def resolved_in(view: View, turn: Turn, facts: RunFacts) -> Turn:
    """The turn under the policy of this moment: registry, stored lawbooks and switches are asked once more."""
    policy = policy_in(view, turn.ctx.deployment, turn.rules, turn.request, facts, continuing=turn.resends)
    return replace(turn, policy=policy)


def _record_plan(tx: Tx, turn: Turn, facts: RunFacts, plan: Plan, inputs: Inputs) -> Recorded:
    """Entry, rows and audit row of a decision. Jobs that a call names get their row when its fate is known."""
    request, policy = turn.request, turn.policy
    decision_id = turn.ctx.new_id()
    index = record.decided_entry(
        tx, turn, facts, plan, decision_id=decision_id, inputs_hash=_inputs_hash(turn.ctx, policy)
    )
    rows = [
        record.attempt_row(request, facts, policy.resolved.hash, job, decision_id=decision_id, index=index)
        for job in plan.jobs
        if (plan.call is None or job.state is None) and (request.only_jobs is None or job.name in request.only_jobs)
    ]
    again = request.automatic or request.only_jobs is not None
    tx.record_attempts(_new_refusals(tx, facts, rows, automatic=request.automatic) if again else rows)
    tx.record_audit(
        record.audit_row(
            request,
            facts,
            status=record.AUDIT_STATUS[plan.decision],
            index=index,
            now=tx.now,
            result={"decision": plan.decision, "reasons": list(plan.reasons), "jobs": len(plan.jobs)},
        )
    )
    tx.record_inputs(decision_id, record_inputs(inputs, tx.redacted))
    record_stops(tx, turn, facts, plan, inputs.usage, decision_id=decision_id, index=index)
    return Recorded(plan=plan, decision_id=decision_id, index=index)


def _new_refusals(tx: Tx, facts: RunFacts, rows: Sequence[AttemptRow], *, automatic: bool) -> list[AttemptRow]:
    """Our own scheduler writes an identical refusal once per (job, attempt, reason, lawbook hash): LG-1.

    That of another request does not count for the jobs that a person's request left queued.
    """
    known = tx.attempts(run=(facts.repository.host, facts.repository.id, facts.run.id))
    told = {_refusal(r.row, automatic=automatic) for r in known}
    return [r for r in rows if _refusal(r, automatic=automatic) not in told]


def _refusal(row: AttemptRow, *, automatic: bool) -> tuple[object, ...]:
    asker = None if automatic else row.request_id
    return row.job_name, row.run_attempt_before, row.reason_code, row.lawbook_hash, asker


def _inputs_hash(ctx: Context, policy: Policy) -> str:
    """Covers product version, rule set and lawbook: what else a decision depends on beside the facts."""
    return canonical_hash(
        {"version": __version__, "ruleset": ctx.diagnoser.ruleset_hash, "lawbook": policy.resolved.hash}
    )


def _operation(turn: Turn, facts: RunFacts, recorded: Recorded) -> Operation:
    call = recorded.plan.call
    assert call is not None
    assert facts.run.run_attempt is not None
    now = turn.ctx.now()
    return Operation(
        id=turn.ctx.new_id(),
        verb=call.verb,
        host=facts.repository.host,
        repository_id=facts.repository.id,
        owner_id=facts.repository.owner_id,
        owner=facts.repository.owner,
        repository=facts.repository.name,
        run_id=facts.run.id,
        target_job_id=call.target_job_id,
        pull_request=facts.pull_request_number,
        head_sha=facts.run.head_sha,
        base_attempt=facts.run.run_attempt,
        named=call.named,
        dependants=call.dependants,
        minutes=call.minutes,
        request_id=turn.request.request_id,
        principal=turn.request.principal,
        identity=turn.identity.login,
        identity_shared=turn.identity.shared,
        decision_id=recorded.decision_id,
        state=OperationState.SENT,
        created_at=now,
        sent_at=now,
        decided_index=recorded.index,
    )


def _intend(tx: Tx, turn: Turn, plan: Plan, operation: Operation) -> Intent | Recorded:
    """Slots, operation, entry and case of one intent; DEFERRED at once when it is too early for another write."""
    assert plan.call is not None
    interval = turn.ctx.deployment.write_interval
    now = operation.created_at
    free_at = tx.take_pace(operation.host, operation.identity, now, interval) if interval else None
    if free_at is not None:
        operation = replace(operation, state=OperationState.DEFERRED, not_before=free_at, sent_at=None, sends=0)
    if not tx.take_slots(operation, limits=plan.call.limits):
        raise SlotsTaken(operation.run_id)
    operation = tx.record_intent(operation)
    assert operation.intended_index is not None
    _put_case(tx, turn, operation, plan, now)
    if free_at is not None:
        return Recorded(
            plan=plan, decision_id=operation.decision_id, index=operation.intended_index, operation=operation
        )
    return Intent(operation_id=operation.id, ledger_index=operation.intended_index, send=1)


def _put_case(tx: Tx, turn: Turn, operation: Operation, plan: Plan, now: datetime) -> None:
    """The run's case, in `acting`: new, or opened again by this request."""
    request = turn.request
    wake = operation.not_before or now + turn.ctx.deployment.reconcile_window
    data = {
        "mode": request.mode.value,
        "maxAttempts": request.max_attempts,
        "requestId": request.request_id,
        "principal": request.principal,
        "automatic": request.automatic,
        "queued": sorted(j.name for j in plan.jobs if j.state == "queued"),
        "onlyJobs": None if request.only_jobs is None else sorted(request.only_jobs),
    }
    known = tx.case_of_run(operation.host, operation.repository_id, operation.run_id)
    if known is not None:
        _end_queue_of(tx, known, operation)
        case = take_over(tx, known, now)
        for state in path_to_deciding(case.state):
            case = move(tx, case, state, now)
        move(tx, case, CaseState.ACTING, now, wake_at=wake, note="", operation_id=operation.id, data=data)
        return
    tx.open_case(
        Case(
            id=turn.ctx.new_id(),
            host=operation.host,
            repository_id=operation.repository_id,
            owner=operation.owner,
            repository=operation.repository,
            run_id=operation.run_id,
            pull_request=operation.pull_request,
            head_sha=operation.head_sha,
            state=CaseState.ACTING,
            wake_at=wake,
            awaits=AWAITS[CaseState.ACTING],
            epoch=1,
            opened_at=now,
            updated_at=now,
            operation_id=operation.id,
            data=data,
        )
    )


def _end_queue_of(tx: Tx, case: Case, operation: Operation) -> None:
    """The jobs that another request left queued lose their turn to this operation: that is on record too."""
    earlier = tx.operation(case.operation_id) if case.operation_id else None
    waits = case.state not in ENDED and case.data.get("queued") and case.data.get("requestId") != operation.request_id
    if earlier is not None and waits:
        assert operation.intended_index is not None
        why = "another request took the run over"
        end_queue(tx, earlier, operation.intended_index, Reason.RUN_IN_PROGRESS, why)


def _watch_identity(tx: Tx, facts: RunFacts, identity: Identity, known: Sequence[Operation]) -> None:
    """One App, one ledger: an attempt by our App that no operation explains opens a conflict, which stops writes."""
    run = facts.run
    ours = identity.kind == "app" and run.triggering_actor == identity.login
    if not ours or run.run_attempt is None or run.run_attempt < 2:  # the first attempt is nobody's rerun
        return
    explained = any(op.attempt == run.run_attempt and op.state is not OperationState.REFUSED for op in known)
    unjudged = any(op.state is OperationState.CONFIRMED and op.judged_attempt is None for op in known)
    if explained or unjudged:  # one that is not judged yet may have come behind a person's attempt
        return
    tx.open_conflict(
        host=facts.repository.host, repository_id=facts.repository.id, run_id=run.id, run_attempt=run.run_attempt
    )
