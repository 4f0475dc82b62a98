"""Runs, attempts and job executions, and how they look at a moment of simulated time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .specs import FAILING, Leaf, Outcome

QUEUE_SECONDS = 2.0
NOT_OK = frozenset({"failure", "timed_out", "cancelled"})


@dataclass(slots=True, kw_only=True)
class Execution:
    """One job of one attempt: executed, skipped, or copied from the attempt before."""

    id: int
    check_run_id: int
    leaf: Leaf
    name: str
    attempt: int
    ready_at: datetime
    """From then on GitHub lists the job: its needs are over."""
    started_at: datetime
    completed_at: datetime
    conclusion: str
    outcome: Outcome
    ran: bool
    """False for skipped jobs and for jobs cancelled before they started."""
    copied: bool = False

    def status(self, at: datetime) -> str:
        if self.completed_at <= at:
            return "completed"
        return "in_progress" if self.started_at <= at else "queued"


@dataclass(slots=True, kw_only=True)
class RunAttempt:
    number: int
    started_at: datetime
    triggering_login: str
    executions: list[Execution]
    """Those of this attempt: fresh ones, and copies when the listing copies."""
    latest: dict[str, Execution]
    """Shown job name -> its newest execution as of this attempt, copied or not."""
    conclusion: str | None = None
    """Set for runs without jobs (`startup_failure`, `action_required`)."""

    @property
    def ends_at(self) -> datetime:
        return max((e.completed_at for e in self.executions if not e.copied), default=self.started_at)

    def status(self, at: datetime) -> str:
        if self.ends_at <= at:
            return "completed"
        return "in_progress" if any(e.started_at <= at for e in self.executions if not e.copied) else "queued"

    def conclusion_at(self, at: datetime) -> str | None:
        if self.ends_at > at:
            return None
        if self.conclusion is not None:
            return self.conclusion
        seen = {e.conclusion for e in self.latest.values()}
        for conclusion in ("failure", "timed_out", "cancelled", "action_required"):
            if conclusion in seen:
                return conclusion
        known = seen - {"success", "neutral", "skipped"}
        if known:
            return min(known)
        return "skipped" if seen == {"skipped"} else "success"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimApproval:
    """One person's word on a deployment of a run."""

    environment: str
    login: str
    state: str
    at: datetime


@dataclass(slots=True, kw_only=True)
class RunState:
    """A workflow run with all its attempts. Wording and ids as GitHub's `workflow-run`."""

    id: int
    repository: str
    repository_id: int
    workflow_id: int
    path: str
    workflow_name: str
    event: str
    head_sha: str
    head_branch: str | None
    head_repository: str | None
    """None when the fork was deleted."""
    run_number: int
    check_suite_id: int
    created_at: datetime
    actor: str
    pull_request: int | None
    fork: bool
    leaves: tuple[Leaf, ...]
    referenced: tuple[tuple[str, str], ...]
    attempts: list[RunAttempt] = field(default_factory=list)
    approvals: list[SimApproval] = field(default_factory=list)
    retriable: bool = True
    display_title: str = ""
    """The filled-in `run-name`; made from the run's number when empty."""
    held: bool = False
    """Queued until `World.start` and `World.finish` drive it, whatever the time is."""

    def attempt_at(self, at: datetime) -> RunAttempt:
        """The newest attempt that a reader at that time sees; the first one is always seen."""
        return next((a for a in reversed(self.attempts) if a.started_at <= at), self.attempts[0])

    @property
    def last(self) -> RunAttempt:
        return self.attempts[-1]

    @property
    def ends_at(self) -> datetime:
        return self.last.ends_at

    def failed_names(self) -> list[str]:
        return [name for name, e in self.last.latest.items() if e.conclusion in FAILING]

    def dependants_of(self, names: set[str]) -> list[str]:
        """Jobs that need one of these, directly or not, in the order of the file."""
        reached = set(names)
        found = []
        for leaf in self.leaves:
            if leaf.name not in reached and any(need in reached for need in leaf.needs):
                reached.add(leaf.name)
                found.append(leaf.name)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptPlan:
    """What an attempt is to run, and the few things it needs to know of the world."""

    number: int
    at: datetime
    login: str
    fresh: frozenset[str]
    copy_untouched: bool
    collapse_skipped: bool


