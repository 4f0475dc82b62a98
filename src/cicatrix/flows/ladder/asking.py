"""What a person may ask of the ladder: a fix, a validation, a rollback, and the end of a block."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from cicatrix.core.cases import AWAITS, Case, CaseState
from cicatrix.core.facts import Repository
from cicatrix.core.operations import Kind
from cicatrix.core.rollback.plan import RevertFacts, RollbackPlan, plan_rollback
from cicatrix.flows.cases import move, take_over
from cicatrix.flows.context import Context
from cicatrix.flows.ladder.climb import climb, here, open_case
from cicatrix.flows.ladder.measuring import measured
from cicatrix.flows.ladder.opting_out import opted_out
from cicatrix.flows.ladder.rollback import facts_of, inputs_of, may_push_direct
from cicatrix.flows.ladder.rung import climb_of


def preview_rollback(
    ctx: Context, home: Repository, sha: str, *, branch: str, principal: str
) -> tuple[RollbackPlan, RevertFacts]:
    """What `rollback SHA` would do now. Writes nothing, not to the ledger either. Raises GitHubError, GitError."""
    rung = climb_of(ctx, _imagined(ctx, home, branch, principal))
    mirror = ctx.workshop.mirror(rung.home)
    mirror.fetch()
    tip = mirror.tip(branch)
    facts = facts_of(rung, mirror, sha, tip or sha)
    facts = facts if tip is not None else replace(facts, tip=None, expected_tip=None)
    direct, off = may_push_direct(rung), opted_out(rung, sha)
    with ctx.ledger.read() as view:
        newest = next(iter(measured(view, rung, tip)), None) if tip else None
        inputs = inputs_of(view, rung, facts, newest, explicit=sha, culprit=None, direct=direct, off=off)
    return plan_rollback(inputs), facts


def _imagined(ctx: Context, home: Repository, branch: str, principal: str) -> Case:
    now = ctx.now()
    return Case(
        id="preview",
        host=home.host,
        repository_id=home.id,
        owner=home.owner,
        repository=home.name,
        run_id="",
        pull_request=0,
        head_sha="",
        ref=f"refs/heads/{branch}",
        state=CaseState.DECIDING,
        wake_at=None,
        awaits=AWAITS[CaseState.DECIDING],
        epoch=1,
        opened_at=now,
        updated_at=now,
        data={"principal": principal, "automatic": False},
    )


def roll_back_commit(ctx: Context, home: Repository, sha: str, *, branch: str, tip: str, principal: str) -> Case:
    """A person's rollback of a named commit, taken as far as it goes without waiting."""
    case = open_case(
        ctx,
        home,
        ref=f"refs/heads/{branch}",
        head_sha=tip,
        principal=principal,
        rung="rollback",
        rollback={"explicit": sha},
    )
    return climb(ctx, case.id)


def propose_fix(ctx: Context, home: Repository, *, branch: str, sha: str, principal: str) -> Case:
    """A person's request for fixes of a commit that is on a branch of the repository: branch and draft pull request.

    The checks and fixes run here: whoever asks for it has the repository's code on this machine anyway.
    """
    ref = f"refs/heads/{branch}"
    case = open_case(ctx, home, ref=ref, head_sha=sha, principal=principal, rung="remedy")
    return climb(here(ctx), case.id, until=CaseState.DISPATCHED)


def validate_commit(ctx: Context, home: Repository, sha: str, *, branch: str, principal: str) -> Case:
    """A person's request for an independent validation of a commit, taken as far as it goes without waiting.

    A commit that a case proposed as its fix is validated in that case, also when its dispatch was refused before.
    """
    proposed = _case_of_fix(ctx, home, sha)
    if proposed is not None:
        return climb(ctx, _dispatch_again(ctx, proposed, principal).id)
    ref = f"refs/heads/{branch}"
    fix = {"sha": sha, "base": sha, "at": _second(ctx.now()).isoformat(), "pull": 0, "asked": True}
    case = open_case(ctx, home, ref=ref, head_sha=sha, principal=principal, rung="dispatch", fix=fix)
    return climb(ctx, case.id)


def _case_of_fix(ctx: Context, home: Repository, sha: str) -> Case | None:
    """The case whose fix is this commit, where a draft of it is open or its validation was not had."""
    with ctx.ledger.read() as view:
        since = ctx.now() - timedelta(days=30)
        pushes = view.operations_since(home.host, home.id, since, (Kind.PUSH.value,))
        mine = next((op for op in reversed(pushes) if op.head_sha == sha and op.case_id), None)
        case = view.case(mine.case_id) if mine is not None and mine.case_id else None
    fix = case.data.get("fix") if case else None
    return case if isinstance(fix, dict) and fix.get("sha") == sha and fix.get("pull") else None


def _dispatch_again(ctx: Context, case: Case, principal: str) -> Case:
    """An ended case goes back to `dispatched` for a person's request; every credential may be tried anew."""
    if case.state is not CaseState.HANDED_OVER:
        return case
    now = ctx.now()
    data = {**case.data, "principal": principal, "automatic": False, "validation": {}, "requestId": ctx.new_id()}
    with ctx.ledger.write("case.dispatch") as tx:
        held = take_over(tx, case, now)
        for state in (CaseState.DECIDING, CaseState.REMEDYING):
            held = move(tx, held, state, now, wake_at=now)
        return move(tx, held, CaseState.DISPATCHED, now, wake_at=now, data=data)


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def release(ctx: Context, case_id: str, *, principal: str, reason: str) -> int | None:
    """End a rollback's block of a branch: the gate opens again. The entry's index, or None when nothing is blocked."""
    with ctx.ledger.write("release") as tx:
        return tx.release_branch(case_id, principal, reason)


__all__ = ["preview_rollback", "propose_fix", "release", "roll_back_commit", "validate_commit"]
