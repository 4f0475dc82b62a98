"""The seed's route: what a caller gets, and what reaches GitHub."""

from __future__ import annotations

import pytest

from cicatrix.core.actions import Role
from tests.web.desk import Desk, problem


@pytest.mark.shows("RR-6", "AP-3")
def test_a_red_pull_request_is_rerun_once_and_the_same_request_is_replayed(desk: Desk) -> None:
    run = desk.red()
    key = desk.key(Role.OPERATOR)
    first = desk.rerun(key, requestId="r-1")
    assert first.status_code == 200, first.text
    told = first.json()
    assert told["schemaVersion"] == "1.0"
    assert told["requestId"] == "r-1"
    assert told["deploymentEnv"] == "staging"
    assert told["target"] == {"prNumber": 1, "runId": run}
    assert told["decision"] == "RERUN_TRIGGERED"
    assert told["metadata"] == {"totalJobs": 2, "rerunJobs": 1, "blockedJobs": 0, "skippedJobs": 1}
    assert "idempotency-replayed" not in first.headers
    assert len(desk.writes) == 1
    again = desk.rerun(key, requestId="r-1")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == told
    assert len(desk.writes) == 1
    problem(desk.rerun(key, requestId="r-1", maxAttempts=1), 422, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.shows("AP-1")
def test_without_a_good_credential_nothing_is_asked_of_anybody(desk: Desk) -> None:
    told = problem(desk.rerun(None), 401, "UNAUTHORIZED")
    assert not told["details"]
    assert desk.world.history.calls == []
