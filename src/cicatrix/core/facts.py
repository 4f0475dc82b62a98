"""What was read from GitHub, as frozen values in GitHub's words.

Status and conclusion are open enums: they stay strings, and a value we do not know is never eligible
(https://docs.github.com/en/rest/actions/workflow-runs). GitHub's ids are int64 and travel as strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

FAILED = frozenset({"failure", "timed_out"})
"""Conclusions that make a job or run failed (the seed's two)."""

KNOWN_CONCLUSIONS = frozenset(
    {
        "success",
        "failure",
        "neutral",
        "cancelled",
        "skipped",
        "timed_out",
        "action_required",
        "stale",
        "startup_failure",
    }
)
"""Conclusions GitHub documents for runs and jobs. Anything else is stored and never eligible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository, keyed by host and id. `owner` and `name` are for showing and for paths, never for trust."""

    host: str
    id: str
    owner: str
    name: str
    owner_id: str = ""
    """The organisation or person that owns it: the key of the organisation's budget."""
    default_branch: str = field(default="", compare=False)
    """Empty where the answer did not say. It is no part of what the repository is."""

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    number: int
    state: str
    head_sha: str
    head_ref: str
    base_ref: str
    base: Repository
    head_repository_id: str | None
    """None when the fork was deleted."""
    auto_merge: bool
    author_id: str | None = None
    author: str | None = None
    """Login of whoever opened it; None when the account is gone."""
    draft: bool | None = None
    """None when the answer did not say."""
    mergeable: bool | None = None
    """None while GitHub is still finding out, or when the answer did not say."""
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    merged_at: datetime | None = None
    """None when it is not merged; a closed pull request without it was closed unmerged."""
    merge_commit_sha: str | None = None
    """Of a merged pull request: the commit on the base branch, be it a merge, a squash or the last of a rebase. Before
    that a test merge of GitHub's, which is on no branch."""
    html_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment of an issue or pull request. `body` is text of a stranger, unless its marker proves it ours."""

    id: str
    body: str
    author_id: str | None
    author: str | None
    """None when the account is gone."""
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    name: str
    head_sha: str
    protected: bool | None
    """None when the answer did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchRule:
    """One rule of a ruleset that holds for a branch (https://docs.github.com/en/rest/repos/rules)."""

    type: str
    """GitHub's open enum: pull_request, required_status_checks, required_signatures, merge_queue, update, ..."""
    ruleset_id: str
    """Empty when the answer did not say."""
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchProtection:
    """The older protection of a branch (https://docs.github.com/en/rest/branches/branch-protection)."""

    pull_request_reviews: bool
    """A change must come by a pull request."""
    status_checks: tuple[str, ...]
    """Contexts that must be green before a merge."""
    enforce_admins: bool
    restricted: bool
    """Only listed people, teams and Apps may push."""
    linear_history: bool
    signatures: bool
    locked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit as GitHub lists it."""

    sha: str
    parents: tuple[str, ...]
    """In git's order: the first is the branch that a merge went into. Empty for a root commit."""
    authored_at: datetime | None
    committed_at: datetime | None
    """Dates are what the committer's clock said: they prove no order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A zip archive that a workflow run left behind (https://docs.github.com/en/rest/actions/artifacts)."""

    id: str
    name: str
    size: int
    """Bytes of the archive."""
    expired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One review of a pull request (https://docs.github.com/en/rest/pulls/reviews)."""

    login: str
    """Empty when the account is gone."""
    state: str
    """GitHub's open enum in capitals: APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED, PENDING."""
    commit_sha: str | None
    """The head that was reviewed."""
    submitted_at: datetime | None
    """None while the review is pending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentReview:
    """One entry of a run's review history: somebody's word on its deployments. GitHub tells no time of it.

    https://docs.github.com/en/rest/actions/workflow-runs#get-the-review-history-for-a-workflow-run
    """

    environments: tuple[str, ...]
    """Names of the environments that it is about."""
    login: str
    """Empty when the account is gone."""
    state: str
    """GitHub's open enum: approved, rejected, pending (a comment that decides nothing)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    number: int
    name: str
    status: str
    conclusion: str | None
    started_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job execution of one run attempt. Ids change per attempt; untouched jobs may be copied into the next one."""

    id: str
    run_id: str
    run_attempt: int
    name: str
    status: str
    conclusion: str | None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    labels: tuple[str, ...] = ()
    runner_id: str | None = None
    runner_name: str | None = None
    steps: tuple[Step, ...] | None = None
    """None when the answer held no steps at all, () when it held an empty list."""

    @property
    def failed(self) -> bool:
        return self.status == "completed" and self.conclusion in FAILED

    @property
    def failed_step(self) -> Step | None:
        """The first step that failed, if any did."""
        return next((s for s in self.steps or () if s.conclusion in FAILED), None)

    @property
    def minutes(self) -> int:
        """Duration rounded up to whole minutes, as GitHub bills; 0 when it never started or never ended."""
        if self.started_at is None or self.completed_at is None:
            return 0
        return max(0, -(-int((self.completed_at - self.started_at).total_seconds()) // 60))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRun:
    id: str
    workflow_id: str
    path: str
    """The workflow file, without the `@ref` that GitHub may append."""
    name: str
    event: str
    head_sha: str
    head_branch: str | None
    head_repository_id: str | None
    """None when the fork was deleted."""
    repository_id: str
    repository_owner_id: str = ""
    repository_full_name: str = ""
    """`owner/name` as GitHub tells it now, whatever name was asked for; empty when the answer did not say."""
    status: str
    conclusion: str | None
    run_attempt: int | None
    """None when GitHub left it out: then nothing about attempts is known (it is not in the schema's required list)."""
    run_number: int
    created_at: datetime
    run_started_at: datetime | None
    updated_at: datetime | None
    triggering_actor_id: str | None
    triggering_actor: str | None
    pull_request_numbers: tuple[int, ...] = ()
    referenced_workflows: tuple[tuple[str, str], ...] = ()
    """(path as `owner/repo/.github/workflows/x.yml@ref`, sha) of each reusable workflow that the run used."""
    html_url: str = ""
    display_title: str = ""
    """What `run-name` of the workflow gave, else a title of GitHub's making. Who writes the event may choose it."""

    @property
    def completed(self) -> bool:
        return self.status == "completed"

    @property
    def failed(self) -> bool:
        return self.completed and self.conclusion in FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """A check of the commit by any App. `app_slug` tells GitHub Actions (`github-actions`) from others."""

    id: str
    name: str
    status: str
    conclusion: str | None
    app_slug: str | None
    url: str = ""
    """Where the App shows its details; the App chooses it."""
    title: str = ""
    summary: str = ""
    """What the App says about the outcome: text of a stranger, of any length."""
    external_id: str = ""
    """What the App itself calls it; of ours the operation's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitStatus:
    """The latest commit status of one context, the older kind of check."""

    context: str
    state: str
    """error, failure, pending or success."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A listing read to its end, or not: `incomplete` then says why, and nothing may be decided on it."""

    items: tuple[T, ...]
    incomplete: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who our token is at GitHub. `shared` unless it is an App, since people use the other kinds too."""

    id: str | None
    login: str
    kind: str
    """`app`, `user` or `actions` (the GITHUB_TOKEN of a workflow)."""

    @property
    def shared(self) -> bool:
        return self.kind != "app"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLog:
    """A job's log, or why there is none. `missing` is `not_found`, `gone`, `host_refused`, `unreadable` or None."""

    text: bytes
    truncated: bool = False
    missing: str | None = None
    gap_at: int | None = None
    """Offset in `text` where the middle was left out (`truncated`): the head ends and the tail begins there."""
    gap_lines: int = 0
    """Lines left out there: add them to a line number of the tail to get the number in the whole log."""


EMPTY_LOG = JobLog(text=b"", missing="not_found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The jobs of one run attempt."""

    number: int
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file a person wrote: where, and what would be right."""

    path: str
    message: str
    line: int | None = None
    column: int | None = None
    file: str = ""

    def __str__(self) -> str:
        place = ":".join(str(x) for x in (self.file, self.line, self.column) if x not in ("", None))
        return f"{place} {self.path} {self.message}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof that an intent is durable in the ledger. Only `cicatrix.ledger` makes one, after its commit.

    Every writing method of the GitHub client asks for it, so a write without a recorded intent does not type-check.
    """

    operation_id: str
    ledger_index: int
    send: int
    """1 for the first send of the operation, higher for each resend after a definite "not now"."""
    kind: str = field(default="rerun")


Tree = Mapping[str, object]
