"""Records of decisions: what was written is read back, and decides the same."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cicatrix.core.codec import Mismatch, codec_of
from cicatrix.core.facts import Step
from cicatrix.core.graph import Graph
from cicatrix.core.operations import OperationState, SlotUse
from cicatrix.core.policy import Denial, Mode
from cicatrix.core.reasons import Reason
from cicatrix.core.replay import Inputs, OtherVersion, read, record, replay
from tests.core.facts import (
    BROKEN,
    FLAKY,
    LOST,
    NOW,
    PATH,
    TRANSIENT,
    UNSURE,
    facts,
    job,
    operation,
    policy,
    pull,
    request,
    run,
    usage,
)

STEP = Step(number=1, name="Run tests", status="completed", conclusion="failure", started_at=NOW)


def inputs(**fields: Any) -> Inputs:
    values: dict[str, Any] = {
        "request": request(),
        "facts": facts([job("unit", steps=(STEP,), labels=("ubuntu-latest",)), job("green", "success")]),
        "policy": policy(),
        "usage": usage(),
        "now": NOW,
    }
    return Inputs(**{**values, **fields})


def same(given_inputs: Inputs) -> None:
    again = read(record(given_inputs))
    assert replay(again) == replay(given_inputs)
    assert record(again) == record(given_inputs)


# --- generated decisions ---

names = st.sampled_from(["unit", "lint", "deploy prod", "e2e (3.12, ubuntu)", "shared / check", "größe ⚙", "a\tb"])
verdicts = st.sampled_from([LOST, TRANSIENT, FLAKY, BROKEN, UNSURE])
texts = st.text(max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | st.dates()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
moments = st.integers(0, 100_000).map(lambda s: NOW - timedelta(seconds=s, microseconds=s))


@st.composite
def workflow_files(draw: st.DrawFn, job_names: list[str]) -> dict[str, object]:
    """Jobs as a stranger may write them: matrices of anything, needs, gates, called workflows, nonsense."""
    files: dict[str, object] = {}
    for number, name in enumerate(job_names):
        spec: dict[str, object] = {"name": name} if draw(st.booleans()) else {}
        earlier = [f"j{n}" for n in range(number)]
        if earlier:
            spec["needs"] = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=2))
        if draw(st.booleans()):
            spec["strategy"] = {"matrix": draw(st.dictionaries(texts, st.lists(values, max_size=3), max_size=2))}
        spec |= draw(st.sampled_from([{}, {"if": "always()"}, {"environment": "prod"}, {"uses": "./.github/x.yml"}]))
        files[f"j{number}"] = draw(st.one_of(st.just(spec), st.just(spec), values))
    return files


@st.composite
def decisions(draw: st.DrawFn) -> Inputs:
    shown = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    graph = Graph.build(
        PATH,
        {
            PATH: {"jobs": draw(workflow_files(shown))},
            ".github/x.yml": {"jobs": draw(workflow_files(["inner", "outer"]))},
        },
    )
    attempts = [
        [
            job(
                name,
                draw(st.sampled_from(["failure", "success", "skipped", "timed_out", "cancelled", None, "strange"])),
                id=f"{attempt}{number}",
                run_attempt=attempt,
                started_at=draw(st.none() | moments),
                completed_at=draw(st.none() | moments),
                steps=draw(st.sampled_from([None, (), (STEP,)])),
            )
            for number, name in enumerate(shown)
        ]
        for attempt in range(1, draw(st.integers(1, 3)) + 1)
    ]
    read_facts = facts(
        attempts,
        dict(zip(shown, draw(st.lists(verdicts, min_size=4, max_size=4)), strict=False)),
        graph=graph,
        pull_request=draw(st.sampled_from([None, pull(), pull(state="closed", auto_merge=True)])),
        run=run(run_attempt=draw(st.sampled_from([None, len(attempts)])), event=draw(st.sampled_from(["push", "x"]))),
        newer_run_id=draw(st.sampled_from([None, "7"])),
    )
    operations = draw(
        st.lists(
            st.builds(
                operation,
                id=texts,
                state=st.sampled_from(OperationState),
                base_attempt=st.integers(1, 3),
                created_at=moments,
            ),
            max_size=2,
        )
    )
    book = draw(
        st.sampled_from(
            [None, {"mode": "act"}, {"mixed": "block", "allowAllJobs": True}, {"automation": [{"actionType": "x"}]}]
        )
    )
    stops = draw(st.lists(st.tuples(st.sampled_from(list(Reason)), texts), max_size=2))
    return inputs(
        request=request(
            mode=draw(st.sampled_from(Mode)),
            max_attempts=draw(st.integers(1, 5)),
            dry_run=draw(st.booleans()),
            automatic=draw(st.booleans()),
            only_jobs=draw(st.none() | st.frozensets(names, max_size=2)),
        ),
        facts=read_facts,
        policy=policy(
            book,
            stops=tuple(stops),
            registry_limit=draw(st.none() | st.integers(0, 5)),
            remarks=tuple(draw(st.lists(texts, max_size=1))),
            denial=draw(
                st.none() | st.builds(Denial, code=texts, what=texts, why=texts, next=texts, next_allowed_at=moments)
            ),
        ),
        usage=usage(
            run_job=draw(st.dictionaries(names, st.integers(0, 3), max_size=2)),
            sha_job=tuple(draw(st.lists(st.builds(SlotUse, name=names, key=texts, n=st.integers(1, 5)), max_size=2))),
            operations=tuple(operations),
            last_rerun=draw(st.dictionaries(texts, moments, max_size=1)),
            same_signal=draw(st.dictionaries(texts, st.integers(0, 3), max_size=1)),
            pull_request=draw(st.integers(0, 6)),
            first_rerun=draw(st.none() | moments),
        ),
        siblings=tuple(draw(st.lists(st.tuples(st.just(read_facts), st.just(tuple(operations))), max_size=1))),
    )


@pytest.mark.shows("LB-6", "F36")
@settings(max_examples=150, deadline=None, print_blob=True)
@given(decisions())
def test_what_was_recorded_decides_the_same(given_inputs: Inputs) -> None:
    same(given_inputs)


# --- by hand ---


@pytest.mark.shows("LB-6")
def test_a_record_is_one_line_of_ascii() -> None:
    text = record(inputs(facts=facts([job("größe")])))
    assert text.isascii()
    assert "\n" not in text


def test_dates_and_large_numbers_of_a_matrix_make_the_same_names() -> None:
    tree = {"jobs": {"t": {"strategy": {"matrix": {"v": [3.10, date(2026, 1, 1), 10**30, None, b"x"]}}}}}
    graph = Graph.build(PATH, {PATH: tree})
    given_inputs = inputs(facts=facts([job("t (3.1)"), job("t (2026-01-01)")], graph=graph))
    same(given_inputs)
    again = read(record(given_inputs)).facts.graph
    assert again is not None
    shown = ["t (3.1)", "t (2026-01-01)", f"t ({10**30})", "t ()", "t (b'x')"]
    assert [again.key_of(name) for name in shown] == [graph.key_of(name) for name in shown]
    assert all(again.key_of(name) for name in shown)


def test_a_graph_keeps_what_could_not_be_read() -> None:
    tree = {"jobs": {"a": {"uses": "acme/other/.github/workflows/x.yml@v1"}, "b": {"needs": ["a"]}, "c": 7}}
    for files in ({PATH: tree}, {}):
        graph = Graph.build(PATH, files)
        again = read(record(inputs(facts=facts([job("a / x")], graph=graph)))).facts.graph
        assert again is not None
        assert again.unresolved == graph.unresolved
        assert again.dependants(["a / x"], ["a / x", "b"]) == graph.dependants(["a / x"], ["a / x", "b"])


@pytest.mark.shows("PG-4")
def test_no_secret_gets_into_a_record() -> None:
    token = "ghp_" + "a1B2" * 9
    leaking = inputs(facts=facts([job(f"deploy {token}"), job("unit")], run=run(head_branch=f"x-{token}")))
    text = record(leaking)
    assert token not in text
    assert [j.action for j in replay(read(text)).jobs] == [j.action for j in replay(leaking).jobs]


@pytest.mark.shows("PG-4")
def test_a_configured_secret_is_left_out_too() -> None:
    text = record(
        inputs(facts=facts([job("unit hunter2hunter2")])), lambda t: t.replace("hunter2hunter2", "[redacted]")
    )
    assert "hunter2" not in text
    assert read(text).facts.attempts[0].jobs[0].name == "unit [redacted]"


def _changed(change: Any) -> str:
    tree = json.loads(record(inputs()))
    change(tree)
    return json.dumps(tree)


@pytest.mark.shows("LB-6")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.update(version=2), "another version: 2"),
        (lambda t: t.update(version="1"), "another version"),
        (lambda t: t.pop("inputs"), "another version"),
        (lambda t: t.update(more=1), "another version"),
        (lambda t: t["inputs"].update(more=1), "no field 'more'"),
        (lambda t: t["inputs"].pop("facts"), "facts"),
        (lambda t: t["inputs"]["facts"]["run"].update(shiny=1), "WorkflowRun has no field 'shiny'"),
        (lambda t: t["inputs"]["request"].update(max_attempts="2"), "int expected, str found"),
        (lambda t: t["inputs"]["request"].update(max_attempts=True), "int expected, bool found"),
        (lambda t: t["inputs"]["request"].update(mode="EVERYTHING"), "EVERYTHING"),
        (lambda t: t["inputs"].update(now="yesterday"), "yesterday"),
        (lambda t: t["inputs"]["usage"].update(run_job=[]), "a mapping expected"),
        (lambda t: t["inputs"]["facts"].update(attempts={}), "a list expected"),
        (lambda t: t["inputs"]["facts"]["graph"]["files"].update(x=3), "WorkflowFile expected"),
        (lambda t: t["inputs"]["policy"]["resolved"]["lawbook"].update(forks="sometimes"), "none of never, allow"),
    ],
)
def test_a_record_of_another_version_is_not_guessed_at(change: Any, told: str) -> None:
    with pytest.raises(OtherVersion, match=told):
        read(_changed(change))


@pytest.mark.shows("LB-6")
@pytest.mark.parametrize("text", ["", "[]", "null", '"x"', "{", "[" * 100_000, '{"version": 1}', "1e999"])
def test_what_is_no_record_is_told(text: str) -> None:
    with pytest.raises(OtherVersion):
        read(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.integers(0, 10_000))
def test_a_damaged_record_is_read_or_refused(noise: str, at: int) -> None:
    text = record(inputs())
    place = at % len(text)
    try:
        read(text[:place] + noise + text[place + 1 :])
    except OtherVersion:
        return


@dataclass(frozen=True, slots=True)
class _Shape:
    pair: tuple[str, int]
    many: frozenset[str] = frozenset()
    span: timedelta = timedelta(0)


def test_tuples_sets_and_spans_survive() -> None:
    encode, decode = codec_of(_Shape)
    assert encode is not None
    shape = _Shape(("a", 1), frozenset({"b", "a"}), timedelta(microseconds=3))
    assert encode(shape) == {"pair": ["a", 1], "many": ["a", "b"], "span": 3}
    assert decode(encode(shape)) == shape
    with pytest.raises(Mismatch, match="2 items expected, 1 found"):
        decode({"pair": ["a"]})


def test_a_kind_of_field_without_a_record_is_named() -> None:
    with pytest.raises(TypeError, match="add a case to"):
        codec_of(list[int])


def test_another_policy_may_be_asked() -> None:
    asked = inputs(usage=usage(run_job={"unit": 1}))
    assert [j.action for j in replay(asked).jobs] == ["RERUN", "SKIP"]
    strict = replace(asked.policy, registry_limit=1)
    assert [j.reason for j in replay(asked, strict).jobs] == [Reason.MAX_ATTEMPTS_EXCEEDED, Reason.NOT_FAILED]
