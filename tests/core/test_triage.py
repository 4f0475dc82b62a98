"""The triage report from findings: types by name, next actions by class, one hash for equal evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.core.triage import (
    SIGNAL_LENGTH,
    Excerpt,
    Finding,
    NextAction,
    StepLine,
    Subject,
    check_type,
    excerpt_hash,
    next_action,
    primary_signal,
    triage_report,
)
from cicatrix.core.verdict import UNKNOWN, FailureClass, Verdict

SUBJECT = Subject(
    request_id="r-1",
    environment="staging",
    lawbook_hash="a" * 64,
    repository="acme/shop",
    number=7,
    head_sha="b" * 40,
)


def verdict(failure_class: FailureClass, **fields: Any) -> Verdict:
    return replace(UNKNOWN, failure_class=failure_class, confidence=90, rule="some.rule", **fields)


def finding(name: str = "unit", failure_class: FailureClass = FailureClass.DETERMINISTIC, **fields: Any) -> Finding:
    made: dict[str, Any] = {
        "name": name,
        "conclusion": "failure",
        "run_id": 1,
        "job_id": 2,
        "excerpt": Excerpt(text="error: wrong"),
        "verdict": verdict(failure_class),
    }
    return Finding(**{**made, **fields})


def report(*findings: Finding, pending: int = 0, **fields: Any) -> dict[str, Any]:
    return triage_report(SUBJECT, findings, pending=pending, **fields)


# --- types


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lint", "lint"),
        ("ESLint / check", "lint"),
        ("code-style", "lint"),
        ("lint tests", "lint"),
        ("e2e tests", "e2e"),
        ("end-to-end", "e2e"),
        ("PlaywrightSuite", "e2e"),
        ("unit-tests (3.11, ubuntu-latest)", "test"),
        ("test (build)", "test"),
        ("UnitTests", "test"),
        ("docker build", "infra"),
        ("terraform plan", "infra"),
        ("build", "build"),
        ("compile / arm64", "build"),
        ("build and deploy", "build"),
        ("deploy-staging", "deploy"),
        ("release", "deploy"),
        ("latest", "unknown"),
        ("contest", "unknown"),
        ("rebuild-cache-of-nothing", "unknown"),
        ("", "unknown"),
        ("x" * 100_000, "unknown"),
    ],
)
def test_the_type_of_a_check_comes_from_whole_words_of_its_name_in_the_seeds_order(name: str, expected: str) -> None:
    assert check_type(name) == expected


# --- actions


@pytest.mark.shows("TR-3", "GE-3", "C9")
@pytest.mark.parametrize(
    ("failure_class", "action"),
    [
        (FailureClass.INFRA_TRANSIENT, "RERUN"),
        (FailureClass.FLAKY_PROBABLE, "RERUN"),
        (FailureClass.INFRA_PERSISTENT, "HOLD"),
        (FailureClass.DETERMINISTIC, "PROMPT"),
        (FailureClass.UNKNOWN, "PROMPT"),
        (FailureClass.CANCELLED, "NONE"),
    ],
)
def test_the_next_action_follows_from_the_class_alone(failure_class: FailureClass, action: str) -> None:
    assert next_action(failure_class) == action
    # neither name nor conclusion nor the words of the excerpt change it: the class has read them already
    for name in ("deploy", "infra", "network timeout tests"):
        (told,) = report(finding(name, failure_class, excerpt=Excerpt(text="error: network timeout")))["failures"]
        assert (told["class"], told["recommendation"]["nextAction"]) == (failure_class.value, action)
        assert "some.rule" in told["recommendation"]["rationale"]


def test_every_class_has_an_action() -> None:
    assert {next_action(c) for c in FailureClass} == set(NextAction)


def test_a_gate_waits_for_what_it_needs() -> None:
    (told,) = report(finding(failure_class=FailureClass.UNKNOWN, dependant=True))["failures"]
    assert told["recommendation"]["nextAction"] == "NONE"
    assert told["dependantFailure"] is True


def test_what_waits_for_a_person_is_held() -> None:
    (told,) = report(finding(failure_class=FailureClass.UNKNOWN, conclusion="action_required"))["failures"]
    assert told["recommendation"]["nextAction"] == "HOLD"


# --- the whole


@pytest.mark.shows("TR-1", "C10")
@pytest.mark.parametrize(
    ("classes", "pending", "incomplete", "overall"),
    [
        ([], 0, None, "GREEN"),
        ([], 1, None, "PENDING"),
        ([], 0, "a page is missing", "PENDING"),
        ([FailureClass.INFRA_TRANSIENT], 0, None, "YELLOW"),
        ([FailureClass.CANCELLED], 0, None, "YELLOW"),
        ([FailureClass.INFRA_TRANSIENT], 1, None, "YELLOW"),
        ([FailureClass.INFRA_TRANSIENT, FailureClass.UNKNOWN], 0, None, "RED"),
        ([FailureClass.INFRA_PERSISTENT], 0, None, "RED"),
        ([FailureClass.DETERMINISTIC], 3, None, "RED"),
    ],
)
def test_overall_is_green_only_when_nothing_failed_waits_or_is_unread(
    classes: list[FailureClass], pending: int, incomplete: str | None, overall: str
) -> None:
    made = report(*[finding(failure_class=c) for c in classes], pending=pending, incomplete=incomplete)
    assert made["summary"]["overall"] == overall
    assert made["summary"]["pendingChecks"] == pending
    assert made["truncated"] is (incomplete is not None)


@pytest.mark.shows("TR-1")
def test_the_report_has_the_seeds_fields_sorted_by_name_run_and_job() -> None:
    made = report(
        finding("b", run_id=1, job_id=5),
        finding("a", run_id=9, job_id=1),
        finding("b", run_id=1, job_id=2, step="Run tests"),
        finding("b", run_id=None, job_id=None, external=True),
    )
    assert {"schemaVersion", "requestId", "deploymentEnv", "lawbookHash", "repo", "pr", "summary", "failures"} <= set(
        made
    )
    assert made["pr"] == {"number": 7, "headSha": "b" * 40}
    assert [(f["checkName"], f.get("runId"), f.get("jobId")) for f in made["failures"]] == [
        *(("a", 9, 1), ("b", None, None), ("b", 1, 2), ("b", 1, 5))
    ]
    assert made["summary"] == {"overall": "RED", "failingChecks": 4, "failingRuns": 2, "pendingChecks": 0}
    for told in made["failures"]:
        assert {"checkName", "type", "conclusion", "evidence", "primarySignal", "recommendation", "class"} <= set(told)
        assert {"url", "excerpt", "excerptHash"} <= set(told["evidence"])
        assert set(told["recommendation"]) == {"nextAction", "rationale"}
    assert made["failures"][1]["type"] == "external"


def test_the_excerpt_falls_back_to_the_checks_own_words_and_then_to_a_sentence() -> None:
    def excerpt(made: Finding) -> str:
        return str(report(made)["failures"][0]["evidence"]["excerpt"])

    assert excerpt(finding(summary="3 issues")) == "error: wrong"
    assert excerpt(finding(excerpt=None, summary="3 issues")) == "3 issues"
    assert excerpt(finding(excerpt=Excerpt(text=""), summary="")).startswith("unit ended in failure")
    generic = finding(excerpt=None, step="Run tests", verdict=replace(UNKNOWN, counter_evidence="no log to read: gone"))
    assert excerpt(generic) == "unit ended in failure in step Run tests and left no log to show: no log to read: gone."


def test_a_shortened_excerpt_makes_the_report_say_so() -> None:
    assert report(finding(excerpt=Excerpt(text="x", truncated=True)))["truncated"] is True
    assert report(finding())["truncated"] is False


def test_steps_are_told_as_they_are() -> None:
    (told,) = report(finding(steps=(StepLine(number=1, name="Set up job", conclusion="success"),)))["failures"]
    assert told["steps"] == [{"number": 1, "name": "Set up job", "conclusion": "success"}]


# --- signal and hash


@pytest.mark.parametrize(
    ("excerpt", "expected"),
    [
        ("one\nsrc/a.c:1: error: two\nerror: three", "src/a.c:1: error: two"),
        ("ok\n\u2716 1 problem", "\u2716 1 problem"),
        ("FAIL src/a.test.ts", "FAIL src/a.test.ts"),
        ("Build failed: see above", "Build failed: see above"),
        ("RuntimeException: x", "RuntimeException: x"),
        ("failover works, no errors", ""),
        ("", ""),
    ],
)
def test_the_primary_signal_is_the_first_line_that_says_so(excerpt: str, expected: str) -> None:
    assert primary_signal(excerpt) == expected


def test_the_evidence_line_of_the_verdict_is_the_signal_before_any_other() -> None:
    made = verdict(FailureClass.DETERMINISTIC, line="the line of the rule", line_number=12)
    (told,) = report(finding(verdict=made))["failures"]
    assert told["primarySignal"] == "the line of the rule"
    assert told["evidence"]["lineNumber"] == 12


@given(st.text(max_size=400))
def test_a_signal_is_one_line_of_at_most_200_characters(text: str) -> None:
    (told,) = report(finding(excerpt=Excerpt(text=f"error: {text * 3}")))["failures"]
    assert 0 < len(told["primarySignal"]) <= SIGNAL_LENGTH
    assert "\n" not in told["primarySignal"]


@pytest.mark.shows("TR-2")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2026-11-21T21:05:21.1Z error: x", "2026-12-01T01:02:03.4567Z error: x"),
        ("[21:05:21] error: x", "[07:00:00.123] error: x"),
        ("src/a.c:10:5: error: x", "src/a.c:12:1: error: x"),
        ("src/a.ts(10,5): error", "src/a.ts(1,2): error"),
        ('File "a.py", line 10, in f', 'File "a.py", line 99, in f'),
        ("segfault at 0xdeadbeef", "segfault at 0x1"),
        ("a\r\nb\tc", "a\nb c"),
    ],
)
def test_the_hash_is_equal_where_only_time_place_or_line_ends_differ(one: str, other: str) -> None:
    assert excerpt_hash(one) == excerpt_hash(other)
    assert len(excerpt_hash(one)) == 16


@pytest.mark.parametrize(("one", "other"), [("error: x", "error: y"), ("src/a.c:1: error", "src/b.c:1: error")])
def test_the_hash_differs_where_the_words_do(one: str, other: str) -> None:
    assert excerpt_hash(one) != excerpt_hash(other)
