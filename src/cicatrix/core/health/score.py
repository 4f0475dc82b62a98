"""From what the checks gave to one measurement: component scores, confidence, health, blockers, band and gate.

The constants are the seed's in its fix mode, for both modes (GK-2). Arithmetic is exact; numbers are rounded half up
once, at the end. What is unknown has no number, and no number is made up for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction

from cicatrix.core.canonical import canonical_hash
from cicatrix.core.health.model import (
    Band,
    Check,
    CheckResult,
    CheckState,
    Component,
    ComponentScore,
    Counts,
    Gate,
    Measurement,
)

LINT_WARNINGS = 800
"""Warnings of linters that cost nothing (seed)."""
HIGH_VULNERABILITIES = 2
"""High vulnerabilities that do not block yet (seed)."""
MODERATE_VULNERABILITIES = 10
"""Moderate ones up to which there is no warning (seed, which printed it; GK-2 keeps it)."""
CRITICAL_BELOW = 30
MONITORING_BELOW = 50

_BLOCKER, _WARNING = 15, 5
_MOST_BONUS = 20


def set_hash(checks: Iterable[Check]) -> str:
    """Hash of the declared checks in any order: two measurements compare only under equal ones (GK-4)."""
    told = [
        {
            "name": check.name,
            "component": check.component.value,
            "command": check.command,
            "parser": check.parser,
            "report": check.report,
            "weight": check.weight,
            "blocking": check.blocking,
            "timeoutSeconds": int(check.timeout.total_seconds()),
            "directory": check.directory,
        }
        for check in sorted(checks, key=lambda check: check.name)
    ]
    return canonical_hash(told)


def state_of(component: Component, counts: Counts) -> CheckState:
    """What a report's counts come to: the seed's pass rules, failing tests and any error of a build included."""
    match component:
        case Component.LINT:
            failed, warned = counts.errors > 0, counts.warnings > LINT_WARNINGS
        case Component.SECURITY:
            failed = counts.critical > 0 or counts.high > HIGH_VULNERABILITIES
            warned = counts.moderate > MODERATE_VULNERABILITIES
        case Component.BUILD:
            failed, warned = counts.errors > 0, False
        case Component.TESTS:
            failed, warned = counts.failed_tests > 0, False
    if failed:
        return CheckState.FAIL
    return CheckState.WARNING if warned else CheckState.PASS


def points(component: Component, state: CheckState, counts: Counts, *, bonus: bool = False) -> Fraction:
    """The seed's score of one measured check, 0..100. A failure that no count tells more about scores 0."""
    if state is CheckState.FAIL and state_of(component, counts) is not CheckState.FAIL:
        return Fraction(0)
    match component:
        case Component.LINT:
            over = max(counts.warnings - LINT_WARNINGS, 0)
            given = 100 - 15 * counts.errors - Fraction(over, 2)
        case Component.SECURITY:
            given = Fraction(100 - 25 * counts.critical - 10 * counts.high - 3 * counts.moderate - counts.low)
        case Component.BUILD:
            given = Fraction(0 if state is CheckState.FAIL else 100)
        case Component.TESTS:
            given = Fraction(100 - 20 * counts.failed_tests)
    fixable = component in {Component.LINT, Component.SECURITY}
    return _clamped(given + min(2 * counts.fixed, _MOST_BONUS) if bonus and fixable else given)


def rounded(value: Fraction) -> int:
    """Half up: 2.5 is 3."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def score(
    results: Sequence[CheckResult],
    *,
    sha: str,
    taken_at: datetime,
    set_hash: str,
    autofixes: int = 0,
    duration_ms: int = 0,
) -> Measurement:
    """The measurement that the results add up to.

    A component without declared checks stays out. One that is unknown makes confidence and health None and the gate
    hold, unless everything unknown in it comes from outside the repository: then it stays out too (GK-0). A health that
    knows neither build nor tests, though they were declared, is None all the same.
    """
    components = tuple(_component(c, of) for c in Component if (of := [r for r in results if r.component is c]))
    blockers = tuple(line for c in Component if (line := _line(results, c, blocking=True)))
    warnings = [line for c in Component if (line := _line(results, c, blocking=False))]
    penalty = _BLOCKER * len(blockers) + _WARNING * len(warnings)
    confidence = health = None
    if _known(components):
        confidence = _overall(results, components, penalty - min(5 * autofixes, _MOST_BONUS), bonus=True)
        health = _overall(results, components, penalty, bonus=False)
    band = band_of(health)
    unknown = [c for c in components if c.state is CheckState.UNKNOWN]
    # what follows tells more, and costs nothing: the numbers are made
    warnings += [f"{c.component.value} is unknown: {c.details}" for c in unknown]
    if band is Band.MONITORING:
        warnings.append(f"health is {health}: below {MONITORING_BELOW}")
    return Measurement(
        sha=sha,
        taken_at=taken_at,
        set_hash=set_hash,
        results=tuple(results),
        components=components,
        confidence=confidence,
        health=health,
        blockers=blockers,
        warnings=tuple(warnings),
        ready=False if blockers else None if unknown or health is None else True,
        gate=_gate(health, blockers, warnings),
        band=band,
        duration_ms=duration_ms,
        tools={r.tool: r.tool_version for r in results if r.tool},
    )


def band_of(health: int | None) -> Band:
    """The seed's bands."""
    if health is None:
        return Band.UNKNOWN
    if health < CRITICAL_BELOW:
        return Band.CRITICAL
    return Band.MONITORING if health < MONITORING_BELOW else Band.HEALTHY


