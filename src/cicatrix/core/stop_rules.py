"""The seed's seven stop rules as one result (behaviour 8), read off a plan: its inputs come from the ledger.

The plan decides; this says it in the seed's words, for `stop_decision_audit` and for people who know these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cicatrix.core.lawbook import Lawbook
from cicatrix.core.operations import Usage
from cicatrix.core.plan.model import JobPlan, Plan
from cicatrix.core.reasons import Reason
from cicatrix.core.verdict import FailureClass


class StopDecision(StrEnum):
    CONTINUE = "CONTINUE"
    HOLD = "HOLD"
    KILL = "KILL"
    """For our own scheduler the pull request's head is done with; a person may still ask."""


FIX_REQUIRED, MANUAL_REVIEW, WAIT, PROMPT = "FIX_REQUIRED", "MANUAL_REVIEW", "WAIT", "PROMPT"

RULES: tuple[tuple[Reason, StopDecision, str, str], ...] = (
    (Reason.LAWBOOK_BLOCK, StopDecision.HOLD, "LAWBOOK_BLOCK", MANUAL_REVIEW),
    (Reason.LAWBOOK_MISMATCH, StopDecision.HOLD, "LAWBOOK_BLOCK", MANUAL_REVIEW),
    (Reason.NOT_ELIGIBLE, StopDecision.HOLD, "NON_RETRIABLE", FIX_REQUIRED),
    (Reason.MAX_ATTEMPTS_EXCEEDED, StopDecision.HOLD, "MAX_ATTEMPTS", MANUAL_REVIEW),
    (Reason.PR_BUDGET_EXCEEDED, StopDecision.HOLD, "MAX_TOTAL_RERUNS", MANUAL_REVIEW),
    (Reason.NO_SIGNAL_CHANGE, StopDecision.HOLD, "NO_SIGNAL_CHANGE", MANUAL_REVIEW),
    (Reason.COOLDOWN_ACTIVE, StopDecision.HOLD, "COOLDOWN_ACTIVE", WAIT),
    (Reason.MAX_WAIT_EXCEEDED, StopDecision.KILL, "TIMEOUT", MANUAL_REVIEW),
)
"""In the seed's order: reason of the plan, decision, the seed's code, recommended next step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One failed job's stop result. `reason_code` is None where it continues."""

    job: str
    decision: StopDecision
    reason_code: str | None
    reasons: tuple[str, ...]
    next_step: str
    failure_class: FailureClass | None
    job_attempts: int
    """Reruns of this job that count against its bound."""
    pull_request_attempts: int
    thresholds: Mapping[str, int | None]
    applied_rules: tuple[str, ...]
    """Codes of every rule that holds, in the seed's order."""


def stop_results(plan: Plan, usage: Usage, lawbook: Lawbook) -> tuple[Stop, ...]:
    """A result for every failed job of the plan. Rules 1, 2, 4 and 5 hold a job and never its siblings (LB-3)."""
    thresholds: dict[str, int | None] = {
        "maxRerunsPerJob": lawbook.attempts.per_job,
        "maxTotalRerunsPerPr": lawbook.attempts.per_pull_request,
        "noSignalChangeThreshold": lawbook.stop_rules.no_signal_change_threshold,
        "cooldownMinutes": lawbook.stop_rules.cooldown_minutes,
        "maxWaitMinutesForGreen": lawbook.stop_rules.max_wait_minutes_for_green,
    }
    return tuple(_result(job, usage, thresholds) for job in plan.jobs if job.job.failed)


def _result(job: JobPlan, usage: Usage, thresholds: Mapping[str, int | None]) -> Stop:
    held = [rule for rule in RULES if rule[0] in job.reasons]
    first = held[0] if held else None
    return Stop(
        job=job.name,
        decision=first[1] if first else StopDecision.CONTINUE,
        reason_code=first[2] if first else None,
        reasons=tuple(f"{rule[2]}: {job.why.get(rule[0], '')}".rstrip(": ") for rule in held),
        next_step=first[3] if first else PROMPT,
        failure_class=job.verdict.failure_class if job.verdict else None,
        job_attempts=job.limits.used,
        pull_request_attempts=usage.pull_request,
        thresholds=thresholds,
        applied_rules=tuple(rule[2] for rule in held),
    )
