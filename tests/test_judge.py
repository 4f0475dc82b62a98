"""The judge itself: it finds what is wrong, knows what it has seen, and says when it cannot judge."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.judge import OUTSIDE, SLICE, VARYING, Judge, summary
from tests.simulator.support import REPO, client, failed_run, world

SIGNED = {"authorization": "Bearer t", "content-type": "application/json"}
JSON = {"content-type": "application/json; charset=utf-8"}
ERROR = json.dumps({"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}).encode()


@pytest.fixture(scope="module")
def ready() -> Judge:
    if not SLICE.is_file():
        pytest.skip(f"GitHub's description is not beside the project: no {SLICE.parent.name}/{SLICE.name}")
    return Judge()


def see(judge: Judge, method: str, path: str, **values: Any) -> list[str]:
    given: dict[str, Any] = {
        "query": "",
        "request_headers": SIGNED,
        "request_body": b"",
        "status": 404,
        "headers": JSON,
        "body": ERROR,
        **values,
    }
    judge.observe(method, path, given.pop("query"), **given)
    return judge.take()


POST = f"{REPO}/actions/runs/1/rerun-failed-jobs"
CREATED = {"status": 201, "body": b"{}"}


@pytest.mark.parametrize(
    ("method", "path", "values"),
    [
        ("POST", POST, CREATED),
        ("POST", POST, {**CREATED, "request_body": b'{"enable_debug_logging":true}'}),
        ("GET", f"{REPO}/actions/runs", {"query": "head_sha=abc&per_page=100&page=2&created=%3E%3D2026-11-01"}),
        ("GET", f"{REPO}/contents/.github/workflows/ci.yml", {"query": "ref=main"}),
        ("GET", f"{REPO}/commits/feature%2Fx/check-runs", {}),
        ("GET", f"{REPO}/actions/jobs/1/logs", {"status": 302, "headers": {"Location": "https://x"}, "body": b""}),
        ("GET", "/user", {"status": 304, "body": b""}),
        ("GET", "/user", {"status": 401, "request_headers": {}}),
        ("POST", "/app/installations/5/access_tokens", {"request_body": b'{"permissions":{"actions":"write"}}'}),
    ],
)
def test_right_exchanges_pass(ready: Judge, method: str, path: str, values: dict[str, Any]) -> None:
    assert see(ready, method, path, **values) == []


@pytest.mark.parametrize(
    ("method", "path", "values", "says"),
    [
        ("POST", POST, {**CREATED, "request_body": b'{"jobs":[1]}'}, "request:"),
        ("POST", POST, {**CREATED, "request_body": b'{"enable_debug_logging":"yes"}'}, "request:"),
        ("POST", POST, {**CREATED, "body": b'{"id":1}'}, "answer:"),
        ("POST", POST, {"status": 202, "body": b"{}"}, "no such answer"),
        ("PUT", POST, CREATED, "outside GitHub's description"),
        ("GET", f"{REPO}/nothing/here", {}, "outside GitHub's description"),
        ("GET", f"{REPO}/actions/runs", {"query": "head_shaa=abc"}, "unknown query parameter 'head_shaa'"),
        ("GET", f"{REPO}/actions/runs", {"query": "per_page=101"}, "request:"),
        ("GET", f"{REPO}/actions/runs", {"query": "status=exploded"}, "request:"),
        ("GET", f"{REPO}/actions/runs", {"query": "page=1&page=2"}, "given twice"),
        ("GET", f"{REPO}/actions/runs", {"query": "created=yesterday"}, "no date"),
        ("GET", f"{REPO}/actions/runs/seven", {}, "request:"),
        ("GET", f"{REPO}/actions/runs/1", {"request_headers": {}}, "request:"),
        ("GET", f"{REPO}/actions/runs/1", {"status": 200, "body": b'{"id":1}'}, "answer:"),
        ("GET", f"{REPO}/actions/runs/1", {"status": 200, "body": b"<html>"}, "answer:"),
        ("GET", f"{REPO}/actions/runs/1", {"body": b'{"error":"no"}'}, "error body"),
        ("GET", f"{REPO}/actions/runs/1", {"body": b'{"message":7}'}, "error body"),
        ("GET", f"{REPO}/actions/jobs/1/logs", {"status": 302, "body": b""}, "without Location"),
        ("GET", "/user", {"status": 304, "body": b"{}"}, "304 with a body"),
        (
            "POST",
            "/app/installations/5/access_tokens",
            {"request_body": b'{"permissions":{"everything":"write"}}'},
            "request:",
        ),
        (
            "POST",
            "/app/installations/5/access_tokens",
            {"request_body": b'{"permissions":{"actions":"rule"}}'},
            "request:",
        ),
    ],
)
@pytest.mark.shows("F35")
def test_wrong_exchanges_are_found(ready: Judge, method: str, path: str, values: dict[str, Any], says: str) -> None:
    found = see(ready, method, path, **values)
    assert any(says in line for line in found), found


def test_equal_exchanges_are_judged_once() -> None:
    judge = Judge()
    if not judge.active:
        pytest.skip("GitHub's description is not beside the project")
    made = world()
    _, run = failed_run(made)
    made.on_exchange.append(
        lambda x: judge.observe(
            x.method,
            x.path,
            x.query,
            request_headers=x.request_headers,
            request_body=x.request_body,
            status=x.status,
            headers=x.headers,
            body=x.body,
        )
    )
    with client(made) as http:
        for _ in range(5):
            made.human_reruns(run.id)
            run.finish()
            http.get(f"{REPO}/actions/runs/{run.id}/attempts/1")
            http.get(f"{REPO}/actions/runs/{run.id}/attempts/2/jobs")
    assert (judge.distinct, judge.repeats) == (2, 8)


def test_spoilt_answers_are_exempt_and_their_requests_are_not(ready: Judge) -> None:
    assert see(ready, "POST", POST, status=502, body=b"<html>", fault=True) == []
    assert see(ready, "POST", POST, request_body=b'{"a":1}', status=502, body=b"<html>", fault=True) != []
    assert see(ready, "GET", "/anything", status=200, body=b"log", log_host=True) == []


def test_a_client_can_bring_its_own_exchanges(ready: Judge) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"id": 1, "brought": True}))
    with httpx.Client(transport=transport, event_hooks={"response": [ready.observe_httpx]}) as http:
        http.get("https://api.github.com/repos/a/b/actions/runs/99", headers=SIGNED)
    assert any("answer:" in line for line in ready.take())


def test_no_two_enum_values_look_alike_to_the_quick_look(ready: Judge) -> None:
    seen: dict[str, set[str]] = defaultdict(set)

    def walk(node: Any, name: str = "") -> None:
        if isinstance(node, dict):
            seen[name] |= {v for v in node.get("enum", ()) if isinstance(v, str)}
            for key, value in node.items():
                walk(value, key)
        elif isinstance(node, list):
            for value in node:
                walk(value, name)

    walk(ready._tree)
    for name in ("status", "conclusion", "state", "type", "event"):
        values = seen[name]
        assert len({v.encode().translate(None, VARYING) for v in values}) == len(values), name


APPROVALS = "/repos/{owner}/{repo}/actions/runs/{run_id}/approvals"


def test_the_list_of_paths_outside_the_description_only_shrinks(ready: Judge) -> None:
    allowed = {("GET", APPROVALS)}
    assert set(OUTSIDE) <= allowed, "this list may only shrink: find the path in GitHub's description"
    described = {(method.upper(), path) for path, methods in ready._tree["paths"].items() for method in methods}
    assert not set(OUTSIDE) & described, "the description has it by now: take it from the list"


def test_an_exempt_path_is_exempt_alone(ready: Judge) -> None:
    path = f"{REPO}/actions/runs/1/approvals"
    assert see(ready, "GET", path, status=200, body=b"[]") == []
    assert see(ready, "GET", path) == []
    for method, other, values, says in (
        ("POST", path, {}, "outside"),
        ("GET", f"{path}/1", {}, "outside"),
        ("GET", f"{REPO}/actions/runs/1/pending_deployments", {}, "outside"),
        ("GET", path, {"query": "per_page=100"}, "unknown query parameter"),
        ("GET", path, {"body": b"[]"}, "not GitHub's error object"),
    ):
        assert says in " ".join(see(ready, method, other, **values)), (method, other)


def test_without_the_description_nothing_is_judged_and_it_says_so(tmp_path: Path) -> None:
    judge = Judge(tmp_path / "none.json")
    assert see(judge, "GET", "/nothing") == []
    assert judge.counts()["distinct"] == 0
    assert "no exchange was judged" in summary(judge.counts(), active=judge.active)
