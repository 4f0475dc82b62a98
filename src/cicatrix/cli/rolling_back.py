"""`cicatrix rollback`, `release` and `dispatch`: what a person asks of the rungs above the rerun."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cicatrix import wiring
from cicatrix.core.cases import Case, CaseState
from cicatrix.core.rollback.plan import RevertFacts, RollbackAction, RollbackPlan
from cicatrix.flows.context import Context
from cicatrix.flows.explain import explain_case
from cicatrix.flows.ladder.asking import preview_rollback, release, roll_back_commit, validate_commit
from cicatrix.git import GitError
from cicatrix.github import GitHubError

from . import state
from .errors import Code, Stop, usage
from .screen import Format
from .session import opened, person, principal_of, require_lawbook, settings_of
from .targets import repository

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
WAITS = frozenset({CaseState.ROLLING_BACK, CaseState.ROLLED_BACK, CaseState.DISPATCHED, CaseState.REMEDYING})
PROPOSED = frozenset({"proposed", "executed", "prepared"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of `rollback` and `dispatch`."""

    repo: str | None
    branch: str | None = None
    yes: bool = False
    lawbook: Path | None = None
    as_json: bool = False
    output: Format | None = None


def rollback(sha: str, asked: Asked) -> int:
    """Plan the revert of a commit; with --yes also make it, as far as the lawbook goes. The exit code."""
    sha = _full(sha)
    settings = settings_of(lawbook=asked.lawbook)
    host, owner, name = repository(asked.repo, wiring.hosts(settings))
    with opened(settings, host, read_only=not asked.yes) as ctx, _git_told():
        require_lawbook(ctx)
        home = ctx.github.repository(owner, name)
        branch = asked.branch or home.default_branch
        principal = principal_of(ctx, owner, name)
        plan, facts = preview_rollback(ctx, home, sha, branch=branch, principal=principal)
        if not asked.yes:
            return _planned(plan, facts, branch, asked)
        tip = facts.tip
        if tip is None:
            raise Stop(
                f"{home.full_name} has no branch {branch}.", "The remote does not list it.", "Name one with --branch."
            )
        case = roll_back_commit(ctx, home, sha, branch=branch, tip=tip, principal=principal)
        return _told(ctx, case, asked)


def dispatch(sha: str, asked: Asked) -> int:
    """Ask the validation workflow to measure a commit; the case awaits its report. The exit code."""
    sha = _full(sha)
    settings = settings_of(lawbook=asked.lawbook)
    host, owner, name = repository(asked.repo, wiring.hosts(settings))
    with opened(settings, host) as ctx, _git_told():
        require_lawbook(ctx)
        home = ctx.github.repository(owner, name)
        branch = asked.branch or home.default_branch
        principal = principal_of(ctx, owner, name)
        case = validate_commit(ctx, home, sha, branch=branch, principal=principal)
        return _told(ctx, case, asked)


def released(case_id: str, *, reason: str, as_json: bool, output: Format | None) -> None:
    """A person opens the gate of a branch again after a rollback; recorded under that person's name."""
    screen = state.screen
    shape = screen.format(output, as_json)
    if not reason.strip():
        raise usage("The reason is empty.", "It is recorded for whoever reads the ledger later.", "Say why it is safe.")
    with opened(settings_of()) as ctx:
        try:
            principal = principal_of(ctx)
        except GitHubError:
            principal = person()
        index = release(ctx, case_id, principal=principal, reason=reason)
    if index is None:
        raise Stop(
            f"The case {case_id[:80]} blocks no branch.",
            "No rollback of it is unreleased in this ledger.",
            "`cicatrix gate` names the case that blocks a branch.",
        )
    if shape is Format.JSON:
        screen.json({"caseId": case_id, "released": True, "ledgerIndex": index})
    else:
        screen.line(f"✓ the gate is open again (entry {index}, by {screen.safe(principal)})")


def _full(sha: str) -> str:
    found = sha.strip().lower()
    if _SHA.fullmatch(found) is None:
        raise usage(
            "The commit is not named in full.",
            f"{sha[:64]!r} is no full SHA; short forms can mean another commit tomorrow.",
            "`git rev-parse NAME` prints all 40 digits.",
        )
    return found


class _git_told:  # noqa: N801 -- used as a statement, like the functions of contextlib
    """Turns a git error into the three lines that every error has."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, at: object) -> None:
        if isinstance(error, GitError):
            told = error.diagnostics()
            raise Stop(told.what, told.why, told.next) from error


def _planned(plan: RollbackPlan, facts: RevertFacts, branch: str, asked: Asked) -> int:
    screen = state.screen
    shape = screen.format(asked.output, asked.as_json)
    stopped = plan.action is RollbackAction.BLOCKED
    if shape is Format.JSON:
        screen.json(
            {
                "action": plan.action.value,
                "dryRun": True,
                "target": plan.target,
                "branch": branch,
                "tip": facts.tip,
                "revertBranch": plan.branch or None,
                "emergency": plan.emergency,
                "reasons": [
                    {"code": str(one.reason), "why": one.why, "wouldChange": one.would_change} for one in plan.said
                ],
            }
        )
        return Code.BLOCKED if stopped else Code.DONE
    subject = (plan.target or "")[:12]
    screen.line(
        f"{'✗' if stopped else '○'} {plan.action.value}: {subject} on {screen.safe(branch)} (nothing was written)"
    )
    for one in plan.said:
        screen.folded(f"  {one.reason}: {screen.safe(one.why)}", hang=4)
        screen.folded(f"    would change it: {one.would_change}", hang=6)
    if plan.branch:
        screen.line(f"  --yes would make {plan.branch}")
    return Code.BLOCKED if stopped else Code.DONE


def _told(ctx: Context, case: Case, asked: Asked) -> int:
    screen = state.screen
    shape = screen.format(asked.output, asked.as_json)
    with ctx.ledger.read() as view:
        told = explain_case(view, case.id)
    assert told is not None
    if shape is Format.JSON:
        screen.json(told)
    else:
        from . import showing  # noqa: PLC0415 -- Rich is for tables only

        screen.line(f"case {case.id} is {case.state.value}: {screen.safe(case.note)}")
        showing.show_case(screen, told)
    if case.state in WAITS:
        return Code.PENDING
    if case.state is CaseState.CLOSED:
        return Code.DONE
    rollback = case.data.get("rollback")
    status = str(rollback.get("status", "")) if isinstance(rollback, dict) else ""
    return Code.DONE if status in PROPOSED else Code.BLOCKED
