"""What an evaluation of the registry looks at, and what it answers: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from cicatrix.core.actions import ActionType
from cicatrix.core.canonical import instant
from cicatrix.core.environment import Environment
from cicatrix.core.facts import EnvironmentReview, Review
from cicatrix.core.registry.model import AllowedAction, ApprovalRule, OwnRemedy, Precondition

Kind = Literal[
    "",
    "no_registry",
    "other_repository",
    "not_performed",
    "absent",
    "disabled",
    "preconditions",
    "evidence",
    "cooldown",
    "approval",
]
"""Which guard said no, in the order in which they are asked; empty when none did."""

Status = Literal["allowed", "blocked", "pending_approval"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The facts at this moment. None is: not read, or could not be read; then whatever needs it is not met (RG-4)."""

    environment: Environment
    host: str
    repository_id: str
    full_name: str
    """Host, id and `owner/repo` as GitHub tells them now."""
    now: datetime
    requester: str | None = None
    """Login of the person who asks. A name that can be no login (such as `key:abc`) is nobody's.

    None: not known; any one of the approvals may then be the requester's own, and one more is needed.
    """
    head_sha: str | None = None
    checks: tuple[tuple[str, str], ...] | None = None
    """(name, status) of every check of the head; the status in the registry's words, any other word is not passed."""
    reviews: tuple[Review, ...] | None = None
    labels: tuple[str, ...] | None = None
    assignees: tuple[str, ...] | None = None
    draft: bool | None = None
    mergeable: bool | None = None
    branch_protected: bool | None = None
    environment_reviews: Mapping[str, tuple[EnvironmentReview, ...]] | None = None
    """Run id -> the review history of its deployments, for every run that the action is about."""
    code_owners: frozenset[str] | None = None
    """Logins that own changed files."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Login -> GitHub role name in this repository, of the reviewers."""
    teams: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """`org/team` -> those of the reviewers who are its members."""
    last_allowed: datetime | None = None
    """When the action was last allowed and carried out here; None when never, as the ledger knows."""
    evidence: str | None = None
    """Reference to why the action is asked for, such as a rule and its version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The registry's answer to one action. Same registry, action and standing: same answer."""

    allowed: bool
    status: Status
    action_type: ActionType
    action_config: AllowedAction | None = None
    max_retries: int | None = None
    """Reruns of a job that the registry allows; None without a registry that counts."""
    preconditions_met: tuple[str, ...] = ()
    missing_preconditions: tuple[str, ...] = ()
    approval_required: bool = False
    approval_met: bool = False
    """Whether every approval rule is met; False where none is required."""
    errors: tuple[str, ...] = ()
    """Everything that said no: the place as file and line, the evidence, what would change it."""
    warnings: tuple[str, ...] = ()
    next_allowed_at: datetime | None = None
    """When the cooldown ends, where the cooldown is what says no."""
    kind: Kind = ""
    """The first that said no."""

    def as_json(self) -> dict[str, Any]:
        """The seed's validation result, in camelCase."""
        return {
            "allowed": self.allowed,
            "actionType": str(self.action_type),
            "actionConfig": None if self.action_config is None else action_json(self.action_config),
            "preconditionsMet": list(self.preconditions_met),
            "missingPreconditions": list(self.missing_preconditions),
            "approvalRequired": self.approval_required,
            "approvalMet": self.approval_met,
            "errors": list(self.errors),
            "warnings": list(self.warnings),
            "status": self.status,
            "kind": self.kind,
            "maxRetries": self.max_retries,
            "nextAllowedAt": None if self.next_allowed_at is None else instant(self.next_allowed_at),
        }


def action_json(action: AllowedAction) -> dict[str, Any]:
    """The entry as it stands in the canonical document."""
    told: dict[str, Any] = {
        "actionType": str(action.action_type),
        "enabled": action.enabled,
        "preconditions": [_precondition(p) for p in action.preconditions],
        "approvalRule": None if action.approval_rule is None else _rule(action.approval_rule),
        "maxRetries": action.max_retries,
        "cooldownMinutes": action.cooldown_minutes,
        "requireEvidence": action.require_evidence,
        "description": action.description,
    }
    return told | ({"remedies": [_remedy(remedy) for remedy in action.remedies]} if action.remedies else {})


def _remedy(remedy: OwnRemedy) -> dict[str, Any]:
    return {
        "id": remedy.id,
        "command": list(remedy.command),
        "risk": str(remedy.risk),
        "paths": list(remedy.paths),
        "about": remedy.about,
    }


def _precondition(p: Precondition) -> dict[str, Any]:
    return {"type": str(p.type), "value": p.value, "description": p.description}


def _rule(rule: ApprovalRule) -> dict[str, Any]:
    return {
        "required": rule.required,
        "minApprovers": rule.min_approvers,
        "approverRoles": list(rule.approver_roles),
        "approverTeams": list(rule.approver_teams),
        "approverUsers": list(rule.approver_users),
        "requireCodeOwners": rule.require_code_owners,
        "dismissStaleReviews": rule.dismiss_stale_reviews,
    }
