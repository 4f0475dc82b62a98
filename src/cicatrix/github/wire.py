"""GitHub's JSON into our facts. Tolerant: unknown fields, nulls, new enum values pass; only ids and keys must be there.

Shapes: https://docs.github.com/en/rest/actions/workflow-runs, .../rest/actions/workflow-jobs, .../rest/checks/runs,
.../rest/pulls/pulls, and https://docs.github.com/en/webhooks/webhook-events-and-payloads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

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
from cicatrix.github.fields import (
    Malformed,
    Tree,
    count,
    flag,
    ident,
    ident_or_none,
    mapping,
    moment,
    names_of,
    number,
    required,
    sequence,
    text,
)

T = TypeVar("T")

NO_ID = ""
"""Stands for an id that an old payload does not carry and that nothing can be decided without."""


def repository(tree: Tree, *, host: str) -> Repository:
    """A repository; the owner's id is empty when the document is too small to hold it."""
    full = text(tree.get("full_name"))
    owner = mapping(tree.get("owner"))
    return Repository(
        host=host,
        id=ident(tree, "repository.id"),
        owner=text(owner.get("login")) or full.partition("/")[0],
        name=text(tree.get("name")) or full.partition("/")[2],
        owner_id=ident_or_none(owner.get("id")) or NO_ID,
        default_branch=text(tree.get("default_branch")),
    )


def pull_request(tree: Tree, *, host: str) -> PullRequest:
    """A pull request; `head_repository_id` is None when the fork was deleted."""
    head, base = mapping(tree.get("head")), mapping(tree.get("base"))
    return PullRequest(
        number=number(tree.get("number"), "pull_request.number"),
        state=text(tree.get("state")),
        head_sha=required(head.get("sha"), "pull_request.head.sha"),
        head_ref=text(head.get("ref")),
        base_ref=text(base.get("ref")),
        base=repository(mapping(base.get("repo")), host=host),
        head_repository_id=ident_or_none(mapping(head.get("repo")).get("id")),
        auto_merge=tree.get("auto_merge") is not None and tree.get("auto_merge") is not False,
        author_id=ident_or_none(mapping(tree.get("user")).get("id")),
        author=text(mapping(tree.get("user")).get("login")) or None,
        draft=flag(tree.get("draft")),
        mergeable=flag(tree.get("mergeable")),
        labels=names_of(tree.get("labels"), "name"),
        assignees=names_of(tree.get("assignees"), "login"),
        merged_at=moment(tree.get("merged_at")),
        merge_commit_sha=text(tree.get("merge_commit_sha")).lower() or None,
        html_url=text(tree.get("html_url")),
    )


def review(tree: Tree) -> tuple[str, Review]:
    """A review and its id."""
    return ident(tree, "review.id"), Review(
        login=text(mapping(tree.get("user")).get("login")),
        state=text(tree.get("state")).upper(),
        commit_sha=text(tree.get("commit_id")).lower() or None,
        submitted_at=moment(tree.get("submitted_at")),
    )


def environment_review(tree: Tree) -> EnvironmentReview:
    """An entry of a run's review history. What it is about must be told: nobody may guess what was rejected."""
    if not isinstance(tree.get("environments"), list):
        raise Malformed("environment_approval.environments is missing")
    return EnvironmentReview(
        environments=tuple(
            required(mapping(item).get("name"), "environment_approval.environments.name")
            for item in tree["environments"]
        ),
        login=text(mapping(tree.get("user")).get("login")),
        state=text(tree.get("state")).lower(),
    )


def role(tree: Tree) -> str:
    """The role of a user in a repository: `role_name`, which may be an organisation's own, else the older field."""
    return text(tree.get("role_name")) or required(tree.get("permission"), "permission")


def branch(tree: Tree) -> Branch:
    """A branch, its head and whether it is protected."""
    return Branch(
        name=required(tree.get("name"), "branch.name"),
        head_sha=required(mapping(tree.get("commit")).get("sha"), "branch.commit.sha").lower(),
        protected=flag(tree.get("protected")),
    )


def commit_status(tree: Tree) -> CommitStatus:
    """The latest status of one context."""
    return CommitStatus(context=required(tree.get("context"), "status.context"), state=text(tree.get("state")))


def changed_files(tree: Tree) -> tuple[str, ...]:
    """The names of a changed file: the present one and, of a renamed file, the one before."""
    names = (required(tree.get("filename"), "file.filename"), text(tree.get("previous_filename")))
    return tuple(name for name in names if name)


