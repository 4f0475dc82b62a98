"""Seed 000, section 5: its ten test items, as behaviour on the real flows. Each docstring is the seed's sentence.

The service's items run in the flow, the API's over real HTTP against the real application.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cicatrix.core.cases import CaseState
from cicatrix.core.policy import Environment
from cicatrix.flows import seed_000
from cicatrix.flows.reading import Target, read_target
from cicatrix.flows.tick import tick
from cicatrix.simulator import JobSpec
from tests.judge import Judge
from tests.stage import CI, Stage, always_lost, broken, codes, job_of, lost
from tests.web.desk import REGISTRY, desk_at, problem
from tests.web.desk import Desk as Api

RED_AGAIN = JobSpec(id="unit", outcomes=always_lost())


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """The real application in staging, beside a simulated GitHub on loopback."""
    with desk_at(tmp_path) as made:
        yield made


# --- service tests ---


@pytest.mark.shows("IT-1", "RR-8", "A8")
def test_attempt_counter_logic(stage: Stage) -> None:
    """Attempt counter logic (1st attempt allowed)"""
    run = stage.red([RED_AGAIN])
    home = read_target(stage.ctx, Target(owner="acme", repository="shop", pull_request=1)).repository
    assert home is not None
    with stage.ctx.ledger.read() as view:
        assert seed_000.get_attempt_count(view, home, str(run.id), "unit") == 0
    answer = stage.ask()
    assert codes(answer) == {"unit": "RERUN infra_transient"}
    assert job_of(answer, "unit")["attemptNumber"] == 1
    with stage.ctx.ledger.read() as view:
        assert seed_000.get_attempt_count(view, home, str(run.id), "unit") == 1
        assert seed_000.get_attempt_count(view, home, str(run.id), "another job") == 0


@pytest.mark.shows("IT-1", "RR-8", "A1", "A8")
def test_bounded_retry(stage: Stage) -> None:
    """Bounded retry (2nd attempt allowed, 3rd blocked)"""
    stage.red([RED_AGAIN])
    told = []
    for _ in range(4):
        told.append(codes(stage.ask())["unit"])
        stage.tick()
    assert told == [
        "RERUN infra_transient",
        "RERUN infra_transient",
        "BLOCKED max_attempts_exceeded",
        "BLOCKED max_attempts_exceeded",
    ]
    assert len(stage.effects) == 2


@pytest.mark.shows("IT-1", "RR-11", "C14", "D3")
def test_deterministic_job_selection(stage: Stage) -> None:
    """Deterministic job selection (only eligible failures)"""
    stage.red(
        [
            JobSpec(id="unit", outcomes=lost()),
            JobSpec(id="compile", outcomes=broken()),
            JobSpec(id="network-lib-tests", outcomes=broken()),
            JobSpec(id="green"),
        ]
    )
    expected = {
        "unit": "RERUN infra_transient",
        "compile": "SKIP not_eligible",
        "network-lib-tests": "SKIP not_eligible",
        "green": "SKIP not_failed",
    }
    assert [codes(stage.ask(dry_run=True)) for _ in range(2)] == [{**expected, "unit": "SKIP dry_run"}] * 2
    assert codes(stage.ask()) == expected
    (effect,) = stage.effects
    assert effect["ran"] == ["unit"]


@pytest.mark.shows("IT-1", "LG-5", "A13")
def test_audit_event_creation(stage: Stage) -> None:
    """Audit event creation (database records)"""
    stage.red([JobSpec(id="unit", outcomes=lost())])
    stage.ask(request_id="audited", principal="cli:octocat")
    with stage.ctx.ledger.read() as view:
        rows = [stored.row for stored in view.audit(request_id="audited")]
    assert [row.action_status for row in rows] == ["pending", "completed"]
    assert {row.action_type for row in rows} == {"rerun_failed_jobs"}
    assert {row.initiated_by for row in rows} == {"cli:octocat"}
    assert rows[-1].completed_at is not None
    assert rows[-1].action_result["decision"] == "RERUN_TRIGGERED"


# --- API tests: the seed's route, over HTTP ---


def red_again(api: Api) -> int:
    """A pull request whose job fails again after every rerun; its run's id."""
    repo = api.world.repository("acme/shop")
    repo.workflow(CI, [JobSpec(id="build"), JobSpec(id="test", outcomes=always_lost())])
    run = repo.run(CI, pull_request=repo.pull_request(1), finished=True)
    api.world.advance(1)
    return run.id


