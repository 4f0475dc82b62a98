"""The JSON of GitHub's answers, with every field its published description requires. Pure: state in, tree out."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from .auth import App, Principal
from .state import Execution, RunAttempt, RunState

Tree = dict[str, Any]
ACTIONS_APP = ("github-actions", 15368)
"""The App that owns every job's check run, with its real id (https://api.github.com/apps/github-actions)."""

_REPOSITORY_LINKS = (
    "archive:/{archive_format}{/ref} assignees:{/user} blobs:/git/blobs{/sha} branches:{/branch} "
    "collaborators:{/collaborator} comments:{/number} commits:{/sha} compare:/{base}...{head} contents:/{+path} "
    "contributors deployments downloads events forks git_commits:/git/commits{/sha} git_refs:/git/refs{/sha} "
    "git_tags:/git/tags{/sha} hooks issue_comment:/issues/comments{/number} issue_events:/issues/events{/number} "
    "issues:{/number} keys:{/key_id} labels:{/name} languages merges milestones:{/number} "
    "notifications:{?since,all,participating} pulls:{/number} releases:{/id} stargazers statuses:/{sha} subscribers "
    "subscription tags teams trees:/git/trees{/sha}"
)
_USER_LINKS = (
    "events:{/privacy} followers following:{/other_user} gists:{/gist_id} organizations:orgs received_events repos "
    "starred:{/owner}{/repo} subscriptions"
)


