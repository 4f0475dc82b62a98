"""The seed's tables and views, column by column, and what their rows say."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from cicatrix.ledger import Ledger
from tests.ledger.helpers import HOST, SHA, START, Clock, attempt, audit, outcome

SEED_ATTEMPTS = [
    "id",
    "resource_owner",
    "resource_repo",
    "pr_number",
    "workflow_run_id",
    "job_name",
    "attempt_number",
    "request_id",
    "decision",
    "reason_code",
    "reasons",
    "prior_conclusion",
    "failure_class",
    "lawbook_hash",
    "max_attempts_limit",
    "github_response",
    "github_error",
    "created_at",
]
SEED_AUDIT = [
    "id",
    "action_type",
    "action_status",
    "resource_type",
    "resource_owner",
    "resource_repo",
    "resource_number",
    "initiated_by",
    "initiated_at",
    "completed_at",
    "action_params",
    "action_result",
    "error_message",
    "error_details",
    "created_at",
    "updated_at",
]
SEED_VIEWS = {
    "job_rerun_attempt_counts": (
        "resource_owner resource_repo pr_number workflow_run_id job_name total_attempts max_attempt_number "
        "last_attempt_at decision_history"
    ),
    "recent_job_reruns": (
        "repository pr_number workflow_run_id job_name attempt_number decision reason_code request_id created_at"
    ),
    "recent_workflow_actions": (
        "id action_type action_status resource_type repository resource_number initiated_by initiated_at completed_at "
        "error_message"
    ),
}


@pytest.fixture
def sql(path: Path, ledger: Ledger) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def columns(sql: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in sql.execute(f"PRAGMA table_info({table})")]


@pytest.mark.shows("LG-1", "LG-4")
def test_the_seeds_columns_come_first_and_ours_follow(sql: sqlite3.Connection) -> None:
    attempts = columns(sql, "job_rerun_attempts")
    assert attempts[: len(SEED_ATTEMPTS)] == SEED_ATTEMPTS
    assert {
        "repository_id", "workflow_id", "job_id", "head_sha", "run_attempt_before", "run_attempt_after",
        "triggering_actor", "operation_id", "operation_state", "rule_id", "evidence_ref", "ledger_index",
    } <= set(attempts[len(SEED_ATTEMPTS) :])  # fmt: skip
    assert columns(sql, "workflow_action_audit")[: len(SEED_AUDIT)] == SEED_AUDIT
    for view, expected in SEED_VIEWS.items():
        assert columns(sql, view) == expected.split()


@pytest.mark.shows("LG-1")
def test_the_seeds_indexes_exist(sql: sqlite3.Connection) -> None:
    def indexes(table: str) -> set[tuple[str, ...]]:
        names = [row[1] for row in sql.execute(f"PRAGMA index_list({table})")]
        return {
            tuple(row[2] + (" desc" if row[3] else "") for row in sql.execute(f"PRAGMA index_xinfo({name})") if row[5])
            for name in names
        }

    key = ("resource_owner", "resource_repo", "pr_number", "workflow_run_id", "job_name")
    assert {
        key,
        (*key[:3], "created_at desc"),
        ("request_id", "created_at desc"),
        ("decision", "created_at desc"),
    } <= indexes("job_rerun_attempts")
    assert {
        ("resource_type", "resource_owner", "resource_repo", "resource_number"),
        ("action_status",),
        ("action_type",),
        ("initiated_by",),
    } <= indexes("workflow_action_audit")


@pytest.mark.shows("LG-3", "A8")
def test_only_accepted_reruns_count_as_attempts_and_the_history_shows_all(
    ledger: Ledger, clock: Clock, sql: sqlite3.Connection
) -> None:
    for decision in ("RERUN_TRIGGERED", "BLOCKED", "NOOP", "RERUN_TRIGGERED", "BLOCKED"):
        clock.move(minutes=1)
        with ledger.write("row") as tx:
            tx.record_attempts([attempt(decision, attempt_number=2 if decision == "RERUN_TRIGGERED" else 0)])
    with ledger.write("another job") as tx:
        tx.record_attempts([attempt("BLOCKED", job_name="lint")])
    rows = sql.execute(
        "SELECT job_name, total_attempts, max_attempt_number, last_attempt_at, decision_history"
        " FROM job_rerun_attempt_counts ORDER BY job_name"
    ).fetchall()
    assert [row[:3] for row in rows] == [("lint", 0, 0), ("unit", 2, 2)]
    assert rows[1][3] == "2026-11-21T12:05:00.000000Z"
    assert json.loads(rows[1][4]) == ["RERUN_TRIGGERED", "BLOCKED", "NOOP", "RERUN_TRIGGERED", "BLOCKED"]


@pytest.mark.shows("LG-1")
def test_the_recent_views_show_the_newest_hundred(ledger: Ledger, clock: Clock, sql: sqlite3.Connection) -> None:
    with ledger.write("rows") as tx:
        tx.record_attempts(attempt(job_name=f"job {n}") for n in range(101))
        for n in range(101):
            tx.record_audit(audit(resource_number=n))
    reruns = sql.execute("SELECT * FROM recent_job_reruns").fetchall()
    assert (len(reruns), reruns[0][3], reruns[-1][3]) == (100, "job 100", "job 1")
    assert reruns[0][0] == "acme/site"
    assert reruns[0][2] == 9007199254740993
    actions = sql.execute("SELECT * FROM recent_workflow_actions").fetchall()
    assert (len(actions), actions[0][5], actions[0][4]) == (100, 100, "acme/site")


@pytest.mark.shows("LG-1", "LG-4")
def test_an_attempt_reads_back_as_it_was_written(ledger: Ledger, clock: Clock) -> None:
    written = attempt(
        reasons=("infra_transient", "dry_run"),
        github_response={"status": 201},
        github_error=None,
        run_attempt_after=2,
        triggering_actor="cicatrix[bot]",
        rule_id="runner-lost",
        evidence_ref="e" * 64,
    )
    with ledger.write("row") as tx:
        tx.record_attempts([written, replace(written, request_id="other", workflow_run_id="6", operation_id="op2")])
        tx.record_attempts([])
    with ledger.read() as view:
        (stored,) = view.attempts(request_id="request-1")
        assert (stored.row, stored.created_at, stored.id) == (written, clock.now, 1)
        assert [found.row.request_id for found in view.attempts(run=(HOST, "100", "6"))] == ["other"]
        assert [found.row.request_id for found in view.attempts(operation_id="op2")] == ["other"]
        assert len(view.attempts()) == 2
        assert len(view.attempts(limit=1)) == 1


@pytest.mark.shows("LG-5", "A13", "A18")
def test_an_audit_row_names_its_principal_and_a_later_state_is_a_new_row(ledger: Ledger, clock: Clock) -> None:
    pending = audit("pending", completed_at=None)
    with ledger.write("rows") as tx:
        tx.record_audit(pending)
        clock.move(seconds=5)
        tx.record_audit(audit("blocked", error_message="no", error_details={"status": 403}, request_id="request-2"))
    with ledger.read() as view:
        assert [(row.row.action_status, row.row.initiated_by) for row in view.audit(repository=(HOST, "100"))] == [
            ("pending", "octavia"),
            ("blocked", "octavia"),
        ]
        (first,) = view.audit(request_id="request-1")
        assert first.row == pending
        assert view.audit(repository=(HOST, "200")) == ()


def test_errors_are_redacted_before_they_are_stored(ledger: Ledger) -> None:
    secret = "ghp_" + "A1b2" * 9
    with ledger.write("rows") as tx:
        tx.record_attempts([attempt("BLOCKED", github_error=f"401 for {secret}")])
        tx.record_audit(audit("failed", error_message=f"401 for {secret}"))
    with ledger.read() as view:
        (row,), (action,) = view.attempts(), view.audit()
    assert row.row.github_error
    assert secret not in row.row.github_error
    assert action.row.error_message
    assert secret not in action.row.error_message


@pytest.mark.parametrize("word", ["done", ""])
def test_unknown_words_are_refused_by_the_tables(ledger: Ledger, word: str) -> None:
    with pytest.raises(IntegrityError, match="decision"), ledger.write("bad") as tx:
        tx.record_attempts([attempt(word)])
    with pytest.raises(IntegrityError, match="status"), ledger.write("bad") as tx:
        tx.record_audit(audit(word))
    with pytest.raises(IntegrityError, match="outcome"), ledger.write("bad") as tx:
        tx.record_outcome(outcome(word))


@pytest.mark.shows("RR-14", "A17")
def test_a_view_joins_each_attempt_with_what_became_of_it(
    ledger: Ledger, clock: Clock, sql: sqlite3.Connection
) -> None:
    with ledger.write("rows") as tx:
        tx.record_attempts([attempt(), attempt("NOOP", operation_id=None, job_name="lint")])
    clock.move(minutes=9)
    judged = outcome(signature_after=None)
    with ledger.write("outcome") as tx:
        tx.record_outcome(judged)
        tx.record_outcome(outcome("unknown", operation_id="op2", run_id="6", head_sha="b" * 40))
    rows = sql.execute(
        "SELECT job_name, decision, outcome, minutes, named, decided_at, judged_at FROM job_rerun_results"
        " ORDER BY job_name"
    ).fetchall()
    assert rows == [
        ("lint", "NOOP", None, None, None, "2026-11-21T12:00:00.000000Z", None),
        ("unit", "RERUN_TRIGGERED", "healed", 7, 1, "2026-11-21T12:00:00.000000Z", "2026-11-21T12:09:00.000000Z"),
    ]
    with ledger.read() as view:
        (stored,) = view.outcomes(operation_id="op1")
        assert (stored.row, stored.created_at) == (judged, clock.now)
        assert len(view.outcomes(run=(HOST, "100", "6"))) == len(view.outcomes(head=(HOST, "100", SHA))) == 1
    assert clock.now > START
