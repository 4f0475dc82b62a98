"""Rows of the stop rules and of the automation policy, their views, and what each decision saw."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from cicatrix.ledger import Ledger
from tests.ledger.helpers import HOST, START, Clock, open_ledger
from tests.ledger.policy_values import automation, stop


@pytest.mark.shows("LB-3", "C7")
def test_a_stop_decision_reads_back_as_it_was_written(ledger: Ledger, clock: Clock) -> None:
    written = [stop(), stop("CONTINUE", workflow_run_id=None, request_id="request-2", decision_id="decision-2")]
    with ledger.write("rows") as tx:
        for row in written:
            tx.record_stop(row)
        tx.record_stop(stop("KILL", repository_id="200"))
    with ledger.read() as view:
        stored = view.stop_decisions(repository=(HOST, "100"))
        assert [found.row for found in stored] == written
        assert [(found.id, found.created_at) for found in stored] == [(1, START), (2, START)]
        assert [found.row for found in view.stop_decisions(request_id="request-2")] == written[1:]
        assert [found.row.decision for found in view.stop_decisions(decision_id="decision-1")] == ["HOLD", "KILL"]
        assert len(view.stop_decisions(limit=1)) == 1


@pytest.mark.shows("LB-4", "C8")
def test_windows_count_what_was_allowed_and_really_intended(ledger: Ledger, clock: Clock) -> None:
    """A denial in between clears nothing, a dry run counts for nothing."""
    with ledger.write("rows") as tx:
        tx.record_automation(automation())
    times = [START]
    for row in (
        automation(allowed=False),
        automation(operation_id=None),
        automation(action_type="rerun_checks"),
        automation(repository_id="200"),
        automation(operation_id="op2"),
    ):
        times.append(clock.move(minutes=1))
        with ledger.write("rows") as tx:
            tx.record_automation(row)
    with ledger.read() as view:
        runs = view.automation_runs(HOST, "100", "rerun_failed_jobs", START)
        assert runs == (START, times[5])
        assert view.automation_runs(HOST, "100", "rerun_failed_jobs", times[1]) == (times[5],)
        assert view.automation_runs(HOST, "100", "dispatch_workflow", START) == ()
        stored = view.automation_executions(repository=(HOST, "100"))
        assert [found.row for found in stored[:2]] == [automation(), automation(allowed=False)]
        assert stored[1].created_at == times[1]
        assert len(view.automation_executions(request_id="request-1", limit=3)) == 3


@pytest.mark.shows("LB-4", "LB-5")
def test_what_was_denied_and_let_through_uses_no_window_up(ledger: Ledger) -> None:
    """A permissive policy lets a denied action happen, with an operation; it was not allowed all the same."""
    with ledger.write("rows") as tx:
        tx.record_automation(automation(allowed=False, operation_id="op1"))
    with ledger.read() as view:
        assert view.automation_runs(HOST, "100", "rerun_failed_jobs", START) == ()


def test_texts_are_redacted_before_they_are_stored(ledger: Ledger) -> None:
    secret = "ghp_" + "A1b2" * 9
    with ledger.write("rows") as tx:
        tx.record_stop(stop(reasons=(f"saw {secret}",), evidence={"line": [secret]}))
        tx.record_automation(automation(reason=f"saw {secret}"))
    with ledger.read() as view:
        (held,), (run,) = view.stop_decisions(), view.automation_executions()
    assert secret not in f"{held.row} {run.row}"
    assert held.row.lawbook_hash == "f" * 64


def test_unknown_words_are_refused_by_the_tables(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError, match="decision"), ledger.write("bad") as tx:
        tx.record_stop(stop("PAUSE"))


def decided(ledger: Ledger, decision_id: str, inputs: str | None, repository_id: str = "100") -> None:
    with ledger.write("decide") as tx:
        tx.append("rerun.decided", {"decisionId": decision_id, "host": HOST, "repositoryId": repository_id})
        if inputs is not None:
            tx.record_inputs(decision_id, inputs)


@pytest.mark.shows("LB-6")
def test_what_a_decision_saw_is_kept_until_it_is_thrown_away(ledger: Ledger, clock: Clock) -> None:
    decided(ledger, "d1", '{"n":1}')
    decided(ledger, "d2", None)
    decided(ledger, "d3", '{"n":3}', "200")
    later = clock.move(days=1)
    decided(ledger, "d4", '{"n":4}')
    with ledger.read() as view:
        assert (view.inputs("d1"), view.inputs("d2"), view.inputs("none")) == ('{"n":1}', None, None)
        everything = [("d1", '{"n":1}'), ("d3", '{"n":3}'), ("d4", '{"n":4}')]
        assert list(view.stored_inputs()) == everything
        assert list(view.stored_inputs(limit=2)) == everything[1:]
        assert list(view.stored_inputs(HOST, "100")) == [everything[0], everything[2]]
        assert list(view.stored_inputs("ghes.example")) == []
        assert list(view.stored_inputs(since=later)) == everything[2:]
    with ledger.write("forget") as tx:
        assert tx.forget_inputs(later) == 2
        assert list(tx.stored_inputs()) == everything[2:]
        assert tx.size() == 4, "the log keeps its decisions"


def test_a_decision_planned_again_is_told_once(ledger: Ledger) -> None:
    """Its entry may come twice (a deferred operation that is refused); its inputs come once."""
    decided(ledger, "d1", "one")
    decided(ledger, "d1", None)
    with ledger.read() as view:
        assert list(view.stored_inputs()) == [("d1", "one")]


@pytest.fixture
def present(path: Path) -> tuple[Ledger, Clock]:
    """A ledger whose clock starts at the database's own time: the views look back from there."""
    clock = Clock()
    clock.now = datetime.now(UTC)
    return open_ledger(path, clock), clock


