"""The JSON of a branch, the commit at its head, and a commit's statuses."""

from __future__ import annotations

from urllib.parse import quote

from .bodies import Tree, node, numeric_id, stamp, user
from .parts import SimCommit, SimStatus


def branch_body(api: str, web: str, full_name: str, *, name: str, commit: Tree, protected: bool) -> Tree:
    """`branch-with-protection`."""
    url = f"{api}/repos/{full_name}/branches/{quote(name, safe='')}"
    return {
        "name": name,
        "commit": commit,
        "_links": {"self": url, "html": f"{web}/{full_name}/tree/{quote(name)}"},
        "protected": protected,
        "protection": {
            "enabled": protected,
            "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
        },
        "protection_url": f"{url}/protection",
    }


def commit_body(api: str, web: str, full_name: str, given: SimCommit) -> Tree:
    """`commit`."""
    repo, sha = f"{api}/repos/{full_name}", given.sha
    url = f"{repo}/commits/{sha}"
    person = {"name": given.author, "email": given.email, "date": stamp(given.authored_at)}
    author = user(api, web, "octocat")
    parents = [
        {"sha": p, "url": f"{repo}/commits/{p}", "html_url": f"{web}/{full_name}/commit/{p}"} for p in given.parents
    ]
    return {
        "sha": sha,
        "node_id": node("C", numeric_id(sha)),
        "url": url,
        "html_url": f"{web}/{full_name}/commit/{sha}",
        "comments_url": f"{url}/comments",
        "author": author,
        "committer": author,
        "parents": parents,
        "commit": {
            "url": f"{repo}/git/commits/{sha}",
            "author": person,
            "committer": {**person, "date": stamp(given.committed_at)},
            "message": given.message,
            "comment_count": 0,
            "tree": {"sha": given.tree, "url": f"{repo}/git/trees/{given.tree}"},
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "payload": None,
                "signature": None,
                "verified_at": None,
            },
        },
    }


def status_body(api: str, full_name: str, given: SimStatus) -> Tree:
    """`simple-commit-status`."""
    return {
        "url": f"{api}/repos/{full_name}/statuses/{given.sha}",
        "avatar_url": None,
        "id": given.id,
        "node_id": node("SC", given.id),
        "state": given.state,
        "description": None,
        "target_url": None,
        "context": given.context,
        "created_at": stamp(given.at),
        "updated_at": stamp(given.at),
    }
