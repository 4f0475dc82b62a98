"""Wakes what is due: settles operations by reading, sends deferred ones, judges reruns, goes on with queued jobs.

Every step is short, idempotent and serial for its case. What matters is what is, not which event arrived.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cicatrix.core.actions import ActionType
from cicatrix.core.attempts import RunFacts, executed_in, is_dependant_failure
from cicatrix.core.cases import ENDED, Case, CaseState
from cicatrix.core.facts import WorkflowRun
from cicatrix.core.lawbook import Mode as LawbookMode
from cicatrix.core.operations import Kind, Operation, OperationState
from cicatrix.core.outcome import FAILED_OTHER, FAILED_SAME, HEALED, UNKNOWN, JobOutcome, judge_outcome
from cicatrix.core.plan import NOT_FAILED
from cicatrix.core.policy import Mode, Policy, RerunRequest
from cicatrix.core.reasons import Reason
from cicatrix.core.verdict import Verdict
from cicatrix.flows.answer import Decided
from cicatrix.flows.cases import move, still_held
from cicatrix.flows.context import Context
from cicatrix.flows.fresh import read_fresh
from cicatrix.flows.ladder.climb import STEPS, lease_of, next_rung, step
from cicatrix.flows.ladder.settling import drop, settle
from cicatrix.flows.outcomes import record_outcomes
from cicatrix.flows.policies import policy_in
from cicatrix.flows.reading import (
    Reading,
    diagnose_job,
)
from cicatrix.flows.rerun import decide_run, ledger_size
from cicatrix.flows.resend import send_again
from cicatrix.flows.rows import end_queue
from cicatrix.flows.settle import reconcile
from cicatrix.github import GitHubError
from cicatrix.ledger import LedgerError, LedgerUnavailable, StaleEpoch

LEASE = timedelta(minutes=2)
LIVE_RUN_WAIT = timedelta(minutes=1)
"""How long a case that waits for a live run sleeps between two looks at it."""
STRANGE = (ValueError, LookupError, TypeError, OSError)
"""What code raises that met something strange: foreign data that it did not expect, a disk that is full."""
SYSTEM = "system"
"""The principal of our own scheduler (GE-3); a person's request keeps its person through every tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """What one tick did, in one line."""

    run: str
    """Empty for the case of a branch, which has no run."""
    case_id: str = ""
    """Empty for an operation that belongs to no case."""
    ref: str = ""
    """The full ref of a branch's case; empty for a run's."""
    sha: str
    """The commit that the case or the operation is about."""
    before: str
    after: str
    note: str = ""


def tick(ctx: Context, *, limit: int = 100) -> list[Ticked]:
    """Wake everything at the context's host that is due once. What goes wrong for one does not stop the others."""
    with ctx.ledger.read() as view:
        operations = view.open_operations(limit, host=ctx.github.host.name, kinds=tuple(Kind))
    done = [_guarded(ctx, op) for op in operations]
    with ctx.ledger.read() as view:
        cases = view.due_cases(ctx.now(), limit, host=ctx.github.host.name)
    done += [_guarded_case(ctx, case) for case in cases]
    return [t for t in done if t is not None]


def _guarded(ctx: Context, operation: Operation) -> Ticked | None:
    try:
        state = _tick_operation(ctx, operation)
    except LedgerUnavailable:
        raise
    except (GitHubError, LedgerError) as trouble:
        return _of_operation(ctx, operation, operation.state, str(trouble))
    if state is operation.state:
        return None
    return _of_operation(ctx, operation, state, f"operation {operation.id}")


def _of_operation(ctx: Context, operation: Operation, after: OperationState, note: str) -> Ticked:
    with ctx.ledger.read() as view:
        case = view.case(operation.case_id) if operation.case_id else None
    return Ticked(
        run=operation.run_id,
        case_id=operation.case_id or "",
        ref=case.ref if case else "",
        sha=operation.head_sha,
        before=operation.state,
        after=after,
        note=note,
    )


def _guarded_case(ctx: Context, due: Case) -> Ticked | None:
    with ctx.ledger.write("claim") as tx:
        case = tx.claim_case(due.id, ctx.now(), lease_of(due, LEASE))
    if case is None:
        return None
    try:
        after = tick_case(ctx, case)
    except StaleEpoch:
        return None  # somebody else took the case over: what we know is old
    except GitHubError as trouble:
        _try_later(ctx, case, str(trouble))
        return _of_case(due, due.state, str(trouble))
    except LedgerUnavailable:
        raise
    except LedgerError as trouble:
        return _of_case(due, due.state, str(trouble))
    except STRANGE as fault:  # what nobody foresaw in one case must not keep the others waiting
        ctx.log("case.fault", case=due.id, error="".join(traceback.format_exception(fault)).strip())
        note = f"a fault of ours: {type(fault).__name__}"
        _try_later(ctx, case, note)
        return _of_case(due, due.state, note)
    return _of_case(due, after.state, after.note)


