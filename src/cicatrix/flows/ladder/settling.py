"""How a write above the rerun ends: by GitHub's answer, or by reading GitHub back. Never by sending it again."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime

from cicatrix.core.cases import ENDED
from cicatrix.core.operations import MAY_BE_REPEATED, OPEN, Kind, Operation, OperationState
from cicatrix.core.reasons import Reason
from cicatrix.flows.context import DEFER_LIMIT, Context
from cicatrix.flows.ladder import records
from cicatrix.flows.ladder.finding import find
from cicatrix.flows.told import operation_now
from cicatrix.git import GitError
from cicatrix.github import GitHubError

S = OperationState


def confirm(ctx: Context, operation: Operation, told: Mapping[str, object], *, how: str) -> None:
    """The effect is there: CONFIRMED, with what GitHub told of it."""
    with ctx.ledger.write("outcome") as tx:
        index = tx.record_state(
            operation.id,
            S.CONFIRMED,
            expected={S.SENT, S.INDETERMINATE},
            answer=json.dumps({"how": how, **told}, ensure_ascii=False, default=str),
            extra={"how": how, "caseId": operation.case_id or "", "effect": _plain(told)},
        )
        if index is not None:
            records.audit(tx, operation, "completed", index, {"how": how, **told})


def refuse(
    ctx: Context,
    operation: Operation,
    reason: str,
    why: str,
    *,
    status: int = 0,
    expected: Collection[OperationState] = OPEN,
) -> None:
    """A definite no: REFUSED, nothing happened and nothing will."""
    code = str(getattr(reason, "value", reason))
    with ctx.ledger.write("outcome") as tx:
        index = tx.record_state(
            operation.id,
            S.REFUSED,
            expected=expected,
            answer=json.dumps({"reasonCode": code, "why": why, "status": status}, ensure_ascii=False),
            extra={"status": status, "reasonCode": code, "caseId": operation.case_id or ""},
        )
        if index is not None:
            records.audit(tx, operation, "failed", index, {"reasonCode": code}, error=why)


def defer(ctx: Context, operation: Operation, not_before: datetime, why: str) -> None:
    """A definite "not now": DEFERRED, asked again by a tick from `not_before` on."""
    with ctx.ledger.write("outcome") as tx:
        tx.record_state(
            operation.id,
            S.DEFERRED,
            expected={S.SENT},
            answer=json.dumps({"why": why}, ensure_ascii=False),
            not_before=min(not_before, operation.created_at + DEFER_LIMIT),
            extra={"by": "github", "caseId": operation.case_id or ""},
        )


def drop(ctx: Context, operation: Operation) -> OperationState:
    """A DEFERRED operation whose case has ended is nobody's to send any more: REFUSED. Any other one stays."""
    with ctx.ledger.read() as view:
        case = view.case(operation.case_id) if operation.case_id else None
    if operation.state is S.DEFERRED and (case is None or case.state in ENDED):
        reason = records.ABSENT if operation.kind in MAY_BE_REPEATED else Reason.GITHUB_REFUSED.value
        refuse(ctx, operation, reason, "GitHub asked to wait, and the case has ended since", expected={S.DEFERRED})
    return operation_now(ctx, operation.id).state


def give_up(ctx: Context, operation: Operation, why: str) -> None:
    """No verdict within the window: INDETERMINATE. A person ends it."""
    with ctx.ledger.write("outcome") as tx:
        index = tx.record_state(
            operation.id,
            S.INDETERMINATE,
            expected={S.SENT},
            answer=json.dumps({"why": why}, ensure_ascii=False),
            extra={"caseId": operation.case_id or ""},
        )
        if index is not None:
            records.audit(tx, operation, "failed", index, {"reasonCode": "outcome_unknown"}, error=why)


def settle(ctx: Context, operation: Operation, *, sender: bool = False) -> OperationState:
    """Settle a SENT operation by reading: is its effect there?

    Absence proves nothing inside the window; after it the verdict is INDETERMINATE, except for comments, labels and
    check runs, which do no harm twice: their absence is a definite no, and the wish may begin anew. `sender`: the
    caller is the one that sent it, so no call can still be on its way.
    """
    try:
        found = find(ctx, operation)
    except (GitHubError, GitError) as trouble:
        found, why = None, f"GitHub cannot be read: {trouble}"
        repeatable = False
    else:
        why = "its effect never appeared"
        repeatable = Kind(operation.kind) in MAY_BE_REPEATED
    age = ctx.now() - (operation.sent_at or operation.created_at)
    if found is not None:
        confirm(ctx, operation, found, how="read back")
    elif repeatable and not sender and age >= ctx.deployment.poll_interval:
        refuse(ctx, operation, records.ABSENT, why)
    elif age >= ctx.deployment.reconcile_window:
        give_up(ctx, operation, why)
    return operation_now(ctx, operation.id).state


def _plain(told: Mapping[str, object]) -> dict[str, str]:
    """What GitHub told, as clear texts: ids, numbers, SHAs of ours."""
    return {key: str(value) for key, value in told.items() if value is not None}