def stamp(moment: datetime) -> str:
    """GitHub's times: UTC, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def numeric_id(text: str) -> int:
    """A stable id for a name."""
    return zlib.crc32(text.lower().encode()) or 1


def node(kind: str, number: int) -> str:
    return f"{kind}_{number}"


@lru_cache(maxsize=512)
def user(api: str, web: str, login: str) -> Tree:
    """`simple-user`. Shared between answers: read it, never change it."""
    url = f"{api}/users/{quote(login)}"
    tree: Tree = {
        "login": login,
        "id": numeric_id(login),
        "node_id": node("U", numeric_id(login)),
        "avatar_url": f"{web}/avatars/{numeric_id(login)}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{web}/{quote(login)}",
        "type": "Bot" if login.endswith("[bot]") else "User",
        "site_admin": False,
    }
    for link in _USER_LINKS.split():
        name, _, tail = link.partition(":")
        path = name if not tail or tail.startswith("{") else tail
        tree[f"{name}_url"] = f"{url}/{path}" + (tail if tail.startswith("{") else "")
    return tree


def public_user(api: str, web: str, login: str, now: datetime) -> Tree:
    """`GET /user`: the public half of the description, which is what a token without the `user` scope sees."""
    nothing: Tree = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio"))
    return {
        **user(api, web, login),
        **nothing,
        "user_view_type": "public",
        "blog": "",
        "public_repos": 1,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": stamp(now - timedelta(days=900)),
        "updated_at": stamp(now - timedelta(days=1)),
    }


@lru_cache(maxsize=512)
def minimal_repository(api: str, web: str, full_name: str, repository_id: int, *, fork: bool = False) -> Tree:
    """`minimal-repository`. Shared between answers: read it, never change it."""
    owner, _, name = full_name.partition("/")
    url = f"{api}/repos/{full_name}"
    tree: Tree = {
        "id": repository_id,
        "node_id": node("R", repository_id),
        "name": name,
        "full_name": full_name,
        "private": False,
        "owner": user(api, web, owner),
        "html_url": f"{web}/{full_name}",
        "description": None,
        "fork": fork,
        "url": url,
    }
    for link in _REPOSITORY_LINKS.split():
        key, _, tail = link.partition(":")
        tree[f"{key}_url"] = url + (tail if tail.startswith("/") else f"/{key}{tail}")
    return tree


def full_repository(minimal: Tree, default_branch: str, now: datetime) -> Tree:
    """`full-repository` and `repository` at once: the description asks for nearly the same fields."""
    web, full_name = minimal["html_url"], minimal["full_name"]
    made = stamp(now - timedelta(days=400))
    zeroes = dict.fromkeys(
        (
            "forks",
            "forks_count",
            "open_issues",
            "open_issues_count",
            "stargazers_count",
            "watchers",
            "watchers_count",
            "network_count",
            "subscribers_count",
        ),
        0,
    )
    switches = {
        f"has_{what}": what in ("issues", "projects", "wiki")
        for what in ("issues", "projects", "wiki", "pages", "discussions", "downloads", "pull_requests")
    }
    return {
        **minimal,
        **zeroes,
        **switches,
        "clone_url": f"{web}.git",
        "git_url": f"git://github.com/{full_name}.git",
        "ssh_url": f"git@github.com:{full_name}.git",
        "svn_url": web,
        "mirror_url": None,
        "homepage": None,
        "language": "Python",
        "license": None,
        "default_branch": default_branch,
        "archived": False,
        "disabled": False,
        "visibility": "public",
        "size": 1024,
        "created_at": made,
        "updated_at": made,
        "pushed_at": made,
        "permissions": {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True},
    }


def pull_request_minimal(api: str, full_name: str, repository_id: int, pull: Tree) -> Tree:
    """The short form that runs and check runs carry. Always empty for forks, so one repository is enough."""
    repository = {"id": repository_id, "url": f"{api}/repos/{full_name}", "name": full_name.partition("/")[2]}
    return {
        "id": pull["id"],
        "number": pull["number"],
        "url": f"{api}/repos/{full_name}/pulls/{pull['number']}",
        "head": {"ref": pull["head_ref"], "sha": pull["head_sha"], "repo": repository},
        "base": {"ref": pull["base_ref"], "sha": pull["base_sha"], "repo": repository},
    }


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
        "display_title": f"Run {state.run_number} of {state.workflow_name}",
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


def app_of_check(api: str, web: str, slug: str, app_id: int, now: datetime) -> Tree:
    made = stamp(now - timedelta(days=1000))
    return {
        "id": app_id,
        "slug": slug,
        "node_id": node("A", app_id),
        "client_id": f"Iv1.{app_id:016x}",
        "owner": user(api, web, "github"),
        "name": slug.replace("-", " ").title(),
        "description": "",
        "external_url": f"{web}/apps/{slug}",
        "html_url": f"{web}/apps/{slug}",
        "created_at": made,
        "updated_at": made,
        "permissions": {"actions": "write", "checks": "write", "metadata": "read"},
        "events": ["check_run"],
    }


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
) -> Tree:
    url = f"{api}/repos/{full_name}/check-runs/{check_id}"
    return {
        "id": check_id,
        "name": name,
        "node_id": node("CR", check_id),
        "head_sha": head_sha,
        "external_id": "",
        "url": url,
        "html_url": f"{web}/{full_name}/runs/{check_id}",
        "details_url": details_url,
        "status": status,
        "conclusion": conclusion,
        "started_at": stamp(started_at),
        "completed_at": stamp(completed_at) if completed_at else None,
        "output": {
            "title": None,
            "summary": None,
            "text": None,
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


def pull_request(
    api: str,
    web: str,
    pull: Tree,
    *,
    base_repository: Tree,
    head_repository: Tree | None,
) -> Tree:
    """`pull` holds what differs: number, refs, SHAs, state, author, auto_merge, times."""
    full_name = base_repository["full_name"]
    url = f"{api}/repos/{full_name}/pulls/{pull['number']}"
    issue = f"{api}/repos/{full_name}/issues/{pull['number']}"
    page = f"{web}/{full_name}/pull/{pull['number']}"
    author = user(api, web, pull["author"])
    head_owner = (head_repository or {"full_name": "unknown/repository"})["full_name"].partition("/")[0]
    base_owner = full_name.partition("/")[0]
    links = {
        "self": url,
        "html": page,
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{url}/comments",
        "review_comment": f"{api}/repos/{full_name}/pulls/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": f"{api}/repos/{full_name}/statuses/{pull['head_sha']}",
    }
    merge = None
    if pull["auto_merge"]:
        merge = {"enabled_by": author, "merge_method": "squash", "commit_title": "", "commit_message": ""}
    closed = pull["state"] == "closed"
    return {
        "id": pull["id"],
        "node_id": node("PR", pull["id"]),
        "number": pull["number"],
        "url": url,
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "_links": {name: {"href": href} for name, href in links.items()},
        "state": pull["state"],
        "locked": False,
        "title": pull["title"],
        "user": author,
        "body": None,
        "labels": [],
        "milestone": None,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "created_at": pull["created_at"],
        "updated_at": pull["created_at"],
        "closed_at": pull["created_at"] if closed else None,
        "merged_at": None,
        "merge_commit_sha": pull["merge_sha"],
        "draft": False,
        "head": {
            "label": f"{head_owner}:{pull['head_ref']}",
            "ref": pull["head_ref"],
            "sha": pull["head_sha"],
            "user": user(api, web, head_owner),
            "repo": head_repository,
        },
        "base": {
            "label": f"{base_owner}:{pull['base_ref']}",
            "ref": pull["base_ref"],
            "sha": pull["base_sha"],
            "user": user(api, web, base_owner),
            "repo": base_repository,
        },
        "author_association": "CONTRIBUTOR",
        "auto_merge": merge,
        "merged": False,
        "mergeable": True,
        "rebaseable": True,
        "mergeable_state": "unstable",
        "merged_by": None,
        "comments": 0,
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": 1,
        "additions": 1,
        "deletions": 1,
        "changed_files": 1,
    }


def content_file(api: str, web: str, full_name: str, *, path: str, ref: str, text: bytes) -> Tree:
    sha = hashlib.sha256(text).hexdigest()[:40]
    where = quote(path)
    url = f"{api}/repos/{full_name}/contents/{where}?ref={quote(ref)}"
    page = f"{web}/{full_name}/blob/{quote(ref)}/{where}"
    git = f"{api}/repos/{full_name}/git/blobs/{sha}"
    return {
        "type": "file",
        "encoding": "base64",
        "size": len(text),
        "name": path.rpartition("/")[2],
        "path": path,
        "content": base64.encodebytes(text).decode("ascii"),
        "sha": sha,
        "url": url,
        "git_url": git,
        "html_url": page,
        "download_url": f"{web}/{full_name}/raw/{quote(ref)}/{where}",
        "_links": {"self": url, "git": git, "html": page},
    }


def directory(files: Sequence[Tree]) -> list[Tree]:
    return [{key: value for key, value in file.items() if key not in ("content", "encoding")} for file in files]


def workflow(api: str, web: str, full_name: str, *, workflow_id: int, name: str, path: str, made: datetime) -> Tree:
    page = f"{web}/{full_name}/actions/workflows/{path.rpartition('/')[2]}"
    return {
        "id": workflow_id,
        "node_id": node("W", workflow_id),
        "name": name,
        "path": path,
        "state": "active",
        "created_at": stamp(made),
        "updated_at": stamp(made),
        "url": f"{api}/repos/{full_name}/actions/workflows/{workflow_id}",
        "html_url": page,
        "badge_url": f"{page}/badge.svg",
    }


def integration(api: str, web: str, app: App, now: datetime) -> Tree:
    tree = app_of_check(api, web, app.slug, app.app_id, now)
    return {
        **tree,
        "owner": user(api, web, "octo-org"),
        "permissions": dict(app.permissions),
        "installations_count": 1,
    }


def installation(api: str, web: str, app: App, account: str, now: datetime) -> Tree:
    made = stamp(now - timedelta(days=100))
    return {
        "id": app.installation_id,
        "account": user(api, web, account),
        "repository_selection": "all" if app.repositories is None else "selected",
        "access_tokens_url": f"{api}/app/installations/{app.installation_id}/access_tokens",
        "repositories_url": f"{api}/installation/repositories",
        "html_url": f"{web}/settings/installations/{app.installation_id}",
        "app_id": app.app_id,
        "app_slug": app.slug,
        "target_id": numeric_id(account),
        "target_type": "User",
        "permissions": dict(app.permissions),
        "events": [],
        "created_at": made,
        "updated_at": made,
        "single_file_name": None,
        "suspended_by": None,
        "suspended_at": None,
    }


def rate_limit(limit: int, used: int, reset: datetime) -> Tree:
    core = {"limit": limit, "remaining": max(0, limit - used), "used": used, "reset": int(reset.timestamp())}
    search = {"limit": 30, "remaining": 30, "used": 0, "reset": int(reset.timestamp())}
    return {"resources": {"core": core, "search": search}, "rate": core}


def installation_token(token: str, principal: Principal, expires_at: datetime, repositories: list[Tree]) -> Tree:
    tree: Tree = {
        "token": token,
        "expires_at": stamp(expires_at),
        "permissions": dict(principal.permissions or {}),
        "repository_selection": "all" if principal.repositories is None else "selected",
    }
    if principal.repositories is not None:
        tree["repositories"] = repositories
    return tree
