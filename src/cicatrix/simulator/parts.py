"""What a repository of the simulated GitHub holds: pull requests with their reviews, workflows, checks, runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .specs import JobSpec, SimulatorError
from .state import Execution, RunState, SimApproval

if TYPE_CHECKING:
    from .world import World

Heads = list[tuple[datetime, str]]
"""When a ref began to point where, oldest first."""


def head_at(heads: Heads, at: datetime) -> str:
    """Where the ref pointed at that time; its first commit before that."""
    return next((sha for since, sha in reversed(heads) if since <= at), heads[0][1])


@dataclass(frozen=True, slots=True, kw_only=True)
class SimCommit:
    """A commit, as the endpoints of commits show it."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: str
    email: str
    authored_at: datetime
    committed_at: datetime
    message: str


@dataclass(slots=True, kw_only=True)
class SimReview:
    id: int
    login: str
    state: str
    commit_sha: str
    at: datetime


@dataclass(slots=True, kw_only=True)
class SimComment:
    """A comment on a pull request's conversation."""

    id: int
    login: str
    body: str
    at: datetime
    edited_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchRules:
    """What a protected branch asks of changes. Force pushes and deletions are refused on every protected branch."""

    pull_request: bool = False
    approvals: int = 0
    signatures: bool = False
    merge_queue: bool = False
    checks: tuple[str, ...] = ()
    """Names of required status checks; without them the branch takes no direct push of a commit that lacks them."""
    ruleset: bool = False
    """The rules come from a ruleset: they are listed as rules, and the older protection knows nothing of them."""
    bypass: frozenset[str] = frozenset()
    """Logins that none of this binds."""


@dataclass(slots=True, kw_only=True)
class SimPull:
    """A pull request. `auto_merge`, `draft` and `mergeable` may be set at any time."""

    world: World = field(repr=False)
    id: int
    number: int
    head_ref: str
    base_ref: str
    head_repository: str | None
    """None when the fork was deleted."""
    fork: bool
    author: str
    auto_merge: bool
    state: str
    created_at: datetime
    heads: Heads
    draft: bool = False
    mergeable: bool | None = True
    """None while GitHub is still finding out."""
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    reviews: list[SimReview] = field(default_factory=list)
    changed: list[tuple[str, str | None]] = field(default_factory=list)
    """Changed files, each with its former name when it was renamed."""
    title: str = ""
    """`Pull request <number>` unless given."""
    body: str | None = None
    comments: list[SimComment] = field(default_factory=list)
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merged_by: str | None = None
    merge_sha: str | None = None
    """The commit that the merge made on the base branch."""

    @property
    def head_sha(self) -> str:
        return self.heads[-1][1]

    @property
    def merged(self) -> bool:
        return self.merged_at is not None

    def close(self) -> None:
        """Closes it. Its head stays where it is, whatever becomes of the branch."""
        if self.state != "closed":
            self.heads = list(self.heads)
            self.state, self.closed_at = "closed", self.world.now

    def review(self, login: str, state: str = "APPROVED", sha: str | None = None) -> SimReview:
        """A review of the present head, or of the commit `sha`: APPROVED, CHANGES_REQUESTED, COMMENTED, ..."""
        with self.world.lock:
            made = SimReview(
                id=self.world.next_id("review"),
                login=login,
                state=state.upper(),
                commit_sha=sha or self.head_sha,
                at=self.world.now,
            )
            self.reviews.append(made)
            return made

    def dismiss(self, login: str) -> None:
        """Every approval and change request of this reviewer becomes DISMISSED."""
        with self.world.lock:
            for review in self.reviews:
                if review.login.lower() == login.lower() and review.state in ("APPROVED", "CHANGES_REQUESTED"):
                    review.state = "DISMISSED"

    def label(self, *names: str) -> None:
        """Adds labels."""
        with self.world.lock:
            self.labels += [name for name in names if name not in self.labels]

    def assign(self, *logins: str) -> None:
        """Adds assignees."""
        with self.world.lock:
            self.assignees += [login for login in logins if login not in self.assignees]

    def change(self, *paths: str, renamed_from: str | None = None) -> None:
        """The pull request changes these files; `renamed_from` is the former name of all of them."""
        with self.world.lock:
            self.changed += [(path, renamed_from) for path in paths]


@dataclass(slots=True, kw_only=True)
class SimWorkflow:
    id: int
    path: str
    name: str
    jobs: tuple[JobSpec, ...]
    made_at: datetime


@dataclass(slots=True, kw_only=True)
class ForeignCheck:
    """A check run of an App that is not GitHub Actions."""

    id: int
    name: str
    head_sha: str
    app_slug: str
    status: str
    conclusion: str | None
    at: datetime
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    external_id: str = ""
    details_url: str | None = None
    completed_at: datetime | None = None
    annotations: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class SimArtifact:
    """What a run uploaded: the bytes of its archive, as they are. `expired` may be set at any time."""

    id: int
    run_id: int
    repository_id: int
    name: str
    data: bytes
    at: datetime
    expired: bool = False


@dataclass(slots=True, kw_only=True)
class SimStatus:
    """A commit status."""

    id: int
    context: str
    state: str
    sha: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SimRun:
    """A run, as a test holds it."""

    world: World
    state: RunState

    @property
    def id(self) -> int:
        return self.state.id

    @property
    def head_sha(self) -> str:
        return self.state.head_sha

    @property
    def attempt(self) -> int:
        """The newest attempt there is."""
        return self.state.last.number

    @property
    def ends_at(self) -> datetime:
        """When the newest attempt will be, or was, completed."""
        return self.state.ends_at

    @property
    def conclusion(self) -> str | None:
        return self.state.last.conclusion_at(self.world.now)

    def finish(self) -> SimRun:
        """Moves the world's time to the end of the newest attempt, when that is still to come."""
        if self.state.held:
            raise SimulatorError(f"run {self.id} waits for the test; end it with world.finish(run, ...)")
        missing = (self.ends_at - self.world.now).total_seconds()
        if missing > 0:
            self.world.advance(missing)
        return self

    def approve_environment(self, name: str, login: str, state: str = "approved") -> SimApproval:
        """A review of the run's deployment to an environment: approved, rejected or pending (a mere comment)."""
        with self.world.lock:
            made = SimApproval(environment=name, login=login, state=state, at=self.world.now)
            self.state.approvals.append(made)
            return made

    def job(self, name: str, attempt: int | None = None) -> Execution:
        """The execution with this shown name: the newest one, or that of one attempt."""
        if attempt is None:
            return self.state.last.latest[name]
        return next(e for e in self.state.attempts[attempt - 1].executions if e.name == name)
