"""What a second pair of eyes found missing: cooldowns told as such, reads on the record, floods, keys that approve."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cicatrix.core.actions import Role
from cicatrix.core.policy import RerunRequest
from cicatrix.web.callers import FLOOD_WINDOW, MOST_REFUSALS
from tests.stage import job_of
from tests.web.desk import REGISTRY, Desk, problem


@pytest.mark.shows("AP-2", "RG-6", "C3")
def test_a_registrys_cooldown_is_429_and_is_recorded_as_a_cooldown(desk: Desk) -> None:
    slow = {"actionType": "rerun_failed_jobs", "maxRetries": 2, "cooldownMinutes": 5}
    desk.register(REGISTRY | {"allowedActions": [slow]})
    key = desk.key()
    desk.red(1)
    assert desk.rerun(key, 1).json()["decision"] == "RERUN_TRIGGERED"
    desk.red(2)
    answer = desk.rerun(key, 2)
    told = problem(answer, 429, "POLICY_DENIED")
    assert told["details"]["nextAllowedAt"]
    assert 0 < int(answer.headers["retry-after"]) <= 300
    job = job_of(told["details"]["result"], "test")
    assert job["reasonCode"] == "cooldown_active", "not a used-up bound: waiting helps, a new commit does not"
    assert "registry.yml:" in job["detail"]
    assert len(desk.writes) == 1
    desk.world.advance(301)
    assert desk.rerun(key, 2).json()["decision"] == "RERUN_TRIGGERED"


@pytest.mark.shows("AP-2", "C3", "LB-4")
def test_an_automation_policy_without_a_time_is_403_and_with_one_429(desk: Desk) -> None:
    desk.red()
    policy = "automation: [{actionType: rerun_failed_jobs, allowedEnvs: [%s], maxRunsPerWindow: 1, windowSeconds: 600}]"
    desk.world.repository("acme/shop").file(".github/cicatrix.yml", policy % "prod")
    told = problem(desk.rerun(desk.key()), 403, "POLICY_DENIED")
    assert "retry-after" not in told
    assert told["details"]["policyName"] == "rerun_failed_jobs"
    with desk.ctx.ledger.read() as view:
        (row,) = view.automation_executions()
    assert (row.row.allowed, row.row.operation_id) == (False, None), "refused before any fact, and on the record"
    desk.world.repository("acme/shop").file(".github/cicatrix.yml", policy % "staging")
    assert desk.rerun(desk.key()).json()["decision"] == "RERUN_TRIGGERED"
    desk.red(2)
    answer = desk.rerun(desk.key(), 2)
    problem(answer, 429, "POLICY_DENIED")
    assert 0 < int(answer.headers["retry-after"]) <= 600
    assert len(desk.writes) == 1


@pytest.mark.shows("RG-1")
def test_triage_of_a_registered_repository_is_evaluated_on_the_record(desk: Desk) -> None:
    reads = {"actionType": "collect_summary", "requireEvidence": False}
    desk.register(REGISTRY | {"allowedActions": [reads]})
    desk.red()
    answer = desk.ask("GET", "/api/github/prs/1/checks/triage?owner=acme&repo=shop", desk.key(Role.READER))
    assert answer.status_code == 200
    with desk.ctx.ledger.read() as view:
        (row,) = view.registry_audit()
        kinds = [entry.kind for entry in view.entries()]
    assert (row.action_type, row.action_status) == ("collect_summary", "allowed")
    assert kinds[-1] == "registry.evaluated"


@pytest.mark.shows("AU-4", "T33")
def test_a_flood_of_unknown_tokens_does_not_shut_github_for_us(desk: Desk) -> None:
    def ask(n: int) -> int:
        return desk.rerun(f"github_pat_unknown{n:012d}").status_code

    assert {ask(n) for n in range(MOST_REFUSALS)} == {401}
    asked = len(desk.world.history.calls)
    assert {ask(n) for n in range(100, 120)} == {503}
    assert len(desk.world.history.calls) == asked, "GitHub is left alone"
    desk.red()
    assert desk.rerun(desk.key()).status_code == 200, "keys are not held up"
    desk.world.advance(FLOOD_WINDOW / timedelta(seconds=1) + 1)
    assert ask(200) == 401


@pytest.mark.shows("RG-5")
def test_nobody_knows_who_is_behind_a_key() -> None:
    assert RerunRequest(request_id="r", principal="key:abcdefgh").asker is None
    assert RerunRequest(request_id="r", principal="github:Ada@github.com").asker == "Ada"
    assert RerunRequest(request_id="r", principal="cli:ada@github.com").asker == "ada"
    assert RerunRequest(request_id="r", principal="system").asker == "system"
    assert RerunRequest(request_id="r", principal="key:abcdefgh", requester="ada").asker == "ada"
