"""GitHub's JSON into our facts. Tolerant: unknown fields, nulls, new enum values pass; only ids and keys must be there.

Shapes: https://docs.github.com/en/rest/actions/workflow-runs, .../rest/actions/workflow-jobs, .../rest/checks/runs,
.../rest/pulls/pulls, and https://docs.github.com/en/webhooks/webhook-events-and-payloads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from cicatrix.core.facts import (
    Branch,
    CheckRun,
    CommitStatus,
    EnvironmentReview,
    Job,
    PullRequest,
    Repository,
    Review,
    Step,
    WorkflowRun,
)

Tree: TypeAlias = Mapping[str, Any]
T = TypeVar("T")

NO_ID = ""
"""Stands for an id that an old payload does not carry and that nothing can be decided without."""


class Malformed(ValueError):  # noqa: N818 - named for what the document is
    """A document of GitHub lacks what nothing can be decided without. Names the place, never the content."""


def repository(tree: Tree, *, host: str) -> Repository:
    """A repository; the owner's id is empty when the document is too small to hold it."""
    full = _text(tree.get("full_name"))
    owner = _tree(tree.get("owner"))
    return Repository(
        host=host,
        id=_id(tree, "repository.id"),
        owner=_text(owner.get("login")) or full.partition("/")[0],
        name=_text(tree.get("name")) or full.partition("/")[2],
        owner_id=_id_or_none(owner.get("id")) or NO_ID,
    )


def pull_request(tree: Tree, *, host: str) -> PullRequest:
    """A pull request; `head_repository_id` is None when the fork was deleted."""
    head, base = _tree(tree.get("head")), _tree(tree.get("base"))
    return PullRequest(
        number=_number(tree.get("number"), "pull_request.number"),
        state=_text(tree.get("state")),
        head_sha=_required(head.get("sha"), "pull_request.head.sha"),
        head_ref=_text(head.get("ref")),
        base_ref=_text(base.get("ref")),
        base=repository(_tree(base.get("repo")), host=host),
        head_repository_id=_id_or_none(_tree(head.get("repo")).get("id")),
        auto_merge=tree.get("auto_merge") is not None and tree.get("auto_merge") is not False,
        author_id=_id_or_none(_tree(tree.get("user")).get("id")),
        author=_text(_tree(tree.get("user")).get("login")) or None,
        draft=_flag(tree.get("draft")),
        mergeable=_flag(tree.get("mergeable")),
        labels=_names(tree.get("labels"), "name"),
        assignees=_names(tree.get("assignees"), "login"),
    )


def review(tree: Tree) -> tuple[str, Review]:
    """A review and its id."""
    return _id(tree, "review.id"), Review(
        login=_text(_tree(tree.get("user")).get("login")),
        state=_text(tree.get("state")).upper(),
        commit_sha=_text(tree.get("commit_id")).lower() or None,
        submitted_at=_time(tree.get("submitted_at")),
    )


def environment_review(tree: Tree) -> EnvironmentReview:
    """An entry of a run's review history. What it is about must be told: nobody may guess what was rejected."""
    if not isinstance(tree.get("environments"), list):
        raise Malformed("environment_approval.environments is missing")
    return EnvironmentReview(
        environments=tuple(
            _required(_tree(item).get("name"), "environment_approval.environments.name")
            for item in tree["environments"]
        ),
        login=_text(_tree(tree.get("user")).get("login")),
        state=_text(tree.get("state")).lower(),
    )


def role(tree: Tree) -> str:
    """The role of a user in a repository: `role_name`, which may be an organisation's own, else the older field."""
    return _text(tree.get("role_name")) or _required(tree.get("permission"), "permission")


def branch(tree: Tree) -> Branch:
    """A branch, its head and whether it is protected."""
    return Branch(
        name=_required(tree.get("name"), "branch.name"),
        head_sha=_required(_tree(tree.get("commit")).get("sha"), "branch.commit.sha").lower(),
        protected=_flag(tree.get("protected")),
    )


