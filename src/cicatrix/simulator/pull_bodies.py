"""The JSON of pull requests, in full and in the short form that runs carry."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from .bodies import Tree, node, numeric_id, stamp, user
from .parts import SimReview


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
        "body": pull["body"],
        "labels": [label(api, full_name, name) for name in pull["labels"]],
        "milestone": None,
        "assignee": user(api, web, pull["assignees"][0]) if pull["assignees"] else None,
        "assignees": [user(api, web, login) for login in pull["assignees"]],
        "requested_reviewers": [],
        "requested_teams": [],
        "created_at": pull["created_at"],
        "updated_at": pull["created_at"],
        "closed_at": pull["closed_at"],
        "merged_at": pull["merged_at"],
        "merge_commit_sha": pull["merge_sha"],
        "draft": pull["draft"],
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
        "merged": pull["merged_at"] is not None,
        "mergeable": pull["mergeable"],
        "rebaseable": pull["mergeable"],
        "mergeable_state": "unstable",
        "merged_by": user(api, web, pull["merged_by"]) if pull["merged_by"] else None,
        "comments": pull["comments"],
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": 1,
        "additions": 1,
        "deletions": 1,
        "changed_files": pull["changed_files"],
    }


def label(api: str, full_name: str, name: str) -> Tree:
    return {
        "id": numeric_id(name),
        "node_id": node("LA", numeric_id(name)),
        "url": f"{api}/repos/{full_name}/labels/{quote(name, safe='')}",
        "name": name,
        "description": "",
        "color": "ededed",
        "default": False,
    }


def review(api: str, web: str, full_name: str, number: int, given: SimReview) -> Tree:
    pull = f"{api}/repos/{full_name}/pulls/{number}"
    page = f"{web}/{full_name}/pull/{number}#pullrequestreview-{given.id}"
    return {
        "id": given.id,
        "node_id": node("PRR", given.id),
        "user": user(api, web, given.login),
        "body": "",
        "state": given.state,
        "html_url": page,
        "pull_request_url": pull,
        "author_association": "MEMBER",
        "_links": {"html": {"href": page}, "pull_request": {"href": pull}},
        "submitted_at": stamp(given.at),
        "commit_id": given.commit_sha,
    }


def changed_file(api: str, web: str, full_name: str, *, sha: str, path: str, before: str | None) -> Tree:
    where = quote(path)
    tree: Tree = {
        "sha": hashlib.sha256(path.encode()).hexdigest()[:40],
        "filename": path,
        "status": "modified" if before is None else "renamed",
        "additions": 1,
        "deletions": 1,
        "changes": 2,
        "blob_url": f"{web}/{full_name}/blob/{sha}/{where}",
        "raw_url": f"{web}/{full_name}/raw/{sha}/{where}",
        "contents_url": f"{api}/repos/{full_name}/contents/{where}?ref={sha}",
    }
    return tree if before is None else {**tree, "previous_filename": before}
