"""Which endpoint answers which path, and which right it asks for."""

from __future__ import annotations

from urllib.parse import quote, unquote

from . import (
    artifacts,
    auth,
    bodies,
    check_routes,
    commit_routes,
    dispatches,
    identity_routes,
    issue_routes,
    people_routes,
    pull_writes,
    reruns,
    run_routes,
    write_routes,
)
from .calls import Call, listed
from .exchange import DOCS, Refusal, Response, json_response, not_found
from .repo_routes import changed_files, contents, full_repository, pull_answer, pulls, reviews
from .repository import SimRepository


def answer(call: Call) -> Response:
    """The endpoint's answer; raises Refusal for everything else."""
    method = call.request.method
    parts = [unquote(p) for p in call.request.path.strip("/").split("/")]
    match (method, *parts):
        case (_, "repos", owner, name, *rest):
            return _named(call, f"{owner}/{name}", tuple(rest))
        case (_, "repositories", number, *rest) if number.isdigit():
            return _repository(call, call.world.repository_by_id(int(number)), tuple(rest))
        case ("GET", "orgs", organisation, "teams", slug, "memberships", login):
            return people_routes.membership(call, organisation, slug, login)
        case ("GET", "user"):
            return identity_routes.user(call)
        case ("GET", "rate_limit"):
            return identity_routes.rate_limit(call)
        case ("GET", "app"):
            app = identity_routes.app(call)
            return json_response(bodies.integration(call.api, call.web, app, call.world.epoch))
        case ("GET", "app", "installations", number):
            return identity_routes.installation(call, number)
        case ("POST", "app", "installations", number, "access_tokens"):
            return identity_routes.access_token(call, number)
    raise not_found()


def _named(call: Call, full_name: str, rest: tuple[str, ...]) -> Response:
    """A former name of a repository leads to its id: 301 for a read, 307 for a write.

    https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
    """
    moved = call.world.moved.get(full_name.lower())
    if moved is None or not _sees(call, moved):
        return _repository(call, call.world.find_repository(full_name), rest)
    place = "/".join(("repositories", str(moved.id), *(quote(part, safe="") for part in rest)))
    query = f"?{call.request.query}" if call.request.query else ""
    status = 301 if call.request.method in ("GET", "HEAD") else 307
    tree = {"message": "Moved Permanently", "url": f"{call.api}/{place}{query}", "documentation_url": DOCS}
    return json_response(tree, status=status, headers={"location": tree["url"]})


def _sees(call: Call, repo: SimRepository) -> bool:
    if call.app is not None:
        return call.app.repositories is None or repo.full_name.lower() in call.app.repositories
    who = call.principal
    hidden = repo.private and who is not None and who.kind == "user" and repo.role_of(who.login) == "none"
    return who is not None and who.may_see(repo.full_name) and not hidden


def _repository(call: Call, repo: SimRepository | None, rest: tuple[str, ...]) -> Response:
    if rest == ("installation",) and call.request.method == "GET":
        return identity_routes.installation_of(call, repo)
    if call.principal is None:
        raise auth.bad_credentials()
    if repo is None or not _sees(call, repo):
        raise not_found("/repos/repos")
    if repo.git is not None:
        repo.git.sync()
    written = write_routes.answer(call, repo, rest) if call.request.method != "GET" else None
    if written is not None:
        return written
    match (call.request.method, *rest):
        case ("GET",):
            call.need("metadata")
            return json_response(full_repository(call, repo))
        case ("GET", "pulls"):
            call.need("pull_requests")
            return pulls(call, repo)
        case ("GET", "pulls", number):
            call.need("pull_requests")
            return pull_answer(call, repo, number)
        case ("GET", "pulls", number, "reviews"):
            call.need("pull_requests")
            return reviews(call, repo, number)
        case ("GET", "pulls", number, "files"):
            call.need("pull_requests")
            return changed_files(call, repo, number)
        case ("GET", "collaborators", login, "permission"):
            call.need("metadata")
            return people_routes.permission(call, repo, login)
        case ("GET", "branches", name):
            call.need("contents")
            return commit_routes.branch(call, repo, name)
        case ("GET", "branches", name, "protection"):
            call.need("administration")
            return commit_routes.protection(call, repo, name)
        case ("GET", "rules", "branches", *name) if name:
            call.need("metadata")
            return commit_routes.branch_rules(call, repo, "/".join(name))
        case ("GET", "git", "ref", *ref) if ref:
            call.need("contents")
            return commit_routes.git_ref(call, repo, "/".join(ref))
        case ("GET", "contents", *path):
            call.need("contents")
            return contents(call, repo, "/".join(path))
        case ("GET", "commits", *ref, "check-runs") if ref:
            call.need("checks")
            return check_routes.check_runs(call, repo, "/".join(ref))
        case ("GET", "commits", *ref, "status") if ref:
            call.need("statuses")
            return check_routes.combined_status(call, repo, "/".join(ref))
        case ("GET", "commits", sha, "pulls"):
            call.need("pull_requests")
            return pull_writes.pulls_of_commit(call, repo, sha)
        case ("GET", "commits"):
            call.need("contents")
            return commit_routes.commits(call, repo)
        case ("GET", "commits", *ref):
            call.need("contents")
            return commit_routes.commit(call, repo, "/".join(ref))
        case ("GET", "issues", *deeper):
            return _issues(call, repo, tuple(deeper))
        case ("GET", "check-runs", number):
            call.need("checks")
            return check_routes.check_run(call, repo, number)
        case ("GET", "check-runs", number, "annotations"):
            call.need("checks")
            return check_routes.check_annotations(call, repo, number)
        case (_, "actions", *deeper):
            return _actions(call, repo, tuple(deeper))
    raise not_found()


