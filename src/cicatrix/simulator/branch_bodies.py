"""The JSON of a branch, the commit at its head, and a commit's statuses."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from .bodies import Tree, node, numeric_id, stamp, user
from .parts import SimStatus


def branch_body(api: str, web: str, full_name: str, *, name: str, sha: str, protected: bool, made: datetime) -> Tree:
    """`branch-with-protection`."""
    url = f"{api}/repos/{full_name}/branches/{quote(name, safe='')}"
    return {
        "name": name,
        "commit": _commit(api, web, full_name, sha, made),
        "_links": {"self": url, "html": f"{web}/{full_name}/tree/{quote(name)}"},
        "protected": protected,
        "protection": {
            "enabled": protected,
            "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
        },
        "protection_url": f"{url}/protection",
    }


def _commit(api: str, web: str, full_name: str, sha: str, made: datetime) -> Tree:
    url = f"{api}/repos/{full_name}/commits/{sha}"
    person = {"name": "Octo Cat", "email": "octocat@example.com", "date": stamp(made)}
    author = user(api, web, "octocat")
    return {
        "sha": sha,
        "node_id": node("C", numeric_id(sha)),
        "url": url,
        "html_url": f"{web}/{full_name}/commit/{sha}",
        "comments_url": f"{url}/comments",
        "author": author,
        "committer": author,
        "parents": [],
        "commit": {
            "url": f"{api}/repos/{full_name}/git/commits/{sha}",
            "author": person,
            "committer": person,
            "message": "A change",
            "comment_count": 0,
            "tree": {"sha": sha, "url": f"{api}/repos/{full_name}/git/trees/{sha}"},
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
