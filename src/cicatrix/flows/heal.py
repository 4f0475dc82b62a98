"""The walk of a remediation: measure, fix, judge, measure again. It ends with a commit in our own mirror, or without.

Nothing here writes to GitHub or to a remote; whoever proposes the commit does that with a receipt (RM-3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cicatrix.checks.fixes import Fixed
from cicatrix.core.changes import FileChange
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.health.model import CheckState, Component, Measurement
from cicatrix.core.lawbook.model import Remediation
from cicatrix.core.remedy.catalogue import REMEDIES
from cicatrix.core.remedy.choose import choose
from cicatrix.core.remedy.diagnostics import BuildDiagnostics, diagnose_build
from cicatrix.core.remedy.judge import judge_change, must_read, too_large
from cicatrix.core.remedy.manifests import read_manifest
from cicatrix.core.remedy.model import Declined, Remedy
from cicatrix.core.remedy.security import ManualReview, SecurityResult, UpgradeAttempt, tally_of, upgrades
from cicatrix.git import GitError

_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The rooms that the walk uses: git makes worktrees and commits in our mirror, the checks run and measure."""

    worktree: Callable[[str], AbstractContextManager[Path]]
    """A clean, throw-away checkout of a commit."""
    commit: Callable[[Path, str, str], str | None]
    """Folder, parent, message -> the commit in the mirror; None when the folder holds what the parent holds."""
    diff: Callable[[str, str], Sequence[FileChange]]
    file: Callable[[str, str], bytes | None]
    """Commit, path -> the file's bytes; None when it is not there. May raise GitError for one that is too large."""
    measure: Callable[[Path, str], Measurement]
    """Folder, commit -> the same checks each time."""
    apply: Callable[[Remedy, Path], Fixed]
    build_log: Callable[[], str | None] = lambda: None
    """What the build of the first measurement wrote, where somebody kept it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedFix:
    """A fix whose change was kept."""

    id: str
    about: str
    files: int
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Healing:
    """What a remediation came to. `commit` is None whenever nothing may be proposed; `reason` then says why."""

    case: str
    base_sha: str
    before: Measurement
    after: Measurement | None = None
    """None unless a fix was kept."""
    applied: tuple[AppliedFix, ...] = ()
    declined: tuple[Declined, ...] = ()
    changes: tuple[FileChange, ...] = ()
    """All changed files together; what a dry run shows."""
    commit: str | None = None
    """One commit on top of `base_sha`, in our mirror alone so far."""
    reason: HealReason | None = None
    why: str = ""
    security: SecurityResult
    diagnostics: BuildDiagnostics | None = None
    message: str = ""

    @property
    def branch(self) -> str:
        return branch_of(self.case)

    @property
    def remediation_applied(self) -> bool:
        """True only if a commit exists (RM-5)."""
        return self.commit is not None

    @property
    def improvement(self) -> int | None:
        """Health after less health before, -100..100; None when one of them is not known."""
        if self.after is None or self.after.health is None or self.before.health is None:
            return None
        return self.after.health - self.before.health

    def outputs(self) -> dict[str, str]:
        """The seed's step outputs."""
        improvement = self.security.improvement
        return {
            "remediation_applied": str(self.remediation_applied).lower(),
            "security_score_improvement": "unknown" if improvement is None else str(improvement),
            "build_diagnostic_available": str(self.diagnostics is not None).lower(),
        }


def heal(
    bench: Bench,
    sha: str,
    *,
    case: str,
    remediation: Remediation,
    before: Measurement | None = None,
    own: Iterable[Remedy] = (),
) -> Healing:
    """Runs the allowed fixes for what is red on the commit, each in a worktree of its own.

    A fix whose change is refused leaves nothing behind: the next one starts from the last commit that was kept. What is
    kept becomes one commit, which is measured again. `before` saves the first measurement when it is of this commit.
    """
    if _CASE.fullmatch(case) is None:
        raise ValueError(f"{case!r} is no id of a case")
    with bench.worktree(sha) as folder:
        root = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.is_symlink())
        if before is None or before.sha != sha:
            before = bench.measure(folder, sha)
    chosen = choose(before, remediation.allow, root, (*REMEDIES, *own))
    walk = _Walk(bench=bench, base=sha, limits=remediation, tip=sha, declined=list(chosen.declined))
    for remedy in chosen.run:
        walk.attempt(remedy)
    return _concluded(walk, case, before)


def branch_of(case: str) -> str:
    """The branch that a case's fix is proposed on: never one that people work on (RM-2)."""
    return f"cicatrix/fix/{case}"


def message_of(case: str, fixes: Sequence[str]) -> str:
    """The commit's message: ids alone, so that no text of a stranger can tell GitHub to skip CI."""
    listed = "\n".join(f"- {name}" for name in fixes)
    count = f"{len(fixes)} fix" if len(fixes) == 1 else f"{len(fixes)} fixes"
    return f"Apply {count} of case {case}\n\n{listed}\n\nCicatrix-Case: {case}\n"