@pytest.mark.shows("IT-1", "AP-1")
def test_valid_request_in_staging(api: Api) -> None:
    """Valid request in staging"""
    run = api.red()
    answer = api.rerun(api.key(), requestId="r-1").json()
    assert answer["schemaVersion"] == "1.0"
    assert answer["requestId"] == "r-1"
    assert len(answer["lawbookHash"]) == 64
    assert answer["deploymentEnv"] == "staging"
    assert answer["target"] == {"prNumber": 1, "runId": run}
    assert answer["decision"] == "RERUN_TRIGGERED"
    assert answer["metadata"] == {"totalJobs": 2, "rerunJobs": 1, "blockedJobs": 0, "skippedJobs": 1}
    assert len(api.writes) == 1


@pytest.mark.shows("IT-1", "GE-4", "AP-1", "A12")
def test_production_fail_closed(tmp_path: Path) -> None:
    """Production fail-closed (no registry)"""
    with desk_at(tmp_path, environment=Environment.PROD) as api:
        api.red()
        told = problem(api.rerun(api.key()), 409, "REGISTRY_NOT_FOUND")
        assert told["details"] == {"repository": "acme/shop", "policy": "fail-closed"}
        assert api.writes == []
        api.register()
        assert api.rerun(api.key()).json()["decision"] == "RERUN_TRIGGERED"


@pytest.mark.shows("IT-1", "GE-4", "AP-1", "RG-1", "A12", "C2")
def test_action_not_allowed_by_registry(api: Api) -> None:
    """Action not allowed by registry"""
    api.red()
    off = {"actionType": "rerun_failed_jobs", "enabled": False, "maxRetries": 3}
    api.register(REGISTRY | {"allowedActions": [off]})
    told = problem(api.rerun(api.key()), 403, "ACTION_NOT_ALLOWED")
    assert "registry.yml:" in told["detail"], "file and line of what said no"
    assert told["details"]["validation"]["allowed"] is False
    assert api.writes == []
    with api.ctx.ledger.read() as view:
        (row,) = view.registry_audit()
    assert (row.action_status, row.executed_by[:4]) == ("blocked", "key:")


@pytest.mark.shows("IT-1", "RR-8", "RG-2", "A12")
def test_registry_max_retries_respected(api: Api) -> None:
    """Registry maxRetries respected"""
    red_again(api)
    key = api.key()
    once = {"actionType": "rerun_failed_jobs", "maxRetries": 1, "requireEvidence": False}
    api.register(REGISTRY | {"allowedActions": [once]})
    assert job_of(api.rerun(key).json(), "test")["action"] == "RERUN"
    api.world.advance(3600)
    tick(api.ctx)
    second = job_of(api.rerun(key, maxAttempts=5).json(), "test")
    assert second["reasonCode"] == "max_attempts_exceeded"
    assert "asked 5 · registry 1 · lawbook 2 · used 1 · left 0" in second["detail"]
    assert "bound by registry maxRetries (registry.yml:" in second["detail"]
    api.register(REGISTRY | {"allowedActions": [once | {"maxRetries": 0}]})
    third = job_of(api.rerun(key).json(), "test")
    assert third["reasonCode"] == "registry_denied", "maxRetries 0 means none, not no limit"
    assert "registry allows 0" in third["detail"]
    assert len(api.writes) == 1


@pytest.mark.shows("IT-1", "AP-4", "C1", "C2")
@pytest.mark.parametrize(
    ("number", "changes", "field"),
    [
        ("0", {}, "prNumber"),
        ("-1", {}, "prNumber"),
        ("one", {}, "prNumber"),
        ("1", {"owner": None}, "owner"),
        ("1", {"repo": ""}, "repo"),
        ("1", {"maxAttempts": 0}, "maxAttempts"),
        ("1", {"maxAttempts": 6}, "maxAttempts"),
        ("1", {"maxAttempts": "2"}, "maxAttempts"),
        ("1", {"maxAttempts": True}, "maxAttempts"),
        ("1", {"mode": "SOME_JOBS"}, "mode"),
        ("1", {"runId": -4}, "runId"),
        ("1", {"requestId": "x" * 256}, "requestId"),
        ("1", {"max_attempts": 2}, "max_attempts"),
    ],
)
def test_invalid_inputs(api: Api, number: str, changes: dict[str, object], field: str) -> None:
    """Invalid inputs (400 errors)"""
    api.red()
    answer = api.rerun(api.key(), number, **changes)
    assert answer.status_code == 400, answer.text
    assert field in {item["field"] for item in answer.json()["details"]["problems"]}
    assert api.writes == []


