"""The registry of repository actions (E83.1): what may be automated in one repository, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cicatrix.core.actions import ActionType
from cicatrix.core.remedy.model import Risk


class PreconditionType(StrEnum):
    CHECKS_PASSED = "checks_passed"
    CHECKS_STATUS = "checks_status"
    REVIEW_APPROVED = "review_approved"
    REVIEW_COUNT = "review_count"
    LABEL_PRESENT = "label_present"
    LABEL_ABSENT = "label_absent"
    ASSIGNEE_SET = "assignee_set"
    BRANCH_PROTECTION = "branch_protection"
    PR_MERGEABLE = "pr_mergeable"
    PR_NOT_DRAFT = "pr_not_draft"
    ENVIRONMENT_APPROVED = "environment_approved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    type: PreconditionType
    value: str | int | bool | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    required: bool = True
    min_approvers: int = 1
    approver_roles: tuple[str, ...] = ()
    """GitHub's role names, such as `maintain`."""
    approver_teams: tuple[str, ...] = ()
    """`org/team` slugs."""
    approver_users: tuple[str, ...] = ()
    require_code_owners: bool = False
    dismiss_stale_reviews: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRemedy:
    """A fix of the repository's own (RM-1)."""

    id: str
    """Begins with `own.`, which no id of the catalogue does."""
    command: tuple[str, ...]
    risk: Risk
    paths: tuple[str, ...]
    """Patterns of the files that it may change."""
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedAction:
    action_type: ActionType
    enabled: bool = True
    preconditions: tuple[Precondition, ...] = ()
    approval_rule: ApprovalRule | None = None
    max_retries: int = 0
    """Absent is 0, and 0 is zero reruns (RG-2)."""
    cooldown_minutes: int = 0
    require_evidence: bool = True
    description: str = ""
    remedies: tuple[OwnRemedy, ...] = ()
    """Of `apply_remediation` alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredCheck:
    name: str
    required: bool = True
    allowed_statuses: frozenset[str] = frozenset({"success"})
    """Of success, pending, failure, error, neutral, skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """One valid document. `tree` is its canonical JSON with defaults filled in; `hash` is the SHA-256 of that."""

    registry_id: str
    version: str
    repository: str
    """`owner/repo` as written; compared without case, and never without the repository's id."""
    allowed_actions: tuple[AllowedAction, ...]
    required_checks: tuple[RequiredCheck, ...] = ()
    approval_rules: ApprovalRule | None = None
    fail_closed: bool = True
    tree: Mapping[str, object]
    hash: str
    file: str
    lines: Mapping[str, int] = field(default_factory=dict)
    """Dotted place such as `allowedActions.rerun_failed_jobs.maxRetries` -> line in `file`."""

    def action(self, action_type: ActionType) -> AllowedAction | None:
        return next((a for a in self.allowed_actions if a.action_type is action_type), None)

    def origin(self, place: str) -> str:
        """File and line of a place, such as `registry.yml:12`; the line of its nearest parent where it is not set."""
        parts = place.split(".")
        for n in range(len(parts), 0, -1):
            line = self.lines.get(".".join(parts[:n]))
            if line is not None:
                return f"{self.file}:{line}"
        return self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRegistry:
    """A registry as the ledger holds it active for one repository."""

    host: str
    repository_id: str
    owner_id: str
    full_name: str
    """The repository's name when it was registered."""
    registry: Registry
    activated_index: int
    """Ledger index of the entry that activated it."""
