"""Rung 2: run allow-listed fixes in a clean worktree and propose what they made as a branch and a draft pull request.

remedying:  measure -> fixes -> measure again -> one commit -> push -> draft pull request -> dispatched
dispatched: the validation of that commit -> validated
validated:  kept for a person to merge; or, when it made things worse, closed with its numbers or reverted
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cicatrix.core.actions import ActionType
from cicatrix.core.cases import CaseState
from cicatrix.core.dispatching import labels_for
from cicatrix.core.facts import Receipt
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.operations import Kind, Verb
from cicatrix.core.reasons import Reason
from cicatrix.core.validation import ValidationOutcome, judge
from cicatrix.flows.heal import Healing, heal
from cicatrix.flows.heal_bench import bench_of
from cicatrix.flows.ladder import letters, records
from cicatrix.flows.ladder.effects import ensure
from cicatrix.flows.ladder.ends import free, hand_over, judged, stopped
from cicatrix.flows.ladder.measuring import checks_for, keep, may_run, measured
from cicatrix.flows.ladder.redispatch import Subject, awaited
from cicatrix.flows.ladder.rung import Rung, Wish
from cicatrix.flows.ladder.telling import check, label, tell
from cicatrix.flows.standing import own_remedies
from cicatrix.git import Mirror
from cicatrix.github import GitHub


def remedy(rung: Rung) -> Rung:
    """One step of `remedying`."""
    fix = rung.data("fix")
    if not fix.get("sha"):
        return _make(rung)
    return _propose(rung, fix)


def healing_of(rung: Rung, mirror: Mirror, sha: str) -> Healing:
    """The fixes of a commit, run in worktrees of our mirror. Writes nothing to GitHub, and nothing to the ledger."""
    with mirror.worktree(sha) as folder:
        checks = checks_for(rung, folder)
    ctx = rung.ctx
    bench = bench_of(mirror, checks, now=ctx.now(), environ=ctx.workshop.environ, log=ctx.log)
    with rung.ctx.ledger.read() as view:
        own = own_remedies(view, rung.home)
    return heal(bench, sha, case=rung.case.id, remediation=rung.resolved.lawbook.remediation, own=own)


def _make(rung: Rung) -> Rung:
    if not may_run(rung):
        why = "the repository's code is not run here: set CICATRIX_RUN_CHECKS, or run `cicatrix heal` where it may"
        return hand_over(rung, HealReason.CODE_NOT_RUN_HERE, why)
    if not rung.resolved.lawbook.remediation.allow:
        return hand_over(rung, HealReason.REMEDY_NOT_ALLOWED, "remediation.allow names no fix")
    with rung.ctx.ledger.read() as view:
        stops = rung.policy(view, ActionType.APPLY_REMEDIATION).stops
    for reason, why in stops:
        if reason is not Reason.APPROVAL_REQUIRED and not why.startswith("registry allows 0"):
            return hand_over(rung, reason, why)
    mirror = rung.ctx.workshop.mirror(rung.home)
    mirror.fetch()
    if not mirror.has(rung.case.head_sha):
        return hand_over(rung, Reason.HEAD_MOVED, f"the remote has no commit {rung.case.head_sha[:12]} any more")
    found = healing_of(rung, mirror, rung.case.head_sha)
    keep(rung, found.before, "before")
    if found.after is not None:
        keep(rung, found.after, "after")
    with rung.ctx.ledger.write("remedy.decided") as tx:
        data = {
            "commit": found.commit or "",
            "base": found.base_sha,
            "applied": [fix.id for fix in found.applied],
            "declined": [{"id": d.id, "reasonCode": d.reason.value} for d in found.declined],
            "healthBefore": "" if found.before.health is None else found.before.health,
            "healthAfter": "" if found.after is None or found.after.health is None else found.after.health,
            "reasonCode": found.reason.value if found.reason else "",
        }
        records.decided(tx, rung, "remedy.decided", data, why=found.why)
    if found.commit is None:
        return hand_over(rung, found.reason or HealReason.NOTHING_TO_FIX, found.why)
    fix = {
        "sha": found.commit,
        "base": found.base_sha,
        "branch": found.branch,
        "applied": [one.id for one in found.applied],
        "before": letters.numbers(found.before),
        "after": letters.numbers(found.after),
        "fixes": [{"id": one.id, "about": one.about, "files": one.files, "lines": one.lines} for one in found.applied],
        "declined": [{"id": d.id, "reasonCode": d.reason.value, "why": d.why} for d in found.declined],
        "security": found.security.improvement,
        "securityResult": found.security.as_json(),
        "builds": None if found.diagnostics is None else found.diagnostics.succeeded,
        "buildDiagnostics": None if found.diagnostics is None else found.diagnostics.as_json(),
        "at": rung.ctx.now().isoformat(),
    }
    return rung.save(CaseState.REMEDYING, wake_at=rung.ctx.now(), note=f"{len(found.applied)} fixes made", fix=fix)


def _propose(rung: Rung, fix: Mapping[str, Any]) -> Rung:
    pushed = ensure(rung, _push(rung, fix))
    if not pushed.done:
        return stopped(rung, pushed)
    drafted = ensure(rung, _draft(rung, fix))
    if not drafted.done:
        return stopped(rung, drafted)
    number = int(drafted.data.get("number", 0) or 0)
    told = {**fix, "pull": number, "url": str(drafted.data.get("url", ""))}
    rung = rung.save(CaseState.DISPATCHED, wake_at=rung.ctx.now(), note=f"draft #{number} proposes the fixes", fix=told)
    lines = [f"- Draft #{number} proposes {len(fix['applied'])} fixes; an independent workflow measures them next."]
    tell(rung, rung.case.pull_request, letters.comment(rung, "fixes are proposed", lines))
    return rung


def _push(rung: Rung, fix: Mapping[str, Any]) -> Wish:
    sha, ref = str(fix["sha"]), f"refs/heads/{fix['branch']}"

    def send(_: GitHub, receipt: Receipt, __: str) -> Mapping[str, object]:
        rung.ctx.workshop.mirror(rung.home).push(sha, ref, expected=None, receipt=receipt)
        return {"sha": sha, "ref": ref}

    return Wish(
        kind=Kind.PUSH,
        verb=Verb.PUSH_BRANCH,
        action=ActionType.APPLY_REMEDIATION,
        target=ref,
        head_sha=sha,
        pull_request=rung.case.pull_request,
        params={"sha": sha, "ref": ref},
        send=send,
        proposes=True,
    )


def _base(rung: Rung) -> str:
    """The branch that the fix is for: the pull request's own, else the case's branch."""
    return str(rung.case.data.get("headRef", "")) or rung.branch or rung.home.default_branch


def _draft(rung: Rung, fix: Mapping[str, Any]) -> Wish:
    head, base = str(fix["branch"]), _base(rung)
    title, body = letters.fix_pull(rung, fix)

    def send(github: GitHub, receipt: Receipt, _: str) -> Mapping[str, object]:
        home = rung.home
        made = github.create_pull(
            home.owner, home.name, head=head, base=base, title=title, body=body, draft=True, receipt=receipt
        )
        return made.data

    return Wish(
        kind=Kind.PULL_REQUEST,
        verb=Verb.CREATE_PULL,
        action=ActionType.CREATE_PR,
        target=f"pull:{head}",
        head_sha=str(fix["sha"]),
        params={"head": head, "base": base},
        send=send,
        proposes=True,
    )


# --- the validation, and what follows from it ---


def validate_fix(rung: Rung) -> Rung:
    """One step of `dispatched`."""
    fix = rung.data("fix")
    subject = Subject(
        sha=str(fix["sha"]),
        base_sha=str(fix["base"]),
        changed_at=datetime.fromisoformat(str(fix["at"])),
        security_improvement=_percent(fix.get("security")),
        build_diagnostics=fix.get("builds"),
        triggered_by="manual" if fix.get("asked") else "phase3-auto-healing",
    )
    found = awaited(rung, subject)
    rung = found.rung
    if found.wake_at is not None:
        return rung.save(CaseState.DISPATCHED, wake_at=found.wake_at, note="awaits the validation's report")
    if found.report is None:
        return hand_over(rung, found.reason, found.why)
    before = found.before or _before(rung, subject.base_sha)
    verdict = judge(
        keep(rung, found.report, "validation"),
        before,
        automatic_fix=not fix.get("asked"),
        health_below=rung.resolved.lawbook.rollback.health_below,
    )
    told = judged(rung, verdict, letters.numbers(before), letters.numbers(found.report))
    return rung.save(CaseState.VALIDATED, wake_at=rung.ctx.now(), note=f"validated: {verdict.outcome}", verdict=told)


def _percent(value: object) -> int | None:
    """The seed's field is 0..100 or unknown; a fix that made it worse improved nothing."""
    return max(0, min(100, value)) if isinstance(value, int) else None


