"""What the ledger knows that a decision needs: operations, their slots, and how much of each budget is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class OperationState(StrEnum):
    SENT = "SENT"
    """Bytes may have left. Settled by reading GitHub back, never by sending again."""
    DEFERRED = "DEFERRED"
    """Definitely no effect so far; may be sent from `not_before` on."""
    CONFIRMED = "CONFIRMED"
    REFUSED = "REFUSED"
    """Definitely no effect of ours, ever. Slots are free again."""
    INDETERMINATE = "INDETERMINATE"
    """No verdict within the window. Slots stay charged until a person resolves it."""


OPEN = frozenset({OperationState.SENT, OperationState.DEFERRED})
CHARGED = frozenset(OperationState) - {OperationState.REFUSED}


class Kind(StrEnum):
    """What a write is about: the first word of its entries (foundations 4)."""

    RERUN = "rerun"
    DISPATCH = "dispatch"
    PUSH = "push"
    PULL_REQUEST = "pull_request"
    COMMENT = "comment"
    LABEL = "label"
    CHECK_RUN = "check_run"


class Verb(StrEnum):
    """The endpoint that an operation calls, in GitHub's words; for a push, what is pushed."""

    RERUN_FAILED_JOBS = "rerun-failed-jobs"
    RERUN_JOB = "rerun-job"
    RERUN = "rerun"
    REPOSITORY_DISPATCH = "repository-dispatch"
    WORKFLOW_DISPATCH = "workflow-dispatch"
    PUSH_BRANCH = "push-branch"
    """A branch of our own that is new: `cicatrix/...`."""
    PUSH_DIRECT = "push-direct"
    """A plain fast-forward of a branch that people work on."""
    CREATE_PULL = "create-pull"
    CLOSE_PULL = "close-pull"
    CREATE_COMMENT = "create-comment"
    UPDATE_COMMENT = "update-comment"
    ADD_LABELS = "add-labels"
    CREATE_CHECK_RUN = "create-check-run"
    UPDATE_CHECK_RUN = "update-check-run"


