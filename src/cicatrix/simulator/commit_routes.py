"""Commits, refs, and what a branch's protection asks: from the bare repository when there is one.

Without one, a branch's history is the line of its own heads, each the parent of the next.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from itertools import pairwise

from .bodies import Tree, node, numeric_id
from .branch_bodies import branch_body, commit_body
from .calls import Call, listed
from .exchange import Refusal, Response, json_response, not_found
from .parts import BranchRules, SimCommit
from .repository import SimRepository

DOCS = "/commits/commits"


def commits(call: Call, repo: SimRepository) -> Response:
    """Newest first, from a branch or SHA (`sha`); `since` and `until` are times of the commits."""
    ref = call.values.get("sha", repo.default_branch)
    tip = repo.commit_of(ref, call.at)
    if not repo.knows(tip):
        raise not_found(f"{DOCS}#list-commits")
    if repo.git is None:
        found = _line(repo, tip, call)
    else:
        paths = [call.values["path"]] if "path" in call.values else []
        found = repo.git.log(tip, *_limits(call), paths=paths)
    return listed(call, found, None, lambda c: commit_body(call.api, call.web, repo.full_name, c))


def _limits(call: Call) -> list[str]:
    values = call.values
    return [f"--{name}={values[name]}" for name in ("since", "until") if name in values]


def _line(repo: SimRepository, tip: str, call: Call) -> list[SimCommit]:
    """The heads of the branch that holds the tip, as a history."""
    heads = next((h for h in repo.lines() if any(sha == tip for _, sha in h)), [(repo.world.epoch, tip)])
    shas = [sha for _, sha in heads]
    place = shas.index(tip)
    parents = {sha: (before,) for before, sha in pairwise(shas)}
    found = [_synthetic(sha, at, parents.get(sha, ())) for at, sha in heads[: place + 1]]
    since, until = call.values.get("since", ""), call.values.get("until", "~")
    return [c for c in reversed(found) if since <= f"{c.committed_at:%Y-%m-%dT%H:%M:%SZ}" <= until]


def _synthetic(sha: str, at: datetime, parents: tuple[str, ...]) -> SimCommit:
    return SimCommit(
        sha=sha,
        tree=hashlib.sha256(sha.encode()).hexdigest()[:40],
        parents=parents,
        author="Octo Cat",
        email="octocat@example.com",
        authored_at=at,
        committed_at=at,
        message="A change",
    )


def commit(call: Call, repo: SimRepository, ref: str) -> Response:
    """One commit by SHA or branch, with its parents."""
    sha = repo.commit_of(ref, call.at)
    if not repo.knows(sha):
        raise Refusal(422, f"No commit found for SHA: {ref}", docs=f"{DOCS}#get-a-commit")
    tree = commit_body(call.api, call.web, repo.full_name, _one(call, repo, sha))
    stats: Tree = {"stats": {"additions": 1, "deletions": 1, "total": 2}, "files": []}
    return json_response({**tree, **stats})


def branch(call: Call, repo: SimRepository, name: str) -> Response:
    """A branch with the commit at its head."""
    if name not in repo.branches:
        raise Refusal(404, "Branch not found", docs="/branches/branches")
    head = commit_body(call.api, call.web, repo.full_name, _one(call, repo, repo.commit_of(name, call.at)))
    protected = name in repo.protected
    return json_response(branch_body(call.api, call.web, repo.full_name, name=name, commit=head, protected=protected))


def _one(call: Call, repo: SimRepository, sha: str) -> SimCommit:
    return repo.git.log(sha, "-1")[0] if repo.git is not None else _line(repo, sha, call)[0]


def git_ref(call: Call, repo: SimRepository, name: str) -> Response:
    """https://docs.github.com/en/rest/git/refs#get-a-reference"""
    branch = name.removeprefix("heads/")
    if branch == name or branch not in repo.branches:
        raise not_found("/git/refs#get-a-reference")
    sha = repo.commit_of(branch, call.at)
    url = f"{call.api}/repos/{repo.full_name}/git"
    return json_response(
        {
            "ref": f"refs/{name}",
            "node_id": node("REF", numeric_id(f"{repo.full_name}:{name}")),
            "url": f"{url}/refs/{name}",
            "object": {"type": "commit", "sha": sha, "url": f"{url}/commits/{sha}"},
        }
    )


def protection(call: Call, repo: SimRepository, branch: str) -> Response:
    """The older protection of a branch; rules of a ruleset are not in it."""
    docs = "/branches/branch-protection"
    if branch not in repo.branches:
        raise Refusal(404, "Branch not found", docs=docs)
    rules = repo.rules.get(branch)
    if rules is None or rules.ruleset:
        raise Refusal(404, "Branch not protected", docs=docs)
    url = f"{call.api}/repos/{repo.full_name}/branches/{branch}/protection"
    tree: Tree = {
        "url": url,
        "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": True},
        "required_signatures": {"url": f"{url}/required_signatures", "enabled": rules.signatures},
        **{name: {"enabled": False} for name in ("allow_force_pushes", "allow_deletions", "required_linear_history")},
    }
    if rules.pull_request or rules.approvals:
        tree["required_pull_request_reviews"] = {
            "url": f"{url}/required_pull_request_reviews",
            "dismiss_stale_reviews": False,
            "require_code_owner_reviews": False,
            "required_approving_review_count": rules.approvals,
            "require_last_push_approval": False,
        }
    if rules.checks:
        checks = [{"context": name, "app_id": None} for name in rules.checks]
        tree["required_status_checks"] = {
            "url": f"{url}/required_status_checks",
            "contexts_url": f"{url}/required_status_checks/contexts",
            "strict": False,
            "contexts": list(rules.checks),
            "checks": checks,
        }
    return json_response(tree)


def branch_rules(call: Call, repo: SimRepository, branch: str) -> Response:
    """What rulesets ask of a branch, also of one that is not there. The older protection is not in it."""
    rules = repo.rules.get(branch)
    found = _rules(rules) if rules is not None and rules.ruleset else []
    from_where = {"ruleset_source_type": "Repository", "ruleset_source": repo.full_name, "ruleset_id": 42}
    return listed(call, found, None, lambda rule: {**rule, **from_where})


def _rules(rules: BranchRules) -> list[Tree]:
    found: list[Tree] = [{"type": "deletion"}, {"type": "non_fast_forward"}]
    if rules.signatures:
        found.append({"type": "required_signatures"})
    if rules.pull_request or rules.approvals:
        found.append(
            {
                "type": "pull_request",
                "parameters": {
                    "dismiss_stale_reviews_on_push": False,
                    "require_code_owner_review": False,
                    "require_last_push_approval": False,
                    "required_approving_review_count": rules.approvals,
                    "required_review_thread_resolution": False,
                },
            }
        )
    if rules.merge_queue:
        found.append({"type": "merge_queue", "parameters": _QUEUE})
    if rules.checks:
        checks = [{"context": name} for name in rules.checks]
        about = {"required_status_checks": checks, "strict_required_status_checks_policy": False}
        found.append({"type": "required_status_checks", "parameters": about})
    return found


_QUEUE: Tree = {
    "check_response_timeout_minutes": 60,
    "grouping_strategy": "ALLGREEN",
    "max_entries_to_build": 5,
    "max_entries_to_merge": 5,
    "merge_method": "MERGE",
    "min_entries_to_merge": 1,
    "min_entries_to_merge_wait_minutes": 5,
}