def _of_case(due: Case, after: CaseState, note: str) -> Ticked:
    return Ticked(
        run=due.run_id, case_id=due.id, ref=due.ref, sha=due.head_sha, before=due.state, after=after, note=note
    )


def _try_later(ctx: Context, claimed: Case, trouble: str) -> None:
    """The case stays where its last step left it and is due again soon, unless somebody has taken it over."""
    with ctx.ledger.write("case") as tx:
        current = tx.case(claimed.id)
        if current is not None and current.epoch == claimed.epoch and current.state not in ENDED:
            wake_at = ctx.now() + ctx.deployment.poll_interval
            move(tx, current, current.state, ctx.now(), wake_at=wake_at, note=trouble)


# --- operations ---


def _tick_operation(ctx: Context, operation: Operation) -> OperationState:
    if operation.kind != Kind.RERUN:  # its case sends it again; here it is only read back
        return settle(ctx, operation) if operation.state is OperationState.SENT else drop(ctx, operation)
    if operation.state is OperationState.SENT:
        return reconcile(ctx, operation)
    if operation.not_before is None or operation.not_before <= ctx.now():
        return send_again(ctx, operation)
    return operation.state


# --- cases ---


def tick_case(ctx: Context, case: Case) -> Case:
    """One step of one claimed case. Returns the case as it was saved."""
    now = ctx.now()
    with ctx.ledger.read() as view:
        operation = view.operation(case.operation_id) if case.operation_id else None
    if case.state in STEPS or (case.state is CaseState.DECIDING and (operation is None or case.data.get("rung"))):
        return step(ctx, case)
    if operation is None:
        return _save(ctx, case, CaseState.HANDED_OVER, note="no operation belongs to this case")
    if case.state is CaseState.ACTING or (case.state is CaseState.QUEUED and operation.open):
        return _follow_operation(ctx, case, operation)
    if case.state in {CaseState.RERAN, CaseState.JUDGING}:  # judging: whoever judged it died in the middle
        return _judge(ctx, case, operation)
    if case.state is CaseState.QUEUED and (case.wake_at is None or case.wake_at <= now):
        return _go_on(ctx, _save(ctx, case, CaseState.DECIDING))
    if case.state is CaseState.DECIDING:
        return _go_on(ctx, case)
    return _save(ctx, case, case.state, wake_at=None)


def _follow_operation(ctx: Context, case: Case, operation: Operation) -> Case:
    """The case waits for its operation; the operation's own step has moved the case if there was a verdict."""
    now = ctx.now()
    if operation.open:
        wake = operation.not_before or (operation.sent_at or now) + ctx.deployment.reconcile_window
        return _save(ctx, case, case.state, wake_at=max(wake, now + ctx.deployment.poll_interval))
    if operation.state is OperationState.CONFIRMED:
        return _save(ctx, case, CaseState.RERAN, wake_at=now)
    return _save(ctx, case, CaseState.HANDED_OVER, note=f"operation {operation.id} is {operation.state}")


def _judge(ctx: Context, case: Case, operation: Operation) -> Case:
    """The outcome of attempt N+1 once it has ended; at the deadline it is unknown, whatever kept us from reading it."""
    late = ctx.now() - (operation.settled_at or operation.created_at) >= ctx.deployment.outcome_deadline
    try:
        seen = _outcomes_of(ctx, case, operation)
    except GitHubError as trouble:
        if not late:
            raise
        seen = f"attempt N+1 cannot be read: {trouble}"
    if not isinstance(seen, str):
        reading, facts, attempt, outcomes = seen
        _write_outcome(ctx, case, operation, outcomes, attempt)
        return _after_judging(ctx, _save(ctx, case, CaseState.JUDGING), reading, facts, outcomes)
    if not late:
        return _save(ctx, case, case.state, wake_at=ctx.now() + ctx.deployment.poll_interval, note=seen)
    return _give_up_waiting(ctx, case, operation, seen)


def _give_up_waiting(ctx: Context, case: Case, operation: Operation, why: str) -> Case:
    with ctx.ledger.write("judged") as tx:
        still_held(tx, case)
        nothing = _nothing_seen(operation)
        index = record_outcomes(tx, operation, nothing, attempt=operation.attempt, case_id=case.id)
        if index is not None and _queued(case):
            end_queue(tx, operation, index, Reason.OUTCOME_UNKNOWN, why)
    return _save(ctx, _save(ctx, case, CaseState.JUDGING), CaseState.HANDED_OVER, note=why)


