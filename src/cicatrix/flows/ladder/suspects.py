"""Which commit made the branch red: signals are collected here, `core.rollback.culprit` decides on them alone.

Where the repository's code may run here, its stability checks are measured, on commit after commit. Elsewhere the jobs
of the branch's runs are looked at, every attempt a source of its own; that the commit below is green *now* cannot be
told from old runs, so such a search mostly ends with what would have to be measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cicatrix.core.actions import ActionType
from cicatrix.core.attempts import executed_in, is_dependant_failure
from cicatrix.core.facts import Job, WorkflowRun
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.health.model import CheckResult, CheckState, Component, Measurement
from cicatrix.core.health.score import set_hash
from cicatrix.core.rollback.culprit import FRESH, Culprit, Finding, NoCulprit, Reproduce, find_culprit
from cicatrix.core.rollback.model import CommitFacts, Outcome, Signal
from cicatrix.core.verdict import FailureClass, Verdict
from cicatrix.flows.fresh import read_fresh
from cicatrix.flows.ladder.measuring import may_run, measure_commit, measured
from cicatrix.flows.ladder.rung import Rung
from cicatrix.flows.reading import diagnose_job
from cicatrix.git import Mirror

LOOKED_BACK = 100
"""Commits of the first-parent line that are looked at."""
MOST_MEASURED = 24
"""Measurements that one search may ask for: a bisection of 100 commits, each step measured twice and some more."""
RUNS_READ = 30

OUTSIDE = frozenset({FailureClass.INFRA_TRANSIENT, FailureClass.INFRA_PERSISTENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What was found, and what it was found on."""

    finding: Finding
    tip: Measurement | None
    """The newest measurement of the tip; None where only jobs were looked at."""
    commits: tuple[CommitFacts, ...]
    failed: frozenset[str]
    measured: int = 0
    """How many measurements the search itself made."""


def find_cause(rung: Rung, mirror: Mirror, tip: str) -> Cause:
    """The commit that broke the branch, or why none is named. Measures commits where that may be done here."""
    commits = mirror.history(tip, LOOKED_BACK)
    if rung.case.run_id and not may_run(rung):
        return _of_jobs(rung, commits)
    if not _fresh(rung, tip) and may_run(rung):
        measure_commit(rung, mirror, tip, "gate")
    return _of_checks(rung, mirror, tip, commits)


def _fresh(rung: Rung, tip: str) -> bool:
    known = _known(rung, tip)
    return bool(known) and rung.ctx.now() - known[0].taken_at <= FRESH


# --- stability checks ---


def _of_checks(rung: Rung, mirror: Mirror, tip: str, commits: tuple[CommitFacts, ...]) -> Cause:
    seen = _known(rung, tip)
    if not seen:
        why = f"{tip[:12]} has no measurement"
        return Cause(
            finding=NoCulprit(reason=HealReason.HEALTH_UNKNOWN, why=why), tip=None, commits=commits, failed=NONE
        )
    newest = seen[0]
    failed = frozenset(r.name for r in newest.results if _accuses(r))
    made = 0
    while True:
        finding = _look(rung, commits, failed, newest)
        if not isinstance(finding, Reproduce):
            break
        if not may_run(rung):
            why = f"{finding.why}; CICATRIX_RUN_CHECKS is not set, so no commit is measured here"
            finding = NoCulprit(reason=HealReason.CODE_NOT_RUN_HERE, why=why)
            break
        if made + len(finding.shas) > MOST_MEASURED:
            why = f"{finding.why}; {made} measurements did not tell"
            finding = NoCulprit(reason=HealReason.NOT_REPRODUCED, why=why)
            break
        for sha in finding.shas:
            measure_commit(rung, mirror, sha, "culprit")
            made += 1
    return Cause(finding=finding, tip=newest, commits=commits, failed=failed, measured=made)


NONE: frozenset[str] = frozenset()


def _known(rung: Rung, sha: str | None = None) -> tuple[Measurement, ...]:
    """What is known by the checks that hold now, newest first: others, such as those of a file, accuse nobody."""
    declared = rung.resolved.lawbook.checks
    wanted = set_hash(declared) if declared else None
    with rung.ctx.ledger.read() as view:
        return tuple(m for m in measured(view, rung, sha) if wanted in {None, m.set_hash})


def _look(rung: Rung, commits: tuple[CommitFacts, ...], failed: frozenset[str], tip: Measurement) -> Finding:
    on_line = {commit.sha for commit in commits}
    usable = [m for m in _known(rung) if m.sha in on_line and m.set_hash == tip.set_hash]
    signals = [
        _signal(result, m, n)
        for n, m in enumerate(_of_this_episode(rung, usable, failed, tip))
        for result in m.results
        if result.component is not Component.SECURITY
    ]
    if not failed:
        why = "what fails comes from outside the repository, or is no blocking check"
        outside = any(r.state in {CheckState.FAIL, CheckState.UNKNOWN} and not _accuses(r) for r in tip.results)
        reason = HealReason.ENVIRONMENT_SIGNAL if outside else HealReason.CAUSE_UNKNOWN
        return NoCulprit(reason=reason, why=why)
    return find_culprit(commits, signals, failed, now=rung.ctx.now())


