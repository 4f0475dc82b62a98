"""`judge` is a table: signals in, verdict out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.core.verdict import (
    RETRYABLE,
    Fact,
    FailureClass,
    Hit,
    Signals,
    StepKind,
    Strength,
    Verdict,
    classify_failure_for_rerun,
    judge,
)

INFRA, FLAKY, CODE = FailureClass.INFRA_TRANSIENT, FailureClass.FLAKY_PROBABLE, FailureClass.DETERMINISTIC
PERSISTENT, UNKNOWN, CANCELLED = FailureClass.INFRA_PERSISTENT, FailureClass.UNKNOWN, FailureClass.CANCELLED


def hit(
    failure_class: FailureClass,
    strength: Strength = Strength.STRONG,
    *,
    rule: str = "a.rule",
    line: int = 10,
    near: bool = True,
    supported: bool = False,
    suspected: FailureClass | None = None,
) -> Hit:
    return Hit(
        rule=rule,
        failure_class=failure_class,
        strength=strength,
        line_number=line,
        line="text",
        near_end=near,
        supported=supported,
        suspected=suspected,
    )


TERMINAL, WEAK = Strength.TERMINAL, Strength.WEAK
INSTALL = StepKind.INSTALL


@pytest.mark.shows("RR-11")
@pytest.mark.parametrize(
    ("signals", "failure_class", "suspected"),
    [
        pytest.param(Signals(), UNKNOWN, None, id="nothing found"),
        pytest.param(Signals(missing="gone"), UNKNOWN, None, id="no log"),
        pytest.param(Signals(succeeded=True, hits=(hit(CODE),)), UNKNOWN, None, id="the log ends in success"),
        pytest.param(Signals(hits=(hit(INFRA, TERMINAL),)), INFRA, None, id="terminal alone"),
        pytest.param(
            Signals(hits=(hit(INFRA, TERMINAL), hit(CODE))), UNKNOWN, INFRA, id="terminal beside an assertion"
        ),
        pytest.param(Signals(hits=(hit(INFRA, TERMINAL, near=False),)), UNKNOWN, None, id="terminal far from the end"),
        pytest.param(
            Signals(hits=(hit(INFRA, TERMINAL), hit(PERSISTENT, TERMINAL))), PERSISTENT, None, id="the lasting one wins"
        ),
        pytest.param(
            Signals(hits=(hit(UNKNOWN, TERMINAL, suspected=FLAKY),)), UNKNOWN, FLAKY, id="time limit: at best flaky"
        ),
        pytest.param(Signals(hits=(hit(INFRA),)), UNKNOWN, INFRA, id="strong alone never acts"),
        pytest.param(Signals(hits=(hit(INFRA),), step_kind=INSTALL), INFRA, None, id="strong in an install step"),
        pytest.param(Signals(hits=(hit(INFRA, supported=True),)), INFRA, None, id="strong beside a transfer"),
        pytest.param(Signals(hits=(hit(INFRA), hit(INFRA, rule="b"))), INFRA, None, id="two strong rules"),
        pytest.param(
            Signals(hits=(hit(INFRA, supported=True), hit(INFRA, rule="b")), step_kind=StepKind.TEST),
            UNKNOWN,
            INFRA,
            id="a test step may print anything",
        ),
        pytest.param(
            Signals(hits=(hit(INFRA), hit(INFRA, line=11))), UNKNOWN, INFRA, id="one rule twice is one signal"
        ),
        pytest.param(Signals(hits=(hit(INFRA, near=False),), step_kind=INSTALL), UNKNOWN, None, id="strong but far"),
        pytest.param(Signals(hits=(hit(INFRA), hit(CODE)), step_kind=INSTALL), UNKNOWN, INFRA, id="conflict"),
        pytest.param(
            Signals(hits=(hit(INFRA), hit(CODE, near=False)), step_kind=INSTALL),
            UNKNOWN,
            INFRA,
            id="conflict from afar",
        ),
        pytest.param(Signals(hits=(hit(CODE),)), CODE, None, id="deterministic alone"),
        pytest.param(Signals(hits=(hit(CODE, near=False),)), UNKNOWN, CODE, id="deterministic but far"),
        pytest.param(Signals(hits=(hit(CODE), hit(INFRA, WEAK, line=12))), UNKNOWN, CODE, id="network beside a test"),
        pytest.param(Signals(hits=(hit(CODE), hit(INFRA, WEAK, line=99))), CODE, None, id="network elsewhere"),
        pytest.param(Signals(hits=(hit(INFRA, WEAK),), step_kind=INSTALL), UNKNOWN, INFRA, id="weak never acts"),
        pytest.param(Signals(hits=(hit(FLAKY, WEAK),)), UNKNOWN, FLAKY, id="flaky needs history"),
        pytest.param(Signals(hits=(hit(PERSISTENT), hit(CODE))), PERSISTENT, None, id="a full disk breaks compilers"),
        pytest.param(
            Signals(fact=Fact(rule="f", failure_class=CANCELLED, because=""), hits=(hit(INFRA, TERMINAL),)),
            CANCELLED,
            None,
            id="facts first",
        ),
    ],
)
def test_judge(signals: Signals, failure_class: FailureClass, suspected: FailureClass | None) -> None:
    verdict = judge(signals)
    assert (verdict.failure_class, verdict.suspected) == (failure_class, suspected)
    assert (verdict.confidence == 0) == (failure_class is UNKNOWN)


@pytest.mark.shows("RR-11")
def test_conflict_names_the_counter_evidence() -> None:
    verdict = judge(Signals(hits=(hit(INFRA), hit(CODE, rule="test.x", line=42)), step_kind=INSTALL))
    assert verdict.counter_evidence == "line 42: test.x: text"


hits = st.builds(
    hit,
    st.sampled_from(FailureClass),
    st.sampled_from(Strength),
    rule=st.sampled_from(["a", "b", "c"]),
    line=st.integers(1, 60),
    near=st.booleans(),
    supported=st.booleans(),
)
signals_strategy = st.builds(
    Signals, hits=st.lists(hits, max_size=6).map(tuple), step_kind=st.none() | st.sampled_from(StepKind)
)


@pytest.mark.shows("RR-11")
@given(signals_strategy)
def test_no_rerun_against_a_named_fault_and_none_on_weak_evidence(signals: Signals) -> None:
    verdict = judge(signals)
    if verdict.failure_class in RETRYABLE:
        strong = [h for h in signals.hits if h.strength is Strength.STRONG]
        assert not any(h.failure_class is CODE for h in strong)
        assert any(h.strength is not WEAK and h.near_end and h.failure_class in RETRYABLE for h in signals.hits)
    assert judge(signals) == verdict


@given(signals_strategy)
def test_a_named_fault_of_the_code_never_makes_a_job_more_retryable(signals: Signals) -> None:
    more = Signals(hits=(*signals.hits, hit(CODE)), step_kind=signals.step_kind)
    assert judge(more).failure_class not in RETRYABLE


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (Verdict(failure_class=INFRA, confidence=97), "infra transient"),
        (FLAKY, "flaky probable"),
        ("infra transient", "infra transient"),
        ("flaky_probable", "flaky probable"),
        (CODE, None),
        (UNKNOWN, None),
        (PERSISTENT, None),
        (None, None),
        ("network-lib unit tests", None),
        ("randomized property tests", None),
    ],
)
def test_the_compatibility_function_speaks_the_seeds_names(found: Verdict | str | None, name: str | None) -> None:
    assert classify_failure_for_rerun(found) == name
