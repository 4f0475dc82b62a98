"""Runs, attempts, jobs, logs and reruns, as a reader sees them at the call's moment."""

from __future__ import annotations

import re
from collections.abc import Sequence

from . import bodies, logs, reruns, run_bodies
from .bodies import Tree, stamp
from .calls import Call, listed
from .exchange import Refusal, Response, json_response, not_found
from .repo_routes import pull_minimal
from .repository import SimRepository
from .state import Execution, RunAttempt, RunState

MAX_FILTERED = 1000
"""A filtered list of runs ends there: https://docs.github.com/en/rest/actions/workflow-runs"""
FILTERS = ("actor", "branch", "event", "status", "created", "head_sha", "check_suite_id")
_CREATED = re.compile(r"^(>=|<=|>|<)?(\d{4}-\d\d-\d\d[^.]*)$|^(.+)\.\.(.+)$")


def runs(call: Call, repo: SimRepository, of: Sequence[RunState]) -> Response:
    """The newest first; filtered lists end at 1,000, though `total_count` tells of all."""
    values = call.values
    found = [r for r in of if r.created_at <= call.at and _matches(call, r, values)]
    found.sort(key=lambda r: (r.created_at, r.id), reverse=True)
    total = len(found)
    if any(name in values for name in FILTERS):
        found = found[:MAX_FILTERED]
    response = listed(
        call, found, "workflow_runs", lambda r: _run_body(call, repo, r, r.attempt_at(call.at)), total=total
    )
    return call.marked(response)


def _matches(call: Call, run: RunState, values: dict[str, str]) -> bool:
    status = values.get("status")
    if status is not None:
        attempt = run.attempt_at(call.at)
        if status not in (attempt.status(call.at), attempt.conclusion_at(call.at)):
            return False
    wanted = {
        "head_sha": run.head_sha,
        "event": run.event,
        "branch": run.head_branch,
        "actor": run.actor,
        "check_suite_id": str(run.check_suite_id),
    }
    if any(values[name] != value for name, value in wanted.items() if name in values):
        return False
    return "created" not in values or _created(values["created"], stamp(run.created_at))


def _created(condition: str, moment: str) -> bool:
    """The date search syntax: `>=2026-01-01`, `2026-01-01..2026-02-01T10:00:00Z`; a day covers its 24 hours."""
    found = _CREATED.match(condition.strip())
    if found is None:
        raise Refusal(422, "Validation Failed: created is not a date range")
    sign, day, low, high = found.groups()
    if day is None:
        return (low == "*" or moment >= low) and (high == "*" or moment[: len(high)] <= high)
    same = moment[: len(day)]
    return {None: same == day, ">": same > day, "<": same < day, ">=": same >= day, "<=": same <= day}[sign]


def find_run(call: Call, repo: SimRepository, text: str) -> RunState:
    state = call.world.runs.get(int(text)) if text.isdigit() else None
    if state is None or state.repository_id != repo.id:
        raise not_found("/actions/workflow-runs")
    return state


def find_attempt(call: Call, run: RunState, text: str) -> RunAttempt:
    number = int(text) if text.isdigit() else 0
    if not 1 <= number <= run.attempt_at(call.at).number:
        raise not_found("/actions/workflow-runs")
    return run.attempts[number - 1]


def find_job(call: Call, repo: SimRepository, text: str) -> tuple[RunState, Execution]:
    found = call.world.jobs.get(int(text)) if text.isdigit() else None
    if found is None or found[0].repository_id != repo.id or found[1].attempt > found[0].attempt_at(call.at).number:
        raise not_found("/actions/workflow-jobs")
    return found


def run_answer(call: Call, repo: SimRepository, run: RunState, attempt: RunAttempt) -> Response:
    return call.marked(json_response(_run_body(call, repo, run, attempt)))


