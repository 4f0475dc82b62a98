"""Seed 000: its five acceptance criteria, each with the seed's sentence as docstring."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from cicatrix.simulator import JobSpec
from tests.cli.desk import Desk
from tests.seeds.conftest import red
from tests.stage import Stage, always_lost, broken, codes, lost

RED_AGAIN = JobSpec(id="unit", outcomes=always_lost())


@pytest.mark.shows("IT-1", "RR-6")
def test_can_rerun_failed_jobs_on_a_staging_pr(desk: Desk) -> None:
    """Can rerun failed jobs on a staging PR"""
    run = red(desk, [JobSpec(id="unit", outcomes=lost()), JobSpec(id="green")])
    ended = desk.cicatrix("rerun", "acme/shop#1", "--json")
    assert ended.code == 0
    answer = ended.json
    assert answer["deploymentEnv"] == "staging"
    assert answer["decision"] == "RERUN_TRIGGERED"
    assert run.attempt == 2


@pytest.mark.shows("IT-1", "RR-8", "A8")
def test_wont_rerun_endlessly(stage: Stage) -> None:
    """Won't rerun endlessly; respects maxAttempts"""
    for number, maximum in enumerate((1, 2, 5), 1):
        stage.red([RED_AGAIN], number=number)
        before = len(stage.effects)
        for _ in range(maximum + 3):
            last = stage.ask(number, max_attempts=maximum)
            stage.tick()
        assert len(stage.effects) - before == min(maximum, 2), "the lawbook's 2 binds above it"
        assert codes(last) == {"unit": "BLOCKED max_attempts_exceeded"}


@pytest.mark.shows("IT-1", "LG-1", "LG-2", "A18")
def test_produces_audit_rows_for_each_job_decision(stage: Stage, tmp_path: Path) -> None:
    """Produces audit rows for each job decision"""
    stage.red([RED_AGAIN, JobSpec(id="compile", outcomes=broken()), JobSpec(id="green")])
    for _ in range(3):
        stage.ask()
        stage.tick()
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as database:
        rows = database.execute(
            "SELECT job_name, decision, reason_code FROM job_rerun_attempts WHERE prior_conclusion IS NOT NULL "
            "ORDER BY id"
        ).fetchall()
        actions = database.execute("SELECT action_status, count(*) FROM workflow_action_audit GROUP BY 1").fetchall()
        with pytest.raises(sqlite3.DatabaseError):
            database.execute("DELETE FROM job_rerun_attempts")
        with pytest.raises(sqlite3.DatabaseError):
            database.execute("UPDATE workflow_action_audit SET action_status = 'completed'")
    database.close()
    others = [("compile", "NOOP", "not_eligible"), ("green", "NOOP", "not_failed")]
    accepted, blocked = ("unit", "RERUN_TRIGGERED", "infra_transient"), ("unit", "BLOCKED", "max_attempts_exceeded")
    assert sorted(rows) == sorted([accepted, *others, accepted, *others, blocked, *others])
    assert dict(actions) == {"pending": 2, "completed": 2, "blocked": 1}


@pytest.mark.shows("IT-1", "RR-7", "RR-11", "A3")
def test_deterministic_job_selection(stage: Stage) -> None:
    """Deterministic job selection"""
    jobs = [JobSpec(id="unit", outcomes=lost()), JobSpec(id="compile", outcomes=broken())]
    stage.red(jobs, number=1)
    stage.red(jobs, number=2)
    first, second = stage.ask(1), stage.ask(2)
    assert codes(first) == codes(second) == {"unit": "RERUN infra_transient", "compile": "SKIP not_eligible"}
    ran = [sorted(effect["ran"]) for effect in stage.effects]
    assert ran == [["unit"], ["unit"]], "the compile error was not asked to rerun along"


@pytest.mark.shows("IT-1", "RR-13", "RR-8", "A10")
def test_powershell_verification(desk: Desk) -> None:
    """PowerShell verification

    The script's three scenarios and its checks, by the shell on any platform; the one command that runs them against a
    deployment is part 2 (VF-1).
    """
    red(desk, [RED_AGAIN])
    same = ("rerun", "acme/shop#1", "--mode", "FAILED_ONLY", "--max-attempts", "2", "--request-id", "v-1", "--json")
    for _ in range(2):
        ended = desk.cicatrix(*same)
        assert ended.code == 0
        answer = ended.json
        assert answer["schemaVersion"] == "1.0"
        assert answer["requestId"] == "v-1"
        assert len(answer["lawbookHash"]) == 64
        assert answer["decision"] == "RERUN_TRIGGERED"
        assert [job["jobName"] for job in answer["jobs"]] == ["unit"]
        assert answer["metadata"] == {"totalJobs": 1, "rerunJobs": 1, "blockedJobs": 0, "skippedJobs": 0}
        assert len(desk.writes) == 1, "scenario 2: the same request makes no second attempt"
    desk.world.advance(3600)
    ended = desk.cicatrix("rerun", "acme/shop#1", "--max-attempts", "1", "--json")
    answer = ended.json
    assert (ended.code, answer["decision"]) == (3, "BLOCKED")
    assert answer["jobs"][0]["reasonCode"] == "max_attempts_exceeded"
    assert len(desk.writes) == 1
