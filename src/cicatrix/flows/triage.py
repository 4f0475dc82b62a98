"""Triage of a pull request, a run or a commit: reads only, and records nothing.

pull request and lawbook · runs and check runs of the head · for each run that is not green: its attempts, workflow
files and the logs that facts do not settle. Verdicts come from the same reading as a rerun's, so both say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from cicatrix.core.attempts import RunFacts, is_dependant_failure, merged_jobs
from cicatrix.core.facts import CheckRun, Job, Listing, PullRequest, Repository, WorkflowRun
from cicatrix.core.health.model import Check
from cicatrix.core.plan import NOT_FAILED
from cicatrix.core.redact import redact as redact_shapes
from cicatrix.core.triage import Excerpt, Finding, StepLine, Subject, triage_report
from cicatrix.core.verdict import UNKNOWN, FailureClass, Verdict
from cicatrix.diagnosis import ExcerptingDiagnoser
from cicatrix.flows.context import Context
from cicatrix.flows.denied import Denied
from cicatrix.flows.policies import Rules, access_denial, lawbook_of, read_rules
from cicatrix.flows.reading import ACTIONS_APP, Place, Target, newer_run, read_run, repository_of
from cicatrix.flows.seed_000 import LONGEST_REQUEST_ID, InvalidInput

__all__ = ["MAX_LOG_BYTES", "MAX_STEPS", "Bounds", "Triaged", "triage", "triage_target"]

MAX_LOG_BYTES, MAX_STEPS = 65_536, 50
"""The seed's defaults."""
MOST_LOG_BYTES, MOST_STEPS = 1024 * 1024, 500
_SUMMARY = 2_000
"""Characters of another app's summary that are shown."""

Redact = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much of the evidence is told: bytes of each excerpt, and steps of each job up to the one that failed."""

    log_bytes: int = MAX_LOG_BYTES
    steps: int = MAX_STEPS

    def __post_init__(self) -> None:
        for name, value, most in (
            ("maxLogBytes", self.log_bytes, MOST_LOG_BYTES),
            ("maxSteps", self.steps, MOST_STEPS),
        ):
            if not _whole(value) or not 1 <= value <= most:
                raise InvalidInput(name, f"must be a whole number from 1 to {most}, not {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Triaged:
    """What was found, and how the repository checks a repair of it."""

    report: dict[str, Any]
    """In the seed's shape 1.0; docs/triage.md names every field."""
    checks: tuple[Check, ...]
    """Declared by the lawbook that the report names by its hash."""


def triage(
    ctx: Context,
    owner: str,
    repository: str,
    pr_number: int,
    *,
    workflow_run_id: int | None = None,
    max_log_bytes: int = MAX_LOG_BYTES,
    max_steps: int = MAX_STEPS,
    request_id: str,
    redact: Redact = redact_shapes,
) -> Triaged:
    """The triage of a pull request's head.

    `workflow_run_id` leaves out everything but one run of the head. `redact` masks what is known to be secret here
    beside what looks like one; it is applied before anything is hashed.
    Raises InvalidInput for a value out of bounds or a run of another head, Refused with status 404 for a pull request
    that does not exist, and GitHubError when GitHub cannot be read.
    """
    for name, number in (("prNumber", pr_number), ("workflowRunId", workflow_run_id)):
        if number is not None and (not _whole(number) or number < 1):
            raise InvalidInput(name, f"must be a whole number above 0, not {number!r}")
    target = Target(
        owner=owner,
        repository=repository,
        pull_request=pr_number,
        run_id=None if workflow_run_id is None else str(workflow_run_id),
    )
    bounds = Bounds(log_bytes=max_log_bytes, steps=max_steps)
    return triage_target(ctx, target, bounds=bounds, request_id=request_id, redact=redact)


