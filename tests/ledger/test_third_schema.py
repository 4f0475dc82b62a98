"""The step from the second schema to the third, on a file that is in use."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cicatrix.core.operations import OperationState
from cicatrix.ledger import Ledger, LedgerUnavailable, OpenOperation, export_lines, rebuild
from cicatrix.ledger.migrate import SCHEMA_VERSION, migrate
from cicatrix.ledger.verify import read_head, verify
from tests.ledger.helpers import (
    HOST,
    Clock,
    attempt,
    audit,
    case,
    dispatch,
    intend,
    intend_other,
    open_ledger,
    operation,
    outcome,
    red_case,
    settle,
)
from tests.ledger.old_files import copy_back, failing_after, known_columns, rows, schema_version, structure
from tests.ledger.policy_values import activate_lawbook, activate_registry, automation, key, registry_audit, stop

S = OperationState
SECOND = (
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
    "repo_actions_registry",
    "repo_actions_registry_history",
    "registry_action_audit",
    "lawbook_versions",
    "lawbook_active",
    "lawbook_events",
    "api_keys",
    "stop_decision_audit",
    "automation_policy_executions",
    "decisions",
    "decision_inputs",
)


def use(ledger: Ledger, clock: Clock) -> None:
    """What a ledger of part 2 holds after some work."""
    for n in range(3):
        clock.move(minutes=1)
        with ledger.write("decide") as tx:
            told = {"decisionId": f"d{n}", "host": HOST, "repositoryId": "100", "runId": f"500{n}"}
            index = tx.append("rerun.decided", told)
            tx.record_attempts([attempt(ledger_index=index, decision_id=f"d{n}")])
            tx.record_audit(audit(ledger_index=index))
            tx.record_registry_audit(registry_audit(ledger_index=index))
            tx.record_stop(stop(ledger_index=index))
            tx.record_automation(automation(ledger_index=index))
            tx.record_inputs(f"d{n}", "{}")
            tx.open_case(case(f"case{n}", run_id=f"500{n}"))
        assert intend(ledger, operation(f"op{n}", run_id=f"500{n}", head_sha=f"{n}" * 40))
    settle(ledger, "op0", S.CONFIRMED)
    with ledger.write("rest") as tx:
        tx.record_outcome(outcome(operation_id="op0"))
        tx.append("rerun.outcome", {"operationId": "op0", "runAttempt": 2, "caseId": "case0"})
        tx.append("rerun.outcome", {"operationId": "gone", "note": 'says "caseId":"case7"', "caseId": ""})
        tx.append("rerun.outcome", {"operationId": "gone", "jobs": [{"caseId": "case8"}]})
        activate_registry(tx)
        activate_lawbook(tx)
        tx.create_key(key(), "5" * 64)
        tx.set_kill_switch("action", "no dispatches", "octavia", target="dispatch_workflow")
        tx.open_conflict(HOST, "300", "1", 2)
        tx.set_flag("mode", "shadow")
        tx.begin_request("r1", "hash", clock.now, clock.now - clock.now)


@pytest.fixture
def old(tmp_path: Path, clock: Clock) -> tuple[Path, Path]:
    """A file of the second schema with data in it, and the same data as the present schema holds it."""
    new = tmp_path / "new.db"
    ledger = open_ledger(new, clock)
    use(ledger, clock)
    ledger.close()
    path = tmp_path / "old.db"
    copy_back(new, path, "0002", SECOND)
    return path, new


@pytest.mark.shows("F18", "LG-6")
def test_a_file_in_use_is_brought_up_to_date_and_every_old_row_stays(old: tuple[Path, Path], clock: Clock) -> None:
    path, new = old
    known = known_columns(path, SECOND)
    before = {table: rows(path, table, known[table]) for table in SECOND}
    assert all(before[table] for table in SECOND if table != "pacing")
    assert schema_version(path) == 2
    ledger = open_ledger(path, clock)
    assert {table: rows(path, table, known[table]) for table in SECOND} == before
    assert {table: rows(path, table) for table in SECOND} == {table: rows(new, table) for table in SECOND}
    with ledger.read() as view:
        checked = verify(export_lines(view.entries()), read_head(view.head().as_json()))
        assert checked.ok, checked.problem
        assert rebuild(view.entries(), view.text_of) == (view.all_operations(), view.all_slots())
        assert view.key("k1")
        assert {(op.case_id, op.target, tuple(op.params)) for op in view.all_operations()} == {(None, "", ())}
    ledger.close()
    assert schema_version(path) == SCHEMA_VERSION == 3


def test_old_entries_are_found_by_their_case(old: tuple[Path, Path], clock: Clock) -> None:
    path, _ = old
    ledger = open_ledger(path, clock)
    with ledger.read() as view:
        assert [(e.kind, e.data["operationId"]) for e in view.entries_of_case("case0")] == [("rerun.outcome", "op0")]
        assert view.entries_of_case("case7") == view.entries_of_case("case8") == view.entries_of_case("") == ()
    ledger.close()


@pytest.mark.shows("LG-7")
def test_an_upgraded_file_is_as_guarded_as_a_new_one(old: tuple[Path, Path], clock: Clock) -> None:
    path, new = old
    open_ledger(path, clock).close()
    assert structure(path) == structure(new)


@pytest.mark.shows("F18")
@pytest.mark.parametrize("stop", [1, 3, 8, 12, 16, 18])
def test_an_upgrade_stopped_half_way_leaves_the_old_file(old: tuple[Path, Path], stop: int, clock: Clock) -> None:
    path, new = old
    made, before = structure(path), {table: rows(path, table) for table in SECOND}
    with pytest.raises(Exception, match=r"not authorized|prohibited"):
        migrate(failing_after(path, stop), str(path))
    assert schema_version(path) == 2
    assert structure(path) == made
    assert {table: rows(path, table) for table in SECOND} == before
    open_ledger(path, clock).close()
    assert structure(path) == structure(new)


def test_an_old_file_is_not_opened_for_reading_alone(old: tuple[Path, Path]) -> None:
    path, _ = old
    with pytest.raises(LedgerUnavailable, match="has schema 2, this version needs 3"):
        open_ledger(path, read_only=True)


@pytest.mark.shows("F18")
def test_a_process_of_the_version_before_goes_on_writing(old: tuple[Path, Path], clock: Clock) -> None:
    """It names the columns that it knows, and no others."""
    path, _ = old
    known, size = known_columns(path, SECOND), len(rows(path, "entries"))
    open_ledger(path, clock).close()
    with closing(sqlite3.connect(path)) as writer:
        for table, changes in {
            "operations": {"id": "'op9'", "run_id": "'9000'"},
            "cases": {"id": "'case9'", "run_id": "'9000'"},
            "entries": {"idx": "(SELECT max(idx) + 1 FROM entries)", "leaf_hash": "'9'"},
        }.items():
            told = ", ".join(changes.get(name.strip('"'), name) for name in known[table].split(", "))
            writer.execute(f"INSERT INTO {table} ({known[table]}) SELECT {told} FROM {table} LIMIT 1")
        writer.commit()
    ledger = open_ledger(path, clock)
    with ledger.read() as view:
        stored = view.operation("op9")
        assert stored
        assert (stored.case_id, stored.target, stored.params) == (None, "", {})
        assert view.case_of_run(HOST, "100", "9000") == view.case("case9")
        assert view.size() == size + 1
    ledger.close()


@pytest.mark.shows("RR-5", "F6")
def test_work_goes_on_where_it_stood(old: tuple[Path, Path], clock: Clock) -> None:
    path, _ = old
    ledger = open_ledger(path, clock)
    with pytest.raises(OpenOperation, match="open operation already"):
        intend(ledger, operation("op9", run_id="5001", head_sha="1" * 40), run=5, sha=5)
    assert settle(ledger, "op1", S.REFUSED) is not None
    assert intend(ledger, replace(operation("op9", run_id="5001"), head_sha="1" * 40))
    intend_other(ledger, dispatch("d1"))
    with ledger.write("cases") as tx:
        assert tx.open_case(case("again", run_id="5001")).id == "case1"
        assert tx.open_case(red_case("red")).id == "red"
    with ledger.read() as view:
        assert verify(export_lines(view.entries()), read_head(view.head().as_json())).ok
        assert rebuild(view.entries(), view.text_of) == (view.all_operations(), view.all_slots())
    ledger.close()
