"""Values of a rollback's plan: what is known of commits and of their jobs, before anything is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitFacts:
    """One commit of a history, as the mirror knows it. Paths and trailers are text of strangers: escape them."""

    sha: str
    parents: tuple[str, ...]
    """Empty for a root, two for a merge, more for an octopus. The first is the branch's own line."""
    committed_at: datetime
    tree: str
    paths: tuple[str, ...]
    """Changed against the first parent, sorted; empty for a root."""
    reverts: str | None = None
    """The commit that this one says it reverts, in full."""
    trailers: Mapping[str, str] = field(default_factory=dict)
    """Of the message's last paragraph, `Cicatrix-*` only: the opt-out, our case, our operation."""
    touches_workflows: bool = False
    """Whether a path lies below `.github/workflows/`: pushing it takes a permission of its own."""


class Outcome(StrEnum):
    """What one run or measurement says of one job on one commit."""

    GREEN = "green"
    RED = "red"
    ENVIRONMENT = "environment"
    """Red for a cause outside the repository: network, runner, advisories, secrets. It proves nothing on a commit."""
    FLAKY = "flaky"
    """Red by a failure that is known to come and go. It proves nothing either, but it makes the job less reliable."""
    MISSING = "missing"
    """Asked for and not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One job on one commit, as one source saw it."""

    job: str
    """The job's key, or the name of a stability check."""
    sha: str
    source: str
    """Id of the run attempt or of the measurement. Signals of one source are never independent of each other."""
    outcome: Outcome
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A branch's first-parent line and everything that is known of it."""

    commits: tuple[CommitFacts, ...]
    """Newest first, the tip at the front, without gaps."""
    signals: tuple[Signal, ...]
    """In any order; those of other commits do not count."""
