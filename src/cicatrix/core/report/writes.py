"""The parts of a report that writes to GitHub stand behind: rollback, re-dispatch, references to the ledger (RP-3)."""

from __future__ import annotations

from typing import Any

from cicatrix.core.operations import OperationState
from cicatrix.core.report.inputs import Attempt, Redispatch, ReportInputs, RollbackTold, Write
from cicatrix.core.rollback.plan import RollbackStatus

_DONE = {RollbackStatus.PROPOSED, RollbackStatus.EXECUTED}
_ACTIONS = {
    RollbackStatus.HEALTHY: "Nothing to do.",
    RollbackStatus.MONITORING: "Nothing is reverted; the score is watched.",
    RollbackStatus.REQUIRED: "Nothing was reverted. A person decides.",
    RollbackStatus.PROPOSED: "A draft pull request with the revert is open. A person merges or closes it.",
    RollbackStatus.EXECUTED: "The revert is in the branch. CI stays blocked until a person releases the case.",
    RollbackStatus.UNKNOWN: "Nothing is reverted on what is not known.",
}


def shown_status(told: RollbackTold) -> RollbackStatus:
    """The status that the operation's state supports (RP-3): what no confirmed write stands behind is only required."""
    confirmed = told.write is not None and told.write.state is OperationState.CONFIRMED
    return RollbackStatus.REQUIRED if told.status in _DONE and not confirmed else told.status


def rollback_part(given: ReportInputs, status: RollbackStatus) -> dict[str, Any]:
    """The rollback's part of the report."""
    told = given.rollback
    return {
        "status": status.value,
        "trigger": told.trigger or None,
        "score": given.measurement.health,
        "threshold": given.threshold,
        "action": told.action or _ACTIONS[status],
        "safety": list(told.safety),
        "target": told.target or None,
        "write": write_part(told.write) if told.write else None,
    }


def redispatch_part(told: Redispatch | None) -> dict[str, Any] | None:
    """The re-dispatch's part; None when none was due."""
    if told is None:
        return None
    used = next((one for one in told.attempts if one.state is OperationState.CONFIRMED), None)
    return {
        "via": told.via,
        "status": _dispatch_status(told, used),
        "credential": used.credential if used else None,
        "httpStatus": used.status if used else None,
        "runId": told.run_id or None,
        "delaySeconds": None if told.delay is None else int(told.delay.total_seconds()),
        "outcome": told.outcome or None,
        "attempts": [_attempt(one) for one in told.attempts],
        "notTried": [{"credential": name, "reason": reason} for name, reason in told.skipped],
    }


def _dispatch_status(told: Redispatch, used: Attempt | None) -> str:
    if used is not None:
        return "STARTED" if told.run_id else "ACCEPTED"
    doubt = {OperationState.SENT, OperationState.INDETERMINATE}
    if any(one.state in doubt for one in told.attempts):
        return "UNKNOWN"
    waiting = any(one.state is OperationState.DEFERRED for one in told.attempts)
    return "WAITING" if waiting else "BLOCKED"


def _attempt(one: Attempt) -> dict[str, Any]:
    return {
        "credential": one.credential,
        "state": one.state.value,
        "httpStatus": one.status,
        "reason": one.reason or None,
        "answer": one.answer,
        "operation": one.operation or None,
        "ledgerIndex": one.index,
    }


def write_part(write: Write) -> dict[str, Any]:
    """One write, with the entry that settles it."""
    return {
        "operation": write.operation,
        "verb": write.verb,
        "state": write.state.value,
        "ledgerIndex": write.index,
        "answer": write.answer,
        "pullRequest": write.pull_request or None,
    }


def ledger_part(given: ReportInputs) -> list[dict[str, Any]]:
    """Every entry that the report rests on, with what it shows (RP-3)."""
    writes = [*(given.remediation.writes if given.remediation else ())]
    writes += [given.rollback.write] if given.rollback.write else []
    found = [(f"{write.verb} {write.state.value}", write.index) for write in writes]
    if given.redispatch:
        found += [(f"{given.redispatch.via} with {one.credential}", one.index) for one in given.redispatch.attempts]
    named = [*found, *given.ledger]
    return [{"claim": claim, "index": index} for claim, index in named if index is not None]