def _run_body(call: Call, repo: SimRepository, run: RunState, attempt: RunAttempt) -> Tree:
    repository = bodies.minimal_repository(call.api, call.web, repo.full_name, repo.id)
    head: Tree | None = repository
    if run.head_repository is None:
        head = None
        call.oddities = (*call.oddities, "deleted_fork")
    elif run.fork:
        head_id = bodies.numeric_id(run.head_repository)
        head = bodies.minimal_repository(call.api, call.web, run.head_repository, head_id, fork=True)
    pulls = []
    if run.pull_request is not None and not run.fork and call.values.get("exclude_pull_requests") != "true":
        pulls = [pull_minimal(call, repo, repo.pulls[run.pull_request])]
    return run_bodies.run(
        call.api,
        call.web,
        run,
        attempt,
        call.at,
        repository=repository,
        head_repository=head,
        pull_requests=pulls,
        show_attempt=not call.world.omit_run_attempt,
    )


def jobs(call: Call, found: list[tuple[RunState, Execution]]) -> Response:
    """The jobs whose needs are over, by id; the others are not listed yet."""
    seen = sorted((pair for pair in found if pair[1].ready_at <= call.at), key=lambda pair: pair[1].id)
    response = listed(call, seen, "jobs", lambda pair: run_bodies.job(call.api, call.web, pair[0], pair[1], call.at))
    for _, execution in seen:
        call.note_oddity(execution)
    return call.marked(response)


def jobs_of_run(call: Call, run: RunState) -> Response:
    """`filter=latest` (the default) is the newest attempt, `all` every one."""
    attempts = [run.attempt_at(call.at)]
    if call.values.get("filter") == "all":
        attempts = [a for a in run.attempts if a.number <= attempts[0].number]
    return jobs(call, [(run, e) for a in attempts for e in a.executions])


def approvals(call: Call, repo: SimRepository, run: RunState) -> Response:
    """The review history of all attempts, the oldest first here; GitHub's pages promise no order, and no pages."""
    seen = [given for given in run.approvals if given.at <= call.at]
    return json_response(
        [run_bodies.approval(call.api, call.web, repo.full_name, given, call.world.epoch) for given in seen]
    )


def job(call: Call, repo: SimRepository, text: str) -> Response:
    state, execution = find_job(call, repo, text)
    call.note_oddity(execution)
    return call.marked(json_response(run_bodies.job(call.api, call.web, state, execution, call.at)))


def rerun(call: Call, run: RunState, verb: str, job_name: str | None) -> Response:
    """201 with an empty object, or one of the refusals of `reruns`."""
    for name, value in call.tree().items():
        if name not in ("enable_debug_logging", "enable_debugger") or not isinstance(value, bool):
            raise Refusal(422, f"Invalid request: {name!r} is not a permitted key or has the wrong type.")
    reruns.rerun(call.world, run, verb, job=job_name, login=call.login, call=call.seq)
    return json_response({}, status=201)


def log_link(call: Call, repo: SimRepository, text: str) -> Response:
    """302 to the log host. A job that is not over, or never had a runner that lived, has no log."""
    _, execution = find_job(call, repo, text)
    missing = call.missing_logs
    if missing == "410":
        raise Refusal(410, "Server Error: logs for this job have expired", docs="/actions/workflow-jobs")
    if missing == "404" or execution.status(call.at) != "completed" or not logs.has_log(execution):
        raise not_found("/actions/workflow-jobs")
    shown = 0 if missing == "blob" else execution.id
    link = logs.link(call.world.log_origin, shown, call.world.now)
    return Response(302, {"location": link, "content-type": "text/html; charset=utf-8"})


def workflow_path(repo: SimRepository, name: str) -> str:
    for workflow in repo.workflows.values():
        if name in (str(workflow.id), workflow.path, workflow.path.rpartition("/")[2]):
            return workflow.path
    raise not_found("/actions/workflows")


def workflow_body(call: Call, repo: SimRepository, path: str) -> Tree:
    w = repo.workflows[path]
    return bodies.workflow(
        call.api, call.web, repo.full_name, workflow_id=w.id, name=w.name, path=w.path, made=w.made_at
    )
