"""What a rollback's plan depends on, and the form of its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cicatrix.core.environment import Environment
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.health.model import Measurement
from cicatrix.core.lawbook import Rollback
from cicatrix.core.reasons import Reason
from cicatrix.core.rollback.culprit import Culprit
from cicatrix.core.rollback.model import CommitFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertFacts:
    """What the repository looks like. None is "could not be told", and blocks, except where it says otherwise."""

    shallow: bool | None
    dirty: bool | None
    """Always False for our own mirror; a local checkout's state otherwise."""
    detached: bool | None
    tip: str | None
    """Of the branch at the remote, read last."""
    expected_tip: str | None
    """The tip that was measured and that the cause was found on."""
    target: CommitFacts | None
    reachable: bool | None
    """Whether the target is an ancestor of the tip, on the branch's first-parent line."""
    mainline: int | None = None
    """For a merge: number of the parent that lies on the branch's first-parent line, from 1. None otherwise."""
    already_reverted_by: str | None = None
    """The commit that reverts the target and stands; None when none does."""
    dependants: tuple[str, ...] | None
    """Later commits on the branch that touch the target's paths."""
    workflows_permission: bool | None = None
    """Whether our credential may push files below `.github/workflows/`; asked only when the target touches one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackInputs:
    """Everything that a plan depends on."""

    now: datetime
    automatic: bool
    """True for our own scheduler and for CI; False when a person asked for this rollback."""
    ci: bool
    """True in CI and in the service, where a branch may be pushed. False on somebody's machine."""
    branch: str
    """Short name of the branch, such as `main`."""
    environment: Environment
    measurement: Measurement | None
    """Of the branch's tip. Without one, or with one that is too old, there is no emergency."""
    report_only: bool
    explicit: str | None = None
    """Full SHA that a person named. It is a cause for a draft; never for a direct push, never for a machine."""
    culprit: Culprit | None = None
    facts: RevertFacts
    rules: Rollback
    stops: tuple[tuple[Reason, str], ...] = ()
    """What stops any write, with why: kill switch, lawbook, registry, approval, access, identity conflict, policy."""
    created_today: int | None
    """Rollbacks proposed or pushed in this repository in the last 24 h; None: could not be read."""
    merged_today: int | None
    """Rollbacks that a machine brought into the branch in the last 24 h."""
    automatic_of_target: int | None
    """Automatic rollbacks of this very target in the last 24 h."""
    opted_out: str = ""
    """Where somebody said that this is not to be rolled back, such as a label's name; the trailer is read here."""
    leased_by: str | None = None
    """The case that works on this ref right now."""
    may_push_direct: bool = False
    """Whether registry and branch rules let our identity push to the branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One reason, the facts it rests on, and what would change it."""

    reason: HealReason | Reason
    why: str
    would_change: str