def follows(measurement: Measurement) -> bool:
    """Whether health, blockers, readiness, gate and band are what the results add up to: else somebody changed them.

    Confidence may hold a bonus for fixes that the results do not tell, so it may be higher than they say.
    """
    again = score(
        measurement.results, sha=measurement.sha, taken_at=measurement.taken_at, set_hash=measurement.set_hash
    )
    told, owed = (
        (m.components, m.health, m.blockers, m.warnings, m.ready, m.gate, m.band) for m in (measurement, again)
    )
    if told != owed or (measurement.confidence is None) is not (again.confidence is None):
        return False
    low = again.confidence or 0
    return low <= (measurement.confidence or 0) <= min(low + _MOST_BONUS, 100)


def _component(component: Component, results: Sequence[CheckResult]) -> ComponentScore:
    asked = [r for r in results if r.state is not CheckState.SKIPPED]
    unknown = [r for r in asked if r.state is CheckState.UNKNOWN]
    mean = None if unknown or not asked else _mean(asked, bonus=False)
    return ComponentScore(
        component=component,
        state=_worst(asked),
        score=None if mean is None else rounded(mean),
        outside=bool(unknown) and all(r.outside for r in unknown),
        details="; ".join(f"{r.name}: {r.why}" for r in unknown or asked or results if r.why),
    )


def _worst(asked: Sequence[CheckResult]) -> CheckState:
    """The state of a component; a failed check that does not block is a warning of it."""
    if not asked:
        return CheckState.SKIPPED
    found = {_weighed(r) for r in asked}
    order = (CheckState.UNKNOWN, CheckState.FAIL, CheckState.WARNING)
    return next((state for state in order if state in found), CheckState.PASS)


def _weighed(result: CheckResult) -> CheckState:
    return CheckState.WARNING if result.state is CheckState.FAIL and not result.blocking else result.state


def _mean(asked: Sequence[CheckResult], *, bonus: bool) -> Fraction:
    total = sum(r.weight * points(r.component, r.state, r.counts, bonus=bonus) for r in asked)
    return Fraction(total, sum(r.weight for r in asked))


def _known(components: Sequence[ComponentScore]) -> bool:
    unknown = {c.component for c in components if c.state is CheckState.UNKNOWN}
    measured = {c.component for c in components if c.score is not None}
    if not measured or any(not c.outside for c in components if c.component in unknown):
        return False
    working = {Component.BUILD, Component.TESTS}
    return not working & unknown or bool(working & measured)


def _overall(results: Sequence[CheckResult], components: Sequence[ComponentScore], penalty: int, *, bonus: bool) -> int:
    measured = [c.component for c in components if c.score is not None]
    asked = [r for r in results if r.state is not CheckState.SKIPPED]
    means = [_mean([r for r in asked if r.component is c], bonus=bonus) for c in measured]
    return rounded(_clamped(Fraction(sum(means), len(means)) - penalty))


def _line(results: Sequence[CheckResult], component: Component, *, blocking: bool) -> str:
    """One sentence for all that blocks, or warns, in a component: its number of checks must not change the penalty."""
    wanted = CheckState.FAIL if blocking else CheckState.WARNING
    lines = [_told(r) for r in results if r.component is component and _weighed(r) is wanted]
    return f"{component.value}: {'; '.join(lines)}" if lines else ""


def _told(result: CheckResult) -> str:
    return f"{result.name} {result.why or _counted(result.component, result.counts) or 'failed'}"


def _counted(component: Component, counts: Counts) -> str:
    match component:
        case Component.TESTS:
            told = [(counts.failed_tests, "failed test")]
        case Component.SECURITY:
            told = [(getattr(counts, name), name) for name in ("critical", "high", "moderate", "low")]
        case _:
            told = [(counts.errors, "error"), (counts.warnings, "warning")]
    plural = "" if component is Component.SECURITY else "s"
    return ", ".join(f"{number} {name}{plural if number != 1 else ''}" for number, name in told if number)


def _gate(health: int | None, blockers: Sequence[str], warnings: Sequence[str]) -> Gate:
    if health is None:
        return Gate.HOLD
    if blockers:
        return Gate.FAIL
    return Gate.WARNING if warnings else Gate.PASS


def _clamped(value: Fraction) -> Fraction:
    return min(max(value, Fraction(0)), Fraction(100))