@dataclass(slots=True, kw_only=True)
class _Walk:
    """One fix after the other. `tip` is the last commit whose change was kept."""

    bench: Bench
    base: str
    limits: Remediation
    tip: str
    applied: list[AppliedFix] = field(default_factory=list)
    declined: list[Declined] = field(default_factory=list)
    attempts: list[UpgradeAttempt] = field(default_factory=list)
    reviews: list[ManualReview] = field(default_factory=list)

    def attempt(self, remedy: Remedy) -> None:
        with self.bench.worktree(self.tip) as folder:
            fixed = self.bench.apply(remedy, folder)
            made = None if fixed.declined else self.bench.commit(folder, self.tip, f"Try {remedy.id}\n")
        changes = self.bench.diff(self.tip, made) if made else ()
        attempts = fixed.attempts or self._upgrades(remedy, changes, made)
        self.reviews += fixed.reviews
        declined = fixed.declined or self._judged(remedy, changes, made)
        if declined or made is None:
            self.declined += [declined] if declined else []
            self.attempts += [replace(a, applied=False, error=declined.why if declined else "") for a in attempts]
            return
        self.attempts += attempts
        self.applied.append(_applied(remedy, changes))
        self.tip = made

    def _judged(self, remedy: Remedy, changes: Sequence[FileChange], made: str | None) -> Declined | None:
        """The fix's own change first, then all changes together: the lawbook's limits are for the whole of them."""
        read = [change.path for change in changes if must_read(change.path, remedy)]
        declined = judge_change(
            changes,
            remedy,
            max_files=self.limits.max_files,
            max_lines=self.limits.max_lines,
            before={path: self._text(self.tip, path) for path in read},
            after={path: self._text(made, path) for path in read},
        )
        if declined or made is None:
            return declined
        whole = self.bench.diff(self.base, made)
        found = too_large(whole, max_files=self.limits.max_files, max_lines=self.limits.max_lines)
        return Declined(id=remedy.id, reason=found[0], why=f"{found[1]}, all fixes together") if found else None

    def _text(self, sha: str | None, path: str) -> str | None:
        """None for what is not there, is too large for anybody to read, or is no text."""
        try:
            data = self.bench.file(sha, path) if sha else None
            return None if data is None else data.decode()
        except (GitError, UnicodeDecodeError):
            return None

    def _upgrades(self, remedy: Remedy, changes: Sequence[FileChange], made: str | None) -> tuple[UpgradeAttempt, ...]:
        """What the changed manifests and lockfiles say that was raised, each package once."""
        found: dict[str, UpgradeAttempt] = {}
        for path in (change.path for change in changes if must_read(change.path, remedy)):
            old, new = (read_manifest(path, self._text(sha, path) or "") for sha in (self.tip, made))
            if old and new:
                found |= {attempt.package: attempt for attempt in upgrades(old, new, applied=True)}
        return tuple(found[name] for name in sorted(found))


def _applied(remedy: Remedy, changes: Sequence[FileChange]) -> AppliedFix:
    lines = sum(change.added + change.removed for change in changes)
    return AppliedFix(id=remedy.id, about=remedy.about, files=len(changes), lines=lines)


def _concluded(walk: _Walk, case: str, before: Measurement) -> Healing:
    told: dict[str, Any] = {
        "case": case,
        "base_sha": walk.base,
        "before": before,
        "applied": tuple(walk.applied),
        "declined": tuple(walk.declined),
        "diagnostics": _diagnostics(walk.bench.build_log(), before),
    }
    tried: dict[str, Any] = {"attempts": tuple(walk.attempts), "reviews": tuple(walk.reviews)}
    tally = tally_of(before)
    if not walk.applied:
        why = "no fix that the lawbook allows changed anything that may be kept"
        unchanged = SecurityResult(before=tally, after=tally, **tried)
        return Healing(**told, security=unchanged, reason=HealReason.NOTHING_TO_FIX, why=why)
    message = message_of(case, [fix.id for fix in walk.applied])
    commit, after = _squashed(walk.bench, walk.base, walk.tip, message)
    told |= {"after": after, "changes": tuple(walk.bench.diff(walk.base, commit)), "message": message}
    told["security"] = SecurityResult(before=tally, after=tally_of(after), **tried)
    if refused := _no_better(before, after):
        return Healing(**told, reason=refused[0], why=refused[1])
    return Healing(**told, commit=commit)


def _diagnostics(log: str | None, before: Measurement) -> BuildDiagnostics | None:
    """Of the failed build's log, where one was kept."""
    if not log:
        return None
    build = before.component(Component.BUILD)
    known = {CheckState.PASS: True, CheckState.WARNING: True, CheckState.FAIL: False}
    return diagnose_build(log, succeeded=known.get(build.state) if build else None)


def _squashed(bench: Bench, sha: str, tip: str, message: str) -> tuple[str, Measurement]:
    """One commit with everything that was kept, and its measurement in a worktree that no fix has run in."""
    with bench.worktree(tip) as folder:
        commit = bench.commit(folder, sha, message)
    if commit is None or bench.diff(tip, commit):
        raise RuntimeError("the commit of all fixes does not hold what the fixes changed")
    with bench.worktree(commit) as folder:
        return commit, bench.measure(folder, commit)


def _no_better(before: Measurement, after: Measurement) -> tuple[HealReason, str] | None:
    """Why the commit is not worth proposing. What cannot be compared is not better."""
    if before.set_hash != after.set_hash:
        return HealReason.HEALTH_UNKNOWN, "before and after were not measured with the same checks"
    if before.health is None or after.health is None:
        when = "before the fixes" if before.health is None else "after the fixes"
        return HealReason.HEALTH_UNKNOWN, f"the health {when} is not known"
    if after.health < before.health:
        return HealReason.NOT_IMPROVED, f"health went from {before.health} to {after.health}"
    return None
