"""The main walk: read -> diagnose -> plan -> one durable intent with its slots -> one POST -> outcome."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from cicatrix.core.attempts import RunFacts
from cicatrix.core.canonical import canonical_hash
from cicatrix.core.cases import Case
from cicatrix.core.operations import Operation
from cicatrix.core.plan import Plan
from cicatrix.core.policy import RerunRequest
from cicatrix.core.reasons import Reason
from cicatrix.flows.answer import Decided, Extra, build_answer, nothing_found
from cicatrix.flows.context import SHORT_WAIT, Context
from cicatrix.flows.intent import Again, Recorded, Turn, plan_in, record_decision, record_refusal
from cicatrix.flows.reading import Reading, Target, read_head_again, read_run, read_target, repository_of
from cicatrix.flows.settle import act
from cicatrix.flows.told import answer_of_operation
from cicatrix.ledger import LedgerError, Tx, View

REREADS = 3
"""How often facts are read again because another operation of the run appeared meanwhile."""

REQUEST_LEASE = timedelta(minutes=5)


class RequestInProgress(Exception):  # noqa: N818  # named for what is the case, as GitHub's four errors are
    """A request with this id is being worked on. Ask again with the same id: its stored answer will be replayed."""


class RequestIdReused(Exception):  # noqa: N818  # same
    """This request id was used for another request. Use a new id, or repeat the first request exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The answer in the seed's schema, and whether it is a stored one."""

    answer: dict[str, Any]
    replayed: bool = False


def rerun_failed_jobs(ctx: Context, target: Target, request: RerunRequest) -> Result:
    """Decide about everything red at the target, and rerun what deserves it.

    The same request id with the same request gives the stored answer and charges nothing. Raises GitHubError when
    GitHub cannot be read, RequestInProgress, RequestIdReused or LedgerError. The id may then be used again: what the
    interrupted try has sent is found in the ledger and never sent twice.
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
        reading = read_target(ctx, target, request)
        if stored.resumed:
            reading = _with_earlier_runs(ctx, request, reading)
        decided = [decide_run(ctx, request, reading, facts, started=started) for facts in reading.runs]
        answer = build_answer(request, reading, decided, _extras(reading))
    except Exception:  # whatever it was, it is raised again: the id must not stay taken until its lease lapses
        with suppress(LedgerError), ctx.ledger.write("request.release") as tx:
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
    ctx: Context, request: RerunRequest, reading: Reading, facts: RunFacts, *, started: int, held: Case | None = None
) -> Decided:
    """One run's decision, recorded and acted on. `started` is the ledger's size before the facts were read.

    `held` is the claimed case of a request that has acted on this run before and goes on (queued jobs, the next
    attempt). Raises StaleEpoch, and has recorded nothing, when somebody has taken that case over.
    """
    with ctx.ledger.read() as view:
        earlier = None if held else _operation_of_request(view, request, facts)
    if earlier is not None:
        return answer_of_operation(ctx, facts, earlier)
    turn = replace(_turn(ctx, request, reading, facts), held=held)
    for _ in range(REREADS + 1):
        head_read = _preview(turn, facts).call is not None
        if head_read:
            _wait_for_pace(turn, facts)
            facts = read_head_again(ctx, facts)
        outcome = record_decision(turn, facts, started=started, head_read=head_read)
        if isinstance(outcome, Again):
            started = ledger_size(ctx)
            facts = _read_again(ctx, facts, reading.hole)
            with ctx.ledger.read() as view:
                mine = None if held else _operation_of_request(view, request, facts)
            if mine is not None:  # the same request, worked on twice because its first worker was slow
                return answer_of_operation(ctx, facts, mine)
            continue
        if isinstance(outcome, Recorded):
            return _as_decided(ctx, facts, outcome)
        receipt, plan = outcome
        return answer_of_operation(ctx, facts, act(ctx, receipt), plan=plan)
    why = "other operations of the run keep coming first"
    return _as_decided(ctx, facts, record_refusal(turn, facts, Reason.RUN_IN_PROGRESS, why))


def preview_run(ctx: Context, request: RerunRequest, reading: Reading, facts: RunFacts) -> Plan:
    """What would be decided now. Writes nothing, not even to the ledger."""
    return _preview(_turn(ctx, request, reading, facts), facts)


def _turn(ctx: Context, request: RerunRequest, reading: Reading, facts: RunFacts) -> Turn:
    siblings = tuple(f for f in reading.runs if f.run.id != facts.run.id)
    return Turn(
        ctx=ctx,
        request=request,
        policy=reading.policy,
        rules=reading.rules,
        identity=reading.identity,
        siblings=siblings,
    )


def _as_decided(ctx: Context, facts: RunFacts, recorded: Recorded) -> Decided:
    if recorded.operation is not None:
        return answer_of_operation(ctx, facts, recorded.operation, plan=recorded.plan)
    return Decided(facts=facts, plan=recorded.plan, decision_id=recorded.decision_id, ledger_index=recorded.index)


def _preview(turn: Turn, facts: RunFacts) -> Plan:
    with turn.ctx.ledger.read() as view:
        plan, _ = plan_in(view, turn, facts)
    return plan


def _wait_for_pace(turn: Turn, facts: RunFacts) -> None:
    """Writes are at least one interval apart: a short wait happens here, before the head is read for the last time."""
    ctx = turn.ctx
    if not ctx.deployment.write_interval:
        return
    with ctx.ledger.read() as view:
        free_at = view.pace_free_at(facts.repository.host, turn.identity.login)
    wait = (free_at - ctx.now()) if free_at else timedelta(0)
    if timedelta(0) < wait <= SHORT_WAIT:
        ctx.sleep(wait.total_seconds())


def _operation_of_request(view: View, request: RerunRequest, facts: RunFacts) -> Operation | None:
    """An operation that an interrupted try of this very request already made on this run."""
    mine = [
        op
        for op in view.operations_of_request(request.request_id)
        if (op.host, op.run_id) == (facts.repository.host, facts.run.id)
    ]
    return mine[0] if mine else None


def _with_earlier_runs(ctx: Context, request: RerunRequest, reading: Reading) -> Reading:
    """The runs too that an interrupted try of this request has acted on: they need not be red any more."""
    with ctx.ledger.read() as view:
        acted_on = {op.run_id for op in view.operations_of_request(request.request_id)}
    runs = list(reading.runs)
    target = reading.target
    for run_id in sorted(acted_on - {facts.run.id for facts in runs}):
        run = ctx.github.run(target.owner, target.repository, run_id)
        home = reading.repository or repository_of(ctx, target.owner, target.repository, run)
        runs.append(read_run(ctx, home, reading.pull_request, run, hole=reading.hole))
    runs.sort(key=lambda facts: (int(facts.run.workflow_id), int(facts.run.id)))
    return replace(reading, runs=tuple(runs))


def _read_again(ctx: Context, facts: RunFacts, hole: str | None) -> RunFacts:
    run = ctx.github.run(facts.repository.owner, facts.repository.name, facts.run.id)
    again = read_run(ctx, facts.repository, facts.pull_request, run, hole=hole)
    return replace(again, newer_run_id=facts.newer_run_id)


def _extras(reading: Reading) -> list[Extra]:
    return [
        Extra(
            name=check.name,
            conclusion=check.conclusion or check.status,
            reason=Reason.NOT_GITHUB_ACTIONS,
            why=f"made by {check.app_slug or 'an unknown app'}",
        )
        for check in reading.other_checks
    ]


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