def workflow_run(tree: Tree) -> WorkflowRun:
    """A workflow run. `run_attempt` is None when absent: GitHub does not promise it."""
    created = moment(tree.get("created_at"))
    if created is None:
        raise Malformed("workflow_run.created_at is missing or not a time")
    actor, head = mapping(tree.get("triggering_actor")), mapping(tree.get("head_repository"))
    repo = mapping(tree.get("repository"))
    return WorkflowRun(
        id=ident(tree, "workflow_run.id"),
        workflow_id=ident_or_none(tree.get("workflow_id")) or NO_ID,
        path=text(tree.get("path")).partition("@")[0],
        name=text(tree.get("name")),
        event=text(tree.get("event")),
        head_sha=required(tree.get("head_sha"), "workflow_run.head_sha"),
        head_branch=text(tree.get("head_branch")) or None,
        head_repository_id=ident_or_none(head.get("id")),
        repository_id=ident_or_none(repo.get("id")) or NO_ID,
        repository_owner_id=ident_or_none(mapping(repo.get("owner")).get("id")) or NO_ID,
        repository_full_name=text(repo.get("full_name")),
        status=text(tree.get("status")),
        conclusion=text(tree.get("conclusion")) or None,
        run_attempt=count(tree.get("run_attempt")),
        run_number=count(tree.get("run_number")) or 0,
        created_at=created,
        run_started_at=moment(tree.get("run_started_at")),
        updated_at=moment(tree.get("updated_at")),
        triggering_actor_id=ident_or_none(actor.get("id")),
        triggering_actor=text(actor.get("login")) or None,
        pull_request_numbers=tuple(
            listed
            for item in sequence(tree.get("pull_requests"))
            if (listed := count(mapping(item).get("number"))) is not None
        ),
        referenced_workflows=tuple(
            (text(mapping(item).get("path")), text(mapping(item).get("sha")))
            for item in sequence(tree.get("referenced_workflows"))
            if text(mapping(item).get("path"))
        ),
        html_url=text(tree.get("html_url")),
        display_title=text(tree.get("display_title")),
    )


def job(tree: Tree, *, attempt: int | None = None) -> Job:
    """A job. `attempt` is the attempt that was asked for, used when the job does not name its own.

    A runner id of 0 and an empty runner name mean that no runner ever took it, and become None.
    """
    steps = tree.get("steps")
    runner = ident_or_none(tree.get("runner_id"))
    run_attempt = count(tree.get("run_attempt")) or attempt
    return Job(
        id=ident(tree, "job.id"),
        run_id=ident_or_none(tree.get("run_id")) or NO_ID,
        run_attempt=1 if run_attempt is None else run_attempt,
        name=required(tree.get("name"), "job.name"),
        status=text(tree.get("status")),
        conclusion=text(tree.get("conclusion")) or None,
        started_at=moment(tree.get("started_at")),
        completed_at=moment(tree.get("completed_at")),
        labels=tuple(text(label) for label in sequence(tree.get("labels"))),
        runner_id=None if runner == "0" else runner,
        runner_name=text(tree.get("runner_name")) or None,
        steps=tuple(_step(mapping(item), place) for place, item in enumerate(steps, 1))
        if isinstance(steps, list)
        else None,
    )


def check_run(tree: Tree) -> CheckRun:
    """A check run of any App; `app_slug` is None when the App was deleted."""
    return CheckRun(
        id=ident(tree, "check_run.id"),
        name=text(tree.get("name")),
        status=text(tree.get("status")),
        conclusion=text(tree.get("conclusion")) or None,
        app_slug=text(mapping(tree.get("app")).get("slug")) or None,
        url=text(tree.get("details_url")) or text(tree.get("html_url")),
        title=text(mapping(tree.get("output")).get("title")),
        summary=text(mapping(tree.get("output")).get("summary")),
        external_id=text(tree.get("external_id")),
    )


def _step(tree: Tree, place: int) -> Step:
    return Step(
        number=count(tree.get("number")) or place,
        name=text(tree.get("name")),
        status=text(tree.get("status")),
        conclusion=text(tree.get("conclusion")) or None,
        started_at=moment(tree.get("started_at")),
        completed_at=moment(tree.get("completed_at")),
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
        action=text(tree.get("action")) or None,
        repository=repository(repo, host=host) if isinstance(repo, Mapping) else None,
        run=workflow_run(mapping(about)) if kind == "workflow_run" else None,
        job=job(mapping(about)) if kind == "workflow_job" else None,
        check_run=check_run(mapping(about)) if kind == "check_run" else None,
        pull_request=pull_request(mapping(about), host=host) if kind == "pull_request" else None,
        installation_id=ident_or_none(mapping(tree.get("installation")).get("id")),
    )


def items(tree: Any, name: str | None, parse: Callable[[Tree], T]) -> tuple[tuple[T, ...], int | None]:
    """One page of a listing (`{"total_count": n, name: [...]}`): its items and GitHub's total, if it names one.

    Without a name the answer itself is the list, and there is no total.
    """
    if name is None:
        if not isinstance(tree, list):
            raise Malformed("the answer is not a list")
        return tuple(parse(mapping(item)) for item in tree), None
    if not isinstance(tree, Mapping) or not isinstance(tree.get(name), list):
        raise Malformed(f"the listing holds no {name}")
    return tuple(parse(mapping(item)) for item in tree[name]), count(tree.get("total_count"))


def document(tree: Any) -> Tree:
    """The answer as an object, or `Malformed`."""
    if not isinstance(tree, Mapping):
        raise Malformed("the answer is not an object")
    return tree
