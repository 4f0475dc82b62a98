"""The repository itself, its pull requests and its files."""

from __future__ import annotations

from . import bodies, pull_bodies
from .bodies import Tree, stamp
from .calls import Call, listed
from .exchange import Response, json_response, not_found
from .parts import SimPull, head_at
from .repository import SimRepository

MAX_FILES = 3000


def full_repository(call: Call, repo: SimRepository) -> Tree:
    minimal = bodies.minimal_repository(call.api, call.web, repo.full_name, repo.id)
    full = bodies.full_repository(minimal, repo.default_branch, call.world.epoch)
    return {**full, "private": True, "visibility": "private"} if repo.private else full


def _facts(call: Call, repo: SimRepository, pull: SimPull) -> Tree:
    return {
        "id": pull.id,
        "number": pull.number,
        "head_ref": pull.head_ref,
        "head_sha": head_at(pull.heads, call.at),
        "base_ref": pull.base_ref,
        "base_sha": head_at(repo.branches.get(pull.base_ref) or pull.heads, call.at),
        "state": pull.state,
        "auto_merge": pull.auto_merge,
        "author": pull.author,
        "title": pull.title or f"Pull request {pull.number}",
        "body": pull.body,
        "created_at": stamp(pull.created_at),
        "closed_at": stamp(pull.closed_at or pull.created_at) if pull.state == "closed" else None,
        "merged_at": stamp(pull.merged_at) if pull.merged_at else None,
        "merged_by": pull.merged_by,
        "merge_sha": pull.merge_sha,
        "comments": len(pull.comments),
        "draft": pull.draft,
        "mergeable": pull.mergeable,
        "labels": pull.labels,
        "assignees": pull.assignees,
        "changed_files": len(pull.changed),
    }


def pull_minimal(call: Call, repo: SimRepository, pull: SimPull) -> Tree:
    return pull_bodies.pull_request_minimal(call.api, repo.full_name, repo.id, _facts(call, repo, pull))


def find_pull(repo: SimRepository, text: str) -> SimPull:
    pull = repo.pulls.get(int(text)) if text.isdigit() else None
    if pull is None:
        raise not_found("/pulls/pulls")
    return pull


def reviews(call: Call, repo: SimRepository, text: str) -> Response:
    """In chronological order: https://docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request"""
    pull = find_pull(repo, text)
    found = [r for r in pull.reviews if r.at <= call.at]
    number = pull.number
    return listed(call, found, None, lambda r: pull_bodies.review(call.api, call.web, repo.full_name, number, r))


def changed_files(call: Call, repo: SimRepository, text: str) -> Response:
    """At most 3,000: https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files"""
    pull = find_pull(repo, text)
    sha = head_at(pull.heads, call.at)
    found = pull.changed[:MAX_FILES]

    def body(changed: tuple[str, str | None]) -> Tree:
        path, before = changed
        return pull_bodies.changed_file(call.api, call.web, repo.full_name, sha=sha, path=path, before=before)

    return listed(call, found, None, body)


def pull_answer(call: Call, repo: SimRepository, text: str) -> Response:
    pull = find_pull(repo, text)
    return call.marked(json_response(pull_body(call, repo, pull)))


def pull_body(call: Call, repo: SimRepository, pull: SimPull) -> Tree:
    base = full_repository(call, repo)
    head: Tree | None = base
    if pull.head_repository is None:
        head = None
        call.oddities = (*call.oddities, "deleted_fork")
    elif pull.fork:
        head_id = bodies.numeric_id(pull.head_repository)
        minimal = bodies.minimal_repository(call.api, call.web, pull.head_repository, head_id, fork=True)
        head = bodies.full_repository(minimal, repo.default_branch, call.world.epoch)
    facts = _facts(call, repo, pull)
    return pull_bodies.pull_request(call.api, call.web, facts, base_repository=base, head_repository=head)


def pulls(call: Call, repo: SimRepository) -> Response:
    """Open ones unless `state` says otherwise, newest first; `head` is `owner:branch`."""
    state = call.values.get("state", "open")
    found = [p for p in repo.pulls.values() if state in ("all", p.state) and p.created_at <= call.at]
    if "head" in call.values:
        owner, _, ref = call.values["head"].partition(":")
        found = [p for p in found if p.head_ref == ref and (p.head_repository or "").startswith(f"{owner}/")]
    if "base" in call.values:
        found = [p for p in found if p.base_ref == call.values["base"]]
    found.sort(key=lambda p: p.number, reverse=True)
    return call.marked(listed(call, found, None, lambda p: pull_body(call, repo, p)))


def contents(call: Call, repo: SimRepository, path: str) -> Response:
    """A file in base64, or the files of a folder."""
    ref = call.values.get("ref") or repo.default_branch
    text = repo.find_file(path, ref, call.at)
    if text is not None:
        return json_response(bodies.content_file(call.api, call.web, repo.full_name, path=path, ref=ref, text=text))
    prefix = f"{path}/" if path else ""
    names = [p for p in repo.paths(ref, call.at) if p.startswith(prefix) and "/" not in p.removeprefix(prefix)]
    inside = [(name, repo.find_file(name, ref, call.at)) for name in names]
    files = [
        bodies.content_file(call.api, call.web, repo.full_name, path=name, ref=ref, text=found)
        for name, found in inside
        if found is not None
    ]
    if not files:
        raise not_found("/repos/contents")
    return json_response(bodies.directory(files))