def _before(rung: Rung, sha: str) -> Any:
    with rung.ctx.ledger.read() as view:
        found = measured(view, rung, sha)
    return found[0] if found else None


def conclude(rung: Rung) -> Rung:
    """One step of `validated`: keep the fix, close it, or take it back (RB-0)."""
    verdict, fix = rung.data("verdict"), rung.data("fix")
    outcome = ValidationOutcome(str(verdict["outcome"]))
    if not fix.get("pull"):
        return _told_only(rung, outcome, verdict)
    worse = outcome is ValidationOutcome.FAILED or (verdict.get("improvement") or 0) < 0
    number = int(fix.get("pull", 0) or 0)
    title = f"validation of the fixes: {outcome.value}"
    if outcome is ValidationOutcome.INCONCLUSIVE:
        _tell_both(rung, number, title, verdict)
        return hand_over(rung, HealReason.HEALTH_UNKNOWN, "the validation could not measure everything: inconclusive")
    if not worse:
        _tell_both(rung, number, title, verdict)
        label(rung, rung.case.pull_request or number, labels_for(_percent(fix.get("security"))))
        note = f"{outcome.value}: draft #{number} is validated and waits for a person to merge it"
        return rung.save(CaseState.CLOSED, note=note, within=lambda tx: free(tx, rung))
    pull = rung.ctx.github.pull_request(rung.home.owner, rung.home.name, number)
    if pull.merged_at is not None:
        return _take_back(rung, pull.merge_commit_sha or str(fix["sha"]))
    closed = ensure(rung, _close(rung, number))
    if not closed.done:
        return stopped(rung, closed)
    _tell_both(rung, number, f"{title}; the draft is closed", verdict)
    why = f"the fixes did not help (improvement {verdict.get('improvement')}): draft #{number} is closed"
    return hand_over(rung, HealReason.NOT_IMPROVED, why)