def _outcomes_of(
    ctx: Context, case: Case, operation: Operation
) -> tuple[Reading, RunFacts, int, tuple[JobOutcome, ...]] | str:
    """What became of attempt N+1 and the facts that tell it, or why nothing can be told yet."""
    run = ctx.github.run(case.owner, case.repository, case.run_id)
    wanted = _own_attempt(ctx, operation, run)
    if wanted is None:
        return f"no attempt after {operation.base_attempt} is by {operation.identity}"
    ended = run.run_attempt is not None and (run.run_attempt > wanted or (run.run_attempt == wanted and run.completed))
    if not ended:
        return f"attempt {wanted} has not ended"
    request = _request_of(case)
    reading, facts = read_fresh(
        ctx, request, case.owner, case.repository, case.run_id, pull_request=case.pull_request, run=run
    )
    if facts.incomplete or wanted not in {a.number for a in facts.attempts}:
        return facts.incomplete or f"attempt {wanted} is not listed"
    verdicts = _verdicts_of(ctx, facts, wanted)
    return reading, facts, wanted, judge_outcome(operation, facts.attempts, verdicts, attempt=wanted)


def _own_attempt(ctx: Context, operation: Operation, run: WorkflowRun) -> int | None:
    """The attempt that the operation made: N+1, or, where our App is told apart, its first one after N.

    A person's rerun may start and end between our reads and our POST: ours is then the attempt after it.
    """
    if operation.identity_shared or run.run_attempt is None:
        return operation.attempt
    for number in range(operation.base_attempt + 1, run.run_attempt + 1):
        newest = number == run.run_attempt
        seen = run if newest else ctx.github.run_attempt(operation.owner, operation.repository, run.id, number)
        if seen.triggering_actor == operation.identity:
            return number
    return None if run.run_attempt > operation.base_attempt else operation.attempt


def _verdicts_of(ctx: Context, facts: RunFacts, attempt: int) -> dict[str, Verdict]:
    """Verdicts of what failed in that attempt; a job that a later attempt covers up is diagnosed by itself."""
    verdicts = dict(facts.verdicts)
    for job in executed_in(facts.attempts, attempt):
        if job.failed and job.id not in verdicts and not is_dependant_failure(job, facts):
            verdicts[job.id] = diagnose_job(ctx, facts, job)
    return verdicts


def _write_outcome(
    ctx: Context, case: Case, operation: Operation, outcomes: tuple[JobOutcome, ...], attempt: int
) -> None:
    with ctx.ledger.write("judged") as tx:
        record_outcomes(tx, operation, outcomes, attempt=attempt, case_id=case.id)


def _nothing_seen(operation: Operation) -> tuple[JobOutcome, ...]:
    named = [JobOutcome(ref=r, outcome=UNKNOWN, minutes=0, signature_after=None, named=True) for r in operation.named]
    along = [
        JobOutcome(ref=r, outcome=UNKNOWN, minutes=0, signature_after=None, named=False) for r in operation.dependants
    ]
    return (*named, *along)


def _after_judging(
    ctx: Context, case: Case, reading: Reading, facts: RunFacts, outcomes: tuple[JobOutcome, ...]
) -> Case:
    named = [o for o in outcomes if o.named]
    healed = [o for o in named if o.outcome == HEALED]
    if _queued(case):
        return _go_on(ctx, _save(ctx, case, CaseState.DECIDING, note="the next queued job's turn"))
    if facts.run.completed and facts.run.conclusion in NOT_FAILED:
        return _save(ctx, case, CaseState.CLOSED, note=f"healed: {len(healed)} of {len(named)} jobs, the run is green")
    if len(healed) == len(named):
        why = "the jobs that were rerun passed; the run is red for another reason"
        return _higher(ctx, case, reading, facts) or _save(ctx, case, CaseState.HANDED_OVER, note=why)
    if reading.policy.resolved.lawbook.mode is LawbookMode.ACT:
        data = {**case.data, "automatic": True, "principal": SYSTEM}
        return _go_on(ctx, _save(ctx, case, CaseState.DECIDING, data=data, note="failed again, budget decides"))
    how = {FAILED_SAME: "the same way", FAILED_OTHER: "another way"}
    worst = next(o for o in named if o.outcome != HEALED)
    note = (
        f"{worst.ref.name} failed again {how[worst.outcome]}"
        if worst.outcome in how
        else f"{worst.ref.name}: {worst.outcome}"
    )
    return _save(ctx, case, CaseState.HANDED_OVER, note=f"{note}; ask again for another rerun if the bound leaves one")


