"""A fix as a value: what it runs, what it may touch, how dangerous it is, and how it is taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum

from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.health.model import Component


class Risk(StrEnum):
    """How much a fix may change about what the program does. One of high risk is named to a person and never run."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Stage(IntEnum):
    """The order in which fixes run. The formatter comes after the linter, whose fixes may leave blank lines behind."""

    LINT = 1
    FORMAT = 2
    LOCK = 3
    BUMP = 4
    OWN = 5


class Edit(StrEnum):
    """A change that we make ourselves, from the report which the command prints."""

    REQUIREMENTS = "requirements"
    """Raise pinned lines of `requirements.txt` to the first version without the reported vulnerabilities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One fix of the catalogue, or of a registry (RM-1)."""

    id: str
    ecosystem: str
    trigger: Component | None
    """The component that must not be well; None: any."""
    stage: Stage
    command: tuple[str, ...]
    """An argument list; no shell reads it."""
    risk: Risk
    paths: tuple[str, ...]
    """Patterns of the files that it may change; see `matches`."""
    creates: tuple[str, ...] = ()
    """Patterns of the files that it may add."""
    deletes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """Patterns, one of which must match a file at the repository's root. Empty: nothing is needed."""
    prepare: tuple[str, ...] = ()
    """What has to run before it, in the same worktree. Empty: nothing."""
    leaves: tuple[str, ...] = ()
    """Folders at the root that running it makes, and that are no part of the change."""
    dry_run: tuple[str, ...] | None = None
    """The same without writing; None where the tool has no such thing."""
    ends_well: tuple[int, ...] = (0,)
    """Exit codes after which the change is looked at. Linters end with 1 when something is left."""
    edit: Edit | None = None
    timeout: timedelta = timedelta(minutes=5)
    undo: str = "Close the draft pull request; after a merge, revert its commit."
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """A fix that is not run, or whose change is not kept, and why."""

    id: str
    reason: HealReason
    why: str


def matches_any(patterns: Iterable[str], path: str) -> bool:
    return any(matches(pattern, path) for pattern in patterns)


def matches(pattern: str, path: str) -> bool:
    """Whether the pattern covers the whole path. `*` stays within a folder, `**` spans any number of them.

    Takes time in proportion to both lengths at worst, whatever a registry writes: no regular expression is made of it.
    """
    return _wild(pattern.split("/"), path.split("/"), "**", lambda part, name: _wild(part, name, "*", _equal))


def _equal(a: str, b: str) -> bool:
    return a == b


def _wild(pattern: Sequence[str], items: Sequence[str], star: str, same: Callable[[str, str], bool]) -> bool:
    """Wildcard matching that falls back to the last star only, since an earlier one can never do better."""
    at = place = kept = 0
    last = -1
    while place < len(items):
        if at < len(pattern) and pattern[at] == star:
            last, kept, at = at, place, at + 1
        elif at < len(pattern) and same(pattern[at], items[place]):
            at, place = at + 1, place + 1
        elif last >= 0:
            kept += 1
            at, place = last + 1, kept
        else:
            return False
    return all(part == star for part in pattern[at:])