def build_attempt(run: RunState, plan: AttemptPlan, next_id: Callable[[], int]) -> RunAttempt:
    """The whole future of an attempt, worked out from its jobs' needs and outcomes. Adds nothing to the run."""
    before: Mapping[str, Execution] = run.attempts[-1].latest if run.attempts else {}
    latest: dict[str, Execution] = {}
    executions: list[Execution] = []
    for leaf in run.leaves:
        if leaf.name in plan.fresh:
            execution = _execute(run, leaf, latest, plan, next_id)
        else:
            execution = before[leaf.name]
            if plan.copy_untouched:
                execution = _copy(execution, plan.number, next_id)
        latest[leaf.name] = execution
        if leaf.name in plan.fresh or plan.copy_untouched:
            executions.append(execution)
    if plan.collapse_skipped:
        executions = _collapse(executions)
    return RunAttempt(
        number=plan.number,
        started_at=plan.at,
        triggering_login=plan.login,
        executions=executions,
        latest=latest,
    )


def _execute(
    run: RunState, leaf: Leaf, latest: Mapping[str, Execution], plan: AttemptPlan, next_id: Callable[[], int]
) -> Execution:
    needs = [latest[name] for name in leaf.needs]
    ready = max([plan.at, *(n.completed_at for n in needs)])
    skipped = not leaf.spec.always and any(n.conclusion != "success" for n in needs)
    job_id = next_id()
    if skipped:
        return Execution(
            id=job_id,
            check_run_id=job_id,
            leaf=leaf,
            name=leaf.name,
            attempt=plan.number,
            ready_at=ready,
            started_at=ready,
            completed_at=ready,
            conclusion="skipped",
            outcome=Outcome(conclusion="skipped"),
            ran=False,
        )
    earlier = sum(
        1 for attempt in run.attempts for e in attempt.executions if e.leaf is leaf and e.ran and not e.copied
    )
    outcome = leaf.outcomes[min(earlier, len(leaf.outcomes) - 1)]
    if leaf.spec.always and any(n.conclusion in NOT_OK for n in needs):
        outcome = Outcome.failure("A job that this gate needs did not succeed.", seconds=outcome.seconds)
    started = ready + timedelta(seconds=QUEUE_SECONDS)
    seconds = leaf.spec.seconds if outcome.seconds is None else outcome.seconds
    return Execution(
        id=job_id,
        check_run_id=job_id,
        leaf=leaf,
        name=leaf.name,
        attempt=plan.number,
        ready_at=ready,
        started_at=started,
        completed_at=started + timedelta(seconds=seconds),
        conclusion=outcome.conclusion,
        outcome=outcome,
        ran=True,
    )


def _copy(execution: Execution, attempt: int, next_id: Callable[[], int]) -> Execution:
    """The same job under a new id in the new attempt: `started_at` stays, which is how a reader tells a copy."""
    job_id = next_id()
    return Execution(
        id=job_id,
        check_run_id=job_id,
        leaf=execution.leaf,
        name=execution.name,
        attempt=attempt,
        ready_at=execution.ready_at,
        started_at=execution.started_at,
        completed_at=execution.completed_at,
        conclusion=execution.conclusion,
        outcome=execution.outcome,
        ran=execution.ran,
        copied=True,
    )


def _collapse(executions: list[Execution]) -> list[Execution]:
    """Leaves of one job that were all skipped are shown once, under the name of the job in the file."""
    groups: dict[str, list[Execution]] = {}
    for execution in executions:
        groups.setdefault(execution.leaf.group, []).append(execution)
    shown: list[Execution] = []
    for group, members in groups.items():
        if all(m.conclusion == "skipped" for m in members) and members[0].leaf.group != members[0].name:
            members[0].name = group
            shown.append(members[0])
        else:
            shown.extend(members)
    return shown


def cancel(run: RunState, at: datetime) -> bool:
    """Ends everything that is not over yet. Tells whether there was anything to end."""
    stopped = False
    for execution in run.last.executions:
        if execution.completed_at <= at or execution.copied:
            continue
        stopped = True
        if execution.started_at > at:
            execution.ran = False
            execution.started_at = at
            execution.ready_at = min(execution.ready_at, at)
        execution.completed_at = at
        execution.conclusion = "cancelled"
        execution.outcome = Outcome.cancelled()
    return stopped
