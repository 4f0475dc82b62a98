"""The step from the first schema to the second, on a file that is in use."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cicatrix.core.operations import OperationState
from cicatrix.ledger import Ledger, LedgerUnavailable, export_lines, rebuild
from cicatrix.ledger.migrate import SCHEMA_VERSION, migrate
from cicatrix.ledger.verify import read_head, verify
from tests.ledger.helpers import HOST, Clock, attempt, audit, case, intend, open_ledger, operation, outcome, settle
from tests.ledger.old_files import copy_back, failing_after, known_columns, rows, structure

FIRST = (
    "entries",
    "job_rerun_attempts",
    "workflow_action_audit",
    "rerun_outcomes",
    "operations",
    "slots",
    "cases",
    "requests",
    "texts",
    "flags",
    "kill_switches",
    "identity_conflicts",
    "pacing",
)


def use(ledger: Ledger, clock: Clock) -> None:
    """What a ledger of part 1 holds after some work."""
    for n in range(3):
        clock.move(minutes=1)
        with ledger.write("decide") as tx:
            index = tx.append(
                "rerun.decided",
                {
                    "decisionId": f"d{n}",
                    "host": HOST,
                    "repositoryId": "100",
                    "runId": f"500{n}",
                    "pullRequest": 3,
                    "requestId": tx.text(f"request-{n}"),
                    "decision": "RERUN_TRIGGERED",
                },
            )
            tx.record_attempts([attempt(ledger_index=index, decision_id=f"d{n}")])
            tx.record_audit(audit(ledger_index=index))
            tx.open_case(case(f"case{n}", run_id=f"500{n}"))
        assert intend(ledger, operation(f"op{n}", run_id=f"500{n}", head_sha=f"{n}" * 40))
    settle(ledger, "op0", OperationState.CONFIRMED)
    with ledger.write("rest") as tx:
        tx.record_outcome(outcome(operation_id="op0"))
        tx.append("rerun.outcome", {"operationId": "op0", "runAttempt": 2})
        tx.append("rerun.nothing_found", {"requestId": tx.text("request-9")})
        tx.set_kill_switch("repository", "broken runner", "octavia", host=HOST, target="200")
        tx.set_kill_switch("organisation", "freeze", "octavia", host=HOST, target="8")
        tx.open_conflict(HOST, "300", "1", 2)
        tx.set_flag("mode", "shadow")


@pytest.fixture
def old(tmp_path: Path, clock: Clock) -> tuple[Path, Path]:
    """A file of the first schema with data in it, and the same data as the present schema holds it."""
    new = tmp_path / "new.db"
    ledger = open_ledger(new, clock)
    use(ledger, clock)
    ledger.close()
    path = tmp_path / "old.db"
    copy_back(new, path, "0001", FIRST)
    return path, new


@pytest.mark.shows("F18", "LG-6")
def test_a_file_in_use_is_brought_up_to_date_and_every_old_row_stays(old: tuple[Path, Path], clock: Clock) -> None:
    path, _ = old
    known = known_columns(path, FIRST)
    before = {table: rows(path, table, known[table]) for table in FIRST}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert "decisions" not in {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    ledger = open_ledger(path, clock)
    assert {table: rows(path, table, known[table]) for table in FIRST} == before
    assert all(before[table] for table in FIRST if table not in {"requests", "pacing"})
    with ledger.read() as view:
        head = read_head(view.head().as_json())
        checked = verify(export_lines(view.entries()), head)
        assert checked.ok, checked.problem
        assert view.kill_switch(HOST, "200", "9") == "repository: broken runner"
        assert [switch.reason for switch in view.kill_switches()] == ["freeze", "broken runner"]
        told = rebuild(view.entries(), view.text_of)
        assert told == (view.all_operations(), view.all_slots())
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_old_decisions_are_found_as_new_ones_are(old: tuple[Path, Path], clock: Clock) -> None:
    path, new = old
    ledger = open_ledger(path, clock)
    with ledger.read() as view:
        assert [d["decisionId"] for d in view.list_decisions().items] == ["d2", "d1", "d0"]
        assert [d["decisionId"] for d in view.list_decisions(request_id="request-1").items] == ["d1"]
    ledger.close()
    assert rows(path, "decisions") == rows(new, "decisions")
    assert len(rows(path, "decisions")) == 3


@pytest.mark.shows("LG-7")
def test_an_upgraded_file_is_as_guarded_as_a_new_one(old: tuple[Path, Path], clock: Clock) -> None:
    path, new = old
    open_ledger(path, clock).close()
    assert structure(path) == structure(new)


@pytest.mark.shows("F18")
@pytest.mark.parametrize("stop", [1, 5, 15, 30, 45])
def test_an_upgrade_stopped_half_way_leaves_the_old_file(old: tuple[Path, Path], stop: int, clock: Clock) -> None:
    path, _ = old
    before = rows(path, "kill_switches")
    with pytest.raises(Exception, match=r"not authorized|prohibited"):
        migrate(failing_after(path, stop), str(path))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    assert rows(path, "kill_switches") == before
    open_ledger(path, clock).close()
    assert rows(path, "kill_switches") == before


def test_an_old_file_is_not_opened_for_reading_alone(old: tuple[Path, Path]) -> None:
    path, _ = old
    with pytest.raises(LedgerUnavailable, match="has schema 1, this version needs 3"):
        open_ledger(path, read_only=True)


def test_work_goes_on_where_it_stood(old: tuple[Path, Path], clock: Clock) -> None:
    path, _ = old
    ledger = open_ledger(path, clock)
    assert settle(ledger, "op1", OperationState.REFUSED) is not None
    with ledger.write("stop") as tx:
        tx.set_kill_switch("action", "no dispatches", "octavia", target="dispatch_workflow")
    wanted = replace(operation("op9", run_id="9000"), head_sha="9" * 40)
    assert intend(ledger, wanted)
    with ledger.read() as view:
        assert view.kill_switch(HOST, "100", "9") is None
        assert view.kill_switch(HOST, "100", "9", "dispatch_workflow") == "action: no dispatches"
        assert verify(export_lines(view.entries()), read_head(view.head().as_json())).ok
        assert rebuild(view.entries(), view.text_of) == (view.all_operations(), view.all_slots())
    ledger.close()
