"""What became of a rerun, judged once attempt N+1 has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cicatrix.core.attempts import executed_in
from cicatrix.core.facts import FAILED, Attempt, Job
from cicatrix.core.operations import JobRef, Operation
from cicatrix.core.verdict import Verdict

HEALED = "healed"
FAILED_SAME = "failed_same"
FAILED_OTHER = "failed_other"
CANCELLED = "cancelled"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    ref: JobRef
    outcome: str
    minutes: int
    signature_after: str | None
    named: bool


def judge_outcome(
    operation: Operation, attempts: Sequence[Attempt], verdicts: Mapping[str, Verdict], *, attempt: int
) -> tuple[JobOutcome, ...]:
    """The outcome of every job that the operation named or took along, in that order, in the attempt that it made.

    A job that this attempt did not execute is `unknown`, for a dependant too: nothing was seen of it.
    """
    ran = executed_in(attempts, attempt)
    by_name: dict[str, list[Job]] = {}
    for execution in ran:
        by_name.setdefault(execution.name, []).append(execution)
    outcomes = []
    for ref, named in [*((r, True) for r in operation.named), *((r, False) for r in operation.dependants)]:
        jobs = by_name.get(ref.name, [])
        job: Job | None = jobs.pop(0) if jobs else None
        verdict = verdicts.get(job.id) if job is not None else None
        outcomes.append(
            JobOutcome(
                ref=ref,
                outcome=_outcome(job, ref, verdict),
                minutes=job.minutes if job is not None else 0,
                signature_after=verdict.signature if verdict else None,
                named=named,
            )
        )
    return tuple(outcomes)


def _outcome(job: Job | None, ref: JobRef, verdict: Verdict | None) -> str:
    if job is None or job.status != "completed":
        return UNKNOWN
    if job.conclusion == "success":
        return HEALED
    if job.conclusion == "cancelled":
        return CANCELLED
    if job.conclusion not in FAILED:
        return UNKNOWN
    # a gate is never diagnosed: it failed because of its needs, before and after
    same = ref.signature is None if verdict is None else verdict.signature == ref.signature
    return FAILED_SAME if same else FAILED_OTHER