def _of_this_episode(
    rung: Rung, found: Sequence[Measurement], failed: frozenset[str], tip: Measurement
) -> list[Measurement]:
    """Without what tells of an earlier episode: measurements from before this case began.

    A commit that was red then may have been mended since by one that nobody measured, and would be accused of what a
    later one broke: so the search begins at the tip. What was seen in both colours is kept, it shows a job that comes
    and goes. Where no commit can be measured again, such a search names nobody.
    """
    seen = {(m.sha, _outcome(r)) for m in found for r in m.results if r.name in failed}
    flaky = {sha for sha, outcome in seen if outcome is Outcome.RED and (sha, Outcome.GREEN) in seen}
    return [m for m in found if m.taken_at >= rung.case.opened_at or m.sha == tip.sha or m.sha in flaky]


def _accuses(result: CheckResult) -> bool:
    """Whether this result may accuse a commit: advisories come and go by themselves, so they never do (RB-1)."""
    return result.state is CheckState.FAIL and result.blocking and result.component is not Component.SECURITY


def _signal(result: CheckResult, found: Measurement, number: int) -> Signal:
    source = f"{found.sha}@{found.taken_at.isoformat()}#{number}"
    return Signal(job=result.name, sha=found.sha, source=source, outcome=_outcome(result), at=found.taken_at)


def _outcome(result: CheckResult) -> Outcome:
    if result.state in {CheckState.PASS, CheckState.WARNING}:
        return Outcome.GREEN
    if result.state is CheckState.FAIL:
        return Outcome.RED
    return Outcome.MISSING


# --- jobs of the branch's runs ---


def _of_jobs(rung: Rung, commits: tuple[CommitFacts, ...]) -> Cause:
    """A red run of the branch: the same jobs in the runs of the commits before it, each attempt a source of its own."""
    case, github = rung.case, rung.ctx.github
    run = github.run(case.owner, case.repository, case.run_id)
    on_line = {commit.sha for commit in commits}
    newest = github.runs_of_branch(case.owner, case.repository, run.workflow_id, rung.branch, event=run.event)
    runs = [run, *(r for r in newest.items[:RUNS_READ] if r.id != run.id and r.head_sha in on_line)]
    signals: list[Signal] = []
    failed: set[str] = set()
    for one in runs:
        found, red = _signals_of_run(rung, one)
        signals += found
        if one.id == run.id:
            failed = red
    if not failed:
        finding: Finding = NoCulprit(
            reason=HealReason.ENVIRONMENT_SIGNAL, why="no job of the run fails by something in the repository"
        )
    else:
        finding = find_culprit(commits, signals, frozenset(failed), now=rung.ctx.now())
    if isinstance(finding, Reproduce):
        finding = NoCulprit(reason=HealReason.NOT_REPRODUCED, why=finding.why)
    return Cause(finding=finding, tip=None, commits=commits, failed=frozenset(failed))


def _signals_of_run(rung: Rung, run: WorkflowRun) -> tuple[list[Signal], set[str]]:
    """Each job of each attempt as a signal, and the jobs that are red in the last one."""
    reading, facts = read_fresh(
        rung.ctx,
        rung.request(ActionType.ROLLBACK),
        rung.case.owner,
        rung.case.repository,
        run.id,
        pull_request=0,
        run=run,
    )
    del reading
    found: list[Signal] = []
    red: set[str] = set()

    def tell(job: Job) -> Outcome:
        if not job.failed or is_dependant_failure(job, facts):
            return _job_outcome(None, job)
        return _job_outcome(facts.verdicts.get(job.id) or diagnose_job(rung.ctx, facts, job), job)

    for attempt in facts.attempts:
        for job in executed_in(facts.attempts, attempt.number):
            at = job.completed_at or run.updated_at or run.created_at
            source = f"{run.id}/{attempt.number}"
            found.append(Signal(job=job.name, sha=run.head_sha, source=source, outcome=tell(job), at=at))
    last: Sequence[Job] = facts.attempts[-1].jobs if facts.attempts else ()
    for job in last:
        if job.failed and not is_dependant_failure(job, facts) and tell(job) is Outcome.RED:
            red.add(job.name)
    return found, red


def _job_outcome(verdict: Verdict | None, job: Job) -> Outcome:
    if job.conclusion in {"success", "neutral"}:
        return Outcome.GREEN
    if not job.failed or verdict is None:
        return Outcome.MISSING
    if verdict.failure_class is FailureClass.DETERMINISTIC:
        return Outcome.RED
    if verdict.failure_class in OUTSIDE:
        return Outcome.ENVIRONMENT
    return Outcome.FLAKY if verdict.failure_class is FailureClass.FLAKY_PROBABLE else Outcome.MISSING


def shown(finding: Finding) -> dict[str, object]:
    """The finding as a rollback's entry holds it: SHAs and numbers in clear, no foreign text."""
    if isinstance(finding, Culprit):
        return {
            "culprit": finding.sha,
            "lastGood": finding.last_good,
            "suspects": list(finding.suspects),
            "evidence": len(finding.evidence),
            "reds": sum(1 for s in finding.evidence if s.outcome is Outcome.RED),
        }
    if isinstance(finding, NoCulprit):
        return {"noCulprit": finding.reason.value}
    return {"reproduce": list(finding.shas)}
