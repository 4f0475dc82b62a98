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