def commit_status(tree: Tree) -> CommitStatus:
    """The latest status of one context."""
    return CommitStatus(context=_required(tree.get("context"), "status.context"), state=_text(tree.get("state")))


def changed_files(tree: Tree) -> tuple[str, ...]:
    """The names of a changed file: the present one and, of a renamed file, the one before."""
    names = (_required(tree.get("filename"), "file.filename"), _text(tree.get("previous_filename")))
    return tuple(name for name in names if name)


def workflow_run(tree: Tree) -> WorkflowRun:
    """A workflow run. `run_attempt` is None when absent: GitHub does not promise it."""
    created = _time(tree.get("created_at"))
    if created is None:
        raise Malformed("workflow_run.created_at is missing or not a time")
    actor, head = _tree(tree.get("triggering_actor")), _tree(tree.get("head_repository"))
    repo = _tree(tree.get("repository"))
    return WorkflowRun(
        id=_id(tree, "workflow_run.id"),
        workflow_id=_id_or_none(tree.get("workflow_id")) or NO_ID,
        path=_text(tree.get("path")).partition("@")[0],
        name=_text(tree.get("name")),
        event=_text(tree.get("event")),
        head_sha=_required(tree.get("head_sha"), "workflow_run.head_sha"),
        head_branch=_text(tree.get("head_branch")) or None,
        head_repository_id=_id_or_none(head.get("id")),
        repository_id=_id_or_none(repo.get("id")) or NO_ID,
        repository_owner_id=_id_or_none(_tree(repo.get("owner")).get("id")) or NO_ID,
        repository_full_name=_text(repo.get("full_name")),
        status=_text(tree.get("status")),
        conclusion=_text(tree.get("conclusion")) or None,
        run_attempt=_count(tree.get("run_attempt")),
        run_number=_count(tree.get("run_number")) or 0,
        created_at=created,
        run_started_at=_time(tree.get("run_started_at")),
        updated_at=_time(tree.get("updated_at")),
        triggering_actor_id=_id_or_none(actor.get("id")),
        triggering_actor=_text(actor.get("login")) or None,
        pull_request_numbers=tuple(
            number
            for item in _list(tree.get("pull_requests"))
            if (number := _count(_tree(item).get("number"))) is not None
        ),
        referenced_workflows=tuple(
            (_text(_tree(item).get("path")), _text(_tree(item).get("sha")))
            for item in _list(tree.get("referenced_workflows"))
            if _text(_tree(item).get("path"))
        ),
        html_url=_text(tree.get("html_url")),
    )


def job(tree: Tree, *, attempt: int | None = None) -> Job:
    """A job. `attempt` is the attempt that was asked for, used when the job does not name its own.

    A runner id of 0 and an empty runner name mean that no runner ever took it, and become None.
    """
    steps = tree.get("steps")
    runner = _id_or_none(tree.get("runner_id"))
    run_attempt = _count(tree.get("run_attempt")) or attempt
    return Job(
        id=_id(tree, "job.id"),
        run_id=_id_or_none(tree.get("run_id")) or NO_ID,
        run_attempt=1 if run_attempt is None else run_attempt,
        name=_required(tree.get("name"), "job.name"),
        status=_text(tree.get("status")),
        conclusion=_text(tree.get("conclusion")) or None,
        started_at=_time(tree.get("started_at")),
        completed_at=_time(tree.get("completed_at")),
        labels=tuple(_text(label) for label in _list(tree.get("labels"))),
        runner_id=None if runner == "0" else runner,
        runner_name=_text(tree.get("runner_name")) or None,
        steps=tuple(_step(_tree(item), place) for place, item in enumerate(steps, 1))
        if isinstance(steps, list)
        else None,
    )


def check_run(tree: Tree) -> CheckRun:
    """A check run of any App; `app_slug` is None when the App was deleted."""
    return CheckRun(
        id=_id(tree, "check_run.id"),
        name=_text(tree.get("name")),
        status=_text(tree.get("status")),
        conclusion=_text(tree.get("conclusion")) or None,
        app_slug=_text(_tree(tree.get("app")).get("slug")) or None,
        url=_text(tree.get("details_url")) or _text(tree.get("html_url")),
        title=_text(_tree(tree.get("output")).get("title")),
        summary=_text(_tree(tree.get("output")).get("summary")),
    )


