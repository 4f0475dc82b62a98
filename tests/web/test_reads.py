"""Lists, single things and the log over HTTP: what they show, to whom, page by page (PL-1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from cicatrix.core.actions import Role
from cicatrix.core.merkle import leaf_hash, verify_inclusion
from tests.web.desk import SERVICE_TOKEN, Desk, problem
from tests.web.test_callers import user

LISTS = ("decisions", "operations", "cases", "attempts", "audit", "ledger/entries")
IN_ACME_SHOP = "?owner=acme&repo=shop"


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """Three pull requests were asked about, one of them twice."""
    key = desk.key()
    for number in (1, 2, 3):
        desk.red(number)
        assert desk.rerun(key, number, requestId=f"r-{number}").status_code == 200
    assert desk.rerun(key, 1, requestId="r-4").status_code == 200
    return desk


def pages(desk: Desk, path: str, key: str) -> Iterator[dict[str, Any]]:
    """Every page, by its Link header."""
    while True:
        answer = desk.ask("GET", path, key)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        found = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
        assert (found is None) == (answer.json()["nextCursor"] is None)
        if found is None:
            return
        path = found[1]


@pytest.mark.shows("PL-1")
@pytest.mark.parametrize("name", LISTS)
def test_pages_together_are_the_whole_list_without_doubles(name: str, busy: Desk) -> None:
    key = busy.key(Role.READER)
    whole = busy.ask("GET", f"/api/{name}?limit=100", key).json()["items"]
    parts = [item for page in pages(busy, f"/api/{name}?limit=2", key) for item in page["items"]]
    assert parts == whole
    assert len(whole) >= 3
    problem(busy.ask("GET", f"/api/{name}?cursor=nonsense", key), 400, "INVALID_INPUT")
    problem(busy.ask("GET", f"/api/{name}?limit=101", key), 400, "INVALID_INPUT")
    problem(busy.ask("GET", f"/api/{name}"), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("name", LISTS)
def test_what_has_not_changed_is_304(name: str, busy: Desk) -> None:
    key = busy.key(Role.READER)
    first = busy.ask("GET", f"/api/{name}", key)
    again = busy.ask("GET", f"/api/{name}", key, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["etag"].startswith('W/"')
    assert busy.ask("GET", f"/api/{name}", key, headers={"if-none-match": 'W/"other"'}).status_code == 200


@pytest.mark.shows("PL-1", "AU-4")
@pytest.mark.parametrize("name", LISTS)
def test_nobody_sees_what_is_not_theirs(name: str, busy: Desk) -> None:
    busy.world.repository("acme/other")
    elsewhere = busy.key(Role.ADMIN, repositories=("acme/other",))
    assert busy.ask("GET", f"/api/{name}", elsewhere).json()["items"] == []
    problem(busy.ask("GET", f"/api/{name}{IN_ACME_SHOP}", elsewhere), 403, "REPO_ACCESS_DENIED")
    mona = user(busy, "read")
    problem(busy.ask("GET", f"/api/{name}", mona), 400, "MISSING_PARAMS")
    problem(busy.ask("GET", f"/api/{name}?owner=acme", mona), 400, "INVALID_INPUT")
    assert busy.ask("GET", f"/api/{name}{IN_ACME_SHOP}", mona).json()["items"]
    busy.world.repository("acme/shop").private = True
    stranger = user(busy, None, "stranger", "github_pat_stranger0stranger0stranger")
    told = problem(busy.ask("GET", f"/api/{name}{IN_ACME_SHOP}", stranger), 403, "REPO_ACCESS_DENIED")
    nowhere = problem(busy.ask("GET", f"/api/{name}?owner=acme&repo=none", stranger), 403, "REPO_ACCESS_DENIED")
    assert told["detail"].replace("acme/shop", "X") == nowhere["detail"].replace("acme/none", "X")


@pytest.mark.shows("PL-1", "AU-4")
def test_single_things_of_others_are_as_if_they_were_not_there(busy: Desk) -> None:
    key = busy.key(Role.READER)
    paths = [
        f"/api/{name}/" + str(busy.ask("GET", f"/api/{name}", key).json()["items"][0][field])
        for name, field in (("decisions", "decisionId"), ("operations", "id"), ("cases", "id"))
    ]
    paths.append("/api/ledger/entries/" + str(busy.ask("GET", "/api/decisions", key).json()["items"][0]["index"]))
    busy.world.repository("acme/other")
    elsewhere = busy.key(Role.ADMIN, repositories=("acme/other",))
    busy.world.repository("acme/shop").private = True
    stranger = user(busy, None, "stranger", "github_pat_stranger0stranger0stranger")
    mona = user(busy, "read")
    user(busy, "admin", "octocat", SERVICE_TOKEN)
    for path in paths:
        assert busy.ask("GET", path, key).status_code == 200
        assert busy.ask("GET", path, mona).status_code == 200
        for caller in (elsewhere, stranger):
            hidden = problem(busy.ask("GET", path, caller), 404, "NOT_FOUND")
            missing = problem(busy.ask("GET", re.sub(r"[^/]+$", "99999", path), caller), 404, "NOT_FOUND")
            assert hidden["detail"] == missing["detail"]


def test_filters_find_the_rows_of_a_request(busy: Desk) -> None:
    key = busy.key(Role.READER)

    def found(path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = busy.ask("GET", path, key).json()["items"]
        return items

    assert {row["requestId"] for row in found("/api/attempts?requestId=r-2")} == {"r-2"}
    assert {row["prNumber"] for row in found("/api/attempts?prNumber=3")} == {3}
    assert {row["decision"] for row in found("/api/attempts?decision=RERUN_TRIGGERED")} == {"RERUN_TRIGGERED"}
    assert {row["actionType"] for row in found("/api/audit?requestId=r-1")} == {"rerun_failed_jobs"}
    assert [row["requestId"] for row in found("/api/decisions?requestId=r-3")] == ["r-3"]
    assert {row["state"] for row in found("/api/operations?state=CONFIRMED")} == {"CONFIRMED"}
    assert found("/api/operations?state=REFUSED") == []
    assert {entry["kind"] for entry in found("/api/ledger/entries?kind=rerun.intended")} == {"rerun.intended"}
    row = found("/api/attempts?decision=RERUN_TRIGGERED")[0]
    assert list(row)[2:16] == [  # the seed's columns, in the seed's order
        "resourceOwner",
        "resourceRepo",
        "prNumber",
        "workflowRunId",
        "jobName",
        "attemptNumber",
        "requestId",
        "decision",
        "reasonCode",
        "reasons",
        "priorConclusion",
        "failureClass",
        "lawbookHash",
        "maxAttemptsLimit",
    ]


@pytest.mark.shows("LG-6", "LG-8")
def test_a_caller_can_prove_every_entry_by_its_own_arithmetic(busy: Desk) -> None:
    key = busy.key(Role.READER)
    head = busy.ask("GET", "/api/ledger/head", key).json()
    for index in range(head["size"]):
        proof = busy.ask("GET", f"/api/ledger/proof/{index}?size={head['size']}", key).json()
        assert proof["root"] == head["root"]
        path = [bytes.fromhex(node) for node in proof["path"]]
        leaf = bytes.fromhex(proof["leafHash"])
        assert verify_inclusion(leaf, index, head["size"], path, bytes.fromhex(head["root"]))
    entry = busy.ask("GET", "/api/ledger/entries?limit=1", key).json()["items"][0]
    assert leaf_hash(entry["body"].encode()).hex() == entry["leafHash"]
    for rest in (str(head["size"] + 5), "5?size=3", "0?size=999"):
        problem(busy.ask("GET", f"/api/ledger/proof/{rest}", key), 404, "NOT_FOUND")
