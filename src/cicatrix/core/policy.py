"""The five places that may say no, resolved into one policy per repository, by the stricter value."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from cicatrix.core.lawbook import Resolved, bound
from cicatrix.core.reasons import Reason

HARD_CAP = 5
"""No job is ever rerun more often than this (seed 000: max 5), whatever any file says."""

BUILT_IN_LABEL = "v1.0.0-dev"


class Environment(StrEnum):
    STAGING = "staging"
    PROD = "prod"


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
class Policy:
    """One repository's policy. `stops` are reasons for which nothing may be written at all, each with its evidence."""

    resolved: Resolved
    environment: Environment
    registry_limit: int | None = None
    """None without a registry: staging then uses the lawbook's limits."""
    stops: tuple[tuple[Reason, str], ...] = ()
    attempt_bound_only: bool = False
    """True inside GitHub Actions without a database: the ledger dies with the runner, so `run_attempt` is the bound."""
    remarks: tuple[str, ...] = field(default=())
    """Sentences that every answer under this policy carries, such as "built-in lawbook"."""

    def limits(self, request: RerunRequest, used: int) -> Limits:
        """min(request, registry, lawbook attempts.perJob, 5), and which of them bound."""
        lawbook = self.resolved.lawbook.attempts.per_job
        candidates = [
            (lawbook, bound(self.resolved, "attempts.perJob")),
            (request.max_attempts, "the request's maxAttempts"),
        ]
        if self.registry_limit is not None:
            candidates.append((self.registry_limit, "registry maxRetries"))
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
