"""What the job object alone settles, before any log is fetched.

Fields and values: https://docs.github.com/en/rest/actions/workflow-jobs. A lost runner often leaves no log at all, and
its job shows it: failed, with no failed step, or with a step that never ended.
"""

from __future__ import annotations

from cicatrix.core.facts import FAILED, KNOWN_CONCLUSIONS, Job, Step
from cicatrix.core.verdict import Fact, FailureClass

REFUSED_AT_ONCE = 10
"""Seconds. A job without steps that ended sooner was refused (billing, environment rule, matrix), not left waiting."""

_NOT_FAILED = frozenset({"success", "skipped", "neutral"})


def settle(job: Job, run_conclusion: str | None = None) -> Fact | None:
    """The fact that settles `job`, or None when its log has to be read. Anything we do not know settles to unknown."""
    if job.status != "completed":
        return _unknown("job.not_completed", f"the job is {job.status}, so nothing died yet")
    unknown = next((c for c in _conclusions(job) if c not in KNOWN_CONCLUSIONS), None)
    if unknown is not None:
        return _unknown("conclusion.unknown", f"conclusion {unknown!r} is not one we know")
    if run_conclusion is not None and run_conclusion not in KNOWN_CONCLUSIONS:
        return _unknown("conclusion.unknown", f"run conclusion {run_conclusion!r} is not one we know")
    if job.conclusion == "cancelled":
        return Fact(rule="job.cancelled", failure_class=FailureClass.CANCELLED, because="the job was cancelled")
    if "startup_failure" in {job.conclusion, run_conclusion}:
        return _unknown(
            "run.startup_failure",
            "the run never started: mostly an invalid workflow file",
            suspected=FailureClass.DETERMINISTIC,
        )
    if job.conclusion in _NOT_FAILED:
        return _unknown("job.not_failed", f"the job's conclusion is {job.conclusion}")
    if job.conclusion not in FAILED:
        return _unknown("conclusion.other", f"conclusion {job.conclusion!r} is not a failure")
    return _lost_runner(job) if job.conclusion == "failure" else None


def _conclusions(job: Job) -> list[str]:
    every = [job.conclusion, *(step.conclusion for step in job.steps or ())]
    return [conclusion for conclusion in every if conclusion is not None]


def _lost_runner(job: Job) -> Fact | None:
    if job.steps is None:
        return None  # a listing without steps says nothing about them
    if not job.steps:
        return _never_acquired(job)
    if job.failed_step is not None or any(step.conclusion == "cancelled" for step in job.steps):
        return None
    left = next((step for step in job.steps if step.conclusion is None), None)
    if left is not None and all(step.conclusion is None for step in job.steps) and job.runner_id in {None, "0"}:
        return _infra("runner.not_acquired", "no runner took the job")
    because = "no step failed" if left is None else f"step {left.name!r} never ended"
    return _infra("runner.lost", f"the runner was lost: {because}")


def _never_acquired(job: Job) -> Fact:
    if job.runner_id not in {None, "0"}:
        return _infra("runner.lost", "the runner was lost before the first step")
    if job.started_at is not None and job.completed_at is not None:
        waited = (job.completed_at - job.started_at).total_seconds()
        if 0 < waited < REFUSED_AT_ONCE:
            return _unknown(
                "job.refused_at_once",
                f"no step ran, and the job ended after {waited:.0f} s: refused by GitHub (billing, environment rule)",
                suspected=FailureClass.DETERMINISTIC,
            )
    return _infra("runner.not_acquired", "no runner took the job")


def lost_step(job: Job) -> Step | None:
    """The step that was under way when the job ended: it failed, or it never ended."""
    return job.failed_step or next((s for s in job.steps or () if s.conclusion is None), None)


def _infra(rule: str, because: str) -> Fact:
    return Fact(rule=rule, failure_class=FailureClass.INFRA_TRANSIENT, because=because)


def _unknown(rule: str, because: str, suspected: FailureClass | None = None) -> Fact:
    return Fact(rule=rule, failure_class=FailureClass.UNKNOWN, because=because, suspected=suspected)
