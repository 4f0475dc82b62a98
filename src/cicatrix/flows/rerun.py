"""The main walk: read -> diagnose -> plan -> one durable intent with its slots -> one POST -> outcome (foundations 4)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cicatrix import __version__
from cicatrix.core.attempts import RunFacts
from cicatrix.core.canonical import canonical_hash
from cicatrix.core.cases import AWAITS, Case, CaseState
from cicatrix.core.facts import Identity, Receipt
from cicatrix.core.operations import Operation, OperationState, Usage, UsageQuery
from cicatrix.core.plan import Call, Plan, plan_rerun
from cicatrix.core.policy import Policy, RerunRequest
from cicatrix.core.reasons import Reason
from cicatrix.flows import record
from cicatrix.flows.answer import Decided, Extra, build_answer, nothing_found
from cicatrix.flows.cases import move, path_to_deciding, take_over
from cicatrix.flows.context import SHORT_WAIT, Context
from cicatrix.flows.reading import Reading, Target, read_head_again, read_run, read_target
from cicatrix.flows.settle import act, answer_of_operation
from cicatrix.ledger import Intent, Tx, View

REREADS = 3
"""How often facts are read again because another operation of the run appeared meanwhile."""

REQUEST_LEASE = timedelta(minutes=5)
CASE_LEASE = timedelta(minutes=2)


class RequestInProgress(Exception):
    """A request with this id is being worked on right now. Ask again with the same id: the stored answer will be replayed."""


class RequestIdReused(Exception):
    """This request id was used for another request. Use a new id, or repeat the first request exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    answer: dict[str, Any]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Again:
    """Another operation of the run was created since the facts were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recorded:
    """A decision without a call, or whose call has to wait (`operation` is then DEFERRED)."""

    plan: Plan
    decision_id: str
    index: int
    operation: Operation | None = None


def rerun_failed_jobs(ctx: Context, target: Target, request: RerunRequest) -> Result:
    """Decide about everything red at the target, and rerun what deserves it.

    The same request id with the same request gives the stored answer and charges nothing. Raises GitHubError when GitHub
    cannot be read (nothing was written then), RequestInProgress, RequestIdReused, LedgerError.
    """
    fingerprint = request_hash(target, request)
    with ctx.ledger.write("request.begin") as tx:
        stored = tx.begin_request(request.request_id, fingerprint, ctx.now(), REQUEST_LEASE)
    if stored.state == "finished":
        return Result(answer=json.loads(stored.response or "{}"), replayed=True)
    if stored.state == "in_progress":
        raise RequestInProgress(request.request_id)
    if stored.state == "conflict":
        raise RequestIdReused(request.request_id)
    try:
        started = ledger_size(ctx)
        reading = read_target(ctx, target, dry_run=request.dry_run)
        decided = [decide_run(ctx, request, reading, facts, started=started) for facts in reading.runs]
        answer = build_answer(request, reading, decided, _extras(reading))
    except Exception:
        with ctx.ledger.write("request.release") as tx:
            tx.release_request(request.request_id)
        raise
    with ctx.ledger.write("request.finish") as tx:
        if not decided:
            _record_nothing_found(tx, ctx, request, reading)
        tx.finish_request(request.request_id, json.dumps(answer, ensure_ascii=False))
    return Result(answer=answer)


def request_hash(target: Target, request: RerunRequest) -> str:
    """SHA-256 of the canonical request: what must be equal for a request id to be replayed."""
    return canonical_hash(
        {
            "target": str(target).lower(),
            "mode": request.mode.value,
            "maxAttempts": request.max_attempts,
            "dryRun": request.dry_run,
        }
    )


def decide_run(
    ctx: Context, request: RerunRequest, reading: Reading, facts: RunFacts, *, started: int, continuing: bool = False
) -> Decided:
    """One run's decision, recorded and acted on. `started` is the ledger's size before the facts were read."""
    with ctx.ledger.read() as view:
        earlier = None if continuing else _operation_of_request(view, request, facts)
    if earlier is not None:
        return answer_of_operation(ctx, facts, earlier)
    policy, identity = reading.policy, reading.identity
    for _ in range(REREADS + 1):
        siblings = [f for f in reading.runs if f.run.id != facts.run.id]
        preview = _preview(ctx, request, facts, policy, siblings)
        if preview.call is not None:
            _wait_for_pace(ctx, facts, identity)
            facts = read_head_again(ctx, facts)
        outcome = _record_decision(ctx, request, facts, policy, identity, siblings, started)
        if isinstance(outcome, _Again):
            started = ledger_size(ctx)
            facts = _read_again(ctx, facts)
            continue
        if isinstance(outcome, _Recorded):
            if outcome.operation is not None:
                return answer_of_operation(ctx, facts, outcome.operation, plan=outcome.plan)
            return Decided(facts=facts, plan=outcome.plan, decision_id=outcome.decision_id, ledger_index=outcome.index)
        receipt, plan = outcome
        operation = act(ctx, receipt)
        return answer_of_operation(ctx, facts, operation, plan=plan)
    return _give_way(ctx, request, facts, policy)


def preview_run(ctx: Context, request: RerunRequest, reading: Reading, facts: RunFacts) -> Plan:
    """What would be decided now. Writes nothing, not even to the ledger."""
    siblings = [f for f in reading.runs if f.run.id != facts.run.id]
    return _preview(ctx, request, facts, reading.policy, siblings)


def usage_query(facts: RunFacts) -> UsageQuery:
    return UsageQuery(
        host=facts.repository.host,
        repository_id=facts.repository.id,
        owner_id=facts.repository.owner_id,
        run_id=facts.run.id,
        pull_request=facts.pull_request_number,
        head_sha=facts.run.head_sha,
    )


def plan_in(
    view: View,
    request: RerunRequest,
    facts: RunFacts,
    policy: Policy,
    siblings: Sequence[RunFacts],
    now: datetime,
    *,
    excluding: str | None = None,
) -> tuple[Plan, Usage]:
    """The plan on the usage that this transaction sees. `excluding` leaves out an operation that is being sent again."""
    usage = view.usage(usage_query(facts), now, excluding=excluding)
    with_operations = [
        (s, view.operations_of_run(s.repository.host, s.repository.id, s.run.id))
        for s in siblings
        if s.run.head_sha == facts.run.head_sha
    ]
    return plan_rerun(request, facts, policy, usage, now, siblings=with_operations), usage


def _preview(
    ctx: Context, request: RerunRequest, facts: RunFacts, policy: Policy, siblings: Sequence[RunFacts]
) -> Plan:
    with ctx.ledger.read() as view:
        plan, _ = plan_in(view, request, facts, policy, siblings, ctx.now())
    return plan


def _record_decision(
    ctx: Context,
    request: RerunRequest,
    facts: RunFacts,
    policy: Policy,
    identity: Identity,
    siblings: Sequence[RunFacts],
    started: int,
) -> tuple[Receipt, Plan] | _Recorded | _Again:
    """Transaction A: plan once more under the lock, and record that plan with its slots and its intent."""
    chosen: list[Plan] = []

    def decide(tx: Tx) -> _Recorded | _Again | Intent:
        now = ctx.now()
        known = tx.operations_of_run(facts.repository.host, facts.repository.id, facts.run.id)
        if any((op.intended_index or 0) >= started for op in known):
            return _Again()
        current = with_kill_switch(ctx, policy)
        _watch_identity(tx, facts, identity, known)
        plan, _ = plan_in(tx, request, facts, current, siblings, now)
        chosen.append(plan)
        decision_id = ctx.new_id()
        index = record.decided_entry(tx, request, facts, current, plan, decision_id, inputs_hash(ctx, current))
        tx.record_attempts(
            record.attempt_row(request, facts, current.resolved.hash, job, decision_id=decision_id, index=index)
            for job in plan.jobs
            if (plan.call is None or job.state is None) and (request.only_jobs is None or job.name in request.only_jobs)
        )
        tx.record_audit(
            record.audit_row(
                request,
                facts,
                status=record.AUDIT_STATUS[plan.decision],
                index=index,
                now=now,
                result={"decision": plan.decision, "reasons": list(plan.reasons), "jobs": len(plan.jobs)},
            )
        )
        if plan.call is None:
            return _Recorded(plan=plan, decision_id=decision_id, index=index)
        operation = _operation(ctx, request, facts, identity, plan.call, decision_id, index, now)
        return _intend(tx, ctx, request, operation, plan, now)

    outcome: Receipt | _Recorded | _Again = ctx.ledger.intend("intent", decide)
    if isinstance(outcome, Receipt):
        return outcome, chosen[-1]
    return outcome


def _intend(
    tx: Tx, ctx: Context, request: RerunRequest, operation: Operation, plan: Plan, now: datetime
) -> Intent | _Recorded:
    """Slots, operation, entries and case of one intent; DEFERRED at once when it is too early for another write."""
    assert plan.call is not None
    interval = ctx.deployment.write_interval
    free_at = tx.take_pace(operation.host, operation.identity, now, interval) if interval else None
    if free_at is not None:
        operation = replace(operation, state=OperationState.DEFERRED, not_before=free_at, sent_at=None, sends=0)
    if not tx.take_slots(operation, limits=plan.call.limits):
        # The plan counted under this same lock, so this is a fault of ours: nothing is committed.
        raise AssertionError(f"slots of operation {operation.id} do not fit the plan made under the same lock")
    operation = tx.record_intent(operation)
    _put_case(tx, ctx, request, operation, plan, now)
    assert operation.intended_index is not None
    if free_at is not None:
        return _Recorded(
            plan=plan, decision_id=operation.decision_id, index=operation.intended_index, operation=operation
        )
    return Intent(operation_id=operation.id, ledger_index=operation.intended_index, send=1)


def _operation(
    ctx: Context,
    request: RerunRequest,
    facts: RunFacts,
    identity: Identity,
    call: Call,
    decision_id: str,
    decided_index: int,
    now: datetime,
) -> Operation:
    assert facts.run.run_attempt is not None
    return Operation(
        id=ctx.new_id(),
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
        request_id=request.request_id,
        principal=request.principal,
        identity=identity.login,
        identity_shared=identity.shared,
        decision_id=decision_id,
        state=OperationState.SENT,
        created_at=now,
        sent_at=now,
        decided_index=decided_index,
    )


def _put_case(tx: Tx, ctx: Context, request: RerunRequest, operation: Operation, plan: Plan, now: datetime) -> None:
    """The run's case, in `acting`: new, or opened again by this request."""
    known = tx.case_of_run(operation.host, operation.repository_id, operation.run_id)
    wake = operation.not_before or now + ctx.deployment.reconcile_window
    data = {
        "mode": request.mode.value,
        "maxAttempts": request.max_attempts,
        "requestId": request.request_id,
        "principal": request.principal,
        "automatic": request.automatic,
        "queued": sorted(j.name for j in plan.jobs if j.state == "queued"),
    }
    if known is None:
        tx.open_case(
            Case(
                id=ctx.new_id(),
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
        return
    case = take_over(tx, known, now)
    for state in path_to_deciding(case.state):
        case = move(tx, case, state, now)
    move(tx, case, CaseState.ACTING, now, wake, "", operation_id=operation.id, data=data)


def with_kill_switch(ctx: Context, policy: Policy) -> Policy:
    """The policy with the kill switch asked again, right before the write."""
    switch = ctx.deployment.kill_switch()
    return replace(policy, stops=((Reason.KILL_SWITCH, switch), *policy.stops)) if switch else policy


def inputs_hash(ctx: Context, policy: Policy) -> str:
    """Covers product version, rule set and lawbook: what else a decision depends on beside the facts."""
    return canonical_hash(
        {"version": __version__, "ruleset": ctx.diagnoser.ruleset_hash, "lawbook": policy.resolved.hash}
    )


def _watch_identity(tx: Tx, facts: RunFacts, identity: Identity, known: Sequence[Operation]) -> None:
    """One App, one ledger: an attempt by our App that no operation explains opens a conflict, which stops writes here."""
    run = facts.run
    if identity.kind != "app" or not run.run_attempt or run.run_attempt < 2 or run.triggering_actor != identity.login:  # noqa: PLR0916  # one condition, read at once
        return
    if any(op.base_attempt + 1 == run.run_attempt and op.state is not OperationState.REFUSED for op in known):
        return
    tx.open_conflict(
        host=facts.repository.host,
        repository_id=facts.repository.id,
        run_id=run.id,
        run_attempt=run.run_attempt,
    )


def _wait_for_pace(ctx: Context, facts: RunFacts, identity: Identity) -> None:
    """Writes are at least one interval apart: a short wait happens here, before the head is read for the last time."""
    if not ctx.deployment.write_interval:
        return
    with ctx.ledger.read() as view:
        free_at = view.pace_free_at(facts.repository.host, identity.login)
    wait = (free_at - ctx.now()) if free_at else timedelta(0)
    if timedelta(0) < wait <= SHORT_WAIT:
        ctx.sleep(wait.total_seconds())


def _operation_of_request(view: View, request: RerunRequest, facts: RunFacts) -> Operation | None:
    """An operation that an interrupted try of this very request already made on this run."""
    mine = [op for op in view.operations_of_request(request.request_id) if op.run_id == facts.run.id]
    return mine[0] if mine else None


def _read_again(ctx: Context, facts: RunFacts) -> RunFacts:
    run = ctx.github.run(facts.repository.owner, facts.repository.name, facts.run.id)
    again = read_run(ctx, facts.repository, facts.pull_request, run)
    return replace(again, newer_run_id=facts.newer_run_id)


def _give_way(ctx: Context, request: RerunRequest, facts: RunFacts, policy: Policy) -> Decided:
    """After three rereads others are still faster: the answer is run_in_progress, recorded like any other."""
    stopped = replace(
        policy, stops=(*policy.stops, (Reason.RUN_IN_PROGRESS, "other operations of the run keep coming first"))
    )
    with ctx.ledger.write("give-way") as tx:
        plan, _ = plan_in(tx, request, facts, stopped, (), ctx.now())
        decision_id = ctx.new_id()
        index = record.decided_entry(tx, request, facts, stopped, plan, decision_id, inputs_hash(ctx, stopped))
        tx.record_attempts(
            record.attempt_row(request, facts, stopped.resolved.hash, j, decision_id=decision_id, index=index)
            for j in plan.jobs
        )
    return Decided(facts=facts, plan=plan, decision_id=decision_id, ledger_index=index)


def _extras(reading: Reading) -> list[Extra]:
    extras = [
        Extra(
            name=check.name,
            conclusion=check.conclusion or check.status,
            reason=Reason.NOT_GITHUB_ACTIONS,
            why=f"made by {check.app_slug or 'an unknown app'}",
        )
        for check in reading.other_checks
    ]
    return extras


def _record_nothing_found(tx: Tx, ctx: Context, request: RerunRequest, reading: Reading) -> None:
    """A request that found no run is on the record too."""
    tx.append(
        "rerun.nothing_found",
        {
            "requestId": tx.text(request.request_id),
            "principal": tx.text(request.principal),
            "host": ctx.github.host.name,
            "target": tx.text(str(reading.target)),
            "lawbookHash": reading.policy.resolved.hash,
            "why": tx.text(nothing_found(reading)),
        },
    )


def ledger_size(ctx: Context) -> int:
    with ctx.ledger.read() as view:
        return view.size()
