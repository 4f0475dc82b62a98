"""The verdict of a validation: the seed's sum, clamped; improvement beside it; unknown follows nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.core.health.model import (
    Band,
    CheckResult,
    CheckState,
    Component,
    ComponentScore,
    Counts,
    Gate,
    Measurement,
)
from cicatrix.core.validation import ValidationOutcome, effectiveness, improvement, judge, passing

LINT, SECURITY, BUILD, TESTS = Component
OK, WARN, BAD, UNKNOWN = CheckState.PASS, CheckState.WARNING, CheckState.FAIL, CheckState.UNKNOWN
Word = ValidationOutcome


def measured(
    confidence: int | None,
    *,
    ready: bool | None,
    passes: frozenset[Component] = frozenset(),
    health: int | None = None,
    set_hash: str = "a" * 64,
) -> Measurement:
    return Measurement(
        sha="b" * 40,
        taken_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
        set_hash=set_hash,
        results=(),
        components=tuple(
            ComponentScore(component=c, state=OK if c in passes else BAD, score=100 if c in passes else 0)
            for c in Component
        ),
        confidence=confidence,
        health=confidence if health is None else health,
        blockers=(),
        warnings=(),
        ready=ready,
        gate=Gate.PASS,
        band=Band.HEALTHY,
        tools={"ruff": "1"},
    )


ALL = frozenset(Component)


Row = tuple[int | None, frozenset[Component], bool | None, int | None, ValidationOutcome, int, bool]
"""Confidence, passing components, readiness; then effectiveness, outcome, exit code, rollback."""


@pytest.mark.shows("VA-2")
@pytest.mark.parametrize(
    "row",
    [
        (100, ALL, True, 100, Word.SUCCESS, 0, False),
        (30, frozenset(), False, 30, Word.FAILED, 1, False),
        (29, frozenset(), False, 29, Word.FAILED, 1, True),
        (25, frozenset({LINT}), False, 30, Word.FAILED, 1, False),
        (80, frozenset(), False, 80, Word.PARTIAL, 0, False),
        (60, frozenset(), True, 80, Word.SUCCESS, 0, False),
        (59, frozenset(), True, 79, Word.PARTIAL, 0, False),
        (60, frozenset(), False, 60, Word.PARTIAL, 0, False),
        (59, frozenset(), False, 59, Word.FAILED, 1, False),
        (9, frozenset(), True, 29, Word.FAILED, 1, False),
        (0, frozenset({LINT, SECURITY, BUILD, TESTS}), False, 30, Word.FAILED, 1, False),
        (0, frozenset({TESTS}), False, 0, Word.FAILED, 1, True),
        (None, ALL, True, None, Word.INCONCLUSIVE, 1, False),
        (0, ALL, None, None, Word.INCONCLUSIVE, 1, False),
    ],
)
def test_the_boundaries_of_the_seed(row: Row) -> None:
    confidence, passes, ready, total, outcome, code, rollback = row
    verdict = judge(measured(confidence, ready=ready, passes=passes), None, automatic_fix=False)
    assert (verdict.effectiveness, verdict.outcome, verdict.exit_code) == (total, outcome, code)
    assert verdict.overall_status == outcome.value
    assert verdict.rollback_required is rollback
    reason = f"Health score {total} < 30 and CI still blocked" if rollback else ""
    assert verdict.rollback_reason == reason


@pytest.mark.shows("VA-3")
@pytest.mark.parametrize("component", list(Component))
@pytest.mark.parametrize("outside", [False, True])
def test_any_unknown_component_is_inconclusive_and_never_a_rollback(component: Component, *, outside: bool) -> None:
    after = measured(0, ready=False)
    parts = [
        replace(part, state=UNKNOWN, score=None, outside=outside) if part.component is component else part
        for part in after.components
    ]
    verdict = judge(replace(after, components=tuple(parts)), None, automatic_fix=False)
    assert (verdict.outcome, verdict.effectiveness, verdict.exit_code) == (Word.INCONCLUSIVE, None, 1)
    assert not verdict.rollback_required


@pytest.mark.shows("VA-2", "B4")
def test_improvement_compares_equal_checks_and_tools_only() -> None:
    before, after = measured(40, ready=False), measured(90, ready=True)
    assert improvement(after, before) == 50
    assert improvement(before, after) == -50
    assert improvement(after, None) is None
    assert improvement(after, replace(before, set_hash="f" * 64)) is None
    assert improvement(after, replace(before, tools={"ruff": "2"})) is None
    assert improvement(after, replace(before, health=None)) is None
    assert improvement(replace(after, health=None), before) is None


@pytest.mark.shows("VA-3")
@pytest.mark.parametrize(
    ("before", "outcome"), [(90, Word.SUCCESS), (89, Word.SUCCESS), (91, Word.PARTIAL), (None, Word.PARTIAL)]
)
def test_success_of_an_automatic_fix_needs_a_measured_improvement(
    before: int | None, outcome: ValidationOutcome
) -> None:
    after = measured(90, ready=True, passes=ALL)
    earlier = None if before is None else measured(before, ready=True)
    assert judge(after, earlier, automatic_fix=True).outcome is outcome
    assert judge(after, earlier, automatic_fix=False).outcome is Word.SUCCESS


def test_the_threshold_is_an_argument() -> None:
    after = measured(35, ready=False)
    assert not judge(after, None, automatic_fix=False).rollback_required
    verdict = judge(after, None, automatic_fix=False, health_below=40)
    assert verdict.rollback_reason == "Health score 35 < 40 and CI still blocked"


@pytest.mark.parametrize(
    ("component", "state", "counts", "passes"),
    [
        (LINT, WARN, Counts(warnings=900), True),
        (LINT, WARN, Counts(errors=1), False),
        (LINT, BAD, Counts(), False),
        (SECURITY, WARN, Counts(high=2, moderate=11), True),
        (SECURITY, WARN, Counts(high=3), False),
        (SECURITY, WARN, Counts(critical=1), False),
        (BUILD, OK, Counts(), True),
        (BUILD, CheckState.SKIPPED, Counts(), False),
    ],
)
def test_what_a_passing_component_is(component: Component, state: CheckState, counts: Counts, *, passes: bool) -> None:
    result = CheckResult(name="x", component=component, state=state, score=50, counts=counts)
    score = ComponentScore(component=component, state=state, score=50)
    after = replace(measured(50, ready=True), results=(result,), components=(score,))
    assert passing(after) == (frozenset({component}) if passes else frozenset())


@pytest.mark.shows("VA-2", "F29", "D6")
@given(st.integers(0, 100), st.frozensets(st.sampled_from(Component)), st.booleans())
def test_effectiveness_is_always_between_0_and_100(
    confidence: int,
    passes: frozenset[Component],
    ready: bool,
) -> None:
    total = effectiveness(confidence, passing=passes, ready=ready)
    assert total is not None
    assert confidence <= total <= 100
    assert effectiveness(None, passing=passes, ready=ready) is None
