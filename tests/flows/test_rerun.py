"""The main job as stories: what was red, who asked, and what a person, GitHub and the ledger then see."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from cicatrix.core.operations import OperationState
from cicatrix.flows.rerun import RequestIdReused
from cicatrix.flows.settle import resolve
from cicatrix.simulator import JobSpec, Outcome
from tests.stage import CI, Stage, always_lost, broken, codes, job_of, lawbook, lost

FLAKY = JobSpec(id="unit", outcomes=lost())
BROKEN = JobSpec(id="lint", outcomes=broken())


@pytest.mark.shows("RR-1", "A4")
def test_each_workflow_of_the_head_is_decided_by_itself_and_other_apps_are_skipped(stage: Stage) -> None:
    stage.red([FLAKY])
    other = stage.red([JobSpec(id="docs", outcomes=broken())], path=".github/workflows/docs.yml")
    stage.repo.check_run(other.head_sha, "coverage", "codecov", "failure")
    answer = stage.ask()
    assert codes(answer) == {
        "unit": "RERUN infra_transient",
        "docs": "SKIP not_eligible",
        "coverage": "SKIP not_github_actions",
    }
    assert len({job["decisionId"] for job in answer["jobs"] if "decisionId" in job}) == 2
    assert "runId" not in answer["target"]
    assert "decisionId" not in answer
    assert len(stage.effects) == 1


@pytest.mark.shows("RR-2", "A5")
def test_a_run_of_another_pull_request_is_refused(stage: Stage) -> None:
    stage.red([FLAKY], number=1)
    foreign = stage.red([FLAKY], number=2)
    answer = stage.ask(1, run_id=foreign.id)
    assert codes(answer) == {"unit": "BLOCKED run_not_of_pr"}
    assert stage.posts == []


@pytest.mark.shows("RR-2", "A16")
def test_a_run_of_an_older_head_is_refused(stage: Stage) -> None:
    run = stage.red([FLAKY])
    stage.repo.push(1)
    stage.world.advance(1)
    assert codes(stage.ask(1, run_id=run.id)) == {"unit": "BLOCKED head_moved"}
    assert stage.posts == []


@pytest.mark.shows("RR-2", "A16")
def test_a_push_between_the_reads_and_the_write_stops_the_write(stage: Stage) -> None:
    stage.red([FLAKY])
    seen = []

    def pushed(method: str, path: str) -> None:
        if path.endswith("/pulls/1"):
            seen.append(method)
            if len(seen) == 2:
                stage.repo.push(1)
                stage.world.advance(1)

    stage.before = pushed
    assert codes(stage.ask()) == {"unit": "BLOCKED head_moved"}
    assert len(seen) == 2
    assert stage.posts == []


@pytest.mark.shows("RR-3", "A6")
def test_discovery_takes_every_failed_run_of_the_head_and_no_green_or_older_one(stage: Stage) -> None:
    stage.red([JobSpec(id="old", outcomes=lost())], path=".github/workflows/old.yml")
    stage.repo.push(1)
    stage.world.advance(1)
    stage.red([JobSpec(id="green")], path=".github/workflows/green.yml")
    first = stage.red([JobSpec(id="a", outcomes=lost())], path=".github/workflows/a.yml")
    second = stage.red([JobSpec(id="b", outcomes=lost())], path=".github/workflows/b.yml")
    answer = stage.ask()
    assert [job["runId"] for job in answer["jobs"]] == [first.id, second.id]


@pytest.mark.shows("RR-3")
def test_nothing_failed_is_a_noop_that_says_so_and_is_on_the_record(stage: Stage) -> None:
    stage.red([JobSpec(id="green")])
    answer = stage.ask()
    assert answer["decision"] == "NOOP"
    assert answer["reasons"][0].startswith("no_run_id: no completed run of this head ended in failure")
    assert stage.kinds() == ["rerun.nothing_found"]


@pytest.mark.shows("RR-3", "RR-10", "T19")
def test_a_fork_pull_request_is_found_by_its_sha_and_refused(stage: Stage) -> None:
    pull = stage.repo.pull_request(1, fork=True)
    stage.red([FLAKY], pull=pull)
    assert codes(stage.ask()) == {"unit": "BLOCKED fork_run"}
    assert stage.posts == []


@pytest.mark.shows("RR-3", "RR-10")
def test_a_run_that_is_still_going_is_not_touched(stage: Stage) -> None:
    stage.repo.workflow(CI, [JobSpec(id="unit", outcomes=lost(), seconds=600)])
    pull = stage.repo.pull_request(1)
    run = stage.repo.run(CI, pull_request=pull)
    stage.world.advance(5)
    assert stage.ask()["reasons"][0].startswith("no_run_id: no failed run; still going: ci")
    named = stage.ask(1, run_id=run.id)
    assert codes(named) == {"unit": "BLOCKED run_in_progress"}
    assert "wakeAt" in named


@pytest.mark.shows("RR-5", "RR-6", "LG-2", "GE-5", "A2")
def test_an_accepted_rerun_is_confirmed_and_its_row_carries_the_answer(stage: Stage) -> None:
    run = stage.red([FLAKY])
    answer = stage.ask()
    assert answer["decision"] == "RERUN_TRIGGERED"
    assert stage.kinds() == ["rerun.decided", "rerun.intended", "rerun.confirmed"]
    with stage.ctx.ledger.read() as view:
        (row,) = view.attempts(run=stage.key(run))
    assert row.row.decision == "RERUN_TRIGGERED"
    assert row.row.attempt_number == 1
    assert row.row.github_response is not None
    assert row.row.run_attempt_after == 2


@pytest.mark.shows("RR-5", "RR-6", "LG-2", "A2")
def test_a_refusal_by_github_charges_nothing_and_is_told_as_blocked(stage: Stage) -> None:
    reads = dict.fromkeys(("actions", "contents", "pull_requests", "checks", "metadata"), "read")
    stage.world.token("weak", login="octocat", kind="user", permissions=reads)
    run = stage.red([FLAKY])
    answer = stage.ask(ctx=stage.context(token="weak"))
    assert answer["decision"] == "BLOCKED"
    assert codes(answer) == {"unit": "BLOCKED github_refused"}
    assert "actions=write" in answer["reasons"][0]
    (operation,) = stage.operations()
    assert operation.state is OperationState.REFUSED
    with stage.ctx.ledger.read() as view:
        assert view.slots_of(operation.id) == ()
        (row,) = view.attempts(run=stage.key(run))
    assert (row.row.decision, row.row.reason_code, row.row.attempt_number) == ("BLOCKED", "github_refused", 0)
    assert codes(stage.ask()) == {"unit": "RERUN infra_transient"}, "the refused try cost nothing"


@pytest.mark.shows("RR-5", "RR-6", "F2", "D10")
def test_a_lost_answer_whose_effect_is_there_is_confirmed_by_reading(stage: Stage) -> None:
    stage.red([FLAKY])
    stage.world.faults.answer_502_after_effect()
    assert stage.ask()["decision"] == "RERUN_TRIGGERED"
    assert len(stage.posts) == len(stage.effects) == 1


@pytest.mark.shows("RR-5", "RR-6", "LG-2", "F3", "F4")
def test_a_lost_request_is_never_sent_again_and_ends_with_a_person(stage: Stage) -> None:
    stage.red([FLAKY])
    stage.world.faults.reset_before()
    answer = stage.ask()
    assert codes(answer) == {"unit": "BLOCKED outcome_unknown"}
    (operation,) = stage.operations()
    assert operation.state is OperationState.SENT
    assert codes(stage.ask()) == {"unit": "BLOCKED run_in_progress"}
    stage.tick(601)
    (operation,) = stage.operations()
    assert operation.state is OperationState.INDETERMINATE
    assert codes(stage.ask()) == {"unit": "BLOCKED outcome_unknown"}
    assert len(stage.posts) == 1
    assert stage.effects == []
    resolved = resolve(stage.ctx, operation.id, happened=False, reason="the run has one attempt", principal="cli:me")
    assert resolved is not None
    assert resolved.state is OperationState.REFUSED
    assert codes(stage.ask()) == {"unit": "RERUN infra_transient"}


@pytest.mark.shows("RR-5", "F4")
def test_a_late_attempt_is_found_inside_the_window(stage: Stage) -> None:
    stage.red([FLAKY])
    stage.world.faults.answer_502_after_effect()
    stale = stage.world.faults.add("stale_for", "GET */actions/runs/19000000001", count=None, seconds=300.0)
    assert codes(stage.ask()) == {"unit": "BLOCKED outcome_unknown"}
    stage.world.faults.active.remove(stale)
    stage.tick(60)
    (operation,) = stage.operations()
    assert operation.state is OperationState.CONFIRMED
    assert len(stage.effects) == 1


@pytest.mark.shows("RR-5", "RT-2", "F10")
def test_a_rate_limit_defers_and_the_next_tick_sends(stage: Stage) -> None:
    stage.red([FLAKY])
    stage.world.faults.rate_limited("seconds", "POST *")
    answer = stage.ask()
    assert answer["decision"] == "BLOCKED"
    assert "wakeAt" in answer
    (operation,) = stage.operations()
    assert operation.state is OperationState.DEFERRED
    assert stage.effects == []
    stage.tick(900)
    (operation,) = stage.operations()
    assert operation.state is OperationState.CONFIRMED
    assert operation.sends == 2
    assert len(stage.effects) == 1
    assert "rerun.resent" in stage.kinds()


@pytest.mark.shows("RR-5")
def test_a_deferred_operation_is_refused_when_the_plan_now_says_no(stage: Stage) -> None:
    stage.red([FLAKY])
    stage.world.faults.rate_limited("seconds", "POST *")
    stage.ask()
    stage.repo.push(1)
    stage.tick(900)
    (operation,) = stage.operations()
    assert operation.state is OperationState.REFUSED
    assert "head_moved" in operation.answer
    assert stage.effects == []


@pytest.mark.shows("RT-3")
def test_two_writes_are_a_second_apart(stage: Stage) -> None:
    stage.deploy(write_interval=timedelta(seconds=1))
    stage.red([FLAKY])
    stage.red([JobSpec(id="other", outcomes=lost())], path=".github/workflows/other.yml")
    assert stage.ask()["metadata"]["rerunJobs"] == 2
    first, second = (call["at"] for call in stage.posts)
    assert first[:19] < second[:19]


@pytest.mark.shows("RR-12", "A9")
def test_all_jobs_needs_the_lawbook(stage: Stage) -> None:
    stage.red([FLAKY, JobSpec(id="green")])
    answer = stage.ask(mode="ALL_JOBS")
    assert codes(answer) == {"unit": "BLOCKED all_jobs_not_allowed", "green": "SKIP not_failed"}
    assert stage.posts == []


@pytest.mark.shows("RR-12", "A9")
def test_all_jobs_takes_and_charges_every_job_where_the_lawbook_allows_it(stage: Stage) -> None:
    stage.deploy(base=lawbook("version: t.1\nallowAllJobs: true\n"))
    run = stage.red([FLAKY, JobSpec(id="green")])
    answer = stage.ask(mode="ALL_JOBS")
    assert answer["metadata"]["rerunJobs"] == 2
    assert stage.posts[0]["path"].endswith(f"/runs/{run.id}/rerun")
    (operation,) = stage.operations()
    with stage.ctx.ledger.read() as view:
        assert {s.job_name for s in view.slots_of(operation.id)} == {"unit", "green"}


@pytest.mark.shows("RR-12")
def test_all_jobs_is_refused_when_one_failure_is_deterministic_or_one_job_deploys(stage: Stage) -> None:
    stage.deploy(base=lawbook("version: t.1\nallowAllJobs: true\n"))
    stage.red([FLAKY, BROKEN])
    assert codes(stage.ask(mode="ALL_JOBS"))["unit"] == "BLOCKED mixed_failures"
    stage.red([FLAKY, JobSpec(id="deploy-site")], number=2)
    assert codes(stage.ask(2, mode="ALL_JOBS"))["unit"] == "BLOCKED side_effect_job"
    assert stage.posts == []


@pytest.mark.shows("RR-13", "A10")
def test_the_same_request_id_gives_the_stored_answer_and_charges_nothing(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=always_lost())])
    first = stage.ask(request_id="same")
    stage.tick()
    stage.tick()
    assert stage.ask(request_id="same") == first
    assert len(stage.effects) == 1
    with pytest.raises(RequestIdReused):
        stage.ask(request_id="same", max_attempts=1)


@pytest.mark.shows("RR-13")
def test_an_interrupted_request_goes_on_with_what_it_has_sent(stage: Stage) -> None:
    stage.red([FLAKY])
    stage.world.faults.garbage("GET */contents/*", count=None)
    with pytest.raises(Exception, match=r"unreadable|body|JSON|answered"):
        stage.ask(request_id="again")
    stage.world.faults.clear()
    assert stage.ask(request_id="again")["decision"] == "RERUN_TRIGGERED"
    assert len(stage.effects) == 1


@pytest.mark.shows("RR-14", "A17")
@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        (Outcome.success(seconds=150), "healed"),
        (Outcome.lost_runner(seconds=150), "failed_same"),
        (Outcome.failure("E   AssertionError: 2 != 3", seconds=150), "failed_other"),
        (Outcome.cancelled(seconds=150), "cancelled"),
    ],
)
def test_the_outcome_and_its_minutes_are_recorded(stage: Stage, second: Outcome, outcome: str) -> None:
    run = stage.red([JobSpec(id="unit", outcomes=[Outcome.lost_runner(), second])])
    stage.ask()
    stage.tick()
    with stage.ctx.ledger.read() as view:
        (row,) = view.outcomes(run=stage.key(run))
        case = view.case_of_run("github.com", str(stage.repo.id), str(run.id))
    assert (row.row.outcome, row.row.minutes, row.row.run_attempt) == (outcome, 3, 2)
    assert case is not None
    assert case.state.value == ("closed" if outcome == "healed" else "handed_over")


@pytest.mark.shows("RR-15", "A19", "F15")
def test_a_listing_that_changes_while_it_is_read_decides_nothing(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", matrix={"n": list(range(120))}, matrix_outcomes={"7": lost()})])
    stage.world.faults.list_changes_while_paging("GET */jobs", grows=False, count=None)
    answer = stage.ask()
    assert codes(answer)["unit (7)"] == "BLOCKED incomplete_data"
    assert stage.posts == []


@pytest.mark.shows("RR-15")
def test_a_hundred_and_twenty_jobs_are_read_to_the_end(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", matrix={"n": list(range(120))}, matrix_outcomes={"117": lost()})])
    answer = stage.ask()
    assert answer["metadata"] == {"totalJobs": 120, "rerunJobs": 1, "blockedJobs": 0, "skippedJobs": 119}


@pytest.mark.shows("RR-15", "RR-5")
def test_a_run_without_run_attempt_is_not_decided(stage: Stage) -> None:
    stage.red([FLAKY])
    stage.world.omit_run_attempt = True
    assert codes_of_failed(stage.ask()) == "incomplete_data"
    assert stage.posts == []


@pytest.mark.shows("RR-16")
def test_a_dry_run_evaluates_everything_and_writes_nothing_to_github(stage: Stage) -> None:
    run = stage.red([FLAKY])
    answer = stage.ask(dry_run=True)
    assert answer["dryRun"] is True
    assert answer["decision"] == "NOOP"
    assert job_of(answer, "unit")["state"] == "would_send"
    assert job_of(answer, "unit")["failureClass"] == "infra_transient"
    assert stage.posts == []
    assert stage.operations() == ()
    with stage.ctx.ledger.read() as view:
        (row,) = view.attempts(run=stage.key(run))
        assert view.all_slots() == ()
    assert (row.row.decision, row.row.reason_code, row.row.attempt_number) == ("NOOP", "dry_run", 0)


def test_the_answer_is_plain_json_with_the_seeds_fields_first(stage: Stage) -> None:
    stage.red([FLAKY, BROKEN, JobSpec(id="gate", needs=["unit", "lint"], always=True)])
    answer = stage.ask()
    assert json.loads(json.dumps(answer)) == answer
    assert list(answer)[:9] == [
        "schemaVersion",
        "requestId",
        "lawbookHash",
        "deploymentEnv",
        "target",
        "decision",
        "reasons",
        "jobs",
        "metadata",
    ]
    assert list(job_of(answer, "unit"))[:6] == [
        "jobName",
        "jobId",
        "priorConclusion",
        "action",
        "attemptNumber",
        "reasonCode",
    ]
    assert answer["schemaVersion"] == "1.0"


def codes_of_failed(answer: dict[str, object]) -> str:
    jobs = answer["jobs"]
    assert isinstance(jobs, list)
    if jobs:
        return str(jobs[0]["reasonCode"])
    reasons = answer["reasons"]
    assert isinstance(reasons, list)
    return str(reasons[0]).partition(":")[0]
