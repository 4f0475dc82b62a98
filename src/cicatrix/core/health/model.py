"""Values of a health measurement: what was asked for, what each check gave, and what the whole adds up to.

Unknown is a state of its own everywhere: a check that could not be measured has no score, is not zero and is not green.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Component(StrEnum):
    """The seed's four components, in the order in which it measures and shows them."""

    LINT = "lint"
    SECURITY = "security"
    BUILD = "build"
    TESTS = "tests"


class CheckState(StrEnum):
    """What a check or a component came to (GK-1)."""

    PASS = "pass"  # noqa: S105 -- a state, no password
    WARNING = "warning"
    FAIL = "fail"
    SKIPPED = "skipped"
    """Not asked for: it stays out of every mean."""
    UNKNOWN = "unknown"
    """Asked for and not measured: tool missing, timeout, output that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One declared check of the lawbook (GK-4)."""

    name: str
    component: Component
    command: tuple[str, ...]
    """An argument list; no shell reads it."""
    parser: str
    """Name of a report format, one of `PARSERS`."""
    report: str | None = None
    """Path of the report file that the command writes, relative to `directory`; None: standard output is the report."""
    weight: int = 1
    blocking: bool = True
    """Whether its failure blocks. One that does not block gives a warning instead."""
    timeout: timedelta = timedelta(minutes=5)
    directory: str = "."
    """Where it runs, relative to the worktree."""


PARSERS = ("exit-code", "sarif", "junit", "pip-audit", "npm-audit", "ruff", "eslint")
"""The report formats that are read. `exit-code`: 0 passes, anything else fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a report held. Everything that the formulas need, and nothing else."""

    errors: int = 0
    warnings: int = 0
    critical: int = 0
    high: int = 0
    moderate: int = 0
    low: int = 0
    failed_tests: int = 0
    total_tests: int = 0
    fixed: int = 0
    """What fixes removed; the bonus for it never counts for `health` (GK-3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a report names, for a person. Text of strangers: escape it in every sink."""

    message: str
    rule: str = ""
    severity: str = ""
    """error, warning, critical, high, moderate, low or info."""
    path: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check gave. `score` is 0..100, or None whenever the state is unknown or skipped."""

    name: str
    component: Component
    state: CheckState
    score: int | None
    weight: int = 1
    blocking: bool = True
    counts: Counts = Counts()
    findings: tuple[Finding, ...] = ()
    """The first ones, at most 50."""
    why: str = ""
    """One sentence: why it is unknown, skipped or failed. For GK-0 it names the check that broke this one."""
    outside: bool = False
    """True when an unknown state comes from outside the repository (advisory server, package host): GK-0."""
    exit_code: int | None = None
    duration_ms: int = 0
    tool: str = ""
    tool_version: str = ""
    output_hash: str = ""
    """SHA-256 of what the tool wrote, before anything was cut or redacted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentScore:
    """A component: the weighted mean of its measured checks, not rounded yet (hundredths of a point)."""

    component: Component
    state: CheckState
    score: int | None
    """0..100, rounded half up, for showing; the overall numbers are computed from the exact mean."""
    outside: bool = False
    details: str = ""


class Band(StrEnum):
    """The seed's bands of `health`: below 30, 30..49, 50 and more."""

    CRITICAL = "critical"
    MONITORING = "monitoring"
    HEALTHY = "healthy"
    UNKNOWN = "unknown"


class Gate(StrEnum):
    """The overall status of a gate."""

    PASS = "pass"  # noqa: S105 -- a status, no password
    WARNING = "warning"
    FAIL = "fail"
    HOLD = "hold"
    """Something is unknown: nobody may act on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The checks of one set, measured on one commit."""

    sha: str
    taken_at: datetime
    set_hash: str
    """Hash of the declared checks with their commands: two measurements compare only under equal ones."""
    results: tuple[CheckResult, ...]
    components: tuple[ComponentScore, ...]
    confidence: int | None
    """The seed's formula, 0..100; None when something is unknown (GK-3)."""
    health: int | None
    """`confidence` without any bonus for fixes, 0..100: the number that a rollback looks at."""
    blockers: tuple[str, ...]
    warnings: tuple[str, ...]
    ready: bool | None
    """CI readiness: no blockers. None when something unknown could hide one."""
    gate: Gate
    band: Band
    duration_ms: int = 0
    tools: Mapping[str, str] = field(default_factory=dict)
    """Tool -> version, of every check that ran."""

    def component(self, component: Component) -> ComponentScore | None:
        """That component's score; None when no check was declared for it."""
        return next((c for c in self.components if c.component is component), None)
