"""What stops writes before any fact is looked at: environment, lawbook, pin, kill switch, an identity used twice."""

from __future__ import annotations

from typing import Any

import pytest

from cicatrix.core.policy import Environment
from cicatrix.flows.policies import REPOSITORY_LAWBOOK
from cicatrix.simulator import JobSpec
from tests.stage import Stage, always_lost, broken, codes, lawbook, lost

FLAKY = JobSpec(id="unit", outcomes=lost())


@pytest.mark.shows("GE-2")
def test_the_answer_carries_the_hash_of_the_lawbook_that_decided(stage: Stage) -> None:
    stage.red([FLAKY])
    built_in = stage.ask(dry_run=True)
    stage.repo.file(REPOSITORY_LAWBOOK, "version: t.2\nattempts: {perJob: 1}\n")
    tightened = stage.ask(dry_run=True)
    assert built_in["lawbookVersion"] == "v1.0.0-dev"
    assert tightened["lawbookVersion"] == "t.2"
    assert built_in["lawbookHash"] != tightened["lawbookHash"]


@pytest.mark.shows("GE-2")
@pytest.mark.parametrize("pin", ["some-other-version", "0" * 64])
def test_another_lawbook_than_the_pinned_one_reads_but_does_not_write(stage: Stage, pin: str) -> None:
    stage.deploy(lawbook_pin=pin)
    stage.red([FLAKY])
    answer = stage.ask()
    assert codes(answer) == {"unit": "BLOCKED lawbook_mismatch"}
    assert pin in answer["reasons"][0]
    dry = stage.ask(dry_run=True)
    assert codes(dry) == {"unit": "SKIP dry_run"}
    assert any("lawbook_mismatch" in line for line in dry["reasons"])
    assert stage.posts == []


@pytest.mark.shows("GE-2")
def test_the_pinned_lawbook_writes(stage: Stage) -> None:
    stage.deploy(lawbook_pin="v1.0.0-dev")
    stage.red([FLAKY])
    assert stage.ask()["decision"] == "RERUN_TRIGGERED"


@pytest.mark.shows("GE-4", "T18", "LB-2")
@pytest.mark.parametrize("text", ["attempts: {perJob: 9}", "version: [", "unknownKey: 1", "\x00\x01"])
def test_a_lawbook_that_cannot_be_used_stops_writes_and_names_the_place(stage: Stage, text: str) -> None:
    stage.repo.file(REPOSITORY_LAWBOOK, text)
    stage.red([FLAKY])
    answer = stage.ask()
    assert codes(answer) == {"unit": "BLOCKED lawbook_block"}
    assert REPOSITORY_LAWBOOK in answer["reasons"][0]
    assert stage.posts == []


@pytest.mark.shows("GE-4", "T21")
def test_the_lawbook_of_the_pull_requests_own_branch_counts_for_nothing(stage: Stage) -> None:
    run = stage.red([JobSpec(id="unit", outcomes=always_lost())])
    stage.repo.file(REPOSITORY_LAWBOOK, "mode: 'off'", ref=run.head_sha)
    stage.repo.file(REPOSITORY_LAWBOOK, "mode: 'off'", ref="change-1")
    assert stage.ask()["decision"] == "RERUN_TRIGGERED"


@pytest.mark.shows("GE-4", "GE-1")
@pytest.mark.parametrize("base", [None, "version: t.1\n"])
def test_production_without_a_registry_refuses(stage: Stage, base: str | None) -> None:
    stage.deploy(environment=Environment.PROD, base=lawbook(base) if base else None)
    stage.red([FLAKY])
    answer = stage.ask()
    assert answer["deploymentEnv"] == "prod"
    assert codes(answer) == {"unit": "BLOCKED registry_denied" if base else "BLOCKED lawbook_block"}
    assert stage.posts == []


@pytest.mark.shows("GE-5", "F31")
def test_the_kill_switch_is_asked_again_right_before_the_write(stage: Stage) -> None:
    asked: list[int] = []

    def switch() -> str | None:
        asked.append(1)
        return "drill" if len(asked) > 1 else None

    stage.deploy(kill_switch=switch)
    stage.red([FLAKY])
    answer = stage.ask()
    assert codes(answer) == {"unit": "BLOCKED kill_switch"}
    assert stage.posts == []


