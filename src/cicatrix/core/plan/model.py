"""The values of a plan: what it is made from while it is being made, and what comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cicatrix.core.attempts import RunFacts
from cicatrix.core.facts import Job
from cicatrix.core.lawbook import Lawbook
from cicatrix.core.operations import JobRef, Usage, Verb
from cicatrix.core.policy import HARD_CAP, Denial, Limits, Policy, RerunRequest
from cicatrix.core.reasons import Action, Reason
from cicatrix.core.verdict import Verdict

PATIENCE = frozenset({Reason.NO_SIGNAL_CHANGE, Reason.COOLDOWN_ACTIVE, Reason.OUTAGE_HOLD})
NOT_FAILED = frozenset({"success", "neutral", "skipped"})
"""Conclusions with which a job has nothing to heal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """The decision about one job."""

    name: str
    key: str
    job: Job
    action: Action
    reason: Reason | None
    reasons: tuple[Reason, ...]
    """Everything that holds, the deciding one first."""
    why: Mapping[Reason, str]
    """Reason -> the evidence of it in this case."""
    verdict: Verdict | None
    limits: Limits
    attempt_number: int = 0
    """Number of the rerun that this decision spends; 0 when nothing is charged."""
    state: str | None = None
    """`sent` or `queued` of a job that reruns; `would_send` or `would_queue` in a dry run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The one write that the plan asks for."""

    verb: Verb
    target_job_id: str | None
    named: tuple[JobRef, ...]
    dependants: tuple[JobRef, ...]
    limits: Mapping[str, tuple[int, int]]
    """Shown job name -> how many slots it may have in scopes run_job and sha_job."""

    @property
    def minutes(self) -> int:
        return sum(ref.minutes for ref in (*self.named, *self.dependants))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The decision about one run. `call` is None when nothing is to be written."""

    run_id: str
    decision: str
    """RERUN_TRIGGERED, BLOCKED or NOOP; what the request's answer says once the call is CONFIRMED."""
    reasons: tuple[str, ...]
    jobs: tuple[JobPlan, ...]
    call: Call | None = None
    wake_at: datetime | None = None
    price: str = ""
    denial: Denial | None = None
    """Which place said no to the request as a whole, if one did and nothing reruns."""

    @property
    def would_act(self) -> bool:
        """True when a rerun is due, also in a dry run."""
        return any(job.state for job in self.jobs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is being decided, and everything it rests on."""

    request: RerunRequest
    facts: RunFacts
    policy: Policy
    usage: Usage
    now: datetime
    jobs: tuple[Job, ...]
    """Each job where it stands now."""
    others: Counter[str]
    """Shown name -> reruns in this run that are not ours."""
    others_on_sha: Counter[str]
    """Job key -> reruns on this head SHA that are not ours."""
    others_on_pull_request: int
    """Reruns of jobs on this head of the pull request that are not ours."""

    @property
    def lawbook(self) -> Lawbook:
        return self.policy.resolved.lawbook

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(job.name for job in self.jobs))

    def room(self, name: str, key: str) -> tuple[Limits, int, int]:
        """What is left for a job, and its limits in scopes run_job and sha_job (others' reruns taken off)."""
        maximum = self.policy.maximum(self.request)
        sha_maximum = min(self.lawbook.attempts.per_job_and_sha, HARD_CAP)
        whole = sum(n for taken, n in self.usage.run_job.items() if _covers(taken, name))
        whole_on_sha = sum(1 for s in self.usage.sha_job if _covers(s.name, name) and key != s.key)
        in_run = self.usage.run_job.get(name, 0) + whole + self.others[name]
        own = sum(1 for s in self.usage.sha_job if name == s.name or key == s.key)
        on_sha = own + whole_on_sha + self.others_on_sha[key]
        limits = self.policy.limits(self.request, in_run)
        if sha_maximum - on_sha < limits.left:
            by = "lawbook attempts.perJobAndSha"
            limits = replace(limits, used=on_sha, left=max(0, sha_maximum - on_sha), bound_by=by)
        run_limit = max(0, maximum - whole - self.others[name])
        return limits, run_limit, max(0, sha_maximum - whole_on_sha - self.others_on_sha[key])


def _covers(line: str, name: str) -> bool:
    """Whether a slot was taken for the one line that GitHub shows for a skipped matrix or called workflow.

    Only where its jobs were not known then (a dynamic matrix, a file that could not be read).
    """
    return name.startswith((f"{line} (", f"{line} / "))


@dataclass(slots=True, kw_only=True)
class Item:
    """A job while it is being decided. It reruns unless something says no."""

    job: Job
    key: str
    verdict: Verdict | None
    limits: Limits
    run_limit: int
    sha_limit: int
    why: dict[Reason, str] = field(default_factory=dict)
    along: tuple[str, ...] = ()
    """Shown names of what would run along with it."""

    def no(self, reason: Reason, why: str = "") -> None:
        """One more reason against it; the first evidence for a reason stays."""
        self.why.setdefault(reason, why)

    @property
    def name(self) -> str:
        return self.job.name

    @property
    def eligible(self) -> bool:
        return not self.why

    @property
    def waits(self) -> bool:
        """Held by nothing but a rule of patience: what is left of the bound and the budgets is told first."""
        return bool(self.why) and set(self.why) <= PATIENCE


def open_items(question: Question) -> list[Item]:
    """One item a job, in the order GitHub first showed them."""
    items = []
    for job in question.jobs:
        key = question.facts.key_of(job.name)
        limits, run_limit, sha_limit = question.room(job.name, key)
        verdict = question.facts.verdicts.get(job.id)
        items.append(Item(job=job, key=key, verdict=verdict, limits=limits, run_limit=run_limit, sha_limit=sha_limit))
    return items


def minutes_of(items: Sequence[Item], names: Sequence[str]) -> int:
    """Last durations of the jobs with these names, in minutes."""
    durations = {item.name: item.job.minutes for item in items}
    return sum(durations.get(name, 0) for name in names)