@pytest.mark.shows("IT-1", "AP-4")
def test_default_parameters_of_the_route(api: Api) -> None:
    """Default parameter handling"""
    run = red_again(api)
    key = api.key()
    answer = api.rerun(key).json()
    assert answer["target"] == {"prNumber": 1, "runId": run}, "runId is discovered"
    assert answer["requestId"], "requestId is made"
    assert job_of(answer, "build")["reasonCode"] == "not_failed", "mode is FAILED_ONLY"
    assert "dryRun" not in answer
    for expected in ("RERUN infra_transient", "BLOCKED max_attempts_exceeded"):
        api.world.advance(3600)
        tick(api.ctx)
        assert codes(api.rerun(key).json())["test"] == expected, "maxAttempts is 2"


@pytest.mark.shows("IT-1")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"owner": " "}, "owner"),
        ({"repo": ""}, "repo"),
        ({"pr_number": 0}, "prNumber"),
        ({"pr_number": True}, "prNumber"),
        ({"run_id": 0}, "runId"),
        ({"mode": "failed_only"}, "mode"),
        ({"max_attempts": 0}, "maxAttempts"),
        ({"max_attempts": 6}, "maxAttempts"),
        ({"request_id": ""}, "requestId"),
        ({"principal": ""}, "principal"),
    ],
)
def test_invalid_inputs_of_the_service_function(stage: Stage, changes: dict[str, object], field: str) -> None:
    """Invalid inputs (400 errors)"""
    stage.red([RED_AGAIN])
    given: dict[str, object] = {"owner": "acme", "repo": "shop", "pr_number": 1, "principal": "cli:octocat", **changes}
    with pytest.raises(seed_000.InvalidInput) as refused:
        seed_000.rerun_failed_jobs(stage.ctx, **given)  # type: ignore[arg-type]  # wrong kinds are the point
    assert refused.value.field == field
    assert stage.posts == []
    assert stage.kinds() == []


@pytest.mark.shows("IT-1")
def test_default_parameter_handling(stage: Stage) -> None:
    """Default parameter handling"""
    run = stage.red([RED_AGAIN, JobSpec(id="green")])
    answer = seed_000.rerun_failed_jobs(stage.ctx, owner="acme", repo="shop", pr_number=1, principal="cli:octocat")
    assert answer["target"] == {"prNumber": 1, "runId": run.id}, "runId is discovered"
    assert answer["requestId"].startswith("rerun-")
    assert codes(answer) == {"unit": "RERUN infra_transient", "green": "SKIP not_failed"}, "mode is FAILED_ONLY"
    assert "dryRun" not in answer
    for expected in ("RERUN infra_transient", "BLOCKED max_attempts_exceeded"):
        stage.tick()
        again = seed_000.rerun_failed_jobs(stage.ctx, owner="acme", repo="shop", pr_number=1, principal="cli:octocat")
        assert codes(again)["unit"] == expected, "maxAttempts is 2"


# --- the service functions under their own names ---


@pytest.mark.shows("GE-1", "GE-2", "IT-1")
def test_the_lawbook_hash_and_the_environment_are_what_an_answer_bears(stage: Stage) -> None:
    stage.red([RED_AGAIN])
    answer = stage.ask(dry_run=True)
    assert seed_000.get_lawbook_hash(stage.ctx) == answer["lawbookHash"]
    assert seed_000.get_lawbook_hash(stage.ctx, "acme", "shop") == answer["lawbookHash"]
    assert len(answer["lawbookHash"]) == 64
    assert seed_000.get_deployment_env(stage.ctx) == answer["deploymentEnv"] == "staging"
    assert seed_000.get_deployment_env(stage.deploy(environment=Environment.PROD).ctx) == "prod"


@pytest.mark.shows("GE-3", "IT-1")
def test_the_seeds_spaced_class_names_come_back() -> None:
    assert seed_000.classify_failure_for_rerun("infra_transient") == "infra transient"
    assert seed_000.classify_failure_for_rerun("flaky probable") == "flaky probable"
    assert [seed_000.classify_failure_for_rerun(x) for x in ("deterministic", "unknown", "timeout", None)] == [None] * 4


