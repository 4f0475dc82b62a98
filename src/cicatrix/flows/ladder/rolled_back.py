"""After a revert was proposed or pushed: its own validation, and, where granted, the landing of a draft (RB-9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cicatrix.core.actions import ActionType
from cicatrix.core.cases import CaseState
from cicatrix.core.facts import PullRequest
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.operations import Kind, OperationState, Verb
from cicatrix.core.validation import ValidationOutcome, judge
from cicatrix.flows.ladder import letters
from cicatrix.flows.ladder.effects import ensure
from cicatrix.flows.ladder.ends import free, hand_over, judged, stopped
from cicatrix.flows.ladder.measuring import keep, measured
from cicatrix.flows.ladder.redispatch import Subject, awaited
from cicatrix.flows.ladder.rollback import landing_problem, may_push_direct, push_wish, rollbacks_today
from cicatrix.flows.ladder.rung import EffectState, Rung
from cicatrix.flows.ladder.telling import check, tell
from cicatrix.flows.reading import with_standing
from cicatrix.ledger import Tx

LEASE = timedelta(minutes=30)
Stop = tuple[str, str]


def validate_revert(rung: Rung) -> Rung:
    """One step of `rolled_back`."""
    known = rung.data("rollback")
    if known.get("landing"):
        return _land(rung, known)
    if rung.resolved.lawbook.rollback.up_to == "draft":
        return hand_over(rung, HealReason.REPORT_ONLY, "rollback.upTo is draft: nobody validates it by machine")
    subject = Subject(sha=str(known["sha"]), base_sha=str(known["tip"]), changed_at=rung.case.opened_at)
    found = awaited(rung, subject)
    rung = found.rung
    if found.wake_at is not None:
        return rung.save(CaseState.ROLLED_BACK, wake_at=found.wake_at, note="awaits the validation of the revert")
    if found.report is None:
        return hand_over(rung, found.reason, found.why)
    with rung.ctx.ledger.read() as view:
        before = found.before or next(iter(measured(view, rung, str(known["tip"]))), None)
    verdict = judge(keep(rung, found.report, "validation"), before, automatic_fix=False)
    told = judged(rung, verdict, letters.numbers(before), letters.numbers(found.report))
    worse = verdict.outcome in {ValidationOutcome.FAILED, ValidationOutcome.INCONCLUSIVE}
    worse = worse or (verdict.improvement is not None and verdict.improvement < 0)
    check(rung, str(known["sha"]), f"the revert was validated: {verdict.outcome.value}")
    tell(
        rung,
        int(known.get("pull", 0) or 0),
        letters.comment(rung, "the revert was validated", letters.validated(rung, told)),
    )
    if worse:
        why = f"the revert's validation is {verdict.outcome.value}: nothing more is done by machine (RB-9)"
        return hand_over(rung, HealReason.NOT_IMPROVED, why, verdict=told)
    if known.get("status") == "executed" and verdict.improvement is None:
        why = "whether the pushed revert is better could not be measured: a person looks at it (RB-9)"
        return hand_over(rung, HealReason.HEALTH_UNKNOWN, why, verdict=told)
    if known.get("status") == "proposed" and verdict.improvement is not None and _may_land(rung, known):
        landing = {**known, "landing": True}
        return rung.save(CaseState.ROLLED_BACK, wake_at=rung.ctx.now(), verdict=told, rollback=landing)
    what = "the revert is in the branch" if known.get("status") == "executed" else f"draft #{known.get('pull')} waits"
    note = f"{verdict.outcome.value}: {what}; `{letters.RELEASE} {rung.case.id}` opens the gate again"
    return rung.save(CaseState.CLOSED, note=note, within=lambda tx: free(tx, rung), verdict=told)


# --- landing a validated draft ---


def _may_land(rung: Rung, known: Mapping[str, Any]) -> bool:
    """The stage `merge`: granted for this branch, in an emergency, for a proven culprit. Limits count at the intent.

    That the revert is no worse must have been measured: where nothing can be compared, a person decides (RB-9).
    """
    rules = rung.resolved.lawbook.rollback
    proven = bool((known.get("cause") or {}).get("culprit"))
    return rules.up_to == "merge" and rung.branch in rules.direct_push and bool(known.get("emergency")) and proven


def _land(rung: Rung, known: Mapping[str, Any]) -> Rung:
    """The very commit that was validated, pushed plainly: GitHub then shows the draft as merged. Never forced."""
    pull = rung.ctx.github.pull_request(rung.home.owner, rung.home.name, int(known.get("pull", 0) or 0))
    if (other := _other_draft(rung, known, pull)) is not None:
        return hand_over(rung, HealReason.DIRECT_PUSH_NOT_GRANTED, f"draft #{pull.number} does not land: {other}")
    rung = _with_approvals(rung, pull)
    direct = may_push_direct(rung)
    merge_limit = rung.resolved.lawbook.rollback.merge_per_day

    def guard(tx: Tx) -> Stop | None:
        problem = landing_problem(rung, rung.policy(tx, ActionType.ROLLBACK))
        if problem is not None:
            return "approval_required", problem
        if not direct:
            return HealReason.DIRECT_PUSH_NOT_GRANTED.value, f"nothing shows that we may push to {rung.branch}"
        merged = rollbacks_today(tx, rung, str(known["target"]))[1]
        if merged >= merge_limit:
            return HealReason.ROLLBACK_LIMIT.value, f"{merged} merged in 24 h, rollback.mergePerDay allows no more"
        return None

    wish = push_wish(rung, known, f"refs/heads/{rung.branch}", str(known["tip"]), Verb.PUSH_DIRECT)
    effect = ensure(rung, wish, guard)
    if effect.done:
        note = f"{str(known['sha'])[:12]} is in {rung.branch}; `{letters.RELEASE} {rung.case.id}` opens the gate again"
        final = {**known, "status": "executed"}
        return rung.save(CaseState.CLOSED, note=note, within=lambda tx: free(tx, rung), rollback=final)
    if effect.state is EffectState.WAITING:
        return stopped(rung, effect)
    return hand_over(rung, effect.reason, f"draft #{known.get('pull')} is validated and does not land: {effect.why}")


def _other_draft(rung: Rung, known: Mapping[str, Any], pull: PullRequest) -> str | None:
    """What people made of the draft, when it no longer asks for exactly what was validated; None when it does."""
    sha = str(known["sha"])
    if _landed(rung, sha):
        return None  # our own push closed it
    if pull.state != "open":
        return "somebody merged it" if pull.merged_at is not None else "somebody closed it"
    if pull.base_ref != rung.branch:
        return "it is for another branch now"
    return None if pull.head_sha == sha else f"its branch is at {pull.head_sha[:12]}, and {sha[:12]} was validated"


def _landed(rung: Rung, sha: str) -> bool:
    """Whether this case pushed the commit to the branch, or may have: then only its outcome is left to be seen."""
    with rung.ctx.ledger.read() as view:
        found = view.operations_since(rung.home.host, rung.home.id, rung.case.opened_at, (Kind.PUSH.value,))
    return any(
        op.case_id == rung.case.id
        and op.verb is Verb.PUSH_DIRECT
        and op.head_sha == sha
        and op.state not in {OperationState.REFUSED, OperationState.DEFERRED}
        for op in found
    )


def _with_approvals(rung: Rung, pull: PullRequest) -> Rung:
    """The rules with the draft's own reviews: who approves the draft approves the landing."""
    request = rung.request(ActionType.ROLLBACK)
    rules = with_standing(rung.ctx, rung.rules, request, rung.home, pull=pull, head_sha=pull.head_sha, run_ids=())
    return replace(rung, rules=rules)
