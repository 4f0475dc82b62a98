"""Events that start workflows: the two dispatches, and pushes and pull requests where the world asks for it.

https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .auth import Principal
from .bodies import Tree
from .exchange import Refusal, Response, json_response, not_found
from .held import hold
from .parts import SimPull, SimRun
from .workflow_reader import WorkflowFile, filled, read_workflow

if TYPE_CHECKING:
    from .calls import Call
    from .repository import SimRepository
    from .world import World

EVENT_TYPE, PROPERTIES, PAYLOAD = 100, 10, 65_535
"""https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event"""
INPUTS = 25
REPOS, ACTIONS = (
    "/repos/repos#create-a-repository-dispatch-event",
    "/actions/workflows#create-a-workflow-dispatch-event",
)
FOLDER = ".github/workflows/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A run that an event has started."""

    repository: str
    run: SimRun
    event: str
    path: str
    """The workflow's file."""
    payload: Mapping[str, Any]
    """`client_payload`, or the inputs of a workflow dispatch."""
    sha: str
    login: str


def repository_dispatch(call: Call, repo: SimRepository) -> Response:
    """204; a run of each workflow on the default branch that hears the type. GITHUB_TOKEN may start runs so."""
    call.need("contents", "write", REPOS)
    kind, payload = _asked(call.tree())
    sha = repo.branch(repo.default_branch)
    made: list[SimRun] = []
    for path, file in _files(call.world, repo, repo.default_branch).items():
        if file.hears(kind) and not call.world.drop_dispatches:
            event = {"action": kind, "client_payload": payload}
            title = filled(file.run_name, event, {}) or kind
            made.append(
                _run(
                    call.world,
                    repo,
                    path,
                    "repository_dispatch",
                    sha=sha,
                    title=title,
                    login=call.login,
                    payload=payload,
                )
            )
    ids = [str(run.id) for run in made]
    call.wrote("repository-dispatch", repo, head_sha=sha, eventType=kind, payload=payload, runs=ids)
    return Response(204)


def _asked(tree: Tree) -> tuple[str, Tree]:
    """The event type and payload of the body; raises the 422 of what GitHub refuses."""
    kind, payload = tree.get("event_type"), tree.get("client_payload", {})
    wrong = next((key for key in tree if key not in ("event_type", "client_payload")), None)
    if wrong is not None:
        raise _unfit(f'"{wrong}" is not a permitted key.')
    if kind is None:
        raise _unfit('"event_type" wasn\'t supplied.')
    if not isinstance(kind, str) or not 1 <= len(kind) <= EVENT_TYPE:
        raise _unfit(f"event_type must be between 1 and {EVENT_TYPE} characters.")
    if not isinstance(payload, dict):
        raise _unfit(f"For 'properties/client_payload', {json.dumps(payload)} is not an object.")
    if len(payload) > PROPERTIES:
        raise _unfit(f"No more than {PROPERTIES} properties are allowed; {len(payload)} were supplied.")
    if len(json.dumps(payload)) > PAYLOAD:
        raise Refusal(422, "client_payload is too large.", docs=REPOS)
    return kind, payload


def _unfit(message: str) -> Refusal:
    return Refusal(422, f"Invalid request.\n\n{message}", docs=REPOS)


def workflow_dispatch(call: Call, repo: SimRepository, name: str) -> Response:
    """204, or 200 with the run when `return_run_details` is set."""
    tree = call.tree()
    ref = str(tree.get("ref", "")).removeprefix("refs/heads/")
    if ref not in repo.branches:
        raise Refusal(422, f"No ref found for: {tree.get('ref')}", docs=ACTIONS)
    path, file = _one(call.world, repo, name, ref)
    inputs = _inputs(file, tree.get("inputs") or {})
    sha = repo.branch(ref)
    run = None
    if not call.world.drop_dispatches:
        title = filled(file.run_name, {}, inputs) or file.name or path
        run = _run(
            call.world, repo, path, "workflow_dispatch", sha=sha, title=title, login=call.login, payload=inputs, ref=ref
        )
    ids = [str(run.id)] if run else []
    call.wrote("workflow-dispatch", repo, head_sha=sha, workflow=path, inputs=inputs, runs=ids)
    if not tree.get("return_run_details"):
        return Response(204)
    number = run.id if run else call.world.next_id("run")
    where = f"repos/{repo.full_name}/actions/runs/{number}"
    web = f"{call.web}/{repo.full_name}/actions/runs/{number}"
    return json_response({"workflow_run_id": number, "run_url": f"{call.api}/{where}", "html_url": web})


