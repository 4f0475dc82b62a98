"""What a report is made from: plain values that whoever measured, fixed, dispatched or rolled back already has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cicatrix.core.health.model import Measurement
from cicatrix.core.operations import OperationState
from cicatrix.core.rollback.plan import RollbackStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write to GitHub as the ledger tells it: an operation and the entry that settled or intended it."""

    operation: str
    verb: str
    state: OperationState
    index: int | None
    """Index of its latest entry in the ledger; None where no ledger is kept."""
    answer: str = ""
    pull_request: int = 0
    """Number of the pull request that it opened or changed; 0 without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A remedy that was applied and kept."""

    remedy: str
    about: str
    files: int
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A remedy that was not applied, or was undone."""

    remedy: str
    reason: str
    """A reason code."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remediation:
    """What was done to repair the commit. `before` of the report is the measurement that it started from."""

    fixes: tuple[Fix, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    commit: str | None = None
    """The one commit that holds the fixes; without it nothing was remediated (RM-5)."""
    writes: tuple[Write, ...] = ()
    lint: Mapping[str, object] | None = None
    security: Mapping[str, object] | None = None
    """The seed's security result, by its field names (behaviour 13)."""
    build: Mapping[str, object] | None = None
    """The seed's build diagnostics, by its field names (behaviour 13)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of the re-dispatch, with one credential."""

    credential: str
    """Such as `app`, `GITHUB_TOKEN` or `CI_REDISPATCH_TOKEN`; never its value."""
    state: OperationState
    status: int | None
    """GitHub's HTTP status; None when no answer came."""
    reason: str = ""
    """Reason code for which the next credential was taken, or none was left; empty when this attempt counted."""
    answer: str = ""
    operation: str = ""
    index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redispatch:
    """The re-dispatch after a remediation: each attempt, and the run that it started."""

    via: str
    """`repository_dispatch` or `workflow_dispatch`."""
    attempts: tuple[Attempt, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    """Credentials that were not tried, each with its reason code: `(CI_REDISPATCH_TOKEN, credential_missing)`."""
    run_id: str = ""
    """The run that validates; empty while none was found."""
    delay: timedelta | None = None
    """From the accepted dispatch to the run's start; None while it is not known."""
    outcome: str = ""
    """Outcome of the validation; empty while none was reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackTold:
    """What became of the question whether to roll back."""

    status: RollbackStatus
    trigger: str = ""
    """One sentence; empty when nothing triggered it."""
    action: str = ""
    """What was done or has to be done; filled in by the status when empty."""
    safety: tuple[str, ...] = ()
    """What was made sure of before anything left, one sentence each."""
    target: str = ""
    """The commit that is reverted; empty without one."""
    write: Write | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """Everything that a health report tells."""

    generated: datetime
    repository: str
    """`owner/repo`; empty where it is not known."""
    ref: str
    request_id: str
    lawbook_hash: str
    environment: str
    case_id: str = ""
    measurement: Measurement
    before: Measurement | None = None
    """The measurement that the remediation started from; None is "not measured"."""
    report_only: bool = False
    threshold: int = 30
    rollback: RollbackTold
    remediation: Remediation | None = None
    redispatch: Redispatch | None = None
    manual: tuple[str, ...] = ()
    """What a person has to do, beyond what follows from the rest."""
    configuration: Mapping[str, str] = field(default_factory=dict)
    ledger: tuple[tuple[str, int], ...] = ()
    """Further entries that the report rests on: what each is, and its index."""
    exit_code: int
