"""Rows that tell people who set what and what said no: registry, lawbook, stop rules, automation, kill switch.

Also what rungs 2 to 4 leave behind: measurements, blocked branches, leases of refs, credentials that were used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEvent:
    """One change of a repository's registry: a row of `repo_actions_registry_history`."""

    registry_id: str
    version: str
    """The document's own version label; `revision` counts the contents of one repository."""
    action: str
    """created, updated (another content), activated (after it was deactivated) or deactivated."""
    content: str
    """The whole document as canonical JSON."""
    content_hash: str
    at: datetime
    by: str
    reason: str = ""
    host: str
    repository_id: str
    owner_id: str
    repository: str
    """`owner/repo` as GitHub told it then."""
    revision: int
    file: str
    ledger_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAuditRow:
    """One evaluation of the registry: a row of `registry_action_audit`."""

    registry_id: str | None
    """None when no registry was active."""
    registry_version: str | None
    action_type: str
    action_status: str
    """allowed, blocked or pending_approval."""
    repository: str
    """`owner/repo`"""
    resource_type: str
    """issue, pull_request, workflow_run, commit, branch or repository."""
    resource_number: int | None
    validation_result: Mapping[str, object]
    """`Evaluation.as_json()`."""
    executed_at: datetime
    executed_by: str
    evidence_id: str | None = None
    host: str
    repository_id: str
    content_hash: str | None = None
    operation_id: str | None = None
    """The operation that was really intended on this evaluation; None for a dry run and whatever came to nothing."""
    request_id: str
    ledger_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLawbook:
    """A lawbook that is active in one scope."""

    scope: str
    """deployment, organisation or repository."""
    host: str
    """Empty for the deployment."""
    target: str
    """Owner id or repository id; empty for the deployment."""
    full_name: str
    """The organisation's or repository's name then; empty for the deployment."""
    version: str
    hash: str
    content: str
    """The YAML text as it was given."""
    file: str
    created_at: datetime
    """When this version was first stored."""
    created_by: str
    activated_at: datetime
    activated_by: str
    activated_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LawbookEvent:
    """One change of what is active in a scope: a row of `lawbook_events`."""

    scope: str
    host: str
    target: str
    full_name: str
    version: str
    hash: str
    action: str
    """activated or deactivated."""
    at: datetime
    by: str
    reason: str = ""
    ledger_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRow:
    """One decision of the stop rules about one job: a row of `stop_decision_audit`."""

    resource_owner: str
    resource_repo: str
    pr_number: int
    workflow_run_id: str | None
    request_id: str
    decision: str
    """CONTINUE, HOLD or KILL."""
    reason_code: str | None
    reasons: tuple[str, ...]
    recommended_next_step: str
    failure_class: str | None
    job_attempts: int
    pr_attempts: int
    lawbook_hash: str
    lawbook_version: str
    applied_rules: tuple[str, ...]
    evidence: Mapping[str, object] = field(default_factory=dict)
    host: str
    repository_id: str
    head_sha: str
    job_name: str
    decision_id: str
    ledger_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationRow:
    """One evaluation of the automation policy: a row of `automation_policy_executions`."""

    request_id: str
    action_type: str
    environment: str
    allowed: bool
    reason: str
    next_allowed_at: datetime | None = None
    requires_approval: bool = False
    idempotency_key: str | None = None
    idempotency_key_hash: str | None = None
    policy_name: str | None
    lawbook_version: str
    lawbook_hash: str
    resource_owner: str
    resource_repo: str
    resource_number: int | None
    host: str
    repository_id: str
    principal: str
    operation_id: str | None = None
    """The operation that was really intended; only such rows count in cooldowns and windows (LB-4)."""
    ledger_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitch:
    """A kill switch that is set in the database."""

    scope: str
    """deployment, organisation, repository or action."""
    host: str
    """Empty for the scopes deployment and action."""
    target: str
    """Owner id, repository id or action type; empty for the deployment."""
    reason: str
    set_by: str
    set_at: datetime
    ledger_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementRow:
    """One health measurement: a row of `health_measurements`."""

    host: str
    repository_id: str
    owner: str
    repository: str
    """The repository's name without its owner."""
    ref: str
    """The full ref, such as `refs/heads/main`; empty for a commit that was measured by its SHA alone."""
    sha: str
    case_id: str | None = None
    purpose: str
    """gate, before, after, validation or culprit."""
    taken_at: datetime
    set_hash: str
    """Hash of the declared checks: two measurements compare only under equal ones."""
    confidence: int | None
    """0..100; None when something is unknown, and so is `health`."""
    health: int | None
    ready: bool | None
    gate: str
    band: str
    report: Mapping[str, object] = field(default_factory=dict)
    """JSON without floats: the whole measurement, as the report shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchBlock:
    """A branch whose gate stays closed after a rollback, until a person releases the case."""

    case_id: str
    ref: str
    why: str
    since: datetime
    ledger_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefLease:
    """The right to work on a ref; one case has it at a time."""

    case_id: str
    ref: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSeen:
    """A credential that was used, known by the salted hash of its token."""

    slot: str
    """Where it comes from, such as `CI_REDISPATCH_TOKEN`."""
    fingerprint: str
    first_seen: datetime
    last_used: datetime
    expires_at: datetime | None = None