def _told_only(rung: Rung, outcome: ValidationOutcome, verdict: Mapping[str, Any]) -> Rung:
    """A person asked for a validation and for nothing else: the case ends with its numbers."""
    numbers = f"effectiveness {verdict.get('effectiveness')}, improvement {verdict.get('improvement')}"
    tell(rung, rung.case.pull_request, letters.comment(rung, outcome.value, letters.validated(rung, verdict)))
    if outcome in {ValidationOutcome.SUCCESS, ValidationOutcome.PARTIAL}:
        return rung.save(CaseState.CLOSED, note=f"{outcome.value}: {numbers}", within=lambda tx: free(tx, rung))
    return hand_over(rung, HealReason.NOT_IMPROVED, f"{outcome.value}: {numbers}")


def _tell_both(rung: Rung, number: int, title: str, verdict: Mapping[str, Any]) -> None:
    body = letters.comment(rung, title, letters.validated(rung, verdict))
    for pull in sorted({number, rung.case.pull_request} - {0}):
        tell(rung, pull, body)
    check(rung, str(rung.data("fix")["sha"]), title)


def _take_back(rung: Rung, merged: str) -> Rung:
    """A remediation that made things worse and is merged is reverted: the commit is known, a person merged it."""
    rollback = {"explicit": merged, "remediation": True}
    return rung.save(
        CaseState.ROLLING_BACK,
        wake_at=rung.ctx.now(),
        note="the merged fix made things worse",
        rollback=rollback,
        branch=_base(rung),
    )


def _close(rung: Rung, number: int) -> Wish:
    def send(github: GitHub, receipt: Receipt, _: str) -> Mapping[str, object]:
        return github.close_pull(rung.home.owner, rung.home.name, number, receipt=receipt).data

    return Wish(
        kind=Kind.PULL_REQUEST,
        verb=Verb.CLOSE_PULL,
        action=ActionType.CREATE_PR,
        target=f"close:{number}",
        head_sha=rung.case.head_sha,
        pull_request=number,
        send=send,
        proposes=True,
    )
