"""Acting on an intent, and finding out what became of it: one POST, then reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from cicatrix.core.cases import Case, CaseState, may_follow
from cicatrix.core.facts import Receipt, WorkflowRun
from cicatrix.core.operations import OPEN, Operation, OperationState, Verb
from cicatrix.core.reasons import Reason
from cicatrix.flows import record
from cicatrix.flows.cases import move, take_over
from cicatrix.flows.context import DEFER_LIMIT, Context
from cicatrix.flows.rows import end_queue, settled_rows
from cicatrix.flows.told import ASK_AGAIN, operation_now
from cicatrix.github import Deferred, GitHubError, NotSent, Refused, Unanswered
from cicatrix.ledger import Tx

NOT_SENT_WAIT = timedelta(seconds=30)
SEND_DEADLINE = timedelta(seconds=60)
"""A receipt older than this is not used any more: whoever slept on it lets the operation be planned again."""

TRIGGERED = "RERUN_TRIGGERED"


def act(ctx: Context, receipt: Receipt) -> Operation:
    """Send the one POST of an intended operation and record what came back. Never sends twice."""
    with ctx.ledger.read() as view:
        operation = view.operation(receipt.operation_id)
    assert operation is not None
    if ctx.now() - (operation.sent_at or operation.created_at) > SEND_DEADLINE:
        defer(ctx, operation, ctx.now(), "the sender slept too long on its receipt")
        return operation_now(ctx, operation.id)
    try:
        answer = _post(ctx, operation, receipt)
    except (NotSent, Deferred) as wait:
        if isinstance(wait, NotSent) and wait.stopped:  # definitely no effect, and none is wanted later either
            refuse(ctx, operation, wait.why, reason=Reason.KILL_SWITCH)
            return operation_now(ctx, operation.id)
        not_before = wait.not_before if isinstance(wait, Deferred) else ctx.now() + NOT_SENT_WAIT
        defer(ctx, operation, not_before, str(wait))
    except Refused as no:
        refuse(ctx, operation, _told(no), status=no.status, reason=_reason_of(ctx, operation, no))
    except Unanswered as doubt:
        ctx.log("rerun.unanswered", operation=operation.id, problem=str(doubt))
        reconcile(ctx, operation, sender=True)
    else:
        confirm(ctx, operation, answer, how="answered")
    return operation_now(ctx, operation.id)


def _told(no: Refused) -> str:
    """GitHub's refusal for a person, with the permission that it would have taken."""
    needs = f" (needs the permission {no.accepted_permissions})" if no.accepted_permissions else ""
    return f"{no.status}: {no.message}{needs}"


def _reason_of(ctx: Context, operation: Operation, no: Refused) -> Reason:
    """GitHub's 403 is ambiguous: a fresh read of the run tells whether somebody else was faster."""
    if no.status != 403:  # Forbidden
        return Reason.GITHUB_REFUSED
    try:
        run = ctx.github.run(operation.owner, operation.repository, operation.run_id)
    except GitHubError:
        return Reason.GITHUB_REFUSED
    if not run.completed:
        return Reason.RUN_IN_PROGRESS
    overtaken = run.run_attempt is not None and run.run_attempt > operation.base_attempt
    return Reason.ALREADY_RERUN_BY_OTHER if overtaken else Reason.GITHUB_REFUSED


def _post(ctx: Context, operation: Operation, receipt: Receipt) -> Mapping[str, object]:
    owner, name = operation.owner, operation.repository
    if operation.verb is Verb.RERUN_FAILED_JOBS:
        accepted = ctx.github.rerun_failed_jobs(owner, name, operation.run_id, receipt=receipt)
    elif operation.verb is Verb.RERUN_JOB:
        assert operation.target_job_id is not None
        accepted = ctx.github.rerun_job(owner, name, operation.target_job_id, receipt=receipt)
    else:
        accepted = ctx.github.rerun(owner, name, operation.run_id, receipt=receipt)
    return accepted.as_json()


# --- the ways an operation goes on ---


