"""What a rollback would do, as a value (behaviour 16). Nothing here touches a repository."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.health.model import Measurement
from cicatrix.core.reasons import Reason
from cicatrix.core.rollback.inputs import RevertFacts, RollbackInputs, Said
from cicatrix.core.rollback.stops import collect_stops, direct_push_stops, is_emergency, said

__all__ = [
    "BRANCH_PREFIX",
    "RevertFacts",
    "RollbackAction",
    "RollbackInputs",
    "RollbackPlan",
    "RollbackStatus",
    "Said",
    "plan_rollback",
    "status",
]

BRANCH_PREFIX = "cicatrix/revert/"

MONITORING_BELOW = 50


class RollbackAction(StrEnum):
    NOOP = "NOOP"
    """There is nothing to roll back."""
    BLOCKED = "BLOCKED"
    REPORT = "REPORT"
    """Planned and told, nothing else: report-only, or `rollback.upTo: report`."""
    DRAFT = "DRAFT"
    """A branch of our own and a draft pull request."""
    DIRECT_PUSH = "DIRECT_PUSH"
    """A plain push to the branch, never forced. Emergencies only."""
    LOCAL_BRANCH = "LOCAL_BRANCH"
    """On somebody's machine: the branch is prepared and printed, nothing is pushed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPlan:
    action: RollbackAction
    reasons: tuple[HealReason | Reason, ...]
    """Why it goes no further, most weighty first. With DRAFT: why it is no direct push; may be empty."""
    said: tuple[Said, ...]
    """One for each reason, in the same order."""
    target: str | None
    mainline: int | None
    branch: str
    """`cicatrix/revert/<sha12>`; empty when nothing is to be made."""
    emergency: bool
    """Health is known to be below the threshold and CI not ready: CI is blocked, and a direct push is thinkable."""

    @property
    def writes(self) -> bool:
        """Whether this plan changes anything at GitHub."""
        return self.action in {RollbackAction.DRAFT, RollbackAction.DIRECT_PUSH}


class RollbackStatus(StrEnum):
    """The states that reports show (RB-0)."""

    HEALTHY = "HEALTHY"
    MONITORING = "MONITORING"
    REQUIRED = "ROLLBACK REQUIRED"
    PROPOSED = "ROLLBACK PROPOSED"
    EXECUTED = "ROLLBACK EXECUTED"
    UNKNOWN = "UNKNOWN"


def plan_rollback(inputs: RollbackInputs) -> RollbackPlan:
    """What may be done now: nothing is done that these inputs do not positively allow.

    A draft (locally: a branch) needs a known cause and none of the stops below; health plays no part in it (RB-0). A
    direct push needs all of that and more, and falls back to a draft, with the reasons why. Unknown never triggers:
    a fact that is None blocks, and without a culprit or a person's explicit target there is no plan at all.
    """
    stops = collect_stops(inputs)
    emergency = is_emergency(inputs)
    if revert := inputs.facts.already_reverted_by:
        why = f"{revert[:12]} reverts {_target(inputs)} and stands"
        return _plan(inputs, RollbackAction.NOOP, (said(HealReason.ALREADY_REVERTED, why),), emergency=emergency)
    if inputs.report_only or inputs.rules.up_to == "report":
        why = "report-only was asked for" if inputs.report_only else "rollback.upTo is report"
        reasons = (said(HealReason.REPORT_ONLY, why), *stops)
        return _plan(inputs, RollbackAction.REPORT, reasons, emergency=emergency)
    if stops:
        return _plan(inputs, RollbackAction.BLOCKED, stops, emergency=emergency)
    if not inputs.ci:
        return _plan(inputs, RollbackAction.LOCAL_BRANCH, (), emergency=emergency)
    held = direct_push_stops(inputs, emergency=emergency)
    action = RollbackAction.DRAFT if held else RollbackAction.DIRECT_PUSH
    return _plan(inputs, action, held, emergency=emergency)


def _plan(
    inputs: RollbackInputs, action: RollbackAction, reasons: tuple[Said, ...], *, emergency: bool
) -> RollbackPlan:
    target = inputs.facts.target
    makes = action in {RollbackAction.DRAFT, RollbackAction.DIRECT_PUSH, RollbackAction.LOCAL_BRANCH}
    return RollbackPlan(
        action=action,
        reasons=tuple(one.reason for one in reasons),
        said=reasons,
        target=target.sha if target else None,
        mainline=inputs.facts.mainline,
        branch=f"{BRANCH_PREFIX}{target.sha[:12]}" if makes and target else "",
        emergency=emergency,
    )


def _target(inputs: RollbackInputs) -> str:
    target = inputs.facts.target
    return target.sha[:12] if target else "the target"


def status(
    measurement: Measurement | None, *, health_below: int, proposed: bool = False, executed: bool = False
) -> RollbackStatus:
    """The state to show: what was done comes before what would be needed, and unknown is never healthy.

    `proposed`: a draft of ours is open; `executed`: the revert is in the branch. Both from operations, not from words.
    """
    if executed:
        return RollbackStatus.EXECUTED
    if proposed:
        return RollbackStatus.PROPOSED
    if measurement is None or measurement.health is None or measurement.ready is None:
        return RollbackStatus.UNKNOWN
    if measurement.health < health_below and not measurement.ready:
        return RollbackStatus.REQUIRED
    low = measurement.health < max(MONITORING_BELOW, health_below)
    return RollbackStatus.MONITORING if low else RollbackStatus.HEALTHY
