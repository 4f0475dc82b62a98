"""The ladder above the rerun as ticks: each claimed case goes one step, and one step at a time (foundations 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from cicatrix.core.actions import ActionType
from cicatrix.core.cases import AWAITS, ENDED, Case, CaseState
from cicatrix.core.facts import Repository
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.health.model import Band, Measurement
from cicatrix.core.lawbook import Resolved
from cicatrix.core.policy import Policy
from cicatrix.core.reasons import Reason
from cicatrix.flows.cases import move, take_over
from cicatrix.flows.context import Context
from cicatrix.flows.ladder.ends import hand_over
from cicatrix.flows.ladder.remedy import conclude, remedy, validate_fix
from cicatrix.flows.ladder.rollback import roll_back
from cicatrix.flows.ladder.rolled_back import validate_revert
from cicatrix.flows.ladder.rung import Rung, climb_of
from cicatrix.git import GitError, is_branch
from cicatrix.github import GitHubError
from cicatrix.ledger import LedgerError, Tx

STEPS: Mapping[CaseState, Callable[[Rung], Rung]] = {
    CaseState.REMEDYING: remedy,
    CaseState.DISPATCHED: validate_fix,
    CaseState.VALIDATED: conclude,
    CaseState.ROLLING_BACK: roll_back,
    CaseState.ROLLED_BACK: validate_revert,
}
"""What a tick does with a case in each state above the rerun."""

LONG_LEASE = timedelta(minutes=15)
"""Of a step that may run checks: two workers must not measure the same case side by side."""

MOST_STEPS = 40

ASKED = {
    "remedy": CaseState.REMEDYING,
    "dispatch": CaseState.DISPATCHED,
    "rollback": CaseState.ROLLING_BACK,
}
"""Where a case goes for which somebody asked for one rung."""


def lease_of(case: Case, ordinary: timedelta) -> timedelta:
    """How long a claim of the case holds."""
    return LONG_LEASE if case.state in STEPS else ordinary


def step(ctx: Context, case: Case) -> Case:
    """One step of a claimed case above the rerun. Raises StaleEpoch, GitHubError, LedgerError."""
    try:
        rung = climb_of(ctx, case)
    except LookupError as other:
        return _lost(ctx, case, str(other))
    if rung.branch and not is_branch(rung.branch):
        why = f"git is not given the branch name {rung.branch[:100]!r}"
        return hand_over(rung, HealReason.DETACHED_REF, why).case
    if case.state is CaseState.DECIDING:
        rung = choose(rung)
    try:
        return STEPS[rung.case.state](rung).case if rung.case.state in STEPS else rung.case
    except GitError as trouble:
        reason = getattr(trouble, "reason", None)
        if reason is not None:
            return hand_over(rung, reason, str(trouble)).case
        wake_at = ctx.now() + ctx.deployment.poll_interval
        return rung.save(rung.case.state, wake_at=wake_at, note=str(trouble)[:500]).case


def _lost(ctx: Context, case: Case, why: str) -> Case:
    with ctx.ledger.write("case") as tx:
        return move(tx, case, CaseState.HANDED_OVER, ctx.now(), note=why)


def climb(ctx: Context, case_id: str, *, until: CaseState | None = None) -> Case:
    """Take the case as far as it goes without waiting, or to that state. For a shell that drives its own case."""
    for _ in range(MOST_STEPS):
        with ctx.ledger.write("claim") as tx:
            claimed = tx.claim_case(case_id, ctx.now(), LONG_LEASE)
        if claimed is None:
            break
        after = step(ctx, claimed)
        waits = after.wake_at is None or after.wake_at > ctx.now()
        if after.state in ENDED or after.state is until or waits:
            return after
    with ctx.ledger.read() as view:
        found = view.case(case_id)
    assert found is not None
    return found


# --- which rung is next ---


def choose(rung: Rung) -> Rung:
    """The next rung of a case in `deciding` that has no rerun left: a fix, a rollback, or a person."""
    state = next_rung(rung.resolved, rung.case, lambda action: _policy(rung, action))
    if state is None:
        stops = _stops(_policy(rung, ActionType.APPLY_REMEDIATION if rung.case.pull_request else ActionType.ROLLBACK))
        return hand_over(rung, *(stops[0] if stops else (Reason.LAWBOOK_BLOCK, "no rung above the rerun is left here")))
    if state is CaseState.DISPATCHED:
        return _dispatched(rung)
    return rung.save(state, wake_at=rung.ctx.now())


def _dispatched(rung: Rung) -> Rung:
    """A validation alone was asked for: the table leads there past the fix, which is the commit itself."""
    now = rung.ctx.now()
    with rung.ctx.ledger.write("case.dispatch") as tx:
        passing = move(tx, rung.case, CaseState.REMEDYING, now, wake_at=now)
        return replace(rung, case=move(tx, passing, CaseState.DISPATCHED, now, wake_at=now))


def _policy(rung: Rung, action: ActionType) -> Policy:
    with rung.ctx.ledger.read() as view:
        return rung.policy(view, action)


def next_rung(resolved: Resolved, case: Case, policy_of: Callable[[ActionType], Policy]) -> CaseState | None:
    """Which rung may follow a failure that no rerun heals; None is the person.

    A fix is for a pull request or a branch whose lawbook names one and whose registry allows it; a rollback is for a
    red branch (no pull request). Whatever was tried in this case is not tried again.
    """
    lawbook, tried = resolved.lawbook, case.data
    wanted = str(tried.get("rung", ""))
    if wanted in ASKED:  # whoever asked for less never gets more
        return ASKED[wanted]
    fixable = bool(lawbook.remediation.allow) and not tried.get("fix")
    if fixable and _may(policy_of(ActionType.APPLY_REMEDIATION)):
        return CaseState.REMEDYING
    if case.pull_request or tried.get("rollback") or not (case.ref or tried.get("branch")):
        return None
    return CaseState.ROLLING_BACK if _may(policy_of(ActionType.ROLLBACK)) else None


def _may(policy: Policy) -> bool:
    return not _stops(policy)


def _stops(policy: Policy) -> list[tuple[Reason, str]]:
    """What forbids to begin: an approval may still come, and `maxRetries` counts reruns."""
    return [
        (reason, why)
        for reason, why in policy.stops
        if reason is not Reason.APPROVAL_REQUIRED and not why.startswith("registry allows 0")
    ]


def here(ctx: Context) -> Context:
    """The same context, in which the repository's code may run: for a command whose caller asks for that.

    It holds for this call alone. A tick that goes on with the case runs nothing unless its own settings say so.
    """
    return replace(ctx, deployment=replace(ctx.deployment, run_checks=True))


# --- cases that are opened here ---


def open_case(
    ctx: Context,
    home: Repository,
    *,
    ref: str,
    head_sha: str,
    principal: str,
    rung: str = "",
    automatic: bool = False,
    **data: object,
) -> Case:
    """A case of a branch's commit, in `deciding`: new, or the one that is there; a person's request opens it again.

    `rung` is `remedy` or `rollback` where somebody asked for one; without it the lawbook decides.
    """
    now = ctx.now()
    told = {
        "requestId": ctx.new_id(),
        "principal": principal,
        "automatic": automatic,
        "rung": rung,
        "branch": ref.removeprefix("refs/heads/"),
        **data,
    }
    fresh = Case(
        id=ctx.new_id(),
        host=home.host,
        repository_id=home.id,
        owner=home.owner,
        repository=home.name,
        run_id="",
        pull_request=0,
        head_sha=head_sha,
        ref=ref,
        state=CaseState.DECIDING,
        wake_at=now,
        awaits=AWAITS[CaseState.DECIDING],
        epoch=1,
        opened_at=now.replace(microsecond=0),
        updated_at=now,
        data=told,
    )
    with ctx.ledger.write("case.open") as tx:
        case = tx.open_case(fresh)
        if case.id == fresh.id:
            _opened(tx, case)
            return case
        if automatic and case.state in ENDED:
            return case  # a person may open it again, the machine by itself does not
        if case.state in ENDED or case.state is CaseState.DECIDING:
            kept = {k: v for k, v in case.data.items() if k not in {"fix", "rollback", "validation", "verdict"}}
            return move(tx, take_over(tx, case, now), CaseState.DECIDING, now, wake_at=now, data={**kept, **told})
        return case


def _opened(tx: Tx, case: Case) -> None:
    tx.append(
        "case.opened",
        {
            "caseId": case.id,
            "host": case.host,
            "repositoryId": case.repository_id,
            "runId": case.run_id,
            "headSha": case.head_sha,
            "ref": tx.text(case.ref) if case.ref else "",
            "principal": tx.text(str(case.data.get("principal", ""))),
        },
    )


def open_for_measurement(
    ctx: Context, home: Repository, found: Measurement, *, ref: str, principal: str, automatic: bool
) -> Case | None:
    """The case of a default branch that a gate found in a bad way; None when nothing calls for one (RB-0, PL-12).

    It is taken as far as it goes without waiting: the gate has the repository's code on this machine, so the cause can
    be reproduced here. What leaves, if anything, is for the lawbook and the registry to say.
    """
    if found.band is not Band.CRITICAL or found.ready is not False:
        return None
    case = open_case(
        ctx, home, ref=ref, head_sha=found.sha, principal=principal, automatic=automatic, health=found.health
    )
    try:
        return climb(here(ctx), case.id)
    except (GitHubError, LedgerError) as trouble:  # the case is due again; the gate's own verdict stands
        ctx.log("case.later", case=case.id, problem=str(trouble))
        return case


def ask(ctx: Context, case: Case, *, rung: str, principal: str, **data: object) -> Case:
    """A person asks for a rung in a run's case: it is opened again, under their name."""
    now = ctx.now()
    told = {**case.data, **data, "rung": rung, "principal": principal, "automatic": False, "requestId": ctx.new_id()}
    with ctx.ledger.write("case.ask") as tx:
        current = tx.case(case.id)
        assert current is not None
        held = take_over(tx, replace(current), now)
        if held.state not in ENDED and held.state is not CaseState.DECIDING:
            return held
        return move(tx, held, CaseState.DECIDING, now, wake_at=now, data=told)