def _one(world: World, repo: SimRepository, name: str, ref: str) -> tuple[str, WorkflowFile]:
    files = _files(world, repo, ref)
    for path in (*files, *repo.workflows):
        known = repo.workflows[path]
        if name in (str(known.id), path, path.rpartition("/")[2]):
            if path not in files or "workflow_dispatch" not in files[path].events:
                raise Refusal(422, "Workflow does not have 'workflow_dispatch' trigger", docs=ACTIONS)
            return path, files[path]
    raise not_found(ACTIONS)


def _inputs(file: WorkflowFile, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The given inputs with the declared defaults; raises GitHub's 422 for those that are unknown or missing."""
    unknown = [name for name in given if name not in file.inputs]
    if unknown or len(given) > INPUTS:
        raise Refusal(422, f"Unexpected inputs provided: {json.dumps(unknown)}", docs=ACTIONS)
    values = {}
    for name, told in file.inputs.items():
        about = told or {}
        if name not in given and about.get("required") and "default" not in about:
            raise Refusal(422, f"Required input '{name}' not provided", docs=ACTIONS)
        values[name] = given.get(name, about.get("default", ""))
    return values


def _files(world: World, repo: SimRepository, ref: str) -> dict[str, WorkflowFile]:
    """The workflows that the branch holds, by path. One that only git knows is taken over with the jobs it names."""
    found = {}
    on_branch = [p for p in repo.paths(ref, world.now) if p.startswith(FOLDER) and p.endswith((".yml", ".yaml"))]
    for path in on_branch:
        text = repo.find_file(path, ref, world.now)
        file = read_workflow(text) if text is not None else None
        if file is None or (path not in repo.workflows and not file.jobs):
            continue
        if path not in repo.workflows:
            repo.workflow(path, name=file.name or path, text=(text or b"").decode("utf-8", "replace"))
        found[path] = file
    return found


def _run(
    world: World,
    repo: SimRepository,
    path: str,
    event: str,
    *,
    sha: str,
    title: str,
    login: str,
    payload: Mapping[str, Any] = MappingProxyType({}),
    ref: str | None = None,
    pull: SimPull | None = None,
) -> SimRun:
    run = repo.run(path, branch=ref, pull_request=pull, event=event, head_sha=sha, actor=login)
    run.state.display_title = title
    if world.hold_dispatched:
        hold(run.state)
    made = Dispatch(repository=repo.full_name, run=run, event=event, path=path, payload=payload, sha=sha, login=login)
    world.dispatched.append(made)
    return run


def on_push(world: World, repo: SimRepository, ref: str, sha: str, principal: Principal | None) -> None:
    """A push starts what listens to it, unless GITHUB_TOKEN pushed.

    https://docs.github.com/en/actions/concepts/security/github_token#when-github_token-triggers-workflow-runs
    """
    branch = ref.removeprefix("refs/heads/")
    if principal is None or principal.kind == "actions" or branch not in repo.branches:
        return
    for path, file in _files(world, repo, branch).items():
        if "push" in file.events and branch in _branches(file, branch):
            _run(world, repo, path, "push", sha=sha, title=f"Push to {branch}", login=principal.login, ref=branch)


def on_pull(world: World, repo: SimRepository, pull: SimPull, principal: Principal) -> None:
    """A new pull request starts what listens to it, unless GITHUB_TOKEN opened it."""
    if principal.kind == "actions":
        return
    for path, file in _files(world, repo, pull.base_ref).items():
        if "pull_request" in file.events:
            _run(
                world, repo, path, "pull_request", sha=pull.head_sha, title=pull.title, login=principal.login, pull=pull
            )


def _branches(file: WorkflowFile, default: str) -> list[str]:
    """The branches of a push filter by their exact names; without a filter every branch."""
    return list((file.events["push"] or {}).get("branches", [default]))
