"""What stops a whole run: the deployment, the pull request, where the run comes from, how far it is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cicatrix.core.attempts import RunFacts, disagreement, merged_jobs
from cicatrix.core.lawbook import Lawbook
from cicatrix.core.lawbook import Mode as LawbookMode
from cicatrix.core.operations import OperationState
from cicatrix.core.plan.model import Question
from cicatrix.core.policy import Mode
from cicatrix.core.reasons import Reason

MAX_RUN_AGE = timedelta(days=30)
"""GitHub reruns for 30 days: https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs"""

MAX_PLATFORM_RERUNS = 50
"""Reruns of one run, full or partial: GitHub's changelog of 2026-04-10."""

ASK_AGAIN = timedelta(seconds=30)
"""When asking again may help, where nobody knows when a run ends."""

PRIVILEGED_EVENTS = frozenset({"pull_request_target", "workflow_run", "issue_comment"})
"""Triggers that give a fork's code the base repository's rights: never rerun for a fork, whatever the lawbook says."""

Stop = tuple[Reason, str]


def run_stops(question: Question) -> list[Stop]:
    """Every reason that holds for the whole run, with its evidence."""
    facts, usage, lawbook, run = question.facts, question.usage, question.lawbook, question.facts.run
    stops = list(question.policy.stops)
    if usage.kill_switch:
        stops.append((Reason.KILL_SWITCH, usage.kill_switch))
    if usage.identity_conflict:
        stops.append((Reason.IDENTITY_CONFLICT, f"unresolved: {usage.identity_conflict}"))
    if lawbook.mode is LawbookMode.OFF:
        stops.append((Reason.LAWBOOK_BLOCK, "the lawbook says mode: off"))
    if question.request.mode is Mode.ALL_JOBS and not lawbook.allow_all_jobs:
        stops.append((Reason.ALL_JOBS_NOT_ALLOWED, "allowAllJobs is false"))
    hole = facts.incomplete or _hole(facts)
    if hole:
        stops.append((Reason.INCOMPLETE_DATA, hole))
    stops += _pull_request_stops(facts, lawbook)
    stops += _origin_stops(facts, lawbook)
    if facts.newer_run_id:
        stops.append((Reason.SUPERSEDED, f"run {facts.newer_run_id} of the same workflow and ref is newer"))
    stops += _platform_stops(facts, question.now)
    if question.policy.attempt_bound_only and run.run_attempt != 1:
        why = "without a database only attempt 1 may be rerun, once"
        stops.append((Reason.MAX_ATTEMPTS_EXCEEDED, why))
    stops += _progress_stops(question)
    if run.conclusion == "action_required":
        stops.append((Reason.ACTION_REQUIRED, "the run waits for a maintainer's approval"))
    return stops


def wake_at(question: Question, stops: Iterable[Stop]) -> datetime | None:
    """When asking again may help a run in progress: after an open operation's wait, else soon."""
    if Reason.RUN_IN_PROGRESS not in {reason for reason, _ in stops}:
        return None
    waits = [op.not_before for op in question.usage.operations if op.open and op.not_before]
    return max([*waits, question.now + ASK_AGAIN])


def _hole(facts: RunFacts) -> str | None:
    run = facts.run
    if run.run_attempt is None:
        return "GitHub left out run_attempt"
    if [a.number for a in facts.attempts] != list(range(1, run.run_attempt + 1)):
        return f"the run is at attempt {run.run_attempt}, and the jobs of {len(facts.attempts)} attempts could be read"
    if not merged_jobs(facts.attempts):
        return "the run lists no jobs"
    return disagreement(facts.attempts)


def _pull_request_stops(facts: RunFacts, lawbook: Lawbook) -> Iterable[Stop]:
    run, pull = facts.run, facts.pull_request
    if pull is None:
        return
    if run.repository_id != pull.base.id:
        yield Reason.RUN_NOT_OF_PR, f"the run is of repository {run.repository_id}, the pull request of {pull.base.id}"
    if run.head_sha != pull.head_sha:
        same_branch = run.head_branch == pull.head_ref and run.head_repository_id == pull.head_repository_id
        if same_branch or pull.number in run.pull_request_numbers:
            yield Reason.HEAD_MOVED, f"the run is of {run.head_sha[:12]}, the head is {pull.head_sha[:12]}"
        else:
            yield Reason.RUN_NOT_OF_PR, f"the run is of {run.head_branch} at {run.head_sha[:12]}, not of #{pull.number}"
    if pull.state != "open":
        yield Reason.PULL_REQUEST_CLOSED, f"#{pull.number} is {pull.state}"
    if pull.auto_merge and lawbook.auto_merge == "refuse":
        yield Reason.AUTO_MERGE_ARMED, f"auto-merge is on for #{pull.number} and autoMerge is refuse"


def _origin_stops(facts: RunFacts, lawbook: Lawbook) -> Iterable[Stop]:
    run = facts.run
    from_fork = run.head_repository_id != run.repository_id
    if from_fork and (run.event in PRIVILEGED_EVENTS or lawbook.forks == "never"):
        source = f"repository {run.head_repository_id}" if run.head_repository_id else "a deleted fork"
        yield Reason.FORK_RUN, f"event {run.event}, code of {source}"
    in_queue = run.event == "merge_group" or (run.head_branch or "").startswith("gh-readonly-queue/")
    if in_queue and lawbook.merge_queue == "refuse":
        yield Reason.MERGE_QUEUE, f"event {run.event}, branch {run.head_branch}"


def _platform_stops(facts: RunFacts, now: datetime) -> Iterable[Stop]:
    run = facts.run
    if now - run.created_at > MAX_RUN_AGE:
        yield Reason.RUN_TOO_OLD, f"created {run.created_at:%Y-%m-%d}, more than 30 days ago"
    if run.run_attempt is not None and run.run_attempt - 1 >= MAX_PLATFORM_RERUNS:
        yield Reason.PLATFORM_RERUN_LIMIT, f"attempt {run.run_attempt} of at most {MAX_PLATFORM_RERUNS + 1}"
    if run.conclusion == "startup_failure":
        yield Reason.NOT_RETRIABLE, "the run ended in startup_failure"
    if facts.logs_gone:
        yield Reason.LOGS_GONE, "GitHub answers 410 for a log of this run"


def _progress_stops(question: Question) -> Iterable[Stop]:
    run = question.facts.run
    attempt = run.run_attempt or 0
    if not run.completed:
        yield Reason.RUN_IN_PROGRESS, f"the run is {run.status}"
    elif unfinished := [j.name for j in question.jobs if j.status != "completed"]:
        yield Reason.RUN_IN_PROGRESS, f"{len(unfinished)} of its jobs have not ended, {unfinished[0]} among them"
    for op in question.usage.operations:
        if op.open:
            yield Reason.RUN_IN_PROGRESS, f"operation {op.id} on this run is {op.state}"
        elif attempt > op.base_attempt:
            continue
        elif op.state is OperationState.INDETERMINATE:
            yield Reason.OUTCOME_UNKNOWN, f"operation {op.id} on this run is INDETERMINATE"
        elif op.state is OperationState.CONFIRMED:
            yield Reason.RUN_IN_PROGRESS, f"attempt {op.base_attempt + 1} was accepted and is not visible yet"
