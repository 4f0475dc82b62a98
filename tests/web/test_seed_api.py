"""The seed's API tests (seed 000, section 5), each under its own sentence."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from cicatrix.core.policy import Environment
from tests.web.desk import REGISTRY, Desk, desk_at, problem


@pytest.fixture
def prod(tmp_path: Path) -> Iterator[Desk]:
    with desk_at(tmp_path, environment=Environment.PROD) as made:
        yield made


@pytest.mark.shows("IT-1", "AP-6")
def test_valid_request_in_staging(desk: Desk) -> None:
    desk.red()
    told = desk.rerun(desk.key()).json()
    assert (told["decision"], told["deploymentEnv"]) == ("RERUN_TRIGGERED", "staging")
    assert any("staging without a registry" in line for line in told["reasons"])


@pytest.mark.shows("IT-1", "AP-1", "A12")
def test_production_fail_closed_no_registry(prod: Desk) -> None:
    prod.red()
    told = problem(prod.rerun(prod.key()), 409, "REGISTRY_NOT_FOUND")
    assert told["details"] == {"repository": "acme/shop", "policy": "fail-closed"}
    assert told["error"] == "Repository not in registry"
    assert prod.writes == []


@pytest.mark.shows("IT-1", "AP-1", "RG-1")
@pytest.mark.parametrize("change", ["absent", "disabled"])
def test_action_not_allowed_by_registry(prod: Desk, change: str) -> None:
    prod.red()
    document = deepcopy(REGISTRY)
    if change == "absent":
        document["allowedActions"] = document["allowedActions"][1:]
    else:
        document["allowedActions"][0]["enabled"] = False
    prod.register(document)
    told = problem(prod.rerun(prod.key()), 403, "ACTION_NOT_ALLOWED")
    validation = told["details"]["validation"]
    assert (validation["allowed"], validation["actionType"]) == (False, "rerun_failed_jobs")
    assert "registry.yml:" in " ".join(validation["errors"]), "the refusal names file and line"
    assert prod.writes == []


@pytest.mark.shows("IT-1", "RG-2", "RR-8")
def test_registry_max_retries_respected(prod: Desk) -> None:
    prod.red()
    document = deepcopy(REGISTRY)
    document["allowedActions"][0]["maxRetries"] = 0
    prod.register(document)
    key = prod.key()
    told = prod.rerun(key, maxAttempts=5)
    assert told.status_code == 200, told.text
    assert told.json()["decision"] == "BLOCKED"
    assert any("registry allows 0" in line for line in told.json()["reasons"])
    assert prod.writes == []
    document["allowedActions"][0]["maxRetries"] = 1
    prod.register(document)
    assert prod.rerun(key, maxAttempts=5).json()["decision"] == "RERUN_TRIGGERED"


def wrong_bodies() -> Iterator[tuple[str, dict[str, object], set[str]]]:
    good: dict[str, object] = {"owner": "acme", "repo": "shop"}
    yield "MISSING_PARAMS", {}, {"owner", "repo"}
    yield "MISSING_PARAMS", {"owner": "acme"}, {"repo"}
    yield "INVALID_INPUT", {"owner": "", "repo": ".."}, {"owner", "repo"}
    yield "INVALID_INPUT", good | {"maxAttempts": 0}, {"maxAttempts"}
    yield "INVALID_INPUT", good | {"maxAttempts": 6, "mode": "failed_only"}, {"maxAttempts", "mode"}
    yield "INVALID_INPUT", good | {"maxAttempts": "3"}, {"maxAttempts"}
    yield "INVALID_INPUT", good | {"maxAttempts": True}, {"maxAttempts"}
    yield "INVALID_INPUT", good | {"maxAttempts": 1.5}, {"maxAttempts"}
    yield "INVALID_INPUT", good | {"max_attempts": 2}, {"max_attempts"}
    yield "INVALID_INPUT", good | {"runId": -1}, {"runId"}
    yield "INVALID_INPUT", good | {"runId": 2**63}, {"runId"}
    yield "INVALID_INPUT", good | {"requestId": ""}, {"requestId"}
    yield "INVALID_INPUT", good | {"requestId": "x" * 256}, {"requestId"}
    yield "INVALID_INPUT", good | {"requestId": "two\nlines"}, {"requestId"}
    yield "INVALID_INPUT", good | {"dryRun": "yes"}, {"dryRun"}
    yield "INVALID_INPUT", good | {"requestId": "ghp_" + "a1B2" * 9}, {"requestId"}


@pytest.mark.shows("IT-1", "AP-4", "C2")
def test_invalid_inputs_400_errors(desk: Desk) -> None:
    desk.red()
    key = desk.key()
    for code, body, fields in wrong_bodies():
        told = problem(desk.ask("POST", "/api/github/prs/1/checks/rerun", key, json=body), 400, code)
        assert {p["field"] for p in told["details"]["problems"]} == fields, (body, told)
        assert all(p["problem"] for p in told["details"]["problems"])
    for number in ("0", "-1", "abc", "1.5", "1e3", "2147483648", "%20"):
        told = problem(desk.rerun(key, number), 400, "INVALID_PR_NUMBER")
        assert [p["field"] for p in told["details"]["problems"]] == ["prNumber"]
    assert desk.world.history.calls == [], "nothing was asked of GitHub"


@pytest.mark.shows("IT-1", "AP-4")
def test_default_parameter_handling(desk: Desk) -> None:
    desk.red()
    told = desk.rerun(desk.key()).json()
    assert told["requestId"].startswith("rerun-")
    with desk.ctx.ledger.read() as view:
        decision = view.list_decisions().items[0]
    assert (decision["mode"], decision["maxAttempts"], decision["dryRun"]) == ("FAILED_ONLY", 2, False)
    assert decision["principal"].startswith("key:")
