"""What a rerun does, and every reason for which GitHub refuses one.

https://docs.github.com/en/rest/actions/workflow-runs#re-run-failed-jobs-from-a-workflow-run
https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from .exchange import Refusal
from .state import AttemptPlan, RunState, build_attempt, cancel

if TYPE_CHECKING:
    from .world import World

MAX_RERUNS = 50
"""https://github.blog/changelog/2026-04-10-actions-workflows-are-limited-to-50-reruns/"""
MAX_AGE = timedelta(days=30)

ALL, FAILED, ONE = "rerun", "rerun-failed-jobs", "rerun-job"


def refuse_if_impossible(world: World, run: RunState, verb: str) -> None:
    """Raises the refusal that GitHub would answer, in its order: age, kind of run, running, number of reruns."""
    docs = "/actions/workflow-runs"
    if world.now - run.created_at > MAX_AGE:
        raise Refusal(403, "Unable to retry this workflow run because it was created over a month ago", docs=docs)
    if run.last.status(world.now) != "completed":
        message = "This workflow is already running"
        if verb == ONE:
            message = "The workflow run containing this job is already running"
        raise Refusal(403, message, docs=docs)
    if not run.retriable or not run.leaves:
        raise Refusal(403, "This workflow run cannot be retried", docs=docs)
    if len(run.attempts) - 1 >= MAX_RERUNS:
        raise Refusal(403, f"This workflow run has been re-run {MAX_RERUNS} times and cannot be retried", docs=docs)
    if verb == FAILED and not named_by(world, run, verb, None):
        raise Refusal(403, "This workflow run has no failed jobs and cannot be retried", docs=docs)


def named_by(world: World, run: RunState, verb: str, job: str | None) -> list[str]:
    """The jobs that the endpoint names: all, the failed ones, or one."""
    if verb == ALL:
        return [leaf.name for leaf in run.leaves]
    if verb == ONE:
        return [job] if job else []
    latest = run.last.latest
    return [leaf.name for leaf in run.leaves if latest[leaf.name].conclusion in world.rerun_failed_takes]


def rerun(world: World, run: RunState, verb: str, *, job: str | None, login: str, call: int | None) -> None:
    """Makes attempt N+1 with the named jobs and everything that needs them, and records what really runs."""
    refuse_if_impossible(world, run, verb)
    named = named_by(world, run, verb, job)
    dependants = run.dependants_of(set(named))
    fresh = frozenset((*named, *dependants))
    before = run.last.latest
    plan = AttemptPlan(
        number=run.last.number + 1,
        at=world.now,
        login=login,
        fresh=fresh,
        copy_untouched=world.listing == "copied",
        collapse_skipped=world.skipped_shown == "collapsed",
    )
    attempt = build_attempt(run, plan, lambda: world.next_id("job"))
    run.attempts.append(attempt)
    world.register_jobs(run, attempt)
    ran = [name for name, e in attempt.latest.items() if name in fresh and e.ran]
    world.history.effect(
        at=world.now,
        kind=verb,
        run=run.id,
        repository=run.repository,
        repository_id=run.repository_id,
        head_sha=run.head_sha,
        attempt=attempt.number,
        login=login,
        call=call,
        named=named,
        dependants=dependants,
        ran=ran,
        released=[name for name in ran if before[name].conclusion == "skipped"],
        environments=[name for name in ran if attempt.latest[name].leaf.spec.environment],
    )


def cancel_run(world: World, run: RunState, *, login: str, call: int | None) -> bool:
    """Cancels what is not over; False (GitHub: 409) when nothing is left to cancel."""
    if not cancel(run, world.now):
        return False
    world.history.effect(
        at=world.now,
        kind="cancel",
        run=run.id,
        repository=run.repository,
        repository_id=run.repository_id,
        head_sha=run.head_sha,
        attempt=run.last.number,
        login=login,
        call=call,
    )
    return True
