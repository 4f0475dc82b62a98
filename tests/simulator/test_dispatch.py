"""Dispatches: who may send one, what GitHub refuses, which runs come of it, and runs that the test drives."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cicatrix.simulator import JobSpec, Outcome, SimRepository, SimulatorError, World, zipped

from .support import CI, REPO, client, shop, world

RECHECK = ".github/workflows/post-remediation-check.yml"
TEXT = """\
name: Recheck
run-name: cicatrix validation ${{ github.event.client_payload.cicatrix.op_id || inputs.op_id || 'by hand' }}
on:
  repository_dispatch:
    types: [post-remediation-check]
  workflow_dispatch:
    inputs:
      op_id: {required: true}
      depth: {default: "1"}
jobs:
  measure:
    runs-on: ubuntu-latest
  report:
    needs: measure
    runs-on: ubuntu-latest
"""
PAYLOAD = {"commit_sha": "a" * 40, "cicatrix": {"op_id": "op-7"}}
ASK = {"event_type": "post-remediation-check", "client_payload": PAYLOAD}
RIGHT = "x-accepted-github-permissions"


def stage() -> tuple[World, SimRepository, httpx.Client]:
    made = world()
    repo = shop(made)
    repo.workflow(RECHECK, text=TEXT)
    return made, repo, client(made)


def test_a_dispatch_starts_every_workflow_that_hears_its_type() -> None:
    made, repo, http = stage()
    repo.workflow(".github/workflows/all.yml", [JobSpec(id="a")], on="repository_dispatch")
    repo.workflow(".github/workflows/other.yml", [JobSpec(id="a")], on={"repository_dispatch": {"types": ["deploy"]}})
    answer = http.post(f"{REPO}/dispatches", json=ASK, headers={"x-request-id": "op-7/1"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert [d.path.rpartition("/")[2] for d in made.dispatched] == ["all.yml", "post-remediation-check.yml"]
    first, second = made.dispatched
    assert (second.payload, second.sha, second.login) == (PAYLOAD, repo.branch("main"), "octocat")
    effect = made.history.effects[-1]
    assert (effect["kind"], effect["clientRequestId"]) == ("repository-dispatch", "op-7/1")
    assert effect["detail"]["runs"] == [str(first.run.id), str(second.run.id)]


def test_a_dispatched_run_is_found_by_its_name_and_waits_for_the_test() -> None:
    made, _, http = stage()
    http.post(f"{REPO}/dispatches", json=ASK)
    made.advance(3600)
    (found,) = http.get(f"{REPO}/actions/runs", params={"event": "repository_dispatch"}).json()["workflow_runs"]
    assert found["display_title"] == "cicatrix validation op-7"
    assert (found["status"], found["conclusion"], found["head_branch"]) == ("queued", None, "main")
    run = made.dispatched[0].run
    made.start(run)
    assert _run(http, run.id)["status"] == "in_progress"
    made.finish(run, "failure", outcomes={"measure": Outcome.success()})
    over = _run(http, run.id)
    assert (over["status"], over["conclusion"]) == ("completed", "failure")
    jobs = http.get(f"{REPO}/actions/runs/{run.id}/jobs").json()["jobs"]
    assert [(j["name"], j["conclusion"]) for j in jobs] == [("measure", "success"), ("report", "failure")]
    with pytest.raises(SimulatorError, match="not held"):
        made.finish(run)


def test_a_held_run_is_not_ended_by_time_and_says_so() -> None:
    made, _, http = stage()
    http.post(f"{REPO}/dispatches", json=ASK)
    with pytest.raises(SimulatorError, match=r"world\.finish"):
        made.dispatched[0].run.finish()
    with pytest.raises(SimulatorError, match="no job 'nope'"):
        made.finish(made.dispatched[0].run, outcomes={"nope": Outcome.success()})


def test_without_holding_a_dispatched_run_progresses_with_time() -> None:
    made, _, http = stage()
    made.hold_dispatched = False
    http.post(f"{REPO}/dispatches", json=ASK)
    assert made.dispatched[0].run.finish().conclusion == "success"


def test_a_dropped_dispatch_is_accepted_and_never_runs() -> None:
    made, repo, http = stage()
    made.drop_dispatches = True
    assert http.post(f"{REPO}/dispatches", json=ASK).status_code == 204
    details = {"ref": "main", "inputs": {"op_id": "x"}, "return_run_details": True}
    answer = http.post(f"{REPO}/actions/workflows/post-remediation-check.yml/dispatches", json=details)
    assert answer.status_code == 200
    assert http.get(f"{REPO}/actions/runs/{answer.json()['workflow_run_id']}").status_code == 404
    assert not made.dispatched
    assert not repo.runs
    assert [e["detail"]["runs"] for e in made.history.effects] == [[], []]


def test_a_workflow_dispatch_names_its_run_when_asked() -> None:
    made, repo, http = stage()
    where = f"{REPO}/actions/workflows/post-remediation-check.yml/dispatches"
    asked: dict[str, Any] = {"ref": "main", "inputs": {"op_id": "op-9"}}
    assert http.post(where, json=asked).status_code == 204
    told = http.post(where, json={**asked, "return_run_details": True})
    assert told.status_code == 200
    run = made.dispatched[1].run
    assert told.json()["workflow_run_id"] == run.id
    assert run.state.display_title == "cicatrix validation op-9"
    assert made.dispatched[1].payload == {"op_id": "op-9", "depth": "1"}
    assert http.post(
        where.replace("post-remediation-check.yml", str(repo.workflows[RECHECK].id)), json=asked
    ).is_success


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("nothere.yml", {"ref": "main"}, 404, "Not Found"),
        ("ci.yml", {"ref": "main"}, 422, "Workflow does not have 'workflow_dispatch' trigger"),
        ("post-remediation-check.yml", {"ref": "gone", "inputs": {"op_id": "x"}}, 422, "No ref found for: gone"),
        ("post-remediation-check.yml", {"ref": "main"}, 422, "Required input 'op_id' not provided"),
        (
            "post-remediation-check.yml",
            {"ref": "main", "inputs": {"op_id": "x", "y": "z"}},
            422,
            'Unexpected inputs provided: ["y"]',
        ),
    ],
)
def test_a_workflow_dispatch_is_refused(path: str, body: dict[str, Any], status: int, message: str) -> None:
    made, _, http = stage()
    answer = http.post(f"{REPO}/actions/workflows/{path}/dispatches", json=body)
    assert (answer.status_code, answer.json()["message"]) == (status, message)
    assert not made.history.effects


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({}, "wasn't supplied"),
        ({"event_type": "x" * 101}, "100 characters"),
        ({"event_type": "x", "client_payload": {str(n): n for n in range(11)}}, "11 were supplied"),
        ({"event_type": "x", "client_payload": {"a": "b" * 65_536}}, "too large"),
        ({"event_type": "x", "client_payload": []}, "not an object"),
        ({"event_type": "x", "more": 1}, "not a permitted key"),
    ],
)
def test_a_bad_payload_is_refused(body: dict[str, Any], part: str) -> None:
    made, _, http = stage()
    made.on_exchange.clear()  # nonsense on purpose
    answer = http.post(f"{REPO}/dispatches", json=body)
    assert answer.status_code == 422
    assert part in answer.json()["message"]
    assert not made.dispatched


@pytest.mark.parametrize("kind", ["actions", "user"])
def test_rights_of_a_dispatch(kind: str) -> None:
    made, _, _ = stage()
    made.token("few", login="bot", kind=kind, permissions={"contents": "read", "actions": "read"})
    made.token("c", login="bot", kind=kind, permissions={"contents": "write"})
    made.token("a", login="bot", kind=kind, permissions={"actions": "write"})
    few = client(made, "few")
    refused = few.post(f"{REPO}/dispatches", json=ASK)
    word = "integration" if kind == "actions" else "personal access token"
    assert (refused.status_code, refused.json()["message"]) == (403, f"Resource not accessible by {word}")
    assert refused.headers[RIGHT] == "contents=write"
    by_file = f"{REPO}/actions/workflows/post-remediation-check.yml/dispatches"
    asked = {"ref": "main", "inputs": {"op_id": "x"}}
    assert few.post(by_file, json=asked).headers[RIGHT] == "actions=write"
    assert client(made, "c").post(f"{REPO}/dispatches", json=ASK).status_code == 204, "GITHUB_TOKEN starts runs so"
    assert client(made, "a").post(by_file, json=asked).status_code == 204


def test_a_hidden_repository_is_not_found() -> None:
    made, _, _ = stage()
    made.token("else", login="bot", kind="actions", repositories=["acme/other"])
    for path in ("dispatches", "pulls", "check-runs", "issues/1/comments"):
        body = {"event_type": "x"} if path == "dispatches" else {}
        made.on_exchange.clear()  # empty bodies on purpose
        assert client(made, "else").post(f"{REPO}/{path}", json=body).status_code == 404


def test_an_answer_lost_after_its_effect_has_the_effect_once() -> None:
    made, _, http = stage()
    made.faults.reset_after_effect("POST */dispatches")
    with pytest.raises(httpx.ReadError):
        http.post(f"{REPO}/dispatches", json=ASK)
    assert len(made.dispatched) == 1
    made.faults.rate_limited("seconds", "POST */dispatches")
    assert http.post(f"{REPO}/dispatches", json=ASK).status_code == 403
    made.faults.answer_502_before("POST */dispatches")
    assert http.post(f"{REPO}/dispatches", json=ASK).status_code == 502
    assert len(made.dispatched) == len(made.history.effects) == 1


def test_artifacts_are_listed_and_fetched_from_the_log_host() -> None:
    made, _, http = stage()
    http.post(f"{REPO}/dispatches", json=ASK)
    run = made.dispatched[0].run
    archive = zipped({"report.json": b'{"ok": true}'})
    made.finish(run, artifacts={"cicatrix-validation": archive, "junk": b"no archive"})
    listed = http.get(f"{REPO}/actions/runs/{run.id}/artifacts").json()
    assert [(a["name"], a["size_in_bytes"]) for a in listed["artifacts"]] == [
        ("cicatrix-validation", len(archive)), ("junk", 10)
    ]  # fmt: skip
    named = http.get(f"{REPO}/actions/runs/{run.id}/artifacts", params={"name": "junk"}).json()
    assert named["total_count"] == 1
    where = f"{REPO}/actions/artifacts/{listed['artifacts'][0]['id']}/zip"
    link = http.get(where)
    assert link.status_code == 302
    assert link.headers["location"].startswith(made.log_origin)
    stranger = client(made, None)
    assert stranger.get(link.headers["location"]).content == archive
    assert http.get(link.headers["location"]).status_code == 400, "the other host refuses our token"
    made.advance(61)
    assert stranger.get(link.headers["location"]).status_code == 403
    made.artifacts[listed["artifacts"][0]["id"]].expired = True
    assert http.get(where).status_code == 410
    assert http.get(f"{REPO}/actions/artifacts/1/zip").status_code == 404


def test_stale_reads_do_not_see_a_dispatched_run_yet() -> None:
    made, _, http = stage()
    made.faults.stale_for(60, f"GET {REPO}/actions/runs")
    made.advance(1)
    http.post(f"{REPO}/dispatches", json=ASK)
    assert http.get(f"{REPO}/actions/runs").json()["total_count"] == 0
    made.advance(61)
    assert http.get(f"{REPO}/actions/runs").json()["total_count"] == 1


def test_the_file_of_the_default_branch_decides() -> None:
    made, repo, http = stage()
    repo.remove_file(RECHECK)
    http.post(f"{REPO}/dispatches", json=ASK)
    repo.file(RECHECK, "on: [")
    http.post(f"{REPO}/dispatches", json=ASK)
    assert not made.dispatched
    assert repo.workflow(CI).path == CI


def _run(http: httpx.Client, run_id: int) -> Any:
    return http.get(f"{REPO}/actions/runs/{run_id}").json()
