"""The one evaluator of the registry, for every action and every entry point (RG-1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cicatrix.core.actions import PERFORMED, WRITES_TO_A_BRANCH, ActionType
from cicatrix.core.canonical import instant
from cicatrix.core.environment import Environment
from cicatrix.core.registry import preconditions
from cicatrix.core.registry.approvals import rule_problem
from cicatrix.core.registry.model import ActiveRegistry, AllowedAction, ApprovalRule, Registry
from cicatrix.core.registry.standing import Evaluation, Kind, Standing, Status

NO_REGISTRY = "No active registry found for repository"
"""The seed's words."""


def evaluate(active: ActiveRegistry | None, action: ActionType, standing: Standing) -> Evaluation:
    """Whether the repository's registry allows the action now, and everything that says no to it. Never raises.

    Asked in this order: a registry, for this very repository (host, id and name); performed by Cicatrix; listed;
    enabled; preconditions; evidence; cooldown; approval. Each of the first three ends the evaluation when it says no;
    of the rest everything that says no is told. Nothing but a missing approval makes it `pending_approval`.
    """
    if active is None:
        why = f"{NO_REGISTRY} {standing.full_name} (id {standing.repository_id} on {standing.host})"
        return _ended(action, "no_registry", f"{why}: `cicatrix registry apply FILE` makes one count.")
    registry = active.registry
    if (difference := _other(active, standing)) is not None:
        return _ended(action, "other_repository", f"{registry.origin('repository')}: {difference}")
    config = registry.action(action)
    if action not in PERFORMED:
        where = registry.origin(_place(action))
        return _ended(action, "not_performed", f"{where}: {action} is not performed here, whatever is stored.", config)
    found = _Findings(registry=registry, action=action)
    if config is None and (reason := _closed(found, standing)):
        where, remedy = registry.origin("allowedActions"), "List the action there and apply the document again."
        return _ended(action, "absent", f"{where}: allowedActions does not list {action}, and {reason}. {remedy}")
    if config is not None and not config.enabled:
        found.no("disabled", "enabled", "is false", "Set it to true and apply the document again.")
    effective = config or AllowedAction(action_type=action)
    met, missing = _preconditions(found, effective, standing)
    _evidence(found, effective, standing)
    ends = _cooldown(found, effective, standing)
    required, approved = _approvals(found, effective, standing)
    return Evaluation(
        allowed=not found.errors,
        status=_status(found.kind),
        action_type=action,
        action_config=config,
        max_retries=effective.max_retries,
        preconditions_met=met,
        missing_preconditions=missing,
        approval_required=required,
        approval_met=approved,
        errors=tuple(found.errors),
        warnings=tuple(found.warnings),
        next_allowed_at=ends if found.kind == "cooldown" else None,
        kind=found.kind,
    )


@dataclass(slots=True, kw_only=True)
class _Findings:
    registry: Registry
    action: ActionType
    kind: Kind = ""
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def no(self, kind: Kind, part: str, evidence: str, remedy: str) -> None:
        """This part of the action's entry says no."""
        self.no_at(kind, f"{_place(self.action)}.{part}", evidence, remedy)

    def no_at(self, kind: Kind, place: str, evidence: str, remedy: str) -> None:
        self.kind = self.kind or kind
        self.errors.append(f"{self.registry.origin(place)}: {place} {evidence}. {remedy}")


def _ended(action: ActionType, kind: Kind, error: str, config: AllowedAction | None = None) -> Evaluation:
    return Evaluation(
        allowed=False,
        status="blocked",
        action_type=action,
        action_config=config,
        max_retries=None if kind in {"no_registry", "other_repository"} else config.max_retries if config else 0,
        errors=(error,),
        kind=kind,
    )


def _status(kind: Kind) -> Status:
    if not kind:
        return "allowed"
    return "pending_approval" if kind == "approval" else "blocked"


def _place(action: ActionType) -> str:
    return f"allowedActions.{action}"


