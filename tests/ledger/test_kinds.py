"""Writes of every kind: one open at a time for a target, found by case and target, and no rerun's budget sees them."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cicatrix.core.facts import Receipt
from cicatrix.core.operations import Kind, OperationState, Verb
from cicatrix.ledger import Ledger, OpenOperation, rebuild
from tests.ledger.helpers import (
    HOST,
    MAIN,
    SHA,
    Clock,
    dispatch,
    intend,
    intend_other,
    open_ledger,
    operation,
    query,
    settle,
)

S = OperationState
OTHERS = (
    (Kind.DISPATCH, Verb.WORKFLOW_DISPATCH, f"sha:{SHA}"),
    (Kind.PUSH, Verb.PUSH_BRANCH, f"ref:{MAIN}"),
    (Kind.PUSH, Verb.PUSH_DIRECT, "ref:refs/heads/cicatrix/fix/case1"),
    (Kind.PULL_REQUEST, Verb.CREATE_PULL, "head:cicatrix/fix/case1"),
    (Kind.COMMENT, Verb.UPDATE_COMMENT, "comment:41"),
    (Kind.LABEL, Verb.ADD_LABELS, "pull:41"),
    (Kind.CHECK_RUN, Verb.CREATE_CHECK_RUN, f"check:{SHA}"),
)


def test_an_intent_of_every_kind_is_stored_and_its_receipt_names_the_kind(ledger: Ledger, clock: Clock) -> None:
    for n, (kind, verb, target) in enumerate(OTHERS):
        wanted = dispatch(f"op{n}", kind=kind.value, verb=verb, target=target, run_id="5000" if n % 2 else "")
        assert intend_other(ledger, wanted) == Receipt(operation_id=f"op{n}", ledger_index=n, send=1, kind=kind.value)
        with ledger.read() as view:
            stored = view.operation(f"op{n}")
        assert stored
        assert (stored.kind, stored.verb, stored.target, stored.params, stored.case_id) == (
            kind, verb, target, wanted.params, "case1",
        )  # fmt: skip
    with ledger.read() as view:
        assert [e.kind for e in view.entries()] == [f"{kind.value}.intended" for kind, _, _ in OTHERS]
        assert [op.id for op in view.operations_of_case("case1")] == [f"op{n}" for n in range(len(OTHERS))]


def test_the_entry_of_an_intent_tells_what_is_sent_and_no_name(ledger: Ledger) -> None:
    intend_other(ledger, dispatch())
    with ledger.read() as view:
        (entry,) = view.entries()
        told = view.resolved(entry.data)
    assert {name: entry.data[name] for name in ("operationId", "decisionId", "caseId", "verb", "headSha")} == {
        "operationId": "op1",
        "decisionId": "decision-of-op1",
        "caseId": "case1",
        "verb": "repository-dispatch",
        "headSha": SHA,
    }
    assert "slots" not in entry.data
    assert told["target"] == f"sha:{SHA}"
    assert told["params"] == dispatch().params
    assert {name: entry.data["params"][name] for name in ("sha", "pull", "n")} == {"sha": SHA, "pull": "41", "n": 3}
    for name in ("octavia", "acme", "cicatrix[bot]", f"sha:{SHA}", "post-remediation-check"):
        assert name not in entry.body


def test_a_rerun_tells_what_it_told_before(ledger: Ledger) -> None:
    intend(ledger, operation())
    with ledger.read() as view:
        (entry,) = view.entries()
    assert not {"caseId", "target", "params"} & entry.data.keys()
    assert len(entry.data["slots"]) == 2


@pytest.mark.shows("RR-5", "F6")
def test_at_most_one_is_open_of_a_kind_run_and_target(ledger: Ledger) -> None:
    intend(ledger, operation("rerun"))
    first = dispatch("op1", run_id="5000")
    intend_other(ledger, first)
    with pytest.raises(OpenOperation, match="Such a dispatch has an open operation already"):
        intend_other(ledger, dispatch("op2", run_id="5000"))
    with pytest.raises(OpenOperation, match="The run has an open operation already"):
        intend(ledger, operation("rerun2"), run=5, sha=5)
    for n, other in enumerate(
        (
            {"target": "sha:other"},
            {"kind": "push", "verb": Verb.PUSH_BRANCH},
            {"run_id": "6000"},
            {"run_id": ""},
            {"repository_id": "200"},
            {"host": "ghes.example"},
        )
    ):
        intend_other(ledger, dispatch(f"other{n}", **({"run_id": "5000"} | other)))
    settle(ledger, "op1", S.DEFERRED, not_before=first.created_at)
    with pytest.raises(OpenOperation):
        intend_other(ledger, dispatch("op2", run_id="5000"))
    settle(ledger, "op1", S.INDETERMINATE)
    intend_other(ledger, dispatch("op2", run_id="5000"))


@pytest.mark.shows("RR-5", "F6")
def test_threads_that_race_for_one_target_open_it_once(path: Path, clock: Clock) -> None:
    ledgers = [open_ledger(path, clock) for _ in range(2)]
    granted: list[str] = []
    refused: list[str] = []
    ready = threading.Barrier(8)

    def work(me: int) -> None:
        ready.wait()
        for n in range(6):
            name = f"{me}-{n}"
            try:
                intend_other(ledgers[me % 2], dispatch(name, kind="push", verb=Verb.PUSH_DIRECT, target=f"ref:{n}"))
                granted.append(name)
            except OpenOperation:
                refused.append(name)

    workers = [threading.Thread(target=work, args=(me,)) for me in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(name.partition("-")[2] for name in granted) == [str(n) for n in range(6)]
    assert len(refused) == 8 * 6 - 6
    with ledgers[0].read() as view:
        assert len(view.open_operations(kinds=["push"])) == view.size() == 6
    for ledger in ledgers:
        ledger.close()


@pytest.mark.shows("RR-8")
def test_other_kinds_count_in_no_budget_of_reruns(ledger: Ledger, clock: Clock) -> None:
    asked = clock.move(minutes=1)
    assert intend(ledger, operation("rerun", created_at=asked))
    settle(ledger, "rerun", S.CONFIRMED)
    with ledger.read() as view:
        before = view.usage(query(), clock.now)
    clock.move(minutes=1)
    for n, (kind, verb, target) in enumerate(OTHERS):
        job = operation().named
        wanted = dispatch(
            f"op{n}", kind=kind.value, verb=verb, target=target, run_id="5000", pull_request=3, named=job, minutes=9
        )
        intend_other(ledger, wanted)
        if n % 2:
            settle(ledger, f"op{n}", S.CONFIRMED)
    with ledger.read() as view:
        assert view.usage(query(), clock.now) == before
        assert [op.id for op in view.operations_of_run(HOST, "100", "5000")] == ["rerun"]
        assert view.first_rerun_on_head(HOST, "100", 3, SHA) == asked
        assert view.all_slots() == view.slots_of("rerun")


def test_open_operations_are_asked_for_by_kind(ledger: Ledger, clock: Clock) -> None:
    intend(ledger, operation("rerun"))
    intend_other(ledger, dispatch("op1", created_at=clock.move(seconds=1)))
    intend_other(ledger, dispatch("op2", created_at=clock.move(seconds=1), kind="push", target="ref:a"))
    intend_other(ledger, dispatch("op3", created_at=clock.move(seconds=1), host="ghes.example"))
    with ledger.read() as view:

        def found(*kinds: str, **options: Any) -> list[str]:
            return [op.id for op in view.open_operations(kinds=kinds, **options)]

        assert [op.id for op in view.open_operations()] == ["rerun"]
        assert found("dispatch", "push") == ["op1", "op2", "op3"]
        assert found("dispatch", host=HOST) == ["op1"]
        assert found("dispatch", "push", "rerun", limit=2) == ["rerun", "op1"]
        assert found() == []
    settle(ledger, "op1", S.CONFIRMED)
    settle(ledger, "op2", S.DEFERRED, not_before=clock.now)
    with ledger.read() as view:
        assert [op.id for op in view.open_operations(kinds={"dispatch", "push"}, host=HOST)] == ["op2"]


def test_operations_are_found_by_time_and_by_target(ledger: Ledger, clock: Clock) -> None:
    since = clock.move(hours=1)
    at = {"early": since - timedelta(microseconds=1), "first": since, "later": since + timedelta(minutes=1)}
    for name, moment in at.items():
        intend_other(ledger, dispatch(name, created_at=moment))
        settle(ledger, name, S.REFUSED if name == "first" else S.CONFIRMED)
    intend_other(ledger, dispatch("push", created_at=since, kind="push", target="ref:a"))
    intend_other(ledger, dispatch("elsewhere", created_at=since, repository_id="200"))
    with ledger.read() as view:

        def found(*kinds: str) -> list[str]:
            return [op.id for op in view.operations_since(HOST, "100", since, kinds)]

        assert found("dispatch") == ["first", "later"]
        assert found("push", "dispatch") == ["first", "push", "later"]
        assert found() == []
        of_target = view.operations_of_target(HOST, "100", "dispatch", f"sha:{SHA}")
        assert [(op.id, op.state) for op in of_target] == [
            ("early", S.CONFIRMED),
            ("first", S.REFUSED),
            ("later", S.CONFIRMED),
        ]
        assert view.operations_of_target(HOST, "100", "push", f"sha:{SHA}") == ()
        assert view.operations_of_target(HOST, "200", "dispatch", f"sha:{SHA}")[0].id == "elsewhere"
        assert view.operations_of_case("case2") == ()


def test_an_empty_target_has_no_operations(ledger: Ledger) -> None:
    intend(ledger, operation())
    with ledger.read() as view:
        assert view.operations_of_target(HOST, "100", "rerun", "") == ()


@pytest.mark.shows("LG-6")
def test_operations_of_every_kind_are_rebuilt_from_the_entries(ledger: Ledger, clock: Clock) -> None:
    intend(ledger, operation("rerun", case_id="case1"))
    ends = (S.CONFIRMED, S.REFUSED, S.INDETERMINATE, S.DEFERRED, S.DEFERRED, S.CONFIRMED, None)
    for n, ((kind, verb, target), end) in enumerate(zip(OTHERS, ends, strict=True)):
        params = {"nested": {"list": ["a", SHA, "", "7", "f" * 64, None, True]}, "head": target, "size": n}
        moment = clock.move(seconds=7)
        wanted = dispatch(
            f"op{n}", kind=kind.value, verb=verb, target=target, params=params, created_at=moment, sent_at=moment
        )
        intend_other(ledger, wanted)
        if end:
            settle(ledger, f"op{n}", end, answer="403", not_before=moment if end is S.DEFERRED else None)
    settle(ledger, "op2", S.CONFIRMED, expected={S.INDETERMINATE}, event="resolved")
    with ledger.write("again") as tx:
        assert tx.record_resent("op3")
    with ledger.read() as view:
        assert rebuild(view.entries(), view.text_of) == (view.all_operations(), view.all_slots())
        assert [e.kind for e in view.entries()][1:5] == [
            "dispatch.intended",
            "dispatch.confirmed",
            "push.intended",
            "push.refused",
        ]


def test_erased_texts_of_an_intent_come_back_empty(ledger: Ledger) -> None:
    intend_other(ledger, dispatch())
    with ledger.write("erase") as tx:
        (entry,) = tx.entries()
        tx.erase_text(entry.data["target"])
        tx.erase_text(entry.data["params"]["branch"])
    with ledger.read() as view:
        ((told,), _) = rebuild(view.entries(), view.text_of)
    assert (told.target, told.params) == ("", dict(dispatch().params) | {"branch": ""})


def test_all_that_happens_to_a_write_is_found_by_its_case(ledger: Ledger) -> None:
    intend_other(ledger, dispatch("op1"))
    intend_other(ledger, dispatch("op2", case_id="case2", target="sha:other"))
    intend(ledger, operation("rerun"))
    settle(ledger, "op1", S.DEFERRED)
    with ledger.write("again") as tx:
        tx.record_resent("op1")
        tx.append("case.note", {"caseId": "case1"})
        tx.append("case.note", {"caseId": ""})
    settle(ledger, "op1", S.CONFIRMED, extra={"caseId": ""})
    with ledger.read() as view:
        assert [e.kind for e in view.entries_of_case("case1")] == [
            "dispatch.intended",
            "dispatch.deferred",
            "dispatch.resent",
            "case.note",
            "dispatch.confirmed",
        ]
        assert [e.index for e in view.entries_of_case("case2")] == [1]
        assert view.entries_of_case("") == view.entries_of_case("case3") == ()


@pytest.mark.parametrize("index", ["ix_operations_target", "ix_operations_case", "ix_entries_case"])
def test_what_is_asked_often_is_answered_by_an_index(ledger: Ledger, index: str) -> None:
    asked: list[str] = []
    with ledger.read() as view:
        raw = view._connection.connection.driver_connection
        assert raw
        raw.set_trace_callback(asked.append)
        view.operations_of_target(HOST, "100", "push", "ref:a")
        view.operations_of_case("case1")
        view.entries_of_case("case1")
        raw.set_trace_callback(None)
        plans = [str(raw.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()) for query in asked if "SELECT" in query]
    assert len(plans) == 3
    assert any(f"USING INDEX {index} " in plan for plan in plans), plans
