"""The JSON of pull requests, in full and in the short form that runs carry."""

from __future__ import annotations

from .bodies import Tree, node, user


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