def _other(active: ActiveRegistry, standing: Standing) -> str | None:
    """Why the registry is for another repository: renamed, transferred, or deleted and created again (RG-7)."""
    registered = f"{active.full_name} (id {active.repository_id} on {active.host})"
    present = f"{standing.full_name} (id {standing.repository_id} on {standing.host})"
    remedy = "Rights are not inherited: check the document and apply it again for the present repository."
    if (active.host.lower(), active.repository_id) != (standing.host.lower(), standing.repository_id):
        return f"the registry is for {registered}, this is {present}, another repository. {remedy}"
    name = standing.full_name.lower()
    if active.full_name.lower() != name or active.registry.repository.lower() != name:
        written = active.registry.repository
        return f"the registry names {written} and was applied for {registered}, this is {present} now. {remedy}"
    return None


def _closed(found: _Findings, standing: Standing) -> str:
    """Why an action that is not listed is refused (RG-3); empty, and a warning, where it is let through."""
    registry, action = found.registry, found.action
    if registry.fail_closed:
        return "failClosed holds"
    if standing.environment is not Environment.STAGING:
        return f"failClosed: false does not count in {standing.environment}"
    if action in WRITES_TO_A_BRANCH:
        return "failClosed: false does not count for an action that may write to a branch"
    found.warnings.append(
        f"{registry.origin('failClosed')}: {action} is not listed and let through, since failClosed is false and this "
        "is staging; the defaults hold for it, so maxRetries is 0."
    )
    return ""


def _preconditions(
    found: _Findings, config: AllowedAction, standing: Standing
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    met: list[str] = []
    missing: list[str] = []
    for index, precondition in enumerate(config.preconditions):
        name = preconditions.name_of(precondition)
        why = preconditions.problem(precondition, standing, found.registry.required_checks)
        (met if why is None else missing).append(name)
        if why is not None:
            remedy = "It has to be met first, or be taken out of the document."
            found.no("preconditions", f"preconditions.{index}", f"({name}) is not met: {why}", remedy)
    return tuple(met), tuple(missing)


def _evidence(found: _Findings, config: AllowedAction, standing: Standing) -> None:
    if config.require_evidence and not (standing.evidence or "").strip():
        evidence = "holds, and no evidence reference says why the action is needed"
        remedy = "It needs a failure that a rule explains, or requireEvidence: false."
        found.no("evidence", "requireEvidence", evidence, remedy)


def _cooldown(found: _Findings, config: AllowedAction, standing: Standing) -> datetime | None:
    """When the cooldown ends, while it lasts: counted from the last allowed execution, never from a refusal (RG-6)."""
    if not config.cooldown_minutes or standing.last_allowed is None:
        return None
    ends = standing.last_allowed + timedelta(minutes=config.cooldown_minutes)
    if standing.now >= ends:
        return None
    last = f"{standing.last_allowed:%Y-%m-%d %H:%M:%S} UTC"
    evidence = f"is {config.cooldown_minutes}, and the last allowed execution was at {last}"
    found.no("cooldown", "cooldownMinutes", evidence, f"Ask again from {instant(_whole_second(ends))} on.")
    return ends


def _whole_second(moment: datetime) -> datetime:
    """The next whole second, for a sentence: never before the moment itself."""
    return moment if not moment.microsecond else moment.replace(microsecond=0) + timedelta(seconds=1)


def _approvals(found: _Findings, config: AllowedAction, standing: Standing) -> tuple[bool, bool]:
    """Whether an approval is required, and met. The action's rule and the document's both bind."""
    rules: list[tuple[str, ApprovalRule | None]] = [
        (f"{_place(found.action)}.approvalRule", config.approval_rule),
        ("approvalRules", found.registry.approval_rules),
    ]
    binding = [(place, rule) for place, rule in rules if rule is not None and rule.required]
    met = True
    for place, rule in binding:
        if (why := rule_problem(rule, standing)) is not None:
            met = False
            remedy = "Have the current head approved by whom the rule names (never by the requester), then ask again."
            found.no_at("approval", place, f"is not met: {why}", remedy)
    return bool(binding), bool(binding) and met
