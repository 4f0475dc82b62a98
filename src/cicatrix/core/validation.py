"""What a measurement after a remediation or a rollback says of it (behaviour 15)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cicatrix.core.health.model import CheckState, Component, Measurement

SUCCESS_FROM, PARTIAL_FROM = 80, 60
MOST_HIGH = 2
"""Vulnerabilities of severity high that security may have and still pass."""

PASSES = {Component.LINT: 5, Component.SECURITY: 10, Component.BUILD: 15}
"""What a passing component adds to the seed's effectiveness."""

READY = 20
"""What CI readiness adds to it."""


class ValidationOutcome(StrEnum):
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """Something is unknown: nothing follows from it, least of all a rollback (VA-3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of one validation."""

    outcome: ValidationOutcome
    effectiveness: int | None
    """The seed's sum, clamped to 0..100; None when something is unknown."""
    improvement: int | None
    """Health after less health before, -100..100; None is "not measured"."""
    overall_status: str
    """The seed's output of that name: the outcome's word."""
    rollback_required: bool
    rollback_reason: str
    """Empty when none is required."""
    exit_code: int


def effectiveness(confidence: int | None, *, passing: frozenset[Component], ready: bool | None) -> int | None:
    """Confidence + 5 (lint passes) + 10 (security) + 15 (build) + 20 (CI ready), clamped to 0..100.

    None as soon as confidence or readiness is unknown.
    """
    if confidence is None or ready is None:
        return None
    total = confidence + sum(points for part, points in PASSES.items() if part in passing) + READY * ready
    return max(0, min(100, total))


def passing(measurement: Measurement) -> frozenset[Component]:
    """The components that pass: 0 lint errors; 0 critical and at most 2 high; it builds; no failed test.

    A component without declared checks is not among them: nothing showed that it passes.
    """
    return frozenset(part.component for part in measurement.components if _passes(measurement, part.component))


def _passes(measurement: Measurement, component: Component) -> bool:
    score = measurement.component(component)
    if score is None or score.state not in {CheckState.PASS, CheckState.WARNING}:
        return False
    counts = [result.counts for result in measurement.results if result.component is component]
    if component is Component.LINT:
        return sum(count.errors for count in counts) == 0
    if component is Component.SECURITY:
        return sum(c.critical for c in counts) == 0 and sum(c.high for c in counts) <= MOST_HIGH
    return True


def has_unknown(measurement: Measurement) -> bool:
    """Whether any declared component could not be measured, for whatever cause (VA-3)."""
    unknown = any(part.state is CheckState.UNKNOWN for part in measurement.components)
    return unknown or measurement.confidence is None or measurement.ready is None


def improvement(after: Measurement, before: Measurement | None) -> int | None:
    """Health after less health before; None unless both are known, under one set of checks and equal tool versions."""
    if before is None or after.health is None or before.health is None:
        return None
    comparable = before.set_hash == after.set_hash and dict(before.tools) == dict(after.tools)
    return after.health - before.health if comparable else None


def judge(after: Measurement, before: Measurement | None, *, automatic_fix: bool, health_below: int = 30) -> Verdict:
    """The verdict on `after`.

    `success` takes 80 and CI readiness, and after an automatic fix an improvement that is measured and not below 0.
    A rollback is called for below `health_below` when CI is known not to be ready, and never when anything is unknown.
    """
    score = None if has_unknown(after) else effectiveness(after.confidence, passing=passing(after), ready=after.ready)
    better = improvement(after, before)
    outcome = _outcome(score, ready=after.ready is True, held=automatic_fix and (better is None or better < 0))
    rollback = score is not None and score < health_below and after.ready is False
    return Verdict(
        outcome=outcome,
        effectiveness=score,
        improvement=better,
        overall_status=outcome.value,
        rollback_required=rollback,
        rollback_reason=f"Health score {score} < {health_below} and CI still blocked" if rollback else "",
        exit_code=0 if outcome in {ValidationOutcome.SUCCESS, ValidationOutcome.PARTIAL} else 1,
    )


def _outcome(score: int | None, *, ready: bool, held: bool) -> ValidationOutcome:
    if score is None:
        return ValidationOutcome.INCONCLUSIVE
    if score >= SUCCESS_FROM and ready and not held:
        return ValidationOutcome.SUCCESS
    return ValidationOutcome.PARTIAL if score >= PARTIAL_FROM else ValidationOutcome.FAILED
