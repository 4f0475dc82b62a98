"""Check runs: every job is one, owned by the App `github-actions`; other Apps have theirs beside them."""

from __future__ import annotations

import json

from . import bodies, run_bodies
from .bodies import ACTIONS_APP, Tree
from .branch_bodies import status_body
from .calls import Call, listed
from .exchange import Response, json_response
from .parts import ForeignCheck, head_at
from .repo_routes import pull_minimal
from .repository import SimRepository
from .run_routes import find_job
from .state import Execution, RunState

Row = tuple[RunState, Execution] | ForeignCheck


def check_runs(call: Call, repo: SimRepository, ref: str) -> Response:
    """The checks of a commit: of every run the newest of each job (`filter=latest`), or of all its attempts."""
    name = ref.removeprefix("heads/")
    sha = head_at(repo.branches[name], call.at) if name in repo.branches else ref
    every = call.values.get("filter") == "all"
    found: list[Row] = []
    for run in repo.runs:
        if run.head_sha != sha:
            continue
        attempt = run.attempt_at(call.at)
        shown = list(attempt.latest.values())
        if every:
            shown = [e for a in run.attempts if a.number <= attempt.number for e in a.executions]
        found += [(run, e) for e in shown if e.ready_at <= call.at]
    found += [c for c in repo.checks if c.head_sha == sha and c.at <= call.at]
    rows = [row for row in found if _matches(call, row)]
    return call.marked(listed(call, rows, "check_runs", lambda row: _body(call, repo, row)))


def combined_status(call: Call, repo: SimRepository, ref: str) -> Response:
    """The latest status of each context, and what they are together.

    https://docs.github.com/en/rest/commits/statuses#get-the-combined-status-for-a-specific-reference
    """
    sha = head_at(repo.branches[ref], call.at) if ref in repo.branches else ref
    latest = {s.context: s for s in repo.statuses if s.sha == sha and s.at <= call.at}
    states = {s.state for s in latest.values()}
    together = "failure" if states & {"failure", "error"} else "pending" if states != {"success"} else "success"
    response = listed(call, list(latest.values()), "statuses", lambda s: status_body(call.api, repo.full_name, s))
    url = f"{call.api}/repos/{repo.full_name}/commits/{sha}"
    minimal = bodies.minimal_repository(call.api, call.web, repo.full_name, repo.id)
    about = {"state": together, "sha": sha, "repository": minimal, "commit_url": url, "url": f"{url}/status"}
    return json_response({**json.loads(response.body), **about}, headers=response.headers)


def app_id_of(call: Call, slug: str) -> int:
    """The id of the App of this name: one of the world's, GitHub's own, or one that is made up."""
    known = {app.slug: app.app_id for app in call.world.apps.values()} | dict([ACTIONS_APP])
    return known.get(slug) or bodies.numeric_id(slug)


def _matches(call: Call, row: Row) -> bool:
    values = call.values
    if isinstance(row, ForeignCheck):
        name, status, app = row.name, row.status, app_id_of(call, row.app_slug)
    else:
        name, status, app = row[1].name, row[1].status(call.at), ACTIONS_APP[1]
    wanted = {"check_name": name, "status": status, "app_id": str(app)}
    return all(values[key] == value for key, value in wanted.items() if key in values)


def _body(call: Call, repo: SimRepository, row: Row) -> Tree:
    if isinstance(row, ForeignCheck):
        app_id = app_id_of(call, row.app_slug)
        return run_bodies.check_run(
            call.api,
            call.web,
            repo.full_name,
            check_id=row.id,
            name=row.name,
            head_sha=row.head_sha,
            status=row.status,
            conclusion=row.conclusion,
            started_at=row.at,
            completed_at=(row.completed_at or row.at) if row.status == "completed" else None,
            details_url=row.details_url or f"{call.web}/apps/{row.app_slug}",
            suite_id=app_id,
            app=bodies.app_of_check(call.api, call.web, row.app_slug, app_id, call.world.epoch),
            pull_requests=[],
            annotations=len(row.annotations),
            output=(row.title, row.summary),
            text=row.text,
            external_id=row.external_id,
        )
    run, execution = row
    call.note_oddity(execution)
    status = execution.status(call.at)
    pulls = []
    if run.pull_request is not None and not run.fork:
        pulls = [pull_minimal(call, repo, repo.pulls[run.pull_request])]
    return run_bodies.check_run(
        call.api,
        call.web,
        repo.full_name,
        check_id=execution.check_run_id,
        name=execution.name,
        head_sha=run.head_sha,
        status=status,
        conclusion=execution.conclusion if status == "completed" else None,
        started_at=execution.started_at,
        completed_at=execution.completed_at if status == "completed" else None,
        details_url=f"{call.web}/{repo.full_name}/actions/runs/{run.id}/job/{execution.id}",
        suite_id=run.check_suite_id,
        app=bodies.app_of_check(call.api, call.web, *ACTIONS_APP, call.world.epoch),
        pull_requests=pulls,
        annotations=1 if execution.outcome.annotation and status == "completed" else 0,
    )


def _find(call: Call, repo: SimRepository, text: str) -> Row:
    number = int(text) if text.isdigit() else 0
    foreign = next((c for c in repo.checks if c.id == number), None)
    return foreign if foreign is not None else find_job(call, repo, text)


def check_answer(call: Call, repo: SimRepository, check: ForeignCheck, *, status: int) -> Response:
    return json_response(_body(call, repo, check), status=status)


def check_run(call: Call, repo: SimRepository, text: str) -> Response:
    return call.marked(json_response(_body(call, repo, _find(call, repo, text))))


def check_annotations(call: Call, repo: SimRepository, text: str) -> Response:
    """What GitHub itself says about a job that did not simply fail: lost runner, time limit, cancel."""
    row = _find(call, repo, text)
    if isinstance(row, ForeignCheck):
        blank = run_bodies.annotation("")
        return listed(call, row.annotations, None, lambda given: {**blank, **given})
    found: list[str] = []
    if row[1].outcome.annotation and row[1].status(call.at) == "completed":
        found.append(row[1].outcome.annotation)
    return listed(call, found, None, run_bodies.annotation)