def _step(tree: Tree, place: int) -> Step:
    return Step(
        number=_count(tree.get("number")) or place,
        name=_text(tree.get("name")),
        status=_text(tree.get("status")),
        conclusion=_text(tree.get("conclusion")) or None,
        started_at=_time(tree.get("started_at")),
        completed_at=_time(tree.get("completed_at")),
    )


KINDS: Mapping[str, str] = {
    "workflow_run": "workflow_run",
    "workflow_job": "workflow_job",
    "check_run": "check_run",
    "check_suite": "check_suite",
    "pull_request": "pull_request",
    "client_payload": "repository_dispatch",
    "commits": "push",
    "context": "status",
    "zen": "ping",
    "installation": "installation",
}
"""The field that tells a webhook's kind from its body, first match first: the event header is not signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A webhook's body, read. `kind` comes from the body's shape and is `unknown` for an event we do not know."""

    kind: str
    action: str | None
    repository: Repository | None = None
    run: WorkflowRun | None = None
    job: Job | None = None
    check_run: CheckRun | None = None
    pull_request: PullRequest | None = None
    installation_id: str | None = None


def delivery(tree: Tree, *, host: str) -> Delivery:
    """A webhook's body. Raises `Malformed` when the object that it is about lacks its key."""
    kind = next((name for field, name in KINDS.items() if field in tree), "unknown")
    about = tree.get(kind)
    repo = tree.get("repository")
    return Delivery(
        kind=kind,
        action=_text(tree.get("action")) or None,
        repository=repository(repo, host=host) if isinstance(repo, Mapping) else None,
        run=workflow_run(_tree(about)) if kind == "workflow_run" else None,
        job=job(_tree(about)) if kind == "workflow_job" else None,
        check_run=check_run(_tree(about)) if kind == "check_run" else None,
        pull_request=pull_request(_tree(about), host=host) if kind == "pull_request" else None,
        installation_id=_id_or_none(_tree(tree.get("installation")).get("id")),
    )


def items(tree: Any, name: str | None, parse: Callable[[Tree], T]) -> tuple[tuple[T, ...], int | None]:
    """One page of a listing (`{"total_count": n, name: [...]}`): its items and GitHub's total, if it names one.

    Without a name the answer itself is the list, and there is no total.
    """
    if name is None:
        if not isinstance(tree, list):
            raise Malformed("the answer is not a list")
        return tuple(parse(_tree(item)) for item in tree), None
    if not isinstance(tree, Mapping) or not isinstance(tree.get(name), list):
        raise Malformed(f"the listing holds no {name}")
    return tuple(parse(_tree(item)) for item in tree[name]), _count(tree.get("total_count"))


def document(tree: Any) -> Tree:
    """The answer as an object, or `Malformed`."""
    if not isinstance(tree, Mapping):
        raise Malformed("the answer is not an object")
    return tree


def time(text: Any) -> datetime | None:
    """A time of GitHub (ISO 8601) in UTC, or None."""
    return _time(text)


def identifier(value: Any, place: str) -> str:
    """An id (int64 in GitHub's JSON) as a string, or `Malformed`."""
    return _id({"id": value}, place)


def _tree(value: Any) -> Tree:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _required(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise Malformed(f"{place} is missing")
    return value


def _id(tree: Tree, place: str) -> str:
    value = _id_or_none(tree.get("id"))
    if value is None:
        raise Malformed(f"{place} is missing or not a number")
    return value


def _id_or_none(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    return value if isinstance(value, str) and re.fullmatch(r"\d{1,19}", value, re.ASCII) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _names(items: Any, key: str) -> tuple[str, ...]:
    return tuple(name for item in _list(items) if (name := _text(_tree(item).get(key))))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _number(value: Any, place: str) -> int:
    number = _count(value)
    if number is None:
        raise Malformed(f"{place} is missing or not a number")
    return number


def _time(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
