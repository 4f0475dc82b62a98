"""What every walk needs, built once in `wiring`: the rooms below, the clock, and the deployment's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from cicatrix.core.access import AccessPolicy
from cicatrix.core.facts import Repository
from cicatrix.core.lawbook import Layer
from cicatrix.core.policy import Environment
from cicatrix.diagnosis import Diagnoser
from cicatrix.git import GitUnsafe, Mirror
from cicatrix.github import GitHub
from cicatrix.ledger import Ledger

T = TypeVar("T")

RECONCILE_WINDOW = timedelta(minutes=10)
"""Default of CICATRIX_RECONCILE_WINDOW: how long absence proves nothing. Shorter than GitHub's staleness is unsafe."""

DEFER_LIMIT = timedelta(hours=1)
"""An operation that GitHub keeps deferring ends REFUSED after this long (foundations 4)."""

SHORT_WAIT = timedelta(seconds=5)
"""Waits up to this long happen inside the request; longer ones leave it."""


class Gather(Protocol):
    """Runs independent reads side by side (or one after another) and gives their results in order."""

    def __call__(self, thunks: Sequence[Callable[[], T]], /) -> list[T]: ...


def in_turn(thunks: Sequence[Callable[[], T]], /) -> list[T]:
    """One after another: for the simulation, where one thread moves at a time."""
    return [thunk() for thunk in thunks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What the settings say about this installation, as plain values."""

    environment: Environment = Environment.STAGING
    base: Layer | None = None
    """The deployment's base lawbook; None for the built-in one."""
    base_problems: tuple[str, ...] = ()
    """Why the file that should hold the base lawbook cannot be used; then nothing is written."""
    lawbook_pin: str | None = None
    write_interval: timedelta = timedelta(seconds=1)
    reconcile_window: timedelta = RECONCILE_WINDOW
    poll_interval: timedelta = timedelta(seconds=15)
    outcome_deadline: timedelta = timedelta(hours=24)
    kill_switch: Callable[[], str | None] = lambda: None
    """Why writes are stopped by environment or file, asked anew before each write."""
    attempt_bound_only: bool = False
    access: AccessPolicy | None = None
    """The service's access policy (AU-1); None in a shell, where the person who names the repository is the policy."""
    read_repository_lawbook: bool = True
    run_checks: bool = False
    """Whether the repository's own code may run here for a case."""
    report_key: str | None = field(default=None, repr=False)
    """Shared key of validation reports; while it is set, no report without its signature counts."""
    in_ci: bool = False
    """Inside GitHub Actions: a rollback may leave as a draft. In a shell it never leaves by itself."""


def _no_mirror(home: Repository) -> Mirror:
    raise GitUnsafe(f"no git workshop was set up for {home.full_name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where git work and measuring happen."""

    mirror: Callable[[Repository], Mirror] = _no_mirror
    """Our own bare mirror of a repository, opened and checked. Raises GitError."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """This process's environment; what a check sees of it is scrubbed first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """One credential that may start a validation, in its place in the order (RD-1)."""

    name: str
    """`app`, `GITHUB_TOKEN`, `CI_REDISPATCH_TOKEN` or `CI_REDISPATCH_TOKEN_PREVIOUS`."""
    github: GitHub
    fingerprint: str = ""
    """Salted hash that tells one token from the next (TK-4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    github: GitHub
    ledger: Ledger
    diagnoser: Diagnoser
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    new_id: Callable[[], str]
    gather: Gather = in_turn
    deployment: Deployment = field(default_factory=Deployment)
    log: Callable[..., None] = lambda *_args, **_fields: None
    workshop: Workshop = field(default_factory=Workshop)
    dispatchers: tuple[Dispatcher, ...] = ()
    """Further credentials for re-dispatch beside `github`, in order."""
    credential: str = "GITHUB_TOKEN"
    """Name of the credential of `github`."""
    may_write: Callable[[str], str | None] = lambda _operation_id: None
    """The last look before bytes leave, for writes that pass no client of ours: why not, or None."""
    boundary: Callable[[str], None] = lambda _name: None
