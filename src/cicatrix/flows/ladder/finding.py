"""Where the effect of each kind of write is found again (reliability 3.3): its own row says what to look for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from cicatrix.core.facts import Repository, WorkflowRun
from cicatrix.core.operations import Operation, Verb
from cicatrix.flows.context import Context

Found = Mapping[str, object] | None

SKEW = timedelta(minutes=5)
"""How far our clock may be ahead of GitHub's, by which runs are listed. The operation's id tells ours from others."""


def find(ctx: Context, operation: Operation) -> Found:
    """The effect as it can be seen now, in the words in which GitHub answers the write; None when it cannot be seen.

    Raises GitHubError or GitError when it cannot be looked for.
    """
    return _FINDERS[operation.verb](ctx, operation)


def _text(operation: Operation, name: str) -> str:
    return str(operation.params.get(name, ""))


def _run(event: str) -> Callable[[Context, Operation], Found]:
    def look(ctx: Context, operation: Operation) -> Found:
        since = (operation.sent_at or operation.created_at) - SKEW
        listing = ctx.github.runs_since(operation.owner, operation.repository, event, since)
        named = (run for run in listing.items if operation.id in run.display_title)
        mine = next((run for run in named if _is_ours(operation, run)), None)
        return None if mine is None else {"runId": mine.id}

    return look


def _is_ours(operation: Operation, run: WorkflowRun) -> bool:
    """Other workflows may hear the same event, and may name the same id."""
    workflow = _text(operation, "workflow")
    return not workflow or run.path.partition("@")[0] == f".github/workflows/{workflow}"


def _pushed(ctx: Context, operation: Operation) -> Found:
    """A ref that points at our commit, or at one that came after it, has it."""
    sha = _text(operation, "sha")
    mirror = ctx.workshop.mirror(home_of(operation))
    branch = _text(operation, "ref").removeprefix("refs/heads/")
    tip = mirror.remote_tip(branch)
    if tip is None:
        return None
    if tip != sha:
        mirror.fetch(branch)
        if not mirror.has(tip) or not mirror.is_ancestor(sha, tip):
            return None
    return {"sha": sha, "ref": _text(operation, "ref")}


def home_of(operation: Operation) -> Repository:
    """The repository as the operation knows it."""
    return Repository(
        host=operation.host,
        id=operation.repository_id,
        owner=operation.owner,
        name=operation.repository,
        owner_id=operation.owner_id,
    )


def _created_pull(ctx: Context, operation: Operation) -> Found:
    listing = ctx.github.pulls_of_head(operation.owner, operation.repository, _text(operation, "head"))
    # anybody may open a pull request from a branch of ours: theirs is not ours
    base, us = _text(operation, "base"), operation.identity
    mine = next((pull for pull in listing.items if pull.base_ref == base and pull.author == us), None)
    return None if mine is None else {"number": mine.number, "headSha": mine.head_sha}


def _closed_pull(ctx: Context, operation: Operation) -> Found:
    pull = ctx.github.pull_request(operation.owner, operation.repository, operation.pull_request)
    return {"number": pull.number} if pull.state == "closed" else None


def _commented(ctx: Context, operation: Operation) -> Found:
    listing = ctx.github.comments(operation.owner, operation.repository, operation.pull_request)
    marker, digest = _text(operation, "marker"), _text(operation, "bodyHash")
    ours = [c for c in listing.items if c.author == operation.identity]
    mine = next((c for c in ours if marker in c.body and digest in c.body), None)
    return None if mine is None else {"commentId": mine.id}


def _labelled(ctx: Context, operation: Operation) -> Found:
    pull = ctx.github.pull_request(operation.owner, operation.repository, operation.pull_request)
    wanted: Any = operation.params.get("labels", [])
    return {"labels": len(wanted)} if set(map(str, wanted)) <= set(pull.labels) else None


def _checked(ctx: Context, operation: Operation) -> Found:
    listing = ctx.github.check_runs(operation.owner, operation.repository, operation.head_sha)
    wanted = _text(operation, "externalId")
    mine = next((check for check in listing.items if check.external_id == wanted), None)
    if mine is None or (operation.verb is Verb.UPDATE_CHECK_RUN and mine.title != _text(operation, "title")):
        return None
    return {"checkRunId": mine.id}


_FINDERS: Mapping[Verb, Callable[[Context, Operation], Found]] = {
    Verb.REPOSITORY_DISPATCH: _run("repository_dispatch"),
    Verb.WORKFLOW_DISPATCH: _run("workflow_dispatch"),
    Verb.PUSH_BRANCH: _pushed,
    Verb.PUSH_DIRECT: _pushed,
    Verb.CREATE_PULL: _created_pull,
    Verb.CLOSE_PULL: _closed_pull,
    Verb.CREATE_COMMENT: _commented,
    Verb.UPDATE_COMMENT: _commented,
    Verb.ADD_LABELS: _labelled,
    Verb.CREATE_CHECK_RUN: _checked,
    Verb.UPDATE_CHECK_RUN: _checked,
}
