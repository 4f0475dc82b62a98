"""Each request of the client, judged by GitHub's own description: path, method, query parameters, body (F35)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from cicatrix.github import Exchange
from tests.github.far_side import RECEIPT, SHA, Clock, answer, client, job, pull_request, run, shared_data
from tests.github.test_credentials import Apps, app


def exchanges() -> list[Exchange]:
    """One exchange of every call that the client has, as an App makes them."""
    clock = Clock()
    apps, seen = Apps(clock), list[Exchange]()

    def far(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.startswith("/app") or path.endswith(("/installation", "/rerun", "/rerun-failed-jobs")):
            return apps(request)
        if path.endswith("/logs"):
            return httpx.Response(404)
        if "/pulls/" in path:
            return answer(pull_request())
        if "/contents/" in path:
            return answer({"type": "file", "encoding": "base64", "content": "eA=="}, headers={"ETag": '"1"'})
        if path.endswith("/jobs"):
            return answer({"total_count": 1, "jobs": [job(1)]})
        if path.endswith("/runs"):
            return answer({"total_count": 1, "workflow_runs": [run(1)]})
        if path.endswith("/check-runs"):
            return answer({"total_count": 0, "check_runs": []})
        return answer(run() if "/actions/runs/" in path else {"id": 5, "full_name": "o/r", "login": "x"})

    github = client(far, clock=clock, credentials=app(), on_exchange=seen.append)
    github.identity("o", "r")
    github.repository("o", "r")
    github.pull_request("o", "r", 4)
    github.run("o", "r", "1")
    github.run_attempt("o", "r", "1", 1)
    github.runs_of_head("o", "r", SHA)
    github.runs_of_branch("o", "r", "9", "feature/x", event="push", since=clock.now())
    github.jobs("o", "r", "1", 1)
    github.check_runs("o", "r", SHA)
    for ref in (None, None, "main", SHA):
        github.file("o", "r", ".github/workflows/ci.yml", ref)
    github.job_log("o", "r", "1")
    github.rerun_failed_jobs("o", "r", "1", receipt=RECEIPT)
    github.rerun_job("o", "r", "1", receipt=RECEIPT)
    github.rerun("o", "r", "1", receipt=RECEIPT)
    client(far, clock=clock, on_exchange=seen.append).identity()
    return seen


def resolved(description: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = description
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


@pytest.mark.shows("F35")
def test_every_request_is_one_that_github_describes() -> None:
    description = json.loads((shared_data() / "github-openapi-slice.json").read_bytes())
    seen = exchanges()
    assert len({exchange.template for exchange in seen}) == 17
    for exchange in seen:
        described = description["paths"][exchange.template][exchange.method.lower()]
        parameters = {p["name"]: p for p in (resolved(description, p) for p in described.get("parameters", ()))}
        parts = zip(exchange.template.split("/"), urlsplit(exchange.url).path.split("/"), strict=False)
        for wanted, given in parts:
            assert wanted == given or wanted.startswith("{"), exchange.url
        query = dict(parse_qsl(urlsplit(exchange.url).query))
        assert query.keys() <= {name for name, p in parameters.items() if p["in"] == "query"}, exchange.url
        assert int(query.get("per_page", "30")) <= 100
        if not exchange.request_body:
            continue
        schema = resolved(description, described["requestBody"]["content"]["application/json"]["schema"])
        body = json.loads(exchange.request_body)
        assert body.keys() <= schema["properties"].keys()
        permissions = resolved(description, schema["properties"]["permissions"])["properties"]
        for name, level in body["permissions"].items():
            assert level in permissions[name]["enum"]
