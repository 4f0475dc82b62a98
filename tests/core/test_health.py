"""Scores: the seed's constants, exact arithmetic, and unknown as a state of its own."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cicatrix.core.health.codec import NotAMeasurement, measurement_from, measurement_json
from cicatrix.core.health.model import Band, Check, CheckResult, CheckState, Component, Counts, Gate, Measurement
from cicatrix.core.health.results import broken, measured, unknown
from cicatrix.core.health.schema import MEASUREMENT_SCHEMA
from cicatrix.core.health.score import follows, points, rounded, score, set_hash
from tests.core import health_original as original

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SHA = "a" * 40
GOOD = Counts()
SCHEMA = Draft202012Validator(dict(MEASUREMENT_SCHEMA))
L, S, B, T = Component.LINT, Component.SECURITY, Component.BUILD, Component.TESTS


def check(component: Component, name: str = "", **more: Any) -> Check:
    return Check(name=name or component.value, component=component, command=("true",), parser="exit-code", **more)


def good(component: Component, **more: Any) -> CheckResult:
    return measured(check(component, **more), GOOD)


def bad(component: Component, **more: Any) -> CheckResult:
    return measured(check(component, **more), GOOD, failed=True)


def scored(*results: CheckResult, autofixes: int = 0) -> Measurement:
    return score(results, sha=SHA, taken_at=NOW, set_hash="s", autofixes=autofixes)


@dataclass(frozen=True, slots=True)
class Row:
    """One input, what the original made of it, and what ours makes of it."""

    what: str
    results: tuple[CheckResult, ...]
    original: float
    health: int
    confidence: int | None = None
    """Where fixes make it differ from health."""


FOUR_CRITICAL = measured(check(S), Counts(critical=4))
NO_TESTS = broken(bad(T), "build")
WORKED = [
    Row("all healthy", (good(L), good(S), good(B), good(T)), original.confidence([100, 100, 100, 100], 0, 0), 100),
    Row(
        "only the build broken: the tests then cannot run, which the original scored 80",
        (good(L), good(S), bad(B), NO_TESTS),
        original.confidence([100, 100, original.build(False), original.tests(None)], 1, 1),
        20,
    ),
    Row(
        "build and tests broken: the original's value needs all five tests counted and no second blocker",
        (good(L), good(S), bad(B), bad(T)),
        original.confidence([100, 100, original.build(False), original.tests(5)], 1, 0),
        20,
    ),
    Row(
        "four critical vulnerabilities, all else fine",
        (good(L), FOUR_CRITICAL, good(B), good(T)),
        original.confidence([100, original.security(4), 100, 100], 1, 0),
        60,
    ),
    Row(
        "build broken and four critical",
        (good(L), FOUR_CRITICAL, bad(B), NO_TESTS),
        original.confidence([100, original.security(4), original.build(False), original.tests(None)], 2, 1),
        0,
    ),
    Row(
        "two tests fail: the original warns and scores 80",
        (good(L), good(S), good(B), measured(check(T), Counts(failed_tests=2, total_tests=9))),
        original.confidence([100, 100, 100, original.tests(None)], 0, 1),
        75,
    ),
    Row(
        "three lint errors, ten of them fixed before",
        (measured(check(L), Counts(errors=3, fixed=10)), good(S), good(B), good(T)),
        original.confidence([original.lint(3, 0, 10), 100, 100, 100], 1, 0, 0),
        74,
        79,
    ),
    Row(
        "high, moderate and low: no blocker",
        (good(L), measured(check(S), Counts(high=2, moderate=1, low=4)), good(B), good(T)),
        original.confidence([100, original.security(0, 2, 1, 4), 100, 100], 0, 0),
        93,
    ),
    Row(
        "eleven moderate: the threshold that the original printed and never enforced",
        (good(L), measured(check(S), Counts(moderate=11)), good(B), good(T)),
        original.confidence([100, original.security(0, 0, 11), 100, 100], 0, 0),
        87,
    ),
    Row(
        "801 lint warnings: half a point, rounded half up once at the end",
        (measured(check(L), Counts(warnings=801)), good(S), good(B), good(T)),
        original.confidence([original.lint(0, 801), 100, 100, 100], 0, 1),
        95,
    ),
]
ORIGINALS_WORKED = {1: 50, 2: 35, 3: 60, 4: 10}


@pytest.mark.shows("GK-2", "GK-3", "C15")
def test_the_worked_values_of_the_original_beside_ours() -> None:
    for row in WORKED:
        found = scored(*row.results)
        print(f"{row.what}: original {row.original:g}, ours {found.health}")
        assert found.health == row.health, row.what
        assert found.confidence == (row.health if row.confidence is None else row.confidence), row.what
    assert {place: WORKED[place].original for place in ORIGINALS_WORKED} == ORIGINALS_WORKED


@pytest.mark.shows("GK-2", "C15")
@pytest.mark.parametrize(
    ("component", "counts", "points_then", "state"),
    [
        (L, Counts(), 100, "pass"),
        (L, Counts(warnings=800), 100, "pass"),
        (L, Counts(warnings=802), 99, "warning"),
        (L, Counts(errors=1, warnings=800), 85, "fail"),
        (L, Counts(errors=7), 0, "fail"),
        (S, Counts(critical=1), 75, "fail"),
        (S, Counts(high=2), 80, "pass"),
        (S, Counts(high=3), 70, "fail"),
        (S, Counts(moderate=10), 70, "pass"),
        (S, Counts(moderate=11), 67, "warning"),
        (S, Counts(low=100), 0, "pass"),
        (S, Counts(low=3, critical=5), 0, "fail"),
        (B, Counts(errors=1), 0, "fail"),
        (T, Counts(failed_tests=1, total_tests=3), 80, "fail"),
        (T, Counts(failed_tests=9, total_tests=9), 0, "fail"),
    ],
)
def test_one_rule_set_with_the_constants_of_the_fix_mode(
    component: Component, counts: Counts, points_then: int, state: str
) -> None:
    found = measured(check(component), counts)
    assert (found.score, found.state.value) == (points_then, state)


@pytest.mark.shows("GK-2", "C15")
def test_failing_tests_block() -> None:
    found = scored(good(B), measured(check(T), Counts(failed_tests=1, total_tests=40)))
    assert found.blockers == ("tests: tests 1 failed test",)
    assert (found.ready, found.gate) == (False, Gate.FAIL)


@pytest.mark.shows("GK-3", "C15", "B4")
def test_fixes_raise_confidence_and_never_health() -> None:
    found = scored(measured(check(L), Counts(errors=2, fixed=50)), good(B), autofixes=9)
    assert found.health == rounded_half(70, 100) - 15
    assert found.confidence == rounded_half(90, 100) - 15 + 20
    assert found.component(L) is not None
    assert found.components[0].score == 70


def rounded_half(*values: int) -> int:
    return (sum(values) * 2 // len(values) + 1) // 2


def test_halves_are_rounded_up_once_at_the_end() -> None:
    # means of 99.5 and 100: rounding each would give 100 where the mean is 99.75
    half = measured(check(L), Counts(warnings=801))
    assert half.score == 100
    assert rounded(points(L, half.state, half.counts)) == 100
    assert scored(half, good(B), good(T), good(S)).health == 95


def test_a_component_is_the_weighted_mean_of_its_checks_and_others_stay_out() -> None:
    found = scored(good(B, name="install", weight=1), bad(B, name="build", weight=9), good(T))
    assert [(c.component, c.score) for c in found.components] == [(B, 10), (T, 100)]
    assert found.health == 55 - 15
    assert found.band is Band.MONITORING
    assert found.warnings == ("health is 40: below 50",)


def test_many_failed_checks_of_one_component_are_one_blocker() -> None:
    found = scored(bad(B, name="a"), bad(B, name="b"), good(T))
    assert found.blockers == ("build: a failed; b failed",)
    assert found.health == 35


def test_a_check_that_does_not_block_warns() -> None:
    found = scored(bad(L, blocking=False), good(B), good(T))
    assert (found.blockers, found.ready, found.gate) == ((), True, Gate.WARNING)
    assert found.health == 67 - 5
    assert found.components[0].state is CheckState.WARNING


@pytest.mark.shows("GK-1", "GK-3", "F29")
@pytest.mark.parametrize("lost", list(Component))
def test_an_unknown_component_makes_every_number_unknown(lost: Component) -> None:
    others = [good(c) for c in Component if c is not lost]
    found = scored(*others, unknown(check(lost), "the tool is missing"))
    assert (found.confidence, found.health, found.ready) == (None, None, None)
    assert (found.gate, found.band) == (Gate.HOLD, Band.UNKNOWN)
    assert any("the tool is missing" in line for line in found.warnings)


@pytest.mark.shows("GK-3")
def test_a_half_known_component_is_unknown() -> None:
    found = scored(good(B), unknown(check(B, "second"), "timeout"), good(T))
    assert (found.health, found.gate) == (None, Gate.HOLD)


@pytest.mark.shows("GK-0")
def test_what_the_outside_did_not_answer_stays_out_and_is_no_pass() -> None:
    found = scored(good(L), unknown(check(S), "no answer", outside=True), good(B), good(T))
    assert (found.health, found.confidence) == (100, 100)
    assert (found.ready, found.gate) == (None, Gate.WARNING)
    worse = scored(good(L), unknown(check(S), "no answer", outside=True), bad(B), broken(bad(T), "build"))
    assert (worse.health, worse.ready, worse.gate, worse.band) == (3, False, Gate.FAIL, Band.CRITICAL)


@pytest.mark.shows("GK-0")
def test_one_inside_reason_is_enough_to_hold() -> None:
    both = (unknown(check(S, "a"), "no answer", outside=True), unknown(check(S, "b"), "timeout"))
    assert scored(*both, good(B), good(T)).health is None


@pytest.mark.shows("GK-0")
def test_a_health_without_build_and_tests_is_unknown() -> None:
    lost = (unknown(check(B), "no answer", outside=True), unknown(check(T), "no answer", outside=True))
    assert scored(good(L), good(S), *lost).health is None
    assert scored(good(L), good(S)).health == 100
    assert scored(good(L), good(S), lost[0], good(T)).health == 100


def test_nothing_measured_is_unknown() -> None:
    skipped = replace(good(L), state=CheckState.SKIPPED, score=None)
    for found in (scored(), scored(skipped), scored(unknown(check(S), "no answer", outside=True))):
        assert (found.health, found.ready, found.gate) == (None, None, Gate.HOLD)


def test_the_set_hash_is_of_what_is_run_whatever_the_order() -> None:
    one, two = check(L), check(B)
    assert set_hash([one, two]) == set_hash([two, one])
    for other in (
        replace(one, command=("false",)),
        replace(one, weight=2),
        replace(one, blocking=False),
        replace(one, timeout=timedelta(seconds=1)),
        replace(one, parser="sarif"),
        replace(one, report="x"),
        replace(one, directory="x"),
        replace(one, component=S),
    ):
        assert set_hash([other, two]) != set_hash([one, two])


# --- properties

COUNTS = st.builds(
    Counts,
    **{name: st.integers(0, 40) | st.integers(0, 10**6) for name in Counts.__dataclass_fields__},
)
RESULTS = st.lists(
    st.one_of(
        st.builds(
            lambda c, counts, failed, w, blocks: measured(
                check(c, f"n{w}", weight=w, blocking=blocks), counts, failed=failed
            ),
            st.sampled_from(Component),
            COUNTS,
            st.booleans(),
            st.integers(1, 100),
            st.booleans(),
        ),
        st.builds(lambda c, out: unknown(check(c), "x", outside=out), st.sampled_from(Component), st.booleans()),
    ),
    max_size=8,
)


@pytest.mark.shows("GK-1", "GK-3", "F29")
@settings(max_examples=400, deadline=None)
@given(RESULTS, st.integers(0, 10**6))
def test_every_number_is_0_to_100_or_unknown(results: list[CheckResult], autofixes: int) -> None:
    found = score(results, sha=SHA, taken_at=NOW, set_hash="s", autofixes=autofixes)
    for number in (found.health, found.confidence, *(c.score for c in found.components), *(r.score for r in results)):
        assert number is None or 0 <= number <= 100
    assert (found.health is None) == (found.confidence is None) == (found.band is Band.UNKNOWN)
    if found.health is not None and found.confidence is not None:
        assert found.health <= found.confidence
    inside = any(c.state is CheckState.UNKNOWN and not c.outside for c in found.components)
    assert not (inside and found.health is not None)
    assert found.gate is not Gate.PASS or (found.ready is True and not found.warnings)
    assert found.ready is not True or all(r.state is not CheckState.UNKNOWN for r in results)


@settings(max_examples=150, deadline=None)
@given(RESULTS, st.integers(0, 9))
def test_json_and_back(results: list[CheckResult], autofixes: int) -> None:
    found = score(results, sha=SHA, taken_at=NOW, set_hash="s", autofixes=autofixes)
    tree = measurement_json(found)
    SCHEMA.validate(tree)
    assert measurement_from(tree) == found


# --- reports of strangers


@pytest.mark.shows("F29")
@pytest.mark.parametrize(
    "change",
    [
        {"health": 100},
        {"health": 3},
        {"confidence": 100},
        {"ready": True},
        {"gate": "pass"},
        {"band": "critical"},
        {"blockers": []},
        {"health": 101},
        {"health": True},
        {"health": "60"},
        {"schemaVersion": "2.0"},
        {"takenAt": "2026-11-22T12:00:00"},
        {"results": []},
        {"components": {}},
    ],
)
def test_numbers_that_do_not_follow_from_the_results_are_refused(change: dict[str, object]) -> None:
    tree = measurement_json(scored(good(L), good(B), bad(T)))
    assert measurement_from(copy.deepcopy(tree)).health == 52
    with pytest.raises(NotAMeasurement):
        measurement_from(tree | change)


@pytest.mark.parametrize("tree", [None, [], "x", 7, {}, {"schemaVersion": "1.0"}])
def test_what_is_no_measurement_is_refused(tree: object) -> None:
    with pytest.raises(NotAMeasurement):
        measurement_from(tree)


def test_a_bonus_for_fixes_is_no_contradiction() -> None:
    assert follows(scored(good(L), good(B), bad(T), autofixes=2))