@pytest.mark.shows("GE-5", "F31")
def test_the_kill_switch_of_the_database_stops_its_repository(stage: Stage) -> None:
    stage.red([FLAKY])
    with stage.ctx.ledger.write("switch") as tx:
        tx.set_kill_switch("repository", "drill", "cli:me", host="github.com", target=str(stage.repo.id))
    assert codes(stage.ask()) == {"unit": "BLOCKED kill_switch"}
    with stage.ctx.ledger.write("switch") as tx:
        tx.lift_kill_switch("repository", "over", "cli:me", host="github.com", target=str(stage.repo.id))
    assert stage.ask()["decision"] == "RERUN_TRIGGERED"


@pytest.mark.shows("GE-3", "LG-5", "A13")
def test_the_principal_stands_in_every_row_and_entry(stage: Stage) -> None:
    stage.red([FLAKY])
    stage.ask(principal="cli:ada", request_id="r-1")
    with stage.ctx.ledger.read() as view:
        rows = view.audit(request_id="r-1")
        decided = view.resolved([e.data for e in view.entries() if e.kind == "rerun.decided"])
    assert [(r.row.initiated_by, r.row.action_type, r.row.action_status) for r in rows] == [
        ("cli:ada", "rerun_failed_jobs", "pending"),
        ("cli:ada", "rerun_failed_jobs", "completed"),
    ]
    assert rows[1].row.completed_at is not None
    assert decided[0]["principal"] == "cli:ada"


@pytest.mark.shows("LG-1", "LG-3")
def test_every_job_decision_has_a_row_and_only_reruns_count(stage: Stage) -> None:
    run = stage.red([FLAKY, JobSpec(id="green"), JobSpec(id="asleep", needs=["unit"])])
    stage.ask()
    with stage.ctx.ledger.read() as view:
        rows = view.attempts(run=stage.key(run))
    assert {(r.row.job_name, r.row.decision, r.row.attempt_number) for r in rows} == {
        ("unit", "RERUN_TRIGGERED", 1),
        ("green", "NOOP", 0),
        ("asleep", "NOOP", 0),
    }


def test_without_a_database_only_the_first_attempt_may_be_rerun(stage: Stage) -> None:
    stage.deploy(attempt_bound_only=True)
    stage.red([JobSpec(id="unit", outcomes=always_lost())])
    first = stage.ask()
    assert first["decision"] == "RERUN_TRIGGERED"
    assert "inside GitHub Actions without a database: wider budgets are not enforced here" in first["reasons"]
    stage.tick()
    assert codes(stage.ask()) == {"unit": "BLOCKED max_attempts_exceeded"}


@pytest.mark.shows("RR-9")
def test_an_attempt_of_our_own_app_that_no_operation_explains_stops_writes(stage: Stage, app_context: Any) -> None:
    run = stage.red([JobSpec(id="unit", outcomes=always_lost())])
    stage.world.human_reruns(run.id, login="cicatrix[bot]")
    run.finish()
    stage.world.advance(1)
    assert codes(stage.ask(ctx=app_context)) == {"unit": "BLOCKED identity_conflict"}
    assert stage.posts_of_reruns() == []
    assert "identity.conflict" in stage.kinds()


@pytest.mark.shows("RR-5", "RR-9", "F5")
def test_with_an_apps_own_identity_somebody_elses_attempt_is_told_apart(stage: Stage, app_context: Any) -> None:
    stage.red([JobSpec(id="unit", outcomes=always_lost())])
    stage.world.faults.human_reruns_at_the_same_time()
    stage.world.faults.answer_502_before()
    answer = stage.ask(ctx=app_context)
    assert codes(answer) == {"unit": "BLOCKED already_rerun_by_other"}
    (operation,) = stage.operations()
    assert operation.state.value == "REFUSED"
    with stage.ctx.ledger.read() as view:
        assert view.all_slots() == ()


@pytest.mark.shows("RR-5", "F5")
def test_a_person_who_is_faster_makes_ours_a_refusal(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=always_lost(), seconds=600)])
    stage.world.faults.human_reruns_at_the_same_time()
    answer = stage.ask()
    assert codes(answer) == {"unit": "BLOCKED run_in_progress"}
    (operation,) = stage.operations()
    assert operation.state.value == "REFUSED"
    assert stage.effects == []


@pytest.mark.shows("LG-1")
def test_an_automatic_trigger_writes_an_identical_refusal_once(stage: Stage) -> None:
    run = stage.red([JobSpec(id="unit", outcomes=broken())])
    for _ in range(3):
        stage.ask(automatic=True, principal="system")
    stage.ask()
    with stage.ctx.ledger.read() as view:
        assert len(view.attempts(run=stage.key(run))) == 2
        assert len(view.decisions_of_run(*stage.key(run))) == 4