@pytest.mark.shows("LG-2", "LG-5", "IT-1")
def test_a_row_of_ones_own_may_tell_only_what_happened(stage: Stage) -> None:
    run = stage.red([JobSpec(id="unit", outcomes=lost())])
    stage.ask(request_id="real")
    with stage.ctx.ledger.read() as view:
        (told,) = view.attempts(run=stage.key(run))
        (_, audit) = view.audit(request_id="real")
    lies = [
        (replace(told.row, ledger_index=99), "is no entry"),
        (replace(told.row, decision_id="x", operation_id="x"), "names neither"),
        (replace(told.row, operation_id=None), "without a confirmed operation"),
        (replace(told.row, job_name="another"), "does not name the job"),
        (told.row, "has its row"),
        (replace(told.row, decision="BLOCKED"), "only an accepted rerun counts"),
    ]
    for row, why in lies:
        with stage.ctx.ledger.write("lie") as tx, pytest.raises(ValueError, match=why):
            seed_000.record_rerun_attempt(tx, row)
    for event, why in (
        (replace(audit.row, initiated_by=" "), "who asked"),
        (replace(audit.row, ledger_index=99), "no"),
    ):
        with stage.ctx.ledger.write("lie") as tx, pytest.raises(ValueError, match=why):
            seed_000.record_audit_event(tx, event)
    with stage.ctx.ledger.write("note") as tx:
        seed_000.record_rerun_attempt(tx, replace(told.row, decision="NOOP", attempt_number=0, reason_code="dry_run"))
        seed_000.record_audit_event(tx, audit.row)
    with stage.ctx.ledger.read() as view:
        assert [stored.row.decision for stored in view.attempts(run=stage.key(run))] == ["RERUN_TRIGGERED", "NOOP"]
        assert len(view.audit(request_id="real")) == 3


def test_a_case_stays_open_until_the_next_attempt_is_judged(stage: Stage) -> None:
    """What the seed's algorithm ends with (step 8, return) is where ours begins to wait."""
    run = stage.red([JobSpec(id="unit", outcomes=lost())])
    stage.ask()
    with stage.ctx.ledger.read() as view:
        case = view.case_of_run(*stage.key(run))
    assert case is not None
    assert case.state is CaseState.RERAN
    assert case.wake_at == stage.world.now + timedelta(seconds=15)


def test_a_new_request_reopens_the_runs_one_case(stage: Stage) -> None:
    """Decision record 3."""
    run = stage.red([RED_AGAIN])
    seen = []
    for _ in range(2):
        stage.ask()
        stage.tick()
        with stage.ctx.ledger.read() as view:
            case = view.case_of_run(*stage.key(run))
        assert case is not None
        seen.append((case.id, case.state))
        epoch = case.epoch
        assert stage.tick() == [], "the machine by itself leaves an ended case alone"
    assert seen == [(seen[0][0], CaseState.HANDED_OVER)] * 2
    assert epoch > 1
    assert len(stage.effects) == 2


@pytest.mark.shows("RR-15", "GE-4")
def test_a_run_whose_jobs_cannot_be_read_is_blocked(stage: Stage) -> None:
    """Decision record 8."""
    stage.red([RED_AGAIN])
    stage.world.omit_run_attempt = True
    answer = stage.ask()
    assert answer["jobs"] == []
    assert answer["decision"] == "BLOCKED"
    assert answer["reasons"][0].startswith("incomplete_data: ")
    assert stage.posts == []


@pytest.mark.shows("IT-2")
def test_every_exchange_of_a_story_is_judged(stage: Stage, judge: Judge) -> None:
    """Nothing goes past the judge: as many exchanges were judged as the simulated GitHub was asked."""
    if not judge.active:
        pytest.skip("GitHub's description is not beside this checkout")
    before = sum(judge.counts()[kind] for kind in ("distinct", "repeats"))
    stage.red([JobSpec(id="unit", outcomes=lost()), JobSpec(id="green")])
    stage.ask()
    stage.tick()
    calls = [c for c in stage.world.history.dump() if c["type"] == "call"]
    assert {c["method"] for c in calls} == {"GET", "POST"}
    assert sum(judge.counts()[kind] for kind in ("distinct", "repeats")) - before == len(calls)
