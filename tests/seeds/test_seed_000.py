"""Seed 000, section 5: its ten test items, as behaviour on the real flows. Each docstring is the seed's sentence.

The seed's API is part 2. Until then its six items are shown where they are decided: in the flow and in the shell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from cicatrix.core.cases import CaseState
from cicatrix.core.policy import Environment, Policy, RerunRequest
from cicatrix.core.reasons import Reason
from cicatrix.flows import seed_000
from cicatrix.flows.answer import Decided
from cicatrix.flows.reading import Target, read_target
from cicatrix.flows.rerun import decide_run, ledger_size
from cicatrix.simulator import JobSpec
from tests.cli.desk import Desk
from tests.judge import Judge
from tests.seeds.conftest import red
from tests.stage import Stage, always_lost, broken, codes, job_of, lost

RED_AGAIN = JobSpec(id="unit", outcomes=always_lost())


def under(stage: Stage, change: Callable[[Policy], Policy], request_id: str) -> Decided:
    """One decision about pull request 1 by the real flow, under a policy as the registry of part 2 will make it."""
    reading = read_target(stage.ctx, Target(owner="acme", repository="shop", pull_request=1))
    reading = replace(reading, policy=change(reading.policy))
    request = RerunRequest(request_id=request_id, principal="cli:octocat")
    (facts,) = reading.runs
    return decide_run(stage.ctx, request, reading, facts, started=ledger_size(stage.ctx))


def reasons_of(decided: Decided) -> dict[str, str]:
    return {job.name: f"{job.action} {job.reason}" for job in decided.plan.jobs}


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


# --- API tests; the route is part 2, so these are its decisions in the flow and the shell ---


@pytest.mark.shows("IT-1")
def test_valid_request_in_staging(desk: Desk) -> None:
    """Valid request in staging"""
    run = red(desk, [JobSpec(id="unit", outcomes=lost())])
    ended = desk.cicatrix("rerun", "acme/shop#1", "--request-id", "r-1", "--json")
    assert ended.code == 0
    answer = ended.json
    assert answer["schemaVersion"] == "1.0"
    assert answer["requestId"] == "r-1"
    assert answer["deploymentEnv"] == "staging"
    assert answer["target"] == {"prNumber": 1, "runId": run.id}
    assert answer["decision"] == "RERUN_TRIGGERED"
    assert answer["metadata"] == {"totalJobs": 1, "rerunJobs": 1, "blockedJobs": 0, "skippedJobs": 0}
    assert len(desk.writes) == 1


@pytest.mark.shows("IT-1", "GE-4")
def test_production_fail_closed(stage: Stage) -> None:
    """Production fail-closed (no registry)"""
    stage.deploy(environment=Environment.PROD)
    stage.red([RED_AGAIN])
    answer = stage.ask()
    assert answer["deploymentEnv"] == "prod"
    assert answer["decision"] == "BLOCKED"
    assert codes(answer) == {"unit": "BLOCKED registry_denied"}
    assert any("no registry" in line for line in answer["reasons"])
    assert stage.posts == []


@pytest.mark.shows("IT-1", "GE-4")
def test_action_not_allowed_by_registry(stage: Stage) -> None:
    """Action not allowed by registry"""
    stage.red([RED_AGAIN])

    def denied(policy: Policy) -> Policy:
        return replace(policy, stops=((Reason.REGISTRY_DENIED, "rerun_failed_jobs is not enabled"), *policy.stops))

    decided = under(stage, denied, "denied")
    assert decided.plan.decision == "BLOCKED"
    assert reasons_of(decided) == {"unit": "BLOCKED registry_denied"}
    assert stage.posts == []
    assert stage.kinds() == ["rerun.decided"]


@pytest.mark.shows("IT-1", "RR-8")
def test_registry_max_retries_respected(stage: Stage) -> None:
    """Registry maxRetries respected"""
    stage.red([RED_AGAIN])

    def once(policy: Policy) -> Policy:
        return replace(policy, registry_limit=1)

    first = under(stage, once, "first")
    assert reasons_of(first) == {"unit": "RERUN infra_transient"}
    stage.tick()
    second = under(stage, once, "second")
    assert reasons_of(second) == {"unit": "BLOCKED max_attempts_exceeded"}
    assert "registry maxRetries" in str(second.plan.jobs[0].limits)
    assert len(stage.effects) == 1
    assert reasons_of(under(stage, lambda policy: replace(policy, registry_limit=0), "never")) == {
        "unit": "BLOCKED max_attempts_exceeded"
    }, "maxRetries 0 means none"


@pytest.mark.shows("IT-1")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("rerun", "acme/shop#0"), "0 was given"),
        (("rerun", "acme/shop"), "acme/shop"),
        (("rerun", "acme/shop#1", "--max-attempts", "0"), "max-attempts"),
        (("rerun", "acme/shop#1", "--max-attempts", "6"), "max-attempts"),
        (("rerun", "acme/shop#1", "--max-attempts", "two"), "max-attempts"),
        (("rerun", "acme/shop#1", "--mode", "SOME_JOBS"), "SOME_JOBS"),
        (("rerun", "acme/shop#1", "--run-id", "-4"), "run"),
        (("rerun", "acme/shop#1", "--request-id", "x" * 256), "255"),
    ],
)
def test_invalid_inputs(desk: Desk, arguments: tuple[str, ...], told: str) -> None:
    """Invalid inputs (400 errors)"""
    red(desk, [RED_AGAIN])
    ended = desk.cicatrix(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert told in " ".join(ended.three_lines)
    assert desk.writes == []


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
