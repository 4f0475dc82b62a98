"""Requests by someone who wants more than they may have: other tenants' answers, former names, old rights."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from cicatrix.core.actions import Role
from tests.web.desk import REGISTRY, Desk, desk_at, problem
from tests.web.test_callers import user

BATCH = "/api/github/checks/rerun-batch"
TRIAGE = "/api/github/prs/1/checks/triage?owner=acme&repo=shop"
PROMPT = "/api/github/prs/1/checks/prompt"


def allowing(repo: str, *branches: str) -> str:
    """An allowlist of one repository of acme."""
    return json.dumps({"allowlist": [{"owner": "acme", "repo": repo, "branches": list(branches or ("main",))}]})


# --- names ---


@pytest.mark.shows("AU-1", "RG-7", "T17", "T22")
def test_a_former_name_in_the_allowlist_opens_nothing_of_what_it_leads_to(tmp_path: Path) -> None:
    """GitHub answers for the old name of a transferred repository; reads are as closed as reruns."""
    with desk_at(tmp_path, allowlist=allowing("shop")) as desk:
        desk.red()
        desk.world.repository("acme/shop").rename("evil/secret")
        key = desk.key(Role.ADMIN, repositories=None)
        answers = [
            desk.ask("GET", TRIAGE, key),
            desk.ask("POST", PROMPT, key, json={"owner": "acme", "repo": "shop"}),
            desk.ask("GET", "/api/lawbook/current?owner=acme&repo=shop", key),
            desk.ask("GET", "/api/lawbook/current?owner=evil&repo=secret", key),
            desk.rerun(key),
        ]
        for answer in answers:
            assert "REPO_NOT_ALLOWED" in problem(answer, 403, "REPO_ACCESS_DENIED")["detail"]
        assert desk.writes == []


@pytest.mark.shows("AU-1", "C5")
def test_the_base_branch_is_asked_for_reads_too(tmp_path: Path) -> None:
    with desk_at(tmp_path, allowlist=allowing("shop", "release")) as desk:
        desk.red()
        key = desk.key()
        reads = [
            desk.ask("GET", TRIAGE, key),
            desk.ask("POST", PROMPT, key, json={"owner": "acme", "repo": "shop"}),
        ]
        assert not any("/logs" in call["path"] for call in desk.world.history.calls), "no log was read"
        for answer in (*reads, desk.rerun(key)):
            assert "BRANCH_NOT_ALLOWED" in problem(answer, 403, "REPO_ACCESS_DENIED")["detail"]
        assert desk.writes == []


@pytest.mark.shows("RG-7", "T22", "PL-1")
def test_a_registry_id_that_is_taken_does_not_tell_by_whom(desk: Desk) -> None:
    desk.register()
    desk.world.repository("beta/app")
    mine = REGISTRY | {"repository": "beta/app"}
    everybodys = problem(
        desk.ask("PUT", "/api/registry/beta/app", desk.key(Role.ADMIN, repositories=None), json=mine),
        409,
        "REGISTRY_CONFLICT",
    )
    assert "acme/shop" in everybodys["detail"], "the operator is told where it is"
    tenants = desk.ask("PUT", "/api/registry/beta/app", desk.key(Role.ADMIN, repositories=("beta/app",)), json=mine)
    problem(tenants, 409, "REGISTRY_CONFLICT")
    assert "acme/shop" not in tenants.text
    assert str(desk.world.repository("acme/shop").id) not in tenants.text


# --- stored answers ---


@pytest.mark.shows("RR-13", "RG-7", "T22")
def test_a_request_id_of_a_repository_that_is_gone_tells_its_namesake_nothing(desk: Desk) -> None:
    desk.red(log="the old owner's words: error: ECONNRESET")
    body = {"requestId": "b-1", "items": [{"owner": "acme", "repo": "shop", "prNumber": 1}]}
    everywhere = desk.key(repositories=None)
    first = desk.rerun(desk.key(), requestId="release-7")
    assert first.status_code == 200
    assert desk.ask("POST", BATCH, everywhere, json=body).json()["results"][0]["status"] == 200
    desk.world.repository("acme/shop").delete()
    desk.world.repository("acme/shop")
    again = desk.rerun(desk.key(), requestId="release-7")
    problem(again, 422, "IDEMPOTENCY_KEY_REUSED")
    (item,) = desk.ask("POST", BATCH, everywhere, json=body).json()["results"]
    assert (item["status"], item["problem"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert "result" not in item


@pytest.mark.shows("AU-4", "RR-13", "T17")
def test_a_batch_is_told_again_only_as_far_as_the_rights_still_reach(desk: Desk) -> None:
    desk.red()
    desk.red(2)
    token = user(desk, "write")
    body = {"requestId": "b-1", "items": [{"owner": "acme", "repo": "shop", "prNumber": n} for n in (1, 2)]}
    first = desk.ask("POST", BATCH, token, json=body).json()
    assert desk.ask("POST", BATCH, token, json=body).json() == first
    repo = desk.world.repository("acme/shop")
    repo.private = True
    repo.collaborator("mona", None)
    answer = desk.ask("POST", BATCH, token, json=body)
    assert answer.headers["idempotency-replayed"] == "true"
    assert [(one["status"], "result" in one) for one in answer.json()["results"]] == [(403, False)] * 2
    assert "failureClass" not in answer.text


@pytest.mark.shows("RR-13", "AP-3", "PL-1")
def test_somebody_elses_request_id_gives_nothing_that_ones_own_request_would_not(desk: Desk) -> None:
    desk.red()
    desk.world.repository("acme/other")
    assert desk.rerun(desk.key(), requestId="k").status_code == 200
    tenant = desk.key(repositories=("acme/other",))
    problem(desk.rerun(tenant, requestId="k"), 403, "CALLER_NOT_AUTHORISED")
    problem(desk.rerun(desk.key(Role.READER), requestId="k"), 403, "CALLER_NOT_AUTHORISED")
    problem(desk.rerun(tenant, requestId="k", owner="acme", repo="other"), 422, "IDEMPOTENCY_KEY_REUSED")
    for path in ("decisions", "operations", "attempts", "audit"):
        assert desk.ask("GET", f"/api/{path}?requestId=k", tenant).json()["items"] == []
    assert len(desk.writes) == 1


# --- what is sent ---


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.shows("AP-4")
@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("operations", ("operations", "2026-11-21T12:00:00Z", "\ud800")),
        ("cases", ("cases", "2026-11-21T12:00:00Z", "\udfff")),
        ("operations", ("operations", "0001-01-01T00:00:00+23:59", "a")),
        ("operations", ("operations", "9999-12-31T23:59:59-23:59", "a")),
        ("cases", ("cases", "2026-11-21T12:00:00", "a")),
        ("attempts", ("attempts", 2**63)),
        ("attempts", ("attempts", True)),
        ("audit", ("attempts", 1)),
        ("ledger/entries", ("entries", -1)),
        ("decisions", ("decisions", 1.5)),
    ],
)
def test_a_forged_cursor_is_a_bad_request_and_never_a_fault(desk: Desk, kind: str, parts: tuple[object, ...]) -> None:
    answer = desk.ask("GET", f"/api/{kind}?cursor={cursor(*parts)}", desk.key(Role.READER))
    assert problem(answer, 400, "INVALID_INPUT")["details"]["problems"][0]["field"] == "cursor"


@pytest.mark.shows("PL-1")
def test_a_cursor_of_another_tenants_list_leads_into_ones_own(desk: Desk) -> None:
    for number in (1, 2, 3):
        desk.red(number)
        assert desk.rerun(desk.key(), number).status_code == 200
    desk.world.repository("beta/app")
    tenant, owner = desk.key(Role.READER, repositories=("beta/app",)), desk.key(Role.READER)
    for kind in ("decisions", "operations", "cases", "attempts", "audit", "ledger/entries"):
        page = desk.ask("GET", f"/api/{kind}?limit=1", owner).json()
        assert page["nextCursor"]
        stolen = desk.ask("GET", f"/api/{kind}?cursor={page['nextCursor']}", tenant).json()
        assert stolen == {"items": [], "nextCursor": None}, kind


@pytest.mark.shows("AP-4")
def test_halves_of_characters_reach_no_database(desk: Desk) -> None:
    key = desk.key(Role.ADMIN, repositories=None)
    bodies: list[tuple[str, str, bytes]] = [
        ("PUT", "/api/kill-switches", b'{"scope": "deployment", "reason": "a\\ud800b"}'),
        ("POST", "/api/github/prs/1/checks/rerun", b'{"owner": "acme", "repo": "shop", "\\ud800": 1}'),
        ("POST", "/api/github/prs/1/checks/rerun", b'{"\\ud800": 1, "\\ud800": 1}'),
        ("PUT", "/api/registry/acme/shop", json.dumps(REGISTRY | {"\ud800": 1}).encode()),
        ("PUT", "/api/registry/acme/shop", json.dumps(REGISTRY | {"notes": "\udc00"}).encode()),
        ("PUT", "/api/registry/acme/shop", json.dumps(REGISTRY | {"repository": "acme/\u017fhop"}).encode()),
        ("PUT", "/api/registry/acme/shop", json.dumps(REGISTRY | {"repository": "acme/shop\n"}).encode()),
    ]
    for method, path, body in bodies:
        problem(desk.ask(method, path, key, content=body), 400, "INVALID_INPUT")
    assert not any(event == "http.fault" for event, _ in desk.log)


@pytest.mark.shows("PG-4")
def test_a_secret_in_a_jobs_name_is_in_no_answer(desk: Desk) -> None:
    """A workflow may put anything into a job's name; lists tell it as the answer did."""
    secret = "ghp_" + "a1B2c3D4e5" * 3 + "a1B2c3"
    desk.red(job=f"check {secret}")
    first = desk.rerun(desk.key(), requestId="r-1")
    assert first.json()["jobs"][1]["jobName"] == "check [redacted]"
    reader = desk.key(Role.READER)
    answers: list[httpx.Response] = [first]
    for kind in ("decisions", "operations", "cases", "attempts", "audit"):
        answers.append(desk.ask("GET", f"/api/{kind}", reader))
        for item in answers[-1].json()["items"][:1]:
            if kind in {"decisions", "operations", "cases"}:
                found: dict[str, Any] = item
                which = found.get("decisionId") if kind == "decisions" else found["id"]
                answers.append(desk.ask("GET", f"/api/{kind}/{which}", reader))
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.url.path for answer in answers if secret in answer.text] == []