def confirm(ctx: Context, operation: Operation, response: Mapping[str, object], *, how: str) -> None:
    """The effect is there and counts as ours: CONFIRMED, one RERUN_TRIGGERED row a job, the case awaits attempt N+1.

    Also ends an INDETERMINATE operation, since a definite answer that comes late is still definite.
    """
    now = ctx.now()
    with ctx.ledger.write("outcome") as tx:
        index = tx.record_state(
            operation.id,
            OperationState.CONFIRMED,
            expected={OperationState.SENT, OperationState.INDETERMINATE},
            answer=how,
            extra={
                "how": how,
                "identity": "shared" if operation.identity_shared else "app",
                "runAttempt": operation.base_attempt + 1,
            },
        )
        if index is None:
            return
        state = OperationState.CONFIRMED
        tx.record_attempts(settled_rows(tx, operation, state, index, decision=TRIGGERED, response=response))
        _audit(tx, operation, "completed", index, {"decision": TRIGGERED, "response": dict(response)})
        step_case(tx, operation, CaseState.RERAN, now, wake_at=now + ctx.deployment.poll_interval)


def refuse(
    ctx: Context,
    operation: Operation,
    why: str,
    *,
    status: int = 0,
    reason: Reason = Reason.GITHUB_REFUSED,
    expected: Collection[OperationState] = OPEN,
) -> None:
    """A definite no, or somebody else's attempt: REFUSED, slots free again, nothing charged.

    Nothing happens when the operation is not in `expected`: whoever speaks of a DEFERRED one must not end one that
    another worker has sent meanwhile.
    """
    now = ctx.now()
    with ctx.ledger.write("outcome") as tx:
        index = tx.record_state(
            operation.id,
            OperationState.REFUSED,
            expected=expected,
            answer=f"{reason}: {why}",
            extra={"status": status, "reasonCode": reason.value},
        )
        if index is None:
            return
        state = OperationState.REFUSED
        tx.record_attempts(settled_rows(tx, operation, state, index, decision="BLOCKED", reason=reason, error=why))
        end_queue(tx, operation, index, reason, why)
        _audit(tx, operation, "failed", index, {"decision": "BLOCKED", "reasonCode": reason.value}, error=why)
        case = step_case(tx, operation, CaseState.DECIDING, now)
        if case is None:
            return
        note = f"{reason}: {why}"[:500]
        if reason is Reason.RUN_IN_PROGRESS:  # the case waits for the run's end and decides anew
            data = {**case.data, "queued": []}
            move(tx, case, CaseState.QUEUED, now, wake_at=now + ASK_AGAIN, note=note, data=data)
        else:
            move(tx, case, CaseState.HANDED_OVER, now, note=note)


def defer(ctx: Context, operation: Operation, not_before: datetime, why: str) -> None:
    """A definite "not now": DEFERRED, slots kept, sent again by a tick from `not_before` on."""
    now = ctx.now()
    not_before = min(not_before, operation.created_at + DEFER_LIMIT)
    with ctx.ledger.write("outcome") as tx:
        index = tx.record_state(
            operation.id,
            OperationState.DEFERRED,
            expected={OperationState.SENT},
            answer=why,
            not_before=not_before,
            extra={"by": "github"},
        )
        if index is not None:
            step_case(tx, operation, CaseState.QUEUED, now, wake_at=not_before, note="GitHub asked to wait")


def give_up(ctx: Context, operation: Operation, why: str) -> None:
    """No verdict within the window: INDETERMINATE, slots stay charged, a person ends it."""
    now = ctx.now()
    state = OperationState.INDETERMINATE
    with ctx.ledger.write("outcome") as tx:
        index = tx.record_state(operation.id, state, expected={OperationState.SENT}, answer=why)
        if index is None:
            return
        reason = Reason.OUTCOME_UNKNOWN
        tx.record_attempts(settled_rows(tx, operation, state, index, decision="BLOCKED", reason=reason, error=why))
        end_queue(tx, operation, index, reason, why)
        _audit(tx, operation, "failed", index, {"decision": "BLOCKED", "reasonCode": reason.value}, error=why)
        note = f"INDETERMINATE: cicatrix operation resolve {operation.id} --as happened|did-not-happen --reason TEXT"
        step_case(tx, operation, CaseState.HANDED_OVER, now, note=note)


def resolve(ctx: Context, operation_id: str, *, happened: bool, reason: str, principal: str) -> Operation | None:
    """A person ends an INDETERMINATE operation. None when there is no such operation in that state."""
    state = OperationState.CONFIRMED if happened else OperationState.REFUSED
    with ctx.ledger.write("resolve") as tx:
        operation = tx.operation(operation_id)
        index = tx.record_state(
            operation_id,
            state,
            expected={OperationState.INDETERMINATE},
            event="resolved",
            answer=f"resolved: {reason}",
            extra={"as": "happened" if happened else "did-not-happen", "principal": tx.text(principal)},
        )
        if index is None or operation is None:
            return None
        if happened:
            rows = settled_rows(tx, operation, state, index, decision=TRIGGERED, response={"resolvedBy": principal})
        else:
            no = Reason.GITHUB_REFUSED
            rows = settled_rows(tx, operation, state, index, decision="BLOCKED", reason=no, error=f"resolved: {reason}")
        tx.record_attempts(rows)
        _audit(tx, operation, "completed" if happened else "failed", index, {"resolvedBy": principal})
        if happened:
            _await_outcome(tx, operation, ctx.now())
    return operation_now(ctx, operation_id)


