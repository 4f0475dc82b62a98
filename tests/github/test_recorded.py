"""Everything recorded is read without error: webhook bodies by the wire models, exchanges by the client's own code."""

from __future__ import annotations

import ast
import copy
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from cicatrix.github import Bounds, Deferred, GitHubError, Host, Refused, Secret, Unanswered, fields, wire
from cicatrix.github.body import Answer
from cicatrix.github.credentials import Bearer
from cicatrix.github.exchange import Ask, Exchanges
from tests.github.far_side import RECEIPT, Clock, client, shared_data

HOST = "github.com"
KINDS = {  # folder -> kind by the body's shape
    "check_run", "check_suite", "installation", "ping", "pull_request", "push", "repository_dispatch", "status",
    "workflow_job", "workflow_run",
}  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """One exchange: ten lines and an empty one."""

    name: str
    method: str
    url: str
    status: int
    headers: dict[str, str]
    body: bytes

    def answer(self) -> httpx.Response:
        plain = {
            k: v
            for k, v in self.headers.items()
            if k.lower() not in {"content-encoding", "transfer-encoding", "content-length"}
        }
        return httpx.Response(self.status, headers=plain, content=self.body)


def replays() -> Iterator[Recorded]:
    for file in sorted((shared_data() / "replay").glob("*.txt")):
        lines = file.read_text(encoding="utf-8").split("\n")
        for start in range(0, len(lines) - 9, 11):
            scheme, method, host, port, path, _, _, status, headers, body = lines[start : start + 10]
            where = host if port == "None" else f"{host}:{port}"
            yield Recorded(
                file.stem,
                method,
                f"{scheme}://{where}{path}",
                int(status),
                dict(ast.literal_eval(headers)),
                body.encode(),
            )


def webhooks() -> Iterator[tuple[Path, Any]]:
    for file in sorted((shared_data() / "webhooks").rglob("*.json")):
        yield file, json.loads(file.read_bytes())


def parse(path: str, tree: Any) -> object:
    """The facts in a document, by the path it came from."""
    parts = urlsplit(path).path.strip("/").split("/")
    match parts:
        case ["repos", _, _] | ["repositories", _]:
            return wire.repository(tree, host=HOST)
        case [*_, "actions", "runs", _] | [*_, "actions", "runs", _, "attempts", _]:
            return wire.workflow_run(tree)
        case [*_, "actions", "runs"] | [*_, "workflows", _, "runs"]:
            return wire.items(tree, "workflow_runs", wire.workflow_run)
        case [*_, "runs", _, "jobs"]:
            return wire.items(tree, "jobs", wire.job)
        case [*_, "actions", "jobs", _]:
            return wire.job(tree)
        case [*_, "check-runs"] if isinstance(tree, dict) and "check_runs" in tree:
            return wire.items(tree, "check_runs", wire.check_run)
        case [*_, "check-runs"] | [*_, "check-runs", _]:
            return wire.check_run(tree)
    return None


@pytest.mark.shows("F14", "D11")
def test_every_recorded_webhook_is_read() -> None:
    seen = 0
    for file, tree in webhooks():
        read = wire.delivery(tree, host=HOST)
        assert read.kind == file.parent.name, file.name
        assert read.action == tree.get("action"), file.name
        about = {
            "workflow_run": read.run,
            "workflow_job": read.job,
            "check_run": read.check_run,
            "pull_request": read.pull_request,
        }
        assert (about.get(read.kind) is not None) == (read.kind in about), file.name
        if "repository" in tree:
            assert read.repository is not None
            assert (read.repository.id, read.repository.name) == (
                str(tree["repository"]["id"]),
                tree["repository"]["name"],
            )
        seen += 1
    assert seen == 84


