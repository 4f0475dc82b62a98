"""Which endpoint answers which write to a repository, and which right it asks for; reruns are beside the runs."""

from __future__ import annotations

from . import check_writes, dispatches, issue_routes, pull_writes
from .calls import Call
from .exchange import Response
from .repository import SimRepository


def answer(call: Call, repo: SimRepository, rest: tuple[str, ...]) -> Response | None:
    """The endpoint's answer; None when it is none of these. Raises Refusal."""
    match (call.request.method, *rest):
        case ("POST", "dispatches"):
            return dispatches.repository_dispatch(call, repo)
        case (("POST" | "PATCH" | "PUT"), "pulls", *deeper):
            return _pulls(call, repo, tuple(deeper))
        case (("POST" | "PATCH"), "issues", *deeper):
            call.need_any(issue_routes.RIGHTS, "write", "/issues")
            return _issues(call, repo, tuple(deeper))
        case ("POST", "check-runs"):
            call.need("checks", "write", check_writes.DOCS)
            return check_writes.create_check(call, repo)
        case ("PATCH", "check-runs", number):
            call.need("checks", "write", check_writes.DOCS)
            return check_writes.update_check(call, repo, number)
    return None


def _pulls(call: Call, repo: SimRepository, rest: tuple[str, ...]) -> Response | None:
    match (call.request.method, *rest):
        case ("POST",):
            call.need("pull_requests", "write", pull_writes.DOCS)
            return pull_writes.create_pull(call, repo)
        case ("PATCH", number):
            call.need("pull_requests", "write", pull_writes.UPDATE)
            return pull_writes.update_pull(call, repo, number)
        case ("PUT", number, "merge"):
            call.need("contents", "write", "/pulls/pulls#merge-a-pull-request")
            return pull_writes.merge_pull(call, repo, number)
    return None


def _issues(call: Call, repo: SimRepository, rest: tuple[str, ...]) -> Response | None:
    match (call.request.method, *rest):
        case ("POST", number, "comments"):
            return issue_routes.create_comment(call, repo, number)
        case ("PATCH", "comments", number):
            return issue_routes.update_comment(call, repo, number)
        case ("POST", number, "labels"):
            return issue_routes.add_labels(call, repo, number)
    return None
