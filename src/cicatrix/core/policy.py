"""The five places that may say no, resolved into one policy per repository, by the stricter value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cicatrix.core.actions import ActionType
from cicatrix.core.automation import AutomationVerdict
from cicatrix.core.environment import Environment
from cicatrix.core.lawbook import Resolved, bound
from cicatrix.core.reasons import Reason
from cicatrix.core.registry import Evaluation

__all__ = ["BUILT_IN_LABEL", "HARD_CAP", "Denial", "Environment", "Limits", "Mode", "Policy", "RerunRequest"]

HARD_CAP = 5
"""No job is ever rerun more often than this (seed 000: max 5), whatever any file says."""

BUILT_IN_LABEL = "v1.0.0-dev"


class Mode(StrEnum):
    """What is asked for, in the seed's words."""

    FAILED_ONLY = "FAILED_ONLY"
    ALL_JOBS = "ALL_JOBS"


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunRequest:
    """What somebody asked for. `max_attempts` can only lower the limit (law 8)."""

    request_id: str
    principal: str
    mode: Mode = Mode.FAILED_ONLY
    max_attempts: int = 2
    dry_run: bool = False
    automatic: bool = False
    """True when our own scheduler or a webhook asks: `mode: shadow` then writes nothing."""
    only_jobs: frozenset[str] | None = None
    """Shown names of the jobs that wait for their turn (mixed: serial); None for a fresh request."""

    for_action: ActionType | None = None
    """The registry's action where the request is not for a rerun; the mode then says nothing."""

    requester: str | None = None
    """GitHub login of the person who asks, where it is known to be one: nobody approves their own request (RG-5)."""

    @property
    def asker(self) -> str | None:
        """Whose approval does not count: a login, our scheduler's name, or None where nobody knows who is behind it.

        Behind an API key may be anybody, also whoever approves: one more approval is then needed (RG-5).
        """
        if self.requester:
            return self.requester
        kind, _, rest = self.principal.partition(":")
        if kind == "key":
            return None
        return rest.partition("@")[0] if kind in {"cli", "github"} else self.principal

    @property
    def action(self) -> ActionType:
        """The action of the registry that this request asks for."""
        if self.for_action is not None:
            return self.for_action
        return ActionType.RERUN_CHECKS if self.mode is Mode.ALL_JOBS else ActionType.RERUN_FAILED_JOBS


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where the bound of one job comes from, so that a refusal can show it."""

    asked: int
    registry: int | None
    lawbook: int
    used: int
    left: int
    bound_by: str

    def __str__(self) -> str:
        registry = "-" if self.registry is None else self.registry
        return (
            f"asked {self.asked} · registry {registry} · lawbook {self.lawbook} · used {self.used} · left {self.left}"
            f"     bound by {self.bound_by}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Which place said no to the request as a whole, for surfaces that answer with a refusal (HTTP 403 and 429)."""

    code: str
    """A code of the API: REPO_ACCESS_DENIED, ACTION_NOT_ALLOWED, APPROVAL_REQUIRED or POLICY_DENIED."""
    what: str
    why: str
    next: str
    details: Mapping[str, object] = field(default_factory=dict)
    next_allowed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One repository's policy. `stops` are reasons for which nothing may be written at all, each with its evidence."""

    resolved: Resolved
    environment: Environment
    registry_limit: int | None = None
    """None without a registry: staging then uses the lawbook's limits."""
    registry_bound: str = "registry maxRetries"
    """What set `registry_limit`, with file and line."""
    stops: tuple[tuple[Reason, str], ...] = ()
    attempt_bound_only: bool = False
    """True inside GitHub Actions without a database: the ledger dies with the runner, so `run_attempt` is the bound."""
    remarks: tuple[str, ...] = field(default=())
    """Sentences that every answer under this policy carries, such as "built-in lawbook"."""
    evaluation: Evaluation | None = None
    """The registry's answer, for the record; None where no repository was known to evaluate."""
    automation: AutomationVerdict | None = None
    """The automation policy's answer; None where the lawbook lists no policy."""
    denial: Denial | None = None
    access_hash: str = ""
    """Hash of the access policy (AU-2); empty in a shell, where the person who names the repository is the policy."""

    def limits(self, request: RerunRequest, used: int) -> Limits:
        """min(request, registry, lawbook attempts.perJob, 5), and which of them bound."""
        lawbook = self.resolved.lawbook.attempts.per_job
        candidates = [
            (lawbook, bound(self.resolved, "attempts.perJob")),
            (request.max_attempts, "the request's maxAttempts"),
        ]
        if self.registry_limit is not None:
            candidates.append((self.registry_limit, self.registry_bound))
        candidates.append((HARD_CAP, "the hard cap of 5"))
        smallest, bound_by = min(candidates, key=lambda c: c[0])
        return Limits(
            asked=request.max_attempts,
            registry=self.registry_limit,
            lawbook=lawbook,
            used=used,
            left=max(0, smallest - used),
            bound_by=bound_by,
        )

    def maximum(self, request: RerunRequest) -> int:
        limits = self.limits(request, 0)
        return limits.left
