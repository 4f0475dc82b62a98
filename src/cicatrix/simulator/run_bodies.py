"""The JSON of runs, jobs, steps and check runs, with every field GitHub's description requires."""

from __future__ import annotations

import hashlib
from datetime import datetime
from urllib.parse import quote

from .bodies import Tree, node, numeric_id, stamp, user
from .state import Execution, RunAttempt, RunState, SimApproval


def run(
    api: str,
    web: str,
    state: RunState,
    attempt: RunAttempt,
    at: datetime,
    *,
    repository: Tree,
    head_repository: Tree | None,
    pull_requests: list[Tree],
    show_attempt: bool,
) -> Tree:
    url = f"{api}/repos/{state.repository}/actions/runs/{state.id}"
    status = attempt.status(at)
    person = {"name": "Octo Cat", "email": "octocat@example.com"}
    tree: Tree = {
        "id": state.id,
        "name": state.workflow_name,
        "node_id": node("WFR", state.id),
        "head_branch": state.head_branch,
        "head_sha": state.head_sha,
        "path": state.path,
        "display_title": state.display_title or f"Run {state.run_number} of {state.workflow_name}",
        "run_number": state.run_number,
        "event": state.event,
        "status": status,
        "conclusion": attempt.conclusion_at(at),
        "workflow_id": state.workflow_id,
        "check_suite_id": state.check_suite_id,
        "check_suite_node_id": node("CS", state.check_suite_id),
        "url": url,
        "html_url": f"{web}/{state.repository}/actions/runs/{state.id}",
        "pull_requests": pull_requests,
        "created_at": stamp(state.created_at),
        "updated_at": stamp(attempt.ends_at if status == "completed" else max(attempt.started_at, state.created_at)),
        "actor": user(api, web, state.actor),
        "run_attempt": attempt.number,
        "referenced_workflows": [
            {"path": path, "sha": sha, "ref": path.partition("@")[2]} for path, sha in state.referenced
        ],
        "run_started_at": stamp(attempt.started_at),
        "triggering_actor": user(api, web, attempt.triggering_login),
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{api}/repos/{state.repository}/check-suites/{state.check_suite_id}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": f"{url}/attempts/{attempt.number - 1}" if attempt.number > 1 else None,
        "workflow_url": f"{api}/repos/{state.repository}/actions/workflows/{state.workflow_id}",
        "head_commit": {
            "id": state.head_sha,
            "tree_id": hashlib.sha256(state.head_sha.encode()).hexdigest()[:40],
            "message": "Change something",
            "timestamp": stamp(state.created_at),
            "author": person,
            "committer": person,
        },
        "repository": repository,
        "head_repository": head_repository,
    }
    if not show_attempt:
        del tree["run_attempt"]
    return tree


def approval(api: str, web: str, full_name: str, given: SimApproval, made: datetime) -> Tree:
    """An entry of a run's review history; `made` is when its environment was."""
    name = quote(given.environment, safe="")
    number = numeric_id(given.environment.lower())
    environment = {
        "id": number,
        "node_id": node("EN", number),
        "name": given.environment,
        "url": f"{api}/repos/{full_name}/environments/{name}",
        "html_url": f"{web}/{full_name}/deployments/activity_log?environments_filter={name}",
        "created_at": stamp(made),
        "updated_at": stamp(made),
    }
    return {"state": given.state, "comment": "", "environments": [environment], "user": user(api, web, given.login)}


