"""Changing what may be done: registry, kill switch, and what can be read of both and of the lawbook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from cicatrix.core.actions import Role
from cicatrix.core.policy import Environment
from cicatrix.web.problems import CODES
from tests.web.desk import REGISTRY, Desk, desk_at, problem
from tests.web.test_callers import user

REGISTRY_OF_SHOP = "/api/registry/acme/shop"
SWITCHES = "/api/kill-switches"


@pytest.fixture
def prod(tmp_path: Path) -> Iterator[Desk]:
    with desk_at(tmp_path, environment=Environment.PROD) as made:
        yield made


def document(**changes: Any) -> dict[str, Any]:
    return deepcopy(REGISTRY) | changes


@pytest.mark.shows("RG-7", "RG-1")
def test_a_registry_that_was_put_counts_from_the_next_decision_on(prod: Desk) -> None:
    prod.red()
    admin, operator = prod.key(Role.ADMIN), prod.key()
    problem(prod.rerun(operator), 409, "REGISTRY_NOT_FOUND")
    dry = prod.ask("PUT", f"{REGISTRY_OF_SHOP}?dryRun=true", admin, json=document()).json()
    assert (dry["changed"], dry["dryRun"], dry["ledgerIndex"]) == (True, True, None)
    problem(prod.rerun(operator), 409, "REGISTRY_NOT_FOUND")
    put = prod.ask("PUT", REGISTRY_OF_SHOP, admin, json=document())
    assert put.status_code == 200, put.text
    assert put.json()["changed"] is True
    assert prod.rerun(operator).json()["decision"] == "RERUN_TRIGGERED"
    again = prod.ask("PUT", REGISTRY_OF_SHOP, admin, json=document()).json()
    assert (again["changed"], again["ledgerIndex"]) == (False, None)
    off = document(version="1.0.1")
    off["allowedActions"][0]["enabled"] = False
    changed = prod.ask("PUT", REGISTRY_OF_SHOP, admin, json=off).json()
    assert "allowedActions.rerun_failed_jobs.enabled" in {c["place"] for c in changed["changes"]}
    problem(prod.rerun(operator), 403, "ACTION_NOT_ALLOWED")
    shown = prod.ask("GET", REGISTRY_OF_SHOP, operator).json()
    assert (shown["version"], shown["contentHash"]) == ("1.0.1", changed["contentHash"])
    assert [one["repository"] for one in prod.ask("GET", "/api/registry", operator).json()["items"]] == ["acme/shop"]
    with prod.ctx.ledger.read() as view:
        events = view.registry_history("github.com", shown["repositoryId"])
    assert len(events) == 2
    assert all(event.by == f"key:{admin.split('_')[1]}" for event in events)


@pytest.mark.shows("AU-4", "AP-4", "T17")
def test_who_may_put_a_registry_and_what(desk: Desk) -> None:
    desk.world.repository("acme/other")
    for caller in (desk.key(Role.HEALER), user(desk, "maintain")):
        problem(desk.ask("PUT", REGISTRY_OF_SHOP, caller, json=document()), 403, "CALLER_NOT_AUTHORISED")
    elsewhere = desk.key(Role.ADMIN, repositories=("acme/other",))
    problem(desk.ask("PUT", REGISTRY_OF_SHOP, elsewhere, json=document()), 403, "REPO_ACCESS_DENIED")
    admin = desk.key(Role.ADMIN, repositories=("acme/shop", "acme/other"))
    for body, field in (
        (document(repository="acme/other"), "repository"),
        (document(colour="red"), "colour"),
        (document(registryId=""), "registryId"),
    ):
        told = problem(desk.ask("PUT", REGISTRY_OF_SHOP, admin, json=body), 400, "INVALID_INPUT")
        assert field in {p["field"] for p in told["details"]["problems"]}
    assert desk.ask("PUT", REGISTRY_OF_SHOP, user(desk, "admin"), json=document()).status_code == 200
    taken = document(repository="acme/other")
    told = problem(desk.ask("PUT", "/api/registry/acme/other", admin, json=taken), 409, "REGISTRY_CONFLICT")
    assert "acme-shop" in told["detail"]
    problem(desk.ask("GET", "/api/registry/acme/other", admin), 404, "NOT_FOUND")


@pytest.mark.shows("PL-8", "GE-5")
def test_a_switch_stops_the_next_write_and_says_so(desk: Desk) -> None:
    desk.red()
    admin, operator = desk.key(Role.ADMIN), desk.key()
    body = {"scope": "repository", "owner": "acme", "repo": "shop", "reason": "release day"}
    put = desk.ask("PUT", SWITCHES, admin, json=body)
    assert put.status_code == 200, put.text
    told = desk.rerun(operator).json()
    assert told["decision"] == "BLOCKED"
    assert any("kill_switch" in line and "release day" in line for line in told["reasons"])
    assert desk.writes == []
    shown = desk.ask("GET", SWITCHES, operator).json()["items"]
    assert [(s["scope"], s["reason"], s["setBy"]) for s in shown] == [
        ("repository", "release day", f"key:{admin.split('_')[1]}")
    ]
    lift = f"{SWITCHES}?scope=repository&owner=acme&repo=shop&reason=done"
    assert desk.ask("DELETE", lift, admin).json()["set"] is False
    problem(desk.ask("DELETE", lift, admin), 404, "NOT_FOUND")
    assert desk.rerun(operator).json()["decision"] == "RERUN_TRIGGERED"


@pytest.mark.shows("PL-8")
def test_in_production_somebody_else_lifts(prod: Desk) -> None:
    first, second = (prod.key(Role.ADMIN, repositories=None) for _ in range(2))
    assert prod.ask("PUT", SWITCHES, first, json={"scope": "deployment", "reason": "drill"}).status_code == 200
    lift = f"{SWITCHES}?scope=deployment&reason=over"
    problem(prod.ask("DELETE", lift, first), 403, "SECOND_PERSON_REQUIRED")
    assert prod.ask("DELETE", lift, second).status_code == 200


@pytest.mark.shows("PL-8", "AU-4", "T17")
def test_who_may_stop_what(desk: Desk) -> None:
    wide = {
        "deployment": {},
        "action": {"action": "rerun_failed_jobs"},
        "organisation": {"owner": "acme", "repo": "shop"},
    }
    scoped, everywhere = desk.key(Role.ADMIN), desk.key(Role.ADMIN, repositories=None)
    for scope, named in wide.items():
        body = {"scope": scope, "reason": "r"} | named
        for caller in (scoped, user(desk, "admin"), desk.key(Role.HEALER, repositories=None)):
            problem(desk.ask("PUT", SWITCHES, caller, json=body), 403, "CALLER_NOT_AUTHORISED")
        assert desk.ask("PUT", SWITCHES, everywhere, json=body).status_code == 200
    body = {"scope": "repository", "owner": "acme", "repo": "shop", "reason": "r"}
    problem(desk.ask("PUT", SWITCHES, user(desk, "maintain"), json=body), 403, "CALLER_NOT_AUTHORISED")
    assert desk.ask("PUT", SWITCHES, user(desk, "admin"), json=body).status_code == 200
    for wrong in ({"scope": "action"}, {"scope": "deployment", "owner": "acme"}, {"scope": "repository"}):
        told = problem(desk.ask("PUT", SWITCHES, everywhere, json=wrong | {"reason": "r"}), 400, "INVALID_INPUT")
        assert told["details"]["problems"]
    for reason in ("", " ", "two\nlines", "ghp_" + "a1B2" * 9):
        body = {"scope": "deployment", "reason": reason}
        problem(desk.ask("PUT", SWITCHES, everywhere, json=body), 400, "INVALID_INPUT")


def test_the_lawbook_in_force_with_its_origins(desk: Desk) -> None:
    told = desk.ask("GET", "/api/lawbook/current?owner=acme&repo=shop", desk.key(Role.READER)).json()
    assert (told["version"], told["builtIn"], told["problems"]) == ("desk.1", False, [])
    assert told["lawbook"]["stopRules"]["cooldownMinutes"] == 0
    assert told["origins"]["stopRules.cooldownMinutes"].startswith("base.yml:2")
    problem(desk.ask("GET", "/api/lawbook/current", user(desk, "admin")), 400, "MISSING_PARAMS")


def test_triage_and_prompt_over_http(desk: Desk) -> None:
    desk.red()
    key = desk.key(Role.READER)
    triage = desk.ask("GET", "/api/github/prs/1/checks/triage?owner=acme&repo=shop", key)
    assert triage.status_code == 200, triage.text
    told = triage.json()
    assert told["summary"]["overall"] == "YELLOW"
    assert [one["recommendation"]["nextAction"] for one in told["failures"]] == ["RERUN"]
    made = desk.ask("POST", "/api/github/prs/1/checks/prompt", key, json={"owner": "acme", "repo": "shop"})
    assert made.status_code == 200, made.text
    assert made.json()["prompts"][0]["failureClass"] == "infra_transient"
    missing = desk.ask("GET", "/api/github/prs/77/checks/triage?owner=acme&repo=shop", key)
    problem(missing, 404, "PR_NOT_FOUND")
    desk.world.repository("acme/shop").pull_request(2, head_branch="green")
    nothing = desk.ask("POST", "/api/github/prs/2/checks/prompt", key, json={"owner": "acme", "repo": "shop"})
    problem(nothing, 409, "NO_FAILURES")
    assert desk.writes == []


def test_the_description_is_served_and_says_no_automatic_422(desk: Desk) -> None:
    tree = desk.ask("GET", "/openapi.json").json()
    assert tree["openapi"] == "3.1.0"
    listed = {
        (path, method)
        for path, methods in tree["paths"].items()
        for method in methods
        if "422" in methods[method]["responses"]
    }
    assert listed == {("/api/github/prs/{prNumber}/checks/rerun", "post"), ("/api/github/checks/rerun-batch", "post")}
    operation = tree["paths"]["/api/github/prs/{prNumber}/checks/rerun"]["post"]
    assert operation["operationId"] == "rerunFailedJobs"
    assert "HTTPValidationError" not in tree["components"]["schemas"]


def test_the_page_names_every_route_and_every_code(desk: Desk) -> None:
    page = (Path(__file__).parents[2] / "docs/api.md").read_text()
    for path in desk.ask("GET", "/openapi.json").json()["paths"]:
        assert f"{path}`" in page, path
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| ([\d, ]+) \|", page, re.MULTILINE))
    assert set(told) == set(CODES)
    assert all(str(kind.status) in told[code] for code, kind in CODES.items())