def _issues(call: Call, repo: SimRepository, rest: tuple[str, ...]) -> Response:
    call.need_any(issue_routes.RIGHTS)
    match rest:
        case ("comments", number):
            return issue_routes.comment(call, repo, number)
        case (number, "comments"):
            return issue_routes.comments(call, repo, number)
        case (number, "labels"):
            return issue_routes.labels(call, repo, number)
    raise not_found()


def _actions(call: Call, repo: SimRepository, rest: tuple[str, ...]) -> Response:
    docs = "/actions/workflow-runs"
    call.need("actions", "write" if call.request.method == "POST" else "read", docs)
    match (call.request.method, *rest):
        case ("GET", "runs"):
            return run_routes.runs(call, repo, repo.runs)
        case ("GET", "runs", run):
            state = run_routes.find_run(call, repo, run)
            return run_routes.run_answer(call, repo, state, state.attempt_at(call.at))
        case ("GET", "runs", run, "jobs"):
            return run_routes.jobs_of_run(call, run_routes.find_run(call, repo, run))
        case ("GET", "runs", run, "artifacts"):
            trees = artifacts.of_run(call, repo, run_routes.find_run(call, repo, run))
            return listed(call, trees, "artifacts", lambda tree: tree)
        case ("GET", "artifacts", number, "zip"):
            return artifacts.link(call, repo, number)
        case ("POST", "workflows", name, "dispatches"):
            return dispatches.workflow_dispatch(call, repo, name)
        case ("GET", "runs", run, "approvals"):
            return run_routes.approvals(call, repo, run_routes.find_run(call, repo, run))
        case ("GET", "runs", run, "attempts", number):
            state = run_routes.find_run(call, repo, run)
            return run_routes.run_answer(call, repo, state, run_routes.find_attempt(call, state, number))
        case ("GET", "runs", run, "attempts", number, "jobs"):
            state = run_routes.find_run(call, repo, run)
            attempt = run_routes.find_attempt(call, state, number)
            return run_routes.jobs(call, [(state, e) for e in attempt.executions])
        case ("POST", "runs", run, ("rerun" | "rerun-failed-jobs") as verb):
            return run_routes.rerun(call, run_routes.find_run(call, repo, run), verb, None)
        case ("POST", "runs", run, "cancel"):
            state = run_routes.find_run(call, repo, run)
            if not reruns.cancel_run(call.world, state, login=call.login, call=call.seq):
                raise Refusal(409, "Cannot cancel a workflow run that is completed.", docs=docs)
            return json_response({}, status=202)
        case ("GET", "jobs", number):
            return run_routes.job(call, repo, number)
        case ("GET", "jobs", number, "logs"):
            return run_routes.log_link(call, repo, number)
        case ("POST", "jobs", number, "rerun"):
            state, execution = run_routes.find_job(call, repo, number)
            return run_routes.rerun(call, state, reruns.ONE, execution.leaf.name)
        case ("GET", "workflows"):
            items = [run_routes.workflow_body(call, repo, path) for path in repo.workflows]
            return listed(call, items, "workflows", lambda item: item)
        case ("GET", "workflows", name):
            return json_response(run_routes.workflow_body(call, repo, run_routes.workflow_path(repo, name)))
        case ("GET", "workflows", name, "runs"):
            path = run_routes.workflow_path(repo, name)
            return run_routes.runs(call, repo, [r for r in repo.runs if r.path == path])
    raise not_found()
