"""The attempts of one run as one picture: which jobs stand where, what really executed when, and who caused it.

A rerun makes attempt N+1. Jobs that it does not touch are either copied into it (new id, old times) or absent from it;
both shapes are read the same way. A job that the last attempt does not list is carried over, it has not vanished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cicatrix.core.facts import Attempt, Job, PullRequest, Repository, WorkflowRun
from cicatrix.core.graph import Graph
from cicatrix.core.operations import Operation, OperationState
from cicatrix.core.verdict import Verdict

EXPLAINING = frozenset({OperationState.SENT, OperationState.CONFIRMED, OperationState.INDETERMINATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Everything that was read about one run; what a decision about it rests on."""

    repository: Repository
    pull_request: PullRequest | None
    run: WorkflowRun
    attempts: tuple[Attempt, ...]
    """Oldest first, one for each attempt that the run says it has."""
    incomplete: str | None = None
    """Why the picture has a hole, if it has one: then nothing is decided."""
    graph: Graph | None = None
    graph_problem: str | None = None
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    """Job id -> verdict, for the failed jobs that were diagnosed."""
    logs_gone: bool = False
    newer_run_id: str | None = None
    """A newer run of the same workflow and ref, if there is one."""

    @property
    def pull_request_number(self) -> int:
        return self.pull_request.number if self.pull_request else 0

    def key_of(self, name: str) -> str:
        """The job key (foundations 2): from the workflow file when it knows the name, else path and shown name."""
        key = self.graph.key_of(name) if self.graph else None
        return key if key is not None else f"{self.run.path} {name}"


def merged_jobs(attempts: Sequence[Attempt]) -> tuple[Job, ...]:
    """Each job where it stands now: from the last attempt that lists its name, in order of first showing."""
    latest: dict[str, list[Job]] = {}
    for attempt in attempts:
        latest.update(_by_name(attempt.jobs))
    return tuple(job for jobs in latest.values() for job in jobs)


def disagreement(attempts: Sequence[Attempt]) -> str | None:
    """Why attempts cannot be merged by name, or None: same-named jobs of which a later attempt lists fewer."""
    counts: dict[str, int] = {}
    for attempt in attempts:
        for name, jobs in _by_name(attempt.jobs).items():
            if len(jobs) < counts.get(name, 0):
                return (
                    f"{counts[name]} jobs share the name {name!r}, attempt {attempt.number} lists {len(jobs)} of them"
                )
            counts[name] = len(jobs)
    return None


def executed_in(attempts: Sequence[Attempt], number: int) -> tuple[Job, ...]:
    """The jobs that really ran in attempt `number`, copies left out (a copy has the times of the job it copies)."""
    before = merged_jobs([a for a in attempts if a.number < number])
    copies = Counter((j.name, j.started_at, j.completed_at, j.conclusion) for j in before)
    ran = []
    for attempt in attempts:
        for job in attempt.jobs if attempt.number == number else ():
            likeness = (job.name, job.started_at, job.completed_at, job.conclusion)
            if copies[likeness]:
                copies[likeness] -= 1
            elif job.conclusion != "skipped":
                ran.append(job)
    return tuple(ran)


def reruns_by_others(facts: RunFacts, operations: Iterable[Operation]) -> Counter[str]:
    """Shown job name -> executions in attempts above 1 that no operation of ours explains."""
    ours = {op.attempt for op in operations if op.state in EXPLAINING}
    counts: Counter[str] = Counter()
    for attempt in facts.attempts:
        if attempt.number > 1 and attempt.number not in ours:
            counts.update(job.name for job in executed_in(facts.attempts, attempt.number))
    return counts


def is_dependant_failure(job: Job, facts: RunFacts) -> bool:
    """An `if: always()` gate whose needs failed: neither eligible nor ineligible (foundations 6)."""
    if facts.graph is None or not facts.graph.is_aggregator(job.name):
        return False
    jobs = merged_jobs(facts.attempts)
    needs = facts.graph.needs_of(job.name, [j.name for j in jobs])
    return any(j.name in needs and j.conclusion not in {"success", "neutral", "skipped"} for j in jobs)


def _by_name(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    names: dict[str, list[Job]] = {}
    for job in jobs:
        names.setdefault(job.name, []).append(job)
    return names
