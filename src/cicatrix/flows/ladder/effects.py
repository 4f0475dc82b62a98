"""One way for every write above the rerun: recorded before it leaves, sent once, settled by reading (foundations 4).

`ensure` is asked again and again, by every tick of the case, until the wish is done, refused or unknown. What it does
each time follows from the operations that the ledger holds for the wish's target, and from nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cicatrix.core.facts import Receipt
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.operations import Kind, Operation, OperationState
from cicatrix.core.policy import Policy
from cicatrix.core.reasons import Reason
from cicatrix.flows.cases import still_held
from cicatrix.flows.context import DEFER_LIMIT, SHORT_WAIT
from cicatrix.flows.ladder import records
from cicatrix.flows.ladder.finding import find
from cicatrix.flows.ladder.rung import Effect, EffectState, Rung, Wish
from cicatrix.flows.ladder.settling import confirm, defer, refuse, settle
from cicatrix.flows.told import operation_now
from cicatrix.git import PushNotSent, PushRefused, PushUnanswered
from cicatrix.github import Deferred, NotSent, Refused, Unanswered
from cicatrix.ledger import Intent, OpenOperation, Tx

NOT_SENT_WAIT = timedelta(seconds=30)
SEND_DEADLINE = timedelta(seconds=60)
REPEATS = 3
"""Operations of one target at most: a comment that never shows is not written for ever."""

Stop = tuple[str, str]
Guard = Callable[[Tx], Stop | None]
"""One more limit, counted under the write lock: a code and why, or None."""

S = OperationState


def ensure(rung: Rung, wish: Wish, guard: Guard | None = None) -> Effect:
    """Bring the wish about, as far as it can be brought now. Raises StaleEpoch when the case was taken over."""
    known = _known(rung, wish)
    if not known:
        return _begin(rung, wish, guard)
    latest = known[-1]
    if latest.state is S.SENT:
        settle(rung.ctx, latest)
        latest = operation_now(rung.ctx, latest.id)
    if latest.state is S.DEFERRED:
        return _again(rung, wish, latest, guard)
    absent = latest.state is S.REFUSED and _answer(latest).get("reasonCode") == records.ABSENT
    if absent and len(known) < REPEATS:
        return _begin(rung, wish, guard)
    return effect_of(rung, latest)


def effect_of(rung: Rung, operation: Operation) -> Effect:
    """Where an operation stands, as an effect."""
    told = _answer(operation)
    if operation.state is S.CONFIRMED:
        told = told if "how" in told else {"how": "resolved", **(find(rung.ctx, operation) or {})}
        return Effect(state=EffectState.DONE, operation=operation, data=told)
    if operation.state is S.INDETERMINATE:
        why = f"operation {operation.id} has no verdict: `cicatrix operation resolve {operation.id}` ends it"
        return Effect(state=EffectState.UNKNOWN, operation=operation, reason=Reason.OUTCOME_UNKNOWN, why=why)
    if operation.state is S.REFUSED:
        return Effect(
            state=EffectState.REFUSED,
            operation=operation,
            reason=str(told.get("reasonCode", Reason.GITHUB_REFUSED)),
            why=str(told.get("why", "")),
            status=int(told.get("status", 0) or 0),
        )
    wake_at = operation.not_before or rung.ctx.now() + rung.ctx.deployment.poll_interval
    return Effect(state=EffectState.WAITING, operation=operation, wake_at=wake_at)


def _known(rung: Rung, wish: Wish) -> tuple[Operation, ...]:
    with rung.ctx.ledger.read() as view:
        found = view.operations_of_target(rung.home.host, rung.home.id, wish.kind.value, wish.target)
    # what was refused to an earlier request is asked anew; what it did, or may have done, stands
    request = str(rung.case.data.get("requestId", rung.case.id))
    return tuple(
        op for op in found if op.case_id == rung.case.id and (op.state is not S.REFUSED or op.request_id == request)
    )


def _answer(operation: Operation) -> dict[str, Any]:
    try:
        told = json.loads(operation.answer or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


# --- the intent ---


def _begin(rung: Rung, wish: Wish, guard: Guard | None) -> Effect:
    """Transaction A: rights and limits are asked under the lock, then the operation is SENT and its receipt exists."""
    _wait_for_pace(rung)
    ctx = rung.ctx

    def decide(tx: Tx) -> Intent | Operation | Stop:
        still_held(tx, rung.case)
        stop = _stop(tx, rung, wish, guard)
        if stop is not None:
            records.blocked(tx, rung, wish, *stop)
            return stop
        operation = _operation(rung, wish, tx.now)
        free_at = _pace(tx, rung, tx.now)
        if free_at is not None:
            operation = replace(operation, state=S.DEFERRED, not_before=free_at, sent_at=None, sends=0)
        operation = tx.record_intent(operation)
        records.allowed(tx, rung, wish, operation)
        if free_at is not None:
            return operation
        assert operation.intended_index is not None
        return Intent(operation_id=operation.id, ledger_index=operation.intended_index, kind=wish.kind.value)

    try:
        outcome = ctx.ledger.intend(wish.kind.value, decide)
    except OpenOperation:  # another case's operation on the same target is under way
        why = f"another write to {wish.target} is under way"
        return Effect(state=EffectState.WAITING, why=why, wake_at=ctx.now() + ctx.deployment.poll_interval)
    if isinstance(outcome, Receipt):
        return _send(rung, wish, outcome)
    if isinstance(outcome, Operation):
        return effect_of(rung, outcome)
    assert isinstance(outcome, tuple)
    reason, why = outcome
    return Effect(state=EffectState.REFUSED, reason=reason, why=why)


def _again(rung: Rung, wish: Wish, operation: Operation, guard: Guard | None) -> Effect:
    """A DEFERRED operation whose time has come: everything is asked again, then it has a new receipt."""
    ctx = rung.ctx
    if ctx.now() - operation.created_at >= DEFER_LIMIT:
        why = "GitHub asked to wait for more than 1 h"
        refuse(ctx, operation, Reason.GITHUB_REFUSED, why, expected={S.DEFERRED})
        return effect_of(rung, operation_now(ctx, operation.id))
    if operation.not_before is not None and operation.not_before > ctx.now():
        return effect_of(rung, operation)

    def decide(tx: Tx) -> Intent | Stop | None:
        still_held(tx, rung.case)
        current = tx.operation(operation.id)
        if current is None or current.state is not S.DEFERRED:
            return None
        if (stop := _stop(tx, rung, wish, guard, excluding=operation.id)) is not None:
            return stop
        if _pace(tx, rung, tx.now) is not None:
            return None
        sent = tx.record_resent(operation.id)
        assert sent is not None
        assert sent.intended_index is not None
        return Intent(operation_id=sent.id, ledger_index=sent.intended_index, send=sent.sends, kind=wish.kind.value)

    outcome = ctx.ledger.intend("resend", decide)
    if isinstance(outcome, Receipt):
        return _send(rung, wish, outcome)
    if outcome is not None:
        refuse(ctx, operation, outcome[0], f"not sent again: {outcome[1]}", expected={S.DEFERRED})
    return effect_of(rung, operation_now(ctx, operation.id))


def _stop(tx: Tx, rung: Rung, wish: Wish, guard: Guard | None, *, excluding: str | None = None) -> Stop | None:
    """The first place that says no: observing only, policy of this moment, then the rung's own limits."""
    if rung.ctx.deployment.attempt_bound_only:
        return Reason.LAWBOOK_BLOCK.value, "without a database Cicatrix observes only inside GitHub Actions"
    switch = tx.kill_switch(rung.home.host, rung.home.id, rung.home.owner_id, wish.action.value)
    if switch is not None:
        return Reason.KILL_SWITCH.value, switch
    conflict = tx.identity_conflict(rung.home.host, rung.home.id)
    if conflict is not None:
        return Reason.IDENTITY_CONFLICT.value, f"conflict {conflict} is not resolved"
    policy = rung.policy(tx, wish.action)
    stop = _policy_stop(policy, rung, wish)
    if stop is not None:
        return stop
    del excluding
    return guard(tx) if guard is not None else None