@pytest.mark.shows("F14")
def test_a_derived_failure_of_a_second_attempt_is_read() -> None:
    """Derived: no recorded workflow_run has failed or is above attempt 1, so a recorded one is changed to that."""
    _, tree = next(
        (file, tree)
        for file, tree in webhooks()
        if file.parent.name == "workflow_run" and tree["action"] == "completed"
    )
    tree["workflow_run"] |= {
        "status": "completed",
        "conclusion": "failure",
        "run_attempt": 2,
        "triggering_actor": {"id": 1, "login": "x"},
    }
    read = wire.delivery(tree, host=HOST).run
    assert read is not None
    assert (read.failed, read.run_attempt, read.triggering_actor) == (True, 2, "x")


KEYS = frozenset(
    {"id", "sha", "head_sha", "number", "created_at", "name", "full_name", "owner", "base", "head", "repo"}
)


def mutations(tree: Any, rng: random.Random) -> Any:
    """A copy with strange values in some fields that are not keys: null, another type, a new word, gone, new."""
    changed = copy.deepcopy(tree)
    stack = [changed]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            for name in list(here):
                if name in KEYS or isinstance(here[name], dict | list) or rng.random() > 0.3:
                    stack.append(here[name])
                elif rng.random() < 0.2:
                    del here[name]
                else:
                    here[name] = rng.choice(
                        [None, "", "melted", -1, 0, 2**63, 1.5, True, [], {}, [None], {"a": []}, "\x00\ud800"]
                    )
            here["x_new_field"] = {"deep": [1, None]}
        elif isinstance(here, list):
            stack.extend(here)
    return changed


@pytest.mark.shows("F14")
def test_strange_values_in_a_webhook_are_tolerated() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    kinds = {"workflow_run", "workflow_job", "check_run", "pull_request"}
    for file, tree in webhooks():
        for _ in range(3 if file.parent.name in kinds else 0):
            wire.delivery(mutations(tree, rng), host=HOST)


def test_a_webhook_of_no_known_shape_is_unknown() -> None:
    assert wire.delivery({"hello": 1}, host=HOST).kind == "unknown"
    with pytest.raises(fields.Malformed):
        wire.delivery({"workflow_run": {}}, host=HOST)


@pytest.mark.shows("F14")
def test_every_recorded_exchange_goes_through_the_client() -> None:
    counted: dict[str, int] = {}
    for recorded in replays():
        kind = _replayed(recorded)
        counted[kind] = counted.get(kind, 0) + 1
    print(counted)
    assert sum(counted.values()) == sum(1 for _ in replays()) > 120
    assert counted["facts"] > 60
    assert {"Refused", "Unanswered", "Deferred", "accepted"} <= counted.keys()


def _replayed(recorded: Recorded) -> str:
    """Send the recorded request through the client's code, and say what became of its recorded answer."""
    clock = Clock()
    exchanges = Exchanges(
        Host(),
        transport=httpx.MockTransport(lambda _: recorded.answer()),
        now=clock.now,
        sleep=clock.sleep,
        jitter=lambda: 0.5,
        monotonic=clock.monotonic,
        boundary=lambda _: None,
        on_exchange=None,
        max_concurrent=4,
        bounds=Bounds(retries=0),
    )
    path = urlsplit(recorded.url)
    plain = path.path.endswith("/logs")
    ask = Ask(method=recorded.method, template="(recorded)", path=path.path, url=recorded.url, plain=plain)
    bearer = Bearer(token=lambda: Secret("recorded"))
    problem: GitHubError
    try:
        answer: Answer = exchanges.read(ask, bearer) if recorded.method == "GET" else exchanges.write(ask, bearer)
    except GitHubError as error:
        problem = error
    else:
        return _read(recorded, answer, path.path)
    match problem:
        case Deferred():
            assert recorded.status in {403, 429}, recorded.name
        case Refused():
            assert 300 <= problem.status == recorded.status < 500, recorded.name
            assert problem.message
        case _:
            # 5xx; a body cut by the recorder's own test of broken JSON; a write answered by another 2xx than ours
            cut = recorded.name == "Exceptions.testJSONParseError"
            assert isinstance(problem, Unanswered)
            assert recorded.status >= 500 or cut or recorded.method != "GET", recorded.name
    return type(problem).__name__


