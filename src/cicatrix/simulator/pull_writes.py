"""Pull requests that callers open, change and merge, and those that a commit belongs to."""

from __future__ import annotations

from .calls import Call, listed
from .dispatches import on_pull
from .exchange import Refusal, Response, invalid, json_response
from .merging import merge
from .parts import SimPull
from .repo_routes import find_pull, pull_body
from .repository import SimRepository

DOCS = "/pulls/pulls#create-a-pull-request"
UPDATE = "/pulls/pulls#update-a-pull-request"


def create_pull(call: Call, repo: SimRepository) -> Response:
    """https://docs.github.com/en/rest/pulls/pulls#create-a-pull-request"""
    tree = call.tree()
    if call.principal is not None and call.principal.kind == "actions" and not repo.actions_may_open_pulls:
        raise Refusal(403, "GitHub Actions is not permitted to create or approve pull requests.", docs=DOCS)
    head, base = _ends(repo, tree.get("head"), tree.get("base"))
    if not tree.get("title"):
        raise invalid("PullRequest", field="title", code="missing_field", docs=DOCS)
    pull = repo.pull_request(max(repo.pulls, default=0) + 1, head_branch=head, base_branch=base, author=call.login)
    pull.title, pull.body, pull.draft = str(tree["title"]), tree.get("body"), bool(tree.get("draft"))
    if repo.git is not None:
        pull.change(*repo.git.changed(base, pull.head_sha))
    call.wrote("create-pull", repo, head_sha=pull.head_sha, number=pull.number, head=head, base=base, draft=pull.draft)
    if call.world.events_start_runs and call.principal is not None:
        on_pull(call.world, repo, pull, call.principal)
    return json_response(pull_body(call, repo, pull), status=201)


def _ends(repo: SimRepository, head: object, base: object) -> tuple[str, str]:
    """Head and base branch; raises the 422 of what cannot become a pull request."""
    named = str(head or "")
    owner, _, branch = named.rpartition(":")
    if branch not in repo.branches or owner.lower() not in ("", repo.owner.lower()):
        raise invalid("PullRequest", field="head", docs=DOCS)
    if base not in repo.branches:
        raise invalid("PullRequest", field="base", docs=DOCS)
    target = str(base)
    there = [
        p for p in repo.pulls.values() if (p.head_ref, p.base_ref, p.state, p.fork) == (branch, target, "open", False)
    ]
    if there:
        message = f"A pull request already exists for {repo.owner}:{branch}."
        raise invalid("PullRequest", message=message, docs=DOCS)
    if not _ahead(repo, target, branch):
        raise invalid("PullRequest", message=f"No commits between {target} and {branch}", docs=DOCS)
    return branch, target


def _ahead(repo: SimRepository, base: str, head: str) -> bool:
    if repo.git is not None:
        return repo.git.ahead(base, head) > 0
    return repo.branch(head) not in {sha for _, sha in repo.branches[base]}


def update_pull(call: Call, repo: SimRepository, text: str) -> Response:
    """Title, body, state and base. A merged pull request stays closed, and so does one whose branch is gone."""
    pull = find_pull(repo, text)
    tree = call.tree()
    state = tree.get("state", pull.state)
    if state not in ("open", "closed"):
        raise invalid("PullRequest", field="state", docs=UPDATE)
    if state == "open" and pull.state == "closed":
        _reopen(repo, pull)
    elif state == "closed" and pull.state == "open":
        pull.close()
        call.wrote("close-pull", repo, head_sha=pull.head_sha, number=pull.number)
    if tree.get("base", pull.base_ref) not in repo.branches:
        raise invalid("PullRequest", field="base", docs=UPDATE)
    pull.base_ref = tree.get("base", pull.base_ref)
    pull.title, pull.body = tree.get("title", pull.title), tree.get("body", pull.body)
    return json_response(pull_body(call, repo, pull))


def _reopen(repo: SimRepository, pull: SimPull) -> None:
    if pull.merged or (not pull.fork and pull.head_ref not in repo.branches):
        raise invalid("PullRequest", field="state", message="state cannot be changed.", docs=UPDATE)
    pull.state, pull.closed_at = "open", None
    if not pull.fork:
        pull.heads = repo.branches[pull.head_ref]


def merge_pull(call: Call, repo: SimRepository, text: str) -> Response:
    """https://docs.github.com/en/rest/pulls/pulls#merge-a-pull-request"""
    pull = find_pull(repo, text)
    tree = call.tree()
    title, rest = tree.get("commit_title"), tree.get("commit_message")
    made = merge(
        call.world,
        repo,
        pull,
        method=tree.get("merge_method", "merge"),
        login=call.login,
        sha=tree.get("sha"),
        message=f"{title}\n\n{rest or ''}".rstrip() + "\n" if title else None,
        call=call.seq,
        client_id=call.request.headers.get("x-request-id", ""),
    )
    return json_response({"sha": made, "merged": True, "message": "Pull Request successfully merged"})


def pulls_of_commit(call: Call, repo: SimRepository, sha: str) -> Response:
    """Merged ones that brought the commit, and open ones that hold it.

    https://docs.github.com/en/rest/commits/commits#list-pull-requests-associated-with-a-commit
    """
    found = [p for p in repo.pulls.values() if p.created_at <= call.at and _belongs(repo, p, sha)]
    return call.marked(listed(call, found, None, lambda p: pull_body(call, repo, p)))


def _belongs(repo: SimRepository, pull: SimPull, sha: str) -> bool:
    if sha in (pull.merge_sha, pull.head_sha):
        return True
    if repo.git is None:
        return any(sha == head for _, head in pull.heads)
    base = f"{pull.merge_sha}^1" if pull.merge_sha else pull.base_ref
    return sha in repo.git.run("rev-list", f"{base}..{pull.head_sha}", "--", also=(128,)).decode().split()