def _policy_stop(policy: Policy, rung: Rung, wish: Wish) -> Stop | None:
    for reason, why in policy.stops:
        if wish.proposes and reason is Reason.APPROVAL_REQUIRED:
            continue  # the draft is the request for that approval
        if reason is Reason.REGISTRY_DENIED and why.startswith("registry allows 0"):
            continue  # maxRetries counts reruns
        return reason.value, why
    mode = policy.resolved.lawbook.mode.value
    if mode == "off":
        return Reason.LAWBOOK_BLOCK.value, "the lawbook's mode is off"
    if rung.automatic and mode != "act":
        return Reason.LAWBOOK_BLOCK.value, f"the lawbook's mode is {mode}: nothing is written unless a person asks"
    return None


def _operation(rung: Rung, wish: Wish, now: datetime) -> Operation:
    ctx, home, case = rung.ctx, rung.home, rung.case
    return Operation(
        id=wish.operation_id or ctx.new_id(),
        kind=wish.kind.value,
        verb=wish.verb,
        host=home.host,
        repository_id=home.id,
        owner_id=home.owner_id,
        owner=home.owner,
        repository=home.name,
        run_id=case.run_id,
        pull_request=wish.pull_request,
        head_sha=wish.head_sha,
        case_id=case.id,
        target=wish.target,
        params={"action": wish.action.value, "credential": rung.credential, **wish.params},
        request_id=str(case.data.get("requestId", case.id)),
        principal=rung.principal,
        identity=rung.identity.login,
        identity_shared=rung.identity.shared,
        decision_id=ctx.new_id(),
        state=S.SENT,
        created_at=now,
        sent_at=now,
    )