def _await_outcome(tx: Tx, operation: Operation, now: datetime) -> None:
    """A person found that the rerun happened: its case is opened again, for its outcome alone."""
    case = tx.case_of_run(operation.host, operation.repository_id, operation.run_id)
    if case is None or case.operation_id != operation.id or case.state is not CaseState.HANDED_OVER:
        return
    case = take_over(tx, case, now)
    for state in (CaseState.DECIDING, CaseState.ACTING):
        case = move(tx, case, state, now)
    move(tx, case, CaseState.RERAN, now, wake_at=now, note="", data={**case.data, "queued": []})


# --- reading GitHub back ---


def reconcile(ctx: Context, operation: Operation, *, sender: bool = False) -> OperationState:
    """Settle a SENT operation by reading: does attempt N+1 exist, and is it ours?

    Absence proves nothing inside the window. `sender` says that the caller is the one that sent it and is done: no
    POST can still be on its way. Any other reader waits for the window's end before it calls an attempt somebody
    else's and frees the slots.
    """
    try:
        run = ctx.github.run(operation.owner, operation.repository, operation.run_id)
    except Refused as no:
        return _overdue(ctx, operation, f"the run cannot be read back: {no}")
    except GitHubError as trouble:
        return _overdue(ctx, operation, f"GitHub cannot be read: {trouble}")
    if run.run_attempt is None:
        return _overdue(ctx, operation, "GitHub left out run_attempt")
    if run.run_attempt <= operation.base_attempt:
        return _overdue(ctx, operation, f"attempt {operation.base_attempt + 1} never appeared")
    actor = _actor_of(ctx, operation, run)
    if actor is None:
        return _overdue(ctx, operation, f"nobody can be named for attempt {operation.base_attempt + 1}")
    if not operation.identity_shared and actor != operation.identity:
        if not sender and not _window_over(ctx, operation):
            return operation.state
        why = f"attempt {operation.base_attempt + 1} is by somebody else"
        refuse(ctx, operation, why, reason=Reason.ALREADY_RERUN_BY_OTHER)
    else:
        confirm(ctx, operation, {"runAttempt": operation.base_attempt + 1}, how="read back")
    return operation_now(ctx, operation.id).state


def _actor_of(ctx: Context, operation: Operation, run: WorkflowRun) -> str | None:
    """Who made the attempt that answers the operation.

    A later attempt by an App of our own is this operation's too: while it is open no other one of the run can be, so a
    person was a moment faster and ours came behind.
    """
    wanted = operation.base_attempt + 1
    if not operation.identity_shared and run.triggering_actor == operation.identity:
        return operation.identity
    if run.run_attempt == wanted:
        return run.triggering_actor
    try:
        return ctx.github.run_attempt(operation.owner, operation.repository, operation.run_id, wanted).triggering_actor
    except GitHubError:
        return None


def _overdue(ctx: Context, operation: Operation, why: str) -> OperationState:
    if _window_over(ctx, operation):
        give_up(ctx, operation, why)
    return operation_now(ctx, operation.id).state


def _window_over(ctx: Context, operation: Operation) -> bool:
    return ctx.now() >= (operation.sent_at or operation.created_at) + ctx.deployment.reconcile_window


# --- shared ---


def step_case(
    tx: Tx, operation: Operation, state: CaseState, now: datetime, *, wake_at: datetime | None = None, note: str = ""
) -> Case | None:
    """Move the run's case if it is still this operation's."""
    case = tx.case_of_run(operation.host, operation.repository_id, operation.run_id)
    if case is None or case.operation_id != operation.id or not may_follow(case.state, state):
        return None
    return move(tx, take_over(tx, case, now), state, now, wake_at=wake_at, note=note)


def _audit(
    tx: Tx, operation: Operation, status: str, index: int, result: dict[str, Any], *, error: str | None = None
) -> None:
    tx.record_audit(
        record.operation_audit_row(operation, status=status, index=index, now=tx.now, result=result, error=error)
    )