def job(api: str, web: str, state: RunState, execution: Execution, at: datetime) -> Tree:
    url = f"{api}/repos/{state.repository}"
    status = execution.status(at)
    has_runner = execution.ran and status != "queued" and execution.outcome.shape != "never_acquired"
    done = status == "completed"
    number = execution.id % 1000
    return {
        "id": execution.id,
        "run_id": state.id,
        "run_url": f"{url}/actions/runs/{state.id}",
        "run_attempt": execution.attempt,
        "node_id": node("CR", execution.id),
        "head_sha": state.head_sha,
        "url": f"{url}/actions/jobs/{execution.id}",
        "html_url": f"{web}/{state.repository}/actions/runs/{state.id}/job/{execution.id}",
        "status": status,
        "conclusion": execution.conclusion if done else None,
        "created_at": stamp(execution.ready_at),
        "started_at": stamp(execution.started_at if status != "queued" else execution.ready_at),
        "completed_at": stamp(execution.completed_at) if done else None,
        "name": execution.name,
        "steps": steps(execution, at),
        "check_run_url": f"{url}/check-runs/{execution.check_run_id}",
        "labels": list(execution.leaf.spec.labels) if execution.ran else [],
        "runner_id": number + 1 if has_runner else None,
        "runner_name": f"GitHub Actions {number + 1}" if has_runner else None,
        "runner_group_id": 0 if has_runner else None,
        "runner_group_name": "GitHub Actions" if has_runner else None,
        "workflow_name": state.workflow_name,
        "head_branch": state.head_branch,
    }


def steps(execution: Execution, at: datetime) -> list[Tree]:
    """The steps of a job with the shapes of real ones: all there, none, or a last one without conclusion."""
    status = execution.status(at)
    outcome = execution.outcome
    if not execution.ran or status == "queued" or outcome.shape in ("lost_empty", "never_acquired"):
        return []
    named = ("Set up job", *execution.leaf.spec.steps, "Complete job")
    failing = failing_step(execution)
    began = stamp(execution.started_at)
    ended = stamp(execution.completed_at)
    result: list[Tree] = []
    for number, name in enumerate(named, start=1):
        phase, conclusion, start, end = "completed", "success", began, ended
        if status != "completed":
            phase, conclusion, end = ("in_progress", None, None) if number == 1 else ("queued", None, None)  # type: ignore[assignment]  # open steps have neither
            start = began if number == 1 else None  # type: ignore[assignment]  # nor a start
        elif outcome.shape == "lost" and number >= failing:
            if number > failing:
                break
            phase, conclusion, end = "in_progress", None, None  # type: ignore[assignment]  # the runner never said
        elif outcome.conclusion == "cancelled" and number >= failing:
            conclusion = "cancelled" if number == failing else "skipped"
        elif outcome.conclusion not in ("success", "neutral", "skipped") and number >= failing:
            conclusion = "failure" if number == failing else "skipped"
        if number == len(named) and status == "completed":
            conclusion = "success"
        result.append(
            {
                "name": name,
                "status": phase,
                "conclusion": conclusion,
                "number": number,
                "started_at": start,
                "completed_at": end,
            }
        )
    return result


def failing_step(execution: Execution) -> int:
    """The number, from 1, of the step that decides; the last one of the workflow file unless named."""
    names = list(execution.leaf.spec.steps)
    if execution.outcome.step in names:
        return names.index(execution.outcome.step) + 2
    return len(names) + 1


def check_run(
    api: str,
    web: str,
    full_name: str,
    *,
    check_id: int,
    name: str,
    head_sha: str,
    status: str,
    conclusion: str | None,
    started_at: datetime,
    completed_at: datetime | None,
    details_url: str,
    suite_id: int,
    app: Tree,
    pull_requests: list[Tree],
    annotations: int,
    output: tuple[str | None, str | None] = (None, None),
    text: str | None = None,
    external_id: str = "",
) -> Tree:
    url = f"{api}/repos/{full_name}/check-runs/{check_id}"
    return {
        "id": check_id,
        "name": name,
        "node_id": node("CR", check_id),
        "head_sha": head_sha,
        "external_id": external_id,
        "url": url,
        "html_url": f"{web}/{full_name}/runs/{check_id}",
        "details_url": details_url,
        "status": status,
        "conclusion": conclusion,
        "started_at": stamp(started_at),
        "completed_at": stamp(completed_at) if completed_at else None,
        "output": {
            "title": output[0],
            "summary": output[1],
            "text": text,
            "annotations_count": annotations,
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": suite_id},
        "app": app,
        "pull_requests": pull_requests,
    }


def annotation(message: str) -> Tree:
    return {
        "path": ".github",
        "blob_href": "",
        "start_line": 1,
        "start_column": None,
        "end_line": 1,
        "end_column": None,
        "annotation_level": "failure",
        "title": "",
        "message": message,
        "raw_details": "",
    }