def _pace(tx: Tx, rung: Rung, now: datetime) -> datetime | None:
    interval = rung.ctx.deployment.write_interval
    return tx.take_pace(rung.home.host, rung.identity.login, now, interval) if interval else None


def _wait_for_pace(rung: Rung) -> None:
    ctx = rung.ctx
    if not ctx.deployment.write_interval:
        return
    with ctx.ledger.read() as view:
        free_at = view.pace_free_at(rung.home.host, rung.identity.login)
    wait = (free_at - ctx.now()) if free_at else timedelta(0)
    if timedelta(0) < wait <= SHORT_WAIT:
        ctx.sleep(wait.total_seconds())


# --- the one call ---


def _send(rung: Rung, wish: Wish, receipt: Receipt) -> Effect:
    ctx = rung.ctx
    operation = operation_now(ctx, receipt.operation_id)
    if ctx.now() - (operation.sent_at or operation.created_at) > SEND_DEADLINE:
        defer(ctx, operation, ctx.now(), "the sender slept too long on its receipt")
        return effect_of(rung, operation_now(ctx, operation.id))
    try:
        told = _call(rung, wish, receipt)
    except NotSent as wait:
        if wait.stopped:
            refuse(ctx, operation, Reason.KILL_SWITCH, wait.why)
        else:
            defer(ctx, operation, ctx.now() + NOT_SENT_WAIT, str(wait))
    except Deferred as wait:
        defer(ctx, operation, wait.not_before, str(wait))
    except PushNotSent as wait:
        defer(ctx, operation, ctx.now() + NOT_SENT_WAIT, str(wait))
    except Refused as no:
        refuse(ctx, operation, reason_of(no), told_of(no), status=no.status)
    except PushRefused as no:
        refuse(ctx, operation, no.reason, no.why)
    except (Unanswered, PushUnanswered) as doubt:
        ctx.log(f"{wish.kind}.unanswered", operation=operation.id, problem=str(doubt))
        settle(ctx, operation, sender=True)
    else:
        if told or not wish.proven_by_read:
            confirm(ctx, operation, told, how="answered")
        else:
            records.accepted(ctx, operation)
            settle(ctx, operation, sender=True)
    return effect_of(rung, operation_now(ctx, operation.id))


def _call(rung: Rung, wish: Wish, receipt: Receipt) -> Mapping[str, object]:
    """The write itself. A push passes no client of ours, so the last look at the switches is taken here."""
    if wish.kind is not Kind.PUSH:
        return wish.send(rung.github, receipt, receipt.operation_id)
    why = rung.ctx.may_write(receipt.operation_id)
    if why is not None:
        raise NotSent("The push was held back", why=why, stopped=True)
    rung.ctx.boundary("git.push.before")
    told = wish.send(rung.github, receipt, receipt.operation_id)
    rung.ctx.boundary("git.push.after")
    return told


STATUS_REASONS = {
    401: HealReason.CREDENTIAL_INVALID,
    404: HealReason.NOT_FOUND_OR_NO_ACCESS,
    422: HealReason.PAYLOAD_INVALID,
}


def reason_of(no: Refused) -> Reason | HealReason:
    """The code of a definite no; a 403 that is no rate limit lacks a permission (RD-6)."""
    if no.status == 403:  # Forbidden
        return HealReason.PERMISSION_MISSING
    return STATUS_REASONS.get(no.status, Reason.GITHUB_REFUSED)


def told_of(no: Refused) -> str:
    """GitHub's refusal for a person, with the permission that it would have taken."""
    needs = f" (needs the permission {no.accepted_permissions})" if no.accepted_permissions else ""
    return f"{no.status}: {no.message}{needs}"