def triage_target(
    ctx: Context, target: Target, *, bounds: Bounds, request_id: str, redact: Redact = redact_shapes
) -> Triaged:
    """As `triage`, for anything that can be pointed at. A run that names no pull request is triaged by itself."""
    if not 1 <= len(request_id) <= LONGEST_REQUEST_ID:
        raise InvalidInput("requestId", f"must have 1..{LONGEST_REQUEST_ID} characters")
    head = _read_head(ctx, target)
    looking = ctx.diagnoser.with_excerpts(bounds.log_bytes, redact)
    facts = _read_runs(replace(ctx, diagnoser=looking), head)
    telling = _Telling(web=ctx.github.host.web_url or "", diagnoser=looking, bounds=bounds, redact=redact)
    found = _Found()
    for one in facts:
        telling.run(found, one)
    if head.named is None:
        telling.checks(found, head.checks.items)
    holes = [*head.holes, *(f"run {one.run.id}: {one.incomplete}" for one in facts if one.incomplete)]
    with ctx.ledger.read() as view:
        resolved, _ = lawbook_of(view, ctx.deployment, head.rules, head.repository)
    pull = head.pull
    subject = Subject(
        request_id=request_id,
        environment=ctx.deployment.environment.value,
        lawbook_hash=resolved.hash,
        repository=head.repository.full_name if head.repository else f"{target.owner}/{target.repository}",
        number=pull.number if pull else 0,
        head_sha=head.sha,
        head_ref=redact(pull.head_ref) if pull else "",
        base_ref=redact(pull.base_ref) if pull else "",
    )
    report = triage_report(
        subject,
        found.findings,
        pending=found.pending,
        total=len(head.checks.items) if head.named is None else None,
        incomplete=holes[0] if holes else None,
        truncated=found.cut,
    )
    return Triaged(report=report, checks=resolved.lawbook.checks)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """What was read about the head before its runs were opened."""

    sha: str
    pull: PullRequest | None
    named: WorkflowRun | None
    """The run that the caller asked for alone."""
    repository: Repository | None
    runs: tuple[WorkflowRun, ...]
    checks: Listing[CheckRun]
    holes: tuple[str, ...]
    rules: Rules


def _read_head(ctx: Context, target: Target) -> _Head:
    owner, name = target.owner, target.repository

    def subject() -> tuple[PullRequest | None, WorkflowRun | None]:
        run = ctx.github.run(owner, name, target.run_id) if target.run_id is not None else None
        number = target.pull_request
        if number is None and run is not None and run.pull_request_numbers:
            number = run.pull_request_numbers[0]
        return (ctx.github.pull_request(owner, name, number) if number is not None else None), run

    thunks: list[Callable[[], object]] = [lambda: read_rules(ctx, owner, name), subject]
    read_law, read = ctx.gather(thunks)
    rules = cast("Rules", read_law)
    pull, named = cast("tuple[PullRequest | None, WorkflowRun | None]", read)
    if pull is not None:
        _check_base(ctx, pull)
    if target.pull_request is not None and pull is not None and named is not None and named.head_sha != pull.head_sha:
        raise InvalidInput(
            "workflowRunId", f"run {named.id} ran {named.head_sha[:12]}, the head is {pull.head_sha[:12]}"
        )
    sha = named.head_sha if named else pull.head_sha if pull else target.sha or ""
    nothing: Listing[Any] = Listing(())
    runs, checks = nothing, nothing
    if named is None:
        reads: list[Callable[[], Listing[Any]]] = [
            lambda: ctx.github.runs_of_head(owner, name, sha),
            lambda: ctx.github.check_runs(owner, name, sha),
        ]
        runs, checks = ctx.gather(reads)
    shown = (named,) if named else runs.items
    repository = pull.base if pull else repository_of(ctx, owner, name, shown[0]) if shown else None
    holes = tuple(hole for hole in (runs.incomplete, checks.incomplete) if hole)
    return _Head(
        sha=sha, pull=pull, named=named, repository=repository, runs=shown, checks=checks, holes=holes, rules=rules
    )


def _check_base(ctx: Context, pull: PullRequest) -> None:
    """AU-1: the base branch is always checked, also where logs are only read. Raises Denied."""
    access, base = ctx.deployment.access, pull.base
    refusal = access.branch_refusal(base.owner, base.name, pull.base_ref) if access else None
    if refusal is not None:
        no = access_denial(base.full_name, refusal.code, refusal.why)
        raise Denied(no.code, no.what, no.why, no.next, details=no.details)


def _read_runs(ctx: Context, head: _Head) -> list[RunFacts]:
    """Every run of the head that is not green and that no newer run of its workflow replaced, oldest workflow first."""
    repository = head.repository
    if repository is None:
        return []
    files: dict[Place, bytes | None] = {}
    open_runs = [
        run
        for run in sorted(head.runs, key=lambda r: (int(r.workflow_id), int(r.id)))
        if run is head.named or (not _green(run) and newer_run(run, head.runs) is None)
    ]

    def reader(run: WorkflowRun) -> Callable[[], RunFacts]:
        return lambda: read_run(ctx, repository, head.pull, run, files=files)

    return ctx.gather([reader(run) for run in open_runs])


def _green(run: WorkflowRun) -> bool:
    return run.completed and run.conclusion in NOT_FAILED


