"""How a rung goes on or ends: what a write that is not done means, a verdict on record, a person who takes over."""

from __future__ import annotations

from typing import Any

from cicatrix.core.cases import CaseState
from cicatrix.core.reasons import Reason
from cicatrix.core.validation import Verdict
from cicatrix.flows.heal_bench import AUTHOR
from cicatrix.flows.ladder import records
from cicatrix.flows.ladder.rung import Effect, EffectState, Rung
from cicatrix.ledger import Tx

__all__ = ["AUTHOR", "hand_over", "judged", "stopped"]


def judged(rung: Rung, verdict: Verdict, before: object, after: object) -> dict[str, Any]:
    """The verdict on record, and as the case remembers it."""
    data = {
        "outcome": verdict.outcome.value,
        "effectiveness": "" if verdict.effectiveness is None else verdict.effectiveness,
        "improvement": "" if verdict.improvement is None else verdict.improvement,
        "rollbackRequired": verdict.rollback_required,
        "validationRunId": str(rung.data("validation").get("runId", "")),
        "credential": str(rung.data("validation").get("credential", "")),
    }
    with rung.ctx.ledger.write("validation.judged") as tx:
        records.decided(tx, rung, "validation.judged", data, why=verdict.rollback_reason)
    return {
        "outcome": verdict.outcome.value,
        "effectiveness": verdict.effectiveness,
        "improvement": verdict.improvement,
        "rollbackRequired": verdict.rollback_required,
        "rollbackReason": verdict.rollback_reason,
        "before": before,
        "after": after,
    }


def stopped(rung: Rung, effect: Effect) -> Rung:
    """What a write that is not done yet means for the case."""
    if effect.state is EffectState.WAITING:
        wake = effect.wake_at or rung.ctx.now() + rung.ctx.deployment.poll_interval
        return rung.save(rung.case.state, wake_at=wake, note=effect.why or "GitHub asked to wait")
    return hand_over(rung, effect.reason or Reason.OUTCOME_UNKNOWN, effect.why)


def free(tx: Tx, rung: Rung) -> None:
    """The lease of the case's ref is given back."""
    tx.release_lease(rung.home.host, rung.home.id, f"refs/heads/{rung.branch}", rung.case.id)


def hand_over(rung: Rung, reason: object, why: str, verdict: object = None) -> Rung:
    """A person goes on: the case says why, and so does an entry. The lease of its ref is given back."""
    code = str(getattr(reason, "value", reason))

    def told(tx: Tx) -> None:
        free(tx, rung)
        records.decided(tx, rung, "case.handed_over", {"reasonCode": code, "state": rung.case.state.value}, why=why)

    note = f"{code}: {why}"[:500]
    if verdict is None:
        return rung.save(CaseState.HANDED_OVER, note=note, within=told)
    return rung.save(CaseState.HANDED_OVER, note=note, within=told, verdict=verdict)