MAY_BE_REPEATED = frozenset({Kind.COMMENT, Kind.LABEL, Kind.CHECK_RUN})
"""Kinds that may be sent again once a read shows the effect's absence (foundations 4). No other ever is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRef:
    """A job that an operation names or takes along."""

    name: str
    """As GitHub shows it: the seed's key within a run."""
    key: str
    """Workflow path + job id in the file + matrix values, else path + shown name (foundations 2)."""
    job_id: str | None = None
    """None for a dependant that has not run in the latest attempt."""
    minutes: int = 0
    labels: tuple[str, ...] = ()
    signature: str | None = None
    """Signature of the failure that the rerun answers; None for a dependant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One intended write to GitHub, from its intent to its settled state."""

    id: str
    kind: str = Kind.RERUN.value
    verb: Verb
    host: str
    repository_id: str
    owner_id: str
    owner: str
    repository: str
    """The repository's name without its owner; for paths and for showing."""
    run_id: str
    """Empty where the write is about no run."""
    target_job_id: str | None = None
    """The job of a single-job rerun."""
    pull_request: int
    """0 without a pull request."""
    head_sha: str
    base_attempt: int = 0
    """`run_attempt` when the intent was written; the effect is the next attempt, unless a person was faster."""
    named: tuple[JobRef, ...] = ()
    dependants: tuple[JobRef, ...] = ()
    minutes: int = 0
    case_id: str | None = None
    target: str = ""
    """What the write is about, one line of ours such as `ref:refs/heads/main` or `comment:41`; empty for a rerun.

    At most one operation is open for one (kind, target) of a repository and run.
    """
    params: Mapping[str, object] = field(default_factory=dict)
    """JSON: what it takes to send the write and to find its effect again. No secret, and no text of strangers."""
    request_id: str
    principal: str
    identity: str
    """Login our token had; `identity_shared` tells whether people may use it too."""
    identity_shared: bool
    decision_id: str
    state: OperationState
    created_at: datetime
    sent_at: datetime | None = None
    not_before: datetime | None = None
    settled_at: datetime | None = None
    sends: int = 1
    answer: str = ""
    """GitHub's answer or what went wrong, redacted; empty while nothing came."""
    decided_index: int | None = None
    intended_index: int | None = None
    settled_index: int | None = None
    judged_attempt: int | None = None
    """The attempt whose end was judged as this operation's outcome; None until then."""

    @property
    def attempt(self) -> int:
        """The attempt that this operation made, as far as is known."""
        return self.judged_attempt or self.base_attempt + 1

    @property
    def open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotUse:
    """One taken `sha_job` slot: a job counts against it when either name or key is equal."""

    name: str
    key: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    host: str
    repository_id: str
    owner_id: str
    run_id: str
    pull_request: int
    head_sha: str
    action: str = "rerun_failed_jobs"
    """The registry's action type, for kill switches of one action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Everything counted, read under the write lock in one transaction. Counts name jobs, not requests.

    The sums count jobs named by operations that are not REFUSED; the day is the rolling 24 h before the query.
    """

    run_job: Mapping[str, int]
    """Shown job name -> slots taken in this run."""
    sha_job: tuple[SlotUse, ...]
    """Every slot taken on this head SHA of this repository."""
    pull_request: int = 0
    """Jobs named on this pull request and this head SHA, without limit of time."""
    pull_request_day: int = 0
    repository_day: int = 0
    organisation_day: int = 0
    label_day: Mapping[str, int]
    minutes_pull_request_day: int = 0
    minutes_repository_day: int = 0
    operations: tuple[Operation, ...] = ()
    """All operations of this run, oldest first."""
    last_rerun: Mapping[str, datetime]
    """Job key -> when a rerun of it on this head SHA was last accepted by GitHub (CONFIRMED)."""
    same_signal: Mapping[str, int]
    """Job key -> how many of its latest reruns on this head SHA, in a row, failed with an unchanged signature."""
    identity_conflict: str | None = None
    """Id of the unresolved `identity.conflict` of this repository, if there is one."""
    kill_switch: str | None = None
    """Why the database's kill switch stops writes here, if it does."""
    first_rerun: datetime | None = None
    """When the first rerun that GitHub accepted on this pull request and head SHA was intended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One row of `job_rerun_attempts`: the seed's columns first, ours after them."""

    resource_owner: str
    resource_repo: str
    pr_number: int
    workflow_run_id: str
    job_name: str
    attempt_number: int
    request_id: str
    decision: str
    reason_code: str | None
    reasons: tuple[str, ...]
    prior_conclusion: str | None
    failure_class: str | None
    lawbook_hash: str
    max_attempts_limit: int
    github_response: Mapping[str, object] | None = None
    github_error: str | None = None
    host: str
    repository_id: str
    workflow_id: str
    job_id: str | None
    job_key: str
    head_sha: str
    run_attempt_before: int | None
    run_attempt_after: int | None = None
    triggering_actor: str | None = None
    operation_id: str | None = None
    operation_state: str | None = None
    rule_id: str | None = None
    evidence_ref: str | None = None
    decision_id: str
    ledger_index: int
    signature: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One row of `workflow_action_audit`: insert-only, a later state is a new row."""

    action_type: str
    action_status: str
    """pending, completed, failed, noop or blocked."""
    resource_type: str
    resource_owner: str
    resource_repo: str
    resource_number: int | None
    initiated_by: str
    initiated_at: datetime
    completed_at: datetime | None
    action_params: Mapping[str, object]
    action_result: Mapping[str, object]
    error_message: str | None = None
    error_details: Mapping[str, object] | None = None
    host: str
    repository_id: str
    request_id: str
    operation_id: str | None = None
    ledger_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    """What became of one job that an operation reran: a row of `rerun_outcomes`."""

    operation_id: str
    host: str
    repository_id: str
    run_id: str
    head_sha: str
    job_name: str
    job_key: str
    outcome: str
    """healed, failed_same, failed_other, cancelled or unknown."""
    run_attempt: int
    minutes: int
    signature_before: str | None
    signature_after: str | None
    named: bool
    """False for a dependant that ran along."""
    ledger_index: int