@dataclass(slots=True)
class _Found:
    findings: list[Finding] = field(default_factory=list)
    pending: int = 0
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Telling:
    """Turns what was read into findings, every foreign text redacted."""

    web: str
    diagnoser: ExcerptingDiagnoser
    bounds: Bounds
    redact: Redact

    def run(self, found: _Found, facts: RunFacts) -> None:
        """The jobs of one run; of a run that ended badly without a failing job, the run itself."""
        jobs = merged_jobs(facts.attempts)
        failing = [job for job in jobs if job.status == "completed" and job.conclusion not in NOT_FAILED]
        waiting = sum(job.status != "completed" for job in jobs)
        if not facts.run.completed:
            found.pending += max(1, waiting)
        for job in failing:
            self._job(found, facts, job)
        if facts.run.completed and not _green(facts.run) and not failing:
            found.findings.append(self._run_itself(facts))

    def checks(self, found: _Found, checks: Sequence[CheckRun]) -> None:
        """Checks that are no job of a run: those of other apps, and those that a job reported under its token."""
        for check in checks:
            if _of_a_job(check):
                continue
            if check.status != "completed":
                found.pending += 1
            elif check.conclusion not in NOT_FAILED:
                found.findings.append(self._check(check))

    def _job(self, found: _Found, facts: RunFacts, job: Job) -> None:
        gate = job.failed and is_dependant_failure(job, facts)
        settled = facts.verdicts.get(job.id) or self.diagnoser.from_facts(job, facts.run.conclusion)
        verdict = UNKNOWN if gate or settled is None else settled
        steps, left_out = _steps(job, verdict, self.bounds.steps)
        found.cut = found.cut or left_out
        kept = self.diagnoser.excerpt(job.id)
        found.findings.append(
            Finding(
                name=self._text(job.name),
                conclusion=job.conclusion or "",
                url=f"{self._page(facts)}/job/{job.id}",
                run_id=int(facts.run.id),
                job_id=int(job.id),
                step=self._text(verdict.step or (job.failed_step.name if job.failed_step else "")) or None,
                steps=tuple(replace(step, name=self._text(step.name)) for step in steps),
                excerpt=None if kept is None else Excerpt(text=self.redact(kept.text), truncated=kept.truncated),
                verdict=self._masked(verdict),
                dependant=gate,
            )
        )

    def _run_itself(self, facts: RunFacts) -> Finding:
        run = facts.run
        suspected = FailureClass.DETERMINISTIC if run.conclusion == "startup_failure" else None
        cancelled = run.conclusion == "cancelled"
        verdict = replace(
            UNKNOWN,
            failure_class=FailureClass.CANCELLED if cancelled else FailureClass.UNKNOWN,
            suspected=suspected,
            counter_evidence="the run never started: mostly an invalid workflow file" if suspected else None,
        )
        return Finding(
            name=self._text(run.name or run.path),
            conclusion=run.conclusion or "",
            url=self._page(facts),
            run_id=int(run.id),
            verdict=verdict,
        )

    def _check(self, check: CheckRun) -> Finding:
        cancelled = check.conclusion == "cancelled"
        told = self.redact(check.summary or check.title).strip()[:_SUMMARY]
        return Finding(
            name=self._text(check.name),
            conclusion=check.conclusion or "",
            url=self._text(check.url),
            summary=told,
            verdict=replace(UNKNOWN, failure_class=FailureClass.CANCELLED) if cancelled else UNKNOWN,
            external=True,
        )

    def _page(self, facts: RunFacts) -> str:
        return f"{self.web}/{facts.repository.full_name}/actions/runs/{facts.run.id}"

    def _text(self, text: str) -> str:
        return " ".join(self.redact(text).split())

    def _masked(self, verdict: Verdict) -> Verdict:
        return verdict if verdict.line is None else replace(verdict, line=self.redact(verdict.line))


def _of_a_job(check: CheckRun) -> bool:
    """GitHub makes a check for each job, with the job's page for its details; other checks of its App are reports."""
    return check.app_slug == ACTIONS_APP and "/actions/runs/" in check.url and "/job/" in check.url


def _steps(job: Job, verdict: Verdict, most: int) -> tuple[list[StepLine], bool]:
    """The last `most` steps that ran, up to the one that failed; and whether earlier ones were left out."""
    ran = [step for step in job.steps or () if step.conclusion != "skipped"]
    names = [step.name for step in ran]
    if verdict.step in names:
        ran = ran[: names.index(verdict.step) + 1]
    lines = [StepLine(number=s.number, name=s.name, conclusion=s.conclusion or s.status) for s in ran]
    return lines[-most:], len(lines) > most
