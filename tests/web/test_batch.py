"""The batch route: every item by itself, the whole of it once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.desk import Desk, problem

ROUTE = "/api/github/checks/rerun-batch"


def items(*numbers: int, repo: str = "shop") -> list[dict[str, Any]]:
    return [{"owner": "acme", "repo": repo, "prNumber": number} for number in numbers]


@pytest.mark.shows("AP-3", "RR-13")
def test_each_item_is_decided_charged_and_recorded_by_itself(desk: Desk) -> None:
    for number in (1, 2):
        desk.red(number)
    desk.world.repository("acme/other")
    key = desk.key()
    body = {"requestId": "batch-1", "items": [*items(1, 9), *items(1, repo="other"), *items(2)]}
    answer = desk.ask("POST", ROUTE, key, json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [one["status"] for one in told["results"]] == [200, 404, 403, 200]
    assert [one["prNumber"] for one in told["results"]] == [1, 9, 1, 2]
    assert told["results"][0]["result"]["decision"] == "RERUN_TRIGGERED"
    assert told["results"][3]["result"]["requestId"] == "batch-1:4"
    assert told["results"][2]["problem"]["code"] == "CALLER_NOT_AUTHORISED"
    assert len(desk.writes) == 2
    again = desk.ask("POST", ROUTE, key, json=body)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == told
    assert len(desk.writes) == 2
    changed = desk.ask("POST", ROUTE, key, json=body | {"dryRun": True})
    problem(changed, 422, "IDEMPOTENCY_KEY_REUSED")
    single = desk.rerun(key, 1, requestId="batch-1:1")
    assert single.headers["idempotency-replayed"] == "true", "an item is an ordinary request"
    with desk.ctx.ledger.read() as view:
        assert {d["requestId"] for d in view.list_decisions().items} == {"batch-1:1", "batch-1:4"}


@pytest.mark.shows("AP-4")
def test_what_a_batch_may_not_be(desk: Desk) -> None:
    key = desk.key()
    for body, field in (
        ({"items": []}, "items"),
        ({"items": items(*range(1, 27))}, "items"),
        ({"items": [*items(1), {"owner": "ACME", "repo": "Shop", "prNumber": 1}]}, "items[1]"),
        ({"items": [{"owner": "acme", "repo": "shop", "prNumber": 0}]}, "items[0].prNumber"),
        ({"items": items(1), "requestId": "x" * 251}, "requestId"),
    ):
        told = problem(desk.ask("POST", ROUTE, key, json=body), 400, "INVALID_INPUT")
        assert [p["field"] for p in told["details"]["problems"]] == [field]
    assert desk.world.history.calls == []


def test_25_items_are_taken(desk: Desk) -> None:
    desk.red(1)
    answer = desk.ask("POST", ROUTE, desk.key(), json={"items": items(*range(1, 26)), "dryRun": True})
    assert [one["status"] for one in answer.json()["results"]] == [200] + [404] * 24
    assert desk.writes == []