def _read(recorded: Recorded, answer: Answer, path: str) -> str:
    assert answer.status == recorded.status
    if recorded.method != "GET":
        return "accepted"
    return "facts" if answer.tree is not None and parse(path, answer.tree) is not None else "read"


def only(name: str, fragment: str = "") -> Recorded:
    return [found for found in replays() if found.name == name and fragment in found.url][-1]


def test_the_recorded_second_attempt() -> None:
    found = only("WorkflowRun.testGetAttempt", "/attempts/2")
    run = wire.workflow_run(json.loads(found.body))
    assert (run.id, run.run_attempt) == ("26365060973", 2)
    assert run.triggering_actor is not None
    assert "@" not in run.path


def test_the_recorded_runs_of_a_pull_request() -> None:
    found = only("PullRequest2408.test_get_workflow_runs", "head_sha")
    head = found.url.rpartition("head_sha=")[2]
    listing = client(lambda _: found.answer()).runs_of_head("ReDASers", "PhishBench", head)
    assert listing.incomplete is None
    assert len(listing.items) == json.loads(found.body)["total_count"] > 0
    assert all(run.head_sha == head for run in listing.items)


def test_the_recorded_jobs() -> None:
    found = only("WorkflowRun.test_jobs")
    listing = client(lambda _: found.answer()).jobs("PyGithub", "PyGithub", "3881497935", 1)
    assert listing.incomplete is None
    assert len(listing.items) == json.loads(found.body)["total_count"] > 0
    assert all(job.steps and job.run_id == "3881497935" for job in listing.items)


def test_the_recorded_check_runs() -> None:
    found = only("CheckRun.testGetCheckRunsForRef")
    listing = client(lambda _: found.answer()).check_runs(
        "PyGithub", "PyGithub", "10a7135a04f71e6101f8b013aded8a662d08fd1f"
    )
    assert listing.incomplete is None
    assert "github-actions" in {check.app_slug for check in listing.items}


@pytest.mark.shows("RT-1")
def test_the_recorded_answers_to_a_rerun() -> None:
    accepted, denied = only("WorkflowRun.test_rerun_failed_jobs", "rerun"), only("WorkflowRun.test_rerun", "/rerun")
    done = client(lambda _: accepted.answer()).rerun_failed_jobs("PyGithub", "PyGithub", "3881497935", receipt=RECEIPT)
    assert done.status == 201
    with pytest.raises(Refused) as caught:
        client(lambda _: denied.answer()).rerun("PyGithub", "PyGithub", "3910280793", receipt=RECEIPT)
    assert (caught.value.status, caught.value.message) == (403, "Must have admin rights to Repository.")
    assert caught.value.running is False


@pytest.mark.shows("RT-1")
@pytest.mark.parametrize("name", ["Retry.testRaisesRetryErrorAfterMaxRetries", "Retry.testReturnsRepoAfter3Retries"])
def test_the_recorded_series_of_502(name: str) -> None:
    series = [found.answer() for found in replays() if found.name == name]
    asked = iter(series)
    github = client(lambda _: next(asked))
    if series[-1].status_code == 200:
        assert github.repository("PyGithub", "PyGithub").full_name == "PyGithub/PyGithub"
    else:
        with pytest.raises(Unanswered):
            github.repository("PyGithub", "PyGithub")
    assert len(github.requests) == len(series) == 4


@pytest.mark.shows("RT-3", "T13")
@pytest.mark.parametrize("kind", ["Host", "Port", "Scheme"])
def test_the_recorded_redirects_to_elsewhere_are_refused(kind: str) -> None:
    found = only(f"Requester.testBaseUrl{kind}Redirection")
    host = Host(name="recorded", api_url=found.url.replace("http://", "https://").partition("/repos/")[0])
    github = client(lambda _: found.answer(), host=host)
    with pytest.raises(GitHubError) as caught:
        github.repository("PyGithub", "PyGithub")
    assert isinstance(caught.value, Refused)
    assert len(github.requests) == 1