def test_the_views_of_stop_decisions(present: tuple[Ledger, Clock], path: Path) -> None:
    ledger, clock = present
    now = clock.now
    rows = [
        (timedelta(days=8), stop()),
        (timedelta(hours=30), stop(job_name="old")),
        (timedelta(hours=20), stop()),
        (timedelta(hours=19), stop(job_name="freed")),
        (timedelta(hours=18), stop("CONTINUE", job_name="freed", job_attempts=1)),
        (timedelta(hours=2), stop("KILL", job_name="lint", reason_code="TIMEOUT")),
    ]
    for back, row in rows:
        clock.now = now - back
        with ledger.write("row") as tx:
            tx.record_stop(row)
    clock.now = now - timedelta(hours=1)
    with ledger.write("many") as tx:
        for n in range(100):
            tx.record_stop(stop("CONTINUE", job_name=f"job {n}", failure_class="flaky_probable"))
    ledger.close()
    with closing(sqlite3.connect(path)) as sql:
        recent = sql.execute("SELECT job_name, repository FROM recent_stop_decisions").fetchall()
        assert (len(recent), recent[0]) == (100, ("job 99", "acme/site"))
        assert sql.execute("SELECT job_name FROM active_holds").fetchall() == [("unit",)]
        analytics = sql.execute(
            "SELECT decision, reason_code, failure_class, decisions, pull_requests, average_job_attempts"
            " FROM stop_analytics ORDER BY decision, decisions"
        ).fetchall()
    assert analytics == [
        ("CONTINUE", None, "infra_transient", 1, 1, 1.0),
        ("CONTINUE", None, "flaky_probable", 100, 1, 2.0),
        ("HOLD", "MAX_ATTEMPTS", "infra_transient", 3, 1, 2.0),
        ("KILL", "TIMEOUT", "infra_transient", 1, 1, 2.0),
    ]


def test_the_views_of_automation_executions(present: tuple[Ledger, Clock], path: Path) -> None:
    ledger, clock = present
    now = clock.now
    rows = [
        (timedelta(days=8), automation()),
        (timedelta(hours=30), automation(allowed=False)),
        (timedelta(hours=5), automation(allowed=False, resource_number=7)),
        (timedelta(minutes=90), automation()),
        (timedelta(minutes=30), automation(operation_id=None)),
        (timedelta(minutes=20), automation()),
        (timedelta(minutes=10), automation()),
    ]
    for back, row in rows:
        clock.now = now - back
        with ledger.write("row") as tx:
            tx.record_automation(row)
    clock.now = now - timedelta(days=6)
    with ledger.write("many") as tx:
        for _ in range(200):
            tx.record_automation(automation(action_type="add_label"))
    ledger.close()
    with closing(sqlite3.connect(path)) as sql:
        assert sql.execute("SELECT count(*) FROM recent_automation_executions").fetchone() == (200,)
        denied = sql.execute("SELECT resource_number, repository FROM denied_automation_executions").fetchall()
        assert denied == [(7, "acme/site")]
        analytics = sql.execute(
            "SELECT action_type, evaluations, allowed, denied, executed, repositories FROM automation_analytics"
            " ORDER BY action_type"
        ).fetchall()
        assert analytics == [("add_label", 200, 200, 0, 200, 1), ("rerun_failed_jobs", 6, 4, 2, 3, 1)]
        rates = sql.execute("SELECT repository_id, action_type, executions_last_hour FROM automation_rate_limits")
        assert rates.fetchall() == [("100", "rerun_failed_jobs", 2)]


def test_the_seeds_columns_come_first(ledger: Ledger, path: Path) -> None:
    ledger.close()
    with closing(sqlite3.connect(path)) as sql:

        def columns(table: str, count: int) -> str:
            """The names of the first columns after the id."""
            return " ".join(row[1] for row in sql.execute(f"PRAGMA table_info({table})").fetchall()[1 : count + 1])

        assert columns("stop_decision_audit", 17) == (
            "resource_owner resource_repo pr_number workflow_run_id request_id decision reason_code "
            "reasons recommended_next_step failure_class job_attempts pr_attempts lawbook_hash "
            "lawbook_version applied_rules evidence created_at"
        )
        assert columns("automation_policy_executions", 16) == (
            "request_id action_type environment allowed reason next_allowed_at requires_approval "
            "idempotency_key idempotency_key_hash policy_name lawbook_version lawbook_hash "
            "resource_owner resource_repo resource_number created_at"
        )