def _go_on(ctx: Context, case: Case) -> Case:
    """Decide again: about the queued jobs of the request, or, where the lawbook acts by itself, about the run."""
    request = _request_of(case)
    started = ledger_size(ctx)
    run = ctx.github.run(case.owner, case.repository, case.run_id)
    if not run.completed:
        return _save(ctx, case, CaseState.QUEUED, wake_at=ctx.now() + LIVE_RUN_WAIT, note=f"the run is {run.status}")
    reading, facts = read_fresh(
        ctx, request, case.owner, case.repository, case.run_id, pull_request=case.pull_request, run=run
    )
    decided = decide_run(ctx, request, reading, facts, started=started, held=case)
    if decided.operation is None:
        state, wake_at, note = _rest(decided, facts)
        higher = _higher(ctx, case, reading, facts) if state is CaseState.HANDED_OVER else None
        return higher or _save(ctx, case, state, wake_at=wake_at, note=note)
    with ctx.ledger.read() as view:
        current = view.case(case.id)
    assert current is not None
    return current


def _higher(ctx: Context, case: Case, reading: Reading, facts: RunFacts) -> Case | None:
    """The rung above the rerun, where the lawbook acts by itself and allows one: the same case goes on (one ladder)."""
    home = reading.repository
    if home is None or reading.policy.resolved.lawbook.mode is not LawbookMode.ACT:
        return None
    told = branch_of(facts)
    if told is None:
        return None
    data = {**case.data, **told, "automatic": True, "principal": SYSTEM}
    wanted = replace(case, data=data)

    def policy_of(action: ActionType) -> Policy:
        request = RerunRequest(request_id=case.id, principal=SYSTEM, automatic=True, for_action=action)
        with ctx.ledger.read() as view:
            return policy_in(view, ctx.deployment, reading.rules, request, home=home)

    state = next_rung(reading.policy.resolved, wanted, policy_of)
    if state is None:
        return None
    return _save(ctx, case, state, wake_at=ctx.now(), data=data, note="no rerun is left: the next rung")


def branch_of(facts: RunFacts) -> dict[str, object] | None:
    """What a rung above needs to know of the run's branch; None for a fork, where nothing of ours may be pushed."""
    pull = facts.pull_request
    if pull is not None:
        own = pull.head_repository_id == facts.repository.id
        return {"branch": pull.head_ref, "headRef": pull.head_ref} if own else None
    return {"branch": facts.run.head_branch} if facts.run.head_branch else None


def _request_of(case: Case) -> RerunRequest:
    """The request that the case goes on with: for its queued jobs, or for the whole run."""
    queued = _queued(case)
    return RerunRequest(
        request_id=str(case.data.get("requestId", "")),
        principal=str(case.data.get("principal", SYSTEM)),
        mode=Mode(str(case.data.get("mode", Mode.FAILED_ONLY.value))),
        max_attempts=int(str(case.data.get("maxAttempts", 2))),
        automatic=bool(case.data.get("automatic", False)),
        only_jobs=frozenset(queued) if queued else None,
    )


def _rest(decided: Decided, facts: RunFacts) -> tuple[CaseState, datetime | None, str]:
    """Where a case goes whose decision made no call: state, when to wake, note."""
    codes = {j.reason for j in decided.plan.jobs}
    waits = {Reason.RUN_IN_PROGRESS, Reason.COOLDOWN_ACTIVE, Reason.OUTAGE_HOLD}
    told = "; ".join(decided.plan.reasons)[:300]
    if codes & waits and decided.plan.wake_at is not None:
        return CaseState.QUEUED, decided.plan.wake_at, told
    if facts.run.completed and facts.run.conclusion in NOT_FAILED:
        return CaseState.CLOSED, None, "healed: the run is green"
    return CaseState.HANDED_OVER, None, told


def _queued(case: Case) -> list[str]:
    queued = case.data.get("queued", [])
    return [str(name) for name in queued] if isinstance(queued, list) else []


def _save(
    ctx: Context,
    case: Case,
    state: CaseState,
    *,
    wake_at: datetime | None = None,
    note: str | None = None,
    data: Mapping[str, object] | None = None,
) -> Case:
    with ctx.ledger.write("case") as tx:
        wake = None if state in ENDED else wake_at
        return move(tx, case, state, ctx.now(), wake_at=wake, note=note, data=data)
