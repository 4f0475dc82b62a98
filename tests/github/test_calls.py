"""Each call of the client against a far side on an httpx transport: what it asks, what it makes of the answer."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from cicatrix.core.facts import Receipt
from cicatrix.github import (
    Accepted,
    Bounds,
    Deferred,
    Exchange,
    GitHub,
    GitHubError,
    NotSent,
    Refused,
    TokenCredentials,
    Unanswered,
)
from tests.github.far_side import RECEIPT, SHA, START, TOKEN, Clock, Script, answer, client, job, pull_request, run

WRITES: list[tuple[str, Callable[[GitHub], Accepted]]] = [
    ("/repos/o/r/actions/runs/1/rerun-failed-jobs", lambda g: g.rerun_failed_jobs("o", "r", "1", receipt=RECEIPT)),
    ("/repos/o/r/actions/jobs/1/rerun", lambda g: g.rerun_job("o", "r", "1", receipt=RECEIPT)),
    ("/repos/o/r/actions/runs/1/rerun", lambda g: g.rerun("o", "r", "1", receipt=RECEIPT)),
]
READS: list[Callable[[GitHub], object]] = [
    lambda g: g.identity(),
    lambda g: g.repository("o", "r"),
    lambda g: g.pull_request("o", "r", 4),
    lambda g: g.run("o", "r", "1"),
    lambda g: g.run_attempt("o", "r", "1", 1),
    lambda g: g.runs_of_head("o", "r", SHA),
    lambda g: g.runs_of_branch("o", "r", "9", "main"),
    lambda g: g.jobs("o", "r", "1", 1),
    lambda g: g.check_runs("o", "r", SHA),
    lambda g: g.file("o", "r", "a.yml"),
    lambda g: g.job_log("o", "r", "1"),
    lambda g: g.pulls_of_head("o", "r", "cicatrix/fix/1"),
    lambda g: g.pulls_of_commit("o", "r", SHA),
    lambda g: g.comments("o", "r", 4),
    lambda g: g.branch_rules("o", "r", "main"),
    lambda g: g.protection("o", "r", "main"),
    lambda g: g.commits("o", "r", SHA, 50),
    lambda g: g.runs_since("o", "r", "repository_dispatch", START),
    lambda g: g.artifacts("o", "r", "1"),
    lambda g: g.artifact("o", "r", "1", limit=100),
]


def test_a_pull_request_is_read() -> None:
    far = Script([answer(pull_request(auto_merge={"merge_method": "squash"}))])
    found = client(far).pull_request("o", "r", 4)
    assert (found.number, found.state, found.head_sha, found.base.full_name) == (4, "open", SHA, "o/r")
    assert (found.base.id, found.base.owner_id, found.base.host) == ("5", "50", "github.com")
    assert (found.head_repository_id, found.auto_merge, found.author_id) == ("5", True, "77")


def test_a_deleted_fork_and_an_unknown_conclusion_are_tolerated() -> None:
    head = {"sha": SHA, "ref": "x", "repo": None}
    assert client(Script([answer(pull_request(head=head))])).pull_request("o", "r", 4).head_repository_id is None
    odd = run(conclusion="melted", head_repository=None, triggering_actor=None, name=None, novelty={"x": [1]})
    del odd["run_attempt"]
    found = client(Script([answer(odd)])).run("o", "r", "1")
    assert (found.conclusion, found.head_repository_id, found.run_attempt, found.failed) == (
        "melted",
        None,
        None,
        False,
    )
    assert found.repository_owner_id == "50"
    assert (found.path, found.name, found.triggering_actor) == (".github/workflows/ci.yml", "", None)


def test_jobs_keep_the_difference_between_no_steps_and_empty_steps() -> None:
    without = job(2, steps=None, runner_id=0, runner_name="", conclusion=None, started_at=None)
    page = answer({"total_count": 3, "jobs": [job(1), without, job(3, steps=[])]})
    first, second, third = client(Script([page])).jobs("o", "r", "1", 1).items
    assert first.failed
    assert first.minutes == 5
    assert (second.steps, second.runner_id, second.runner_name, second.started_at) == (None, None, None, None)
    assert third.steps == ()


def test_every_request_bears_the_headers_and_goes_to_the_host() -> None:
    seen: list[httpx.Request] = []

    def far(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(404)

    github = client(far)
    for read in READS:
        try:
            read(github)
        except Refused as no:
            assert no.status == 404  # noqa: PT017 - which of them raise is another test's matter
    for _, write in WRITES:
        with pytest.raises(Refused):
            write(github)
    assert len(seen) == len(READS) + len(WRITES) == len(github.requests)
    for request in seen:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert request.headers["accept"] == "application/vnd.github+json"
        assert request.headers["x-github-api-version"] == "2022-11-28"
        assert request.headers["user-agent"].startswith("cicatrix/")
        assert request.url.host == "api.github.com"
        assert request.extensions["timeout"].keys() == {"connect", "read", "write", "pool"}
        assert all(0 < value <= 20 for value in request.extensions["timeout"].values())


@pytest.mark.shows("RT-3", "F11")
def test_an_unsent_read_is_tried_again_until_the_far_side_is_back() -> None:
    clock = Clock()
    far = Script([httpx.ConnectError("down"), answer({}, 502), httpx.ReadTimeout("slow"), answer(run())])
    assert client(far, clock=clock).run("o", "r", "1").id == "1"
    assert clock.naps == [1, 2, 4]


@pytest.mark.shows("RT-1", "F11")
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (httpx.ConnectError("no route"), NotSent),
        (httpx.ReadTimeout("silence"), Unanswered),
        (answer({"message": "Server Error"}, 502), Unanswered),
        (httpx.Response(200, content=b"<html>a portal</html>"), Unanswered),
        (httpx.Response(200, content=b'{"id": 1'), Unanswered),
        (httpx.Response(200, content=b"[" * 100_000), Unanswered),
        (answer({"message": "wait"}, 429, {"Retry-After": "1"}), Deferred),
    ],
)
def test_a_read_ends_with_its_error_after_four_tries(
    fault: httpx.Response | Exception, error: type[GitHubError]
) -> None:
    far, clock = Script([fault]), Clock()
    with pytest.raises(error):
        client(far, clock=clock).run("o", "r", "1")
    assert len(far.asked) == 4
    assert sum(clock.naps) == 7


@pytest.mark.shows("F11", "RT-3")
def test_a_slow_far_side_costs_no_more_than_the_bound_of_a_call() -> None:
    clock = Clock()

    def far(request: httpx.Request) -> httpx.Response:
        clock.at += timedelta(seconds=request.extensions["timeout"]["read"])
        raise httpx.ReadTimeout("silence", request=request)

    with pytest.raises(Unanswered):
        client(far, clock=clock, bounds=Bounds(total=30)).run("o", "r", "1")
    assert clock.monotonic() <= 30


@pytest.mark.shows("F11")
def test_a_dripping_answer_is_cut_at_the_bound_of_a_call() -> None:
    clock, sent = Clock(), 0

    class Drip(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            nonlocal sent
            while True:
                sent += 1
                clock.at += timedelta(seconds=1)
                yield b" "

    with pytest.raises(Unanswered, match="too long"):
        client(lambda _: httpx.Response(200, stream=Drip()), clock=clock).run("o", "r", "1")
    assert sent <= 121


@pytest.mark.shows("F11")
def test_an_endless_or_packed_answer_does_not_fill_the_memory() -> None:
    bomb = gzip.compress(b" " * 2**26)
    far = Script([httpx.Response(200, content=b"x")])
    packed = client(
        lambda _: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(bomb)),
        bounds=Bounds(body=2**20, retries=0),
    )
    with pytest.raises(Unanswered, match="longer than"):
        packed.run("o", "r", "1")
    assert not far.asked


@pytest.mark.shows("F10", "RT-2")
def test_waits_of_a_call_together_stay_within_a_minute() -> None:
    clock = Clock()
    far = Script([answer({}, 429, {"Retry-After": "40"})])
    with pytest.raises(Deferred) as caught:
        client(far, clock=clock).run("o", "r", "1")
    assert clock.naps == [40]
    assert caught.value.not_before == START + timedelta(seconds=80)


@pytest.mark.shows("RT-1", "F2")
@pytest.mark.parametrize(("path", "write"), WRITES, ids=[path for path, _ in WRITES])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (httpx.ConnectError("x"), NotSent),
        (httpx.PoolTimeout("x"), NotSent),
        (httpx.ReadTimeout("x"), Unanswered),
        (httpx.RemoteProtocolError("x"), Unanswered),
        (httpx.WriteError("x"), Unanswered),
        (answer({}, 500), Unanswered),
        (answer({}, 502), Unanswered),
        (answer({}, 504), Unanswered),
        (httpx.Response(200, content=b"<html>"), Unanswered),
        (answer({}, 200), Unanswered),
        (answer({}, 401), Refused),
        (answer({"message": "Must have admin rights to Repository."}, 403), Refused),
        (answer({}, 404), Refused),
        (answer({}, 422), Refused),
        (
            httpx.Response(307, headers={"Location": "https://api.github.com/repositories/5/actions/runs/1/rerun"}),
            Refused,
        ),
        (answer({}, 429), Deferred),
        (answer({}, 403, {"x-ratelimit-remaining": "0"}), Deferred),
    ],
)
def test_a_write_is_sent_exactly_once_whatever_comes_back(
    path: str, write: Callable[[GitHub], Accepted], fault: httpx.Response | Exception, error: type[GitHubError]
) -> None:
    far, clock = Script([fault, answer({}, 201)]), Clock()
    with pytest.raises(error) as caught:
        write(client(far, clock=clock))
    assert [(r.method, r.url.path) for r in far.asked] == [("POST", path)]
    assert not clock.naps
    assert type(caught.value) is error


@pytest.mark.parametrize(("path", "write"), WRITES, ids=[path for path, _ in WRITES])
def test_an_accepted_write(path: str, write: Callable[[GitHub], Accepted]) -> None:
    far = Script([answer({}, 201, {"X-GitHub-Request-Id": "A:1"})])
    assert write(client(far)) == Accepted(status=201, request_id="A:1")
    (request,) = far.asked
    assert (request.method, request.url.path, request.content) == ("POST", path, b"")
    assert request.headers["x-request-id"] == "op-1/1"


def test_a_write_without_a_receipt_is_not_sent() -> None:
    far = Script([answer({}, 201)])
    with pytest.raises(TypeError, match="Receipt"):
        client(far).rerun("o", "r", "1", receipt=None)  # type: ignore[arg-type]  # what mypy refuses must fail at run time too
    assert not far.asked


def test_the_boundaries_of_a_write_stand_around_its_bytes() -> None:
    order: list[str] = []

    def far(request: httpx.Request) -> httpx.Response:
        order.append(request.method)
        return answer({}, 201)

    github = client(far, boundary=order.append)
    github.rerun("o", "r", "1", receipt=RECEIPT)
    assert order == ["github.post.before", "POST", "github.post.after"]
    order.clear()
    lost = client(Script([httpx.ReadTimeout("x")]), boundary=order.append)
    with pytest.raises(Unanswered):
        lost.rerun("o", "r", "1", receipt=RECEIPT)
    assert order == ["github.post.before"]


@pytest.mark.shows("F1")
def test_a_crash_at_a_boundary_is_not_dressed_up_as_an_answer() -> None:
    class Crash(BaseException):
        pass

    def boundary(name: str) -> None:
        if name == "github.post.before":
            raise Crash

    far = Script([answer({}, 201)])
    with pytest.raises(Crash):
        client(far, boundary=boundary).rerun("o", "r", "1", receipt=RECEIPT)
    assert not far.asked


def test_a_refusal_carries_what_github_said_and_what_it_would_need() -> None:
    far = Script(
        [
            answer(
                {"message": "Resource not accessible by integration"},
                403,
                {"X-Accepted-GitHub-Permissions": "actions=write"},
            ),
            answer({"message": "This workflow is already running"}, 403),
            answer({"message": "Validation Failed", "errors": [{"message": "no ref"}, "odd", None]}, 422),
        ]
    )
    github = client(far)
    caught = []
    for _ in range(3):
        with pytest.raises(Refused) as error:
            github.rerun("o", "r", "1", receipt=RECEIPT)
        caught.append(error.value)
    first, second, third = caught
    assert (first.status, first.accepted_permissions, first.running) == (403, "actions=write", False)
    assert first.message == "Resource not accessible by integration"
    assert "actions=write" in first.diagnostics().next
    assert second.running is True
    assert (third.running, third.message) == (None, "Validation Failed; no ref; odd")


@pytest.mark.shows("RT-3")
def test_a_renamed_repository_is_followed_once_and_on_the_same_origin_only() -> None:
    def moved(to: str) -> httpx.Response:
        return httpx.Response(301, headers={"Location": to}, content=b'{"message": "Moved Permanently"}')

    far = Script([moved("https://api.github.com/repositories/5/actions/runs/1"), answer(run())])
    assert client(far).run("o", "r", "1").id == "1"
    assert far.asked[1].url.path == "/repositories/5/actions/runs/1"
    relative = Script([moved("/repositories/5/actions/runs/1"), answer(run())])
    assert client(relative).run("o", "r", "1").id == "1"
    for elsewhere in (
        "https://example.org/x",
        "http://api.github.com/x",
        "https://api.github.com:8443/x",
        "https://api.github.com.example.org/x",
        "https://u:p@api.github.com/x",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "https://[::1]/x",
        "http://[",
        "",
    ):
        alone = Script([moved(elsewhere)])
        with pytest.raises(Refused):
            client(alone).run("o", "r", "1")
        assert len(alone.asked) == 1, elsewhere
    twice = Script([moved("https://api.github.com/a"), moved("https://api.github.com/b"), answer(run())])
    with pytest.raises(Refused):
        client(twice).run("o", "r", "1")
    assert len(twice.asked) == 2


def test_an_answer_about_something_else_or_without_its_id_is_no_answer() -> None:
    documents: list[Any] = [
        run(2),
        run(id=None),
        run(id=True),
        run(id=1.5),
        run(head_sha=None),
        run(created_at="-"),
        [],
    ]
    for tree in documents:
        with pytest.raises(Unanswered):
            client(Script([answer(tree)])).run("o", "r", "1")
    with pytest.raises(Unanswered):
        client(Script([answer(pull_request(5))])).pull_request("o", "r", 4)
    with pytest.raises(Unanswered):
        client(Script([answer({"total_count": 0})])).jobs("o", "r", "1", 1)


def test_an_attempt_of_a_run() -> None:
    far = Script([answer(run(run_attempt=2))])
    assert client(far).run_attempt("o", "r", "1", 2).run_attempt == 2
    assert far.asked[0].url.path == "/repos/o/r/actions/runs/1/attempts/2"
    with pytest.raises(Unanswered):
        client(far).run_attempt("o", "r", "1", 3)


def test_large_ids_stay_whole() -> None:
    big = 2**63 - 1
    assert client(Script([answer(run(big))])).run("o", "r", str(big)).id == str(big)


def test_a_host_that_ignores_the_filter_gives_an_incomplete_listing() -> None:
    page = answer({"total_count": 2, "workflow_runs": [run(1), run(2, head_sha="f" * 40)]})
    listing = client(Script([page])).runs_of_head("o", "r", SHA)
    assert listing.incomplete is not None
    assert "other commits" in listing.incomplete


def test_newer_runs_are_one_page() -> None:
    page = {
        "total_count": 900,
        "workflow_runs": [run(3, created_at="2026-11-21T11:00:00Z"), run(2, created_at="2026-11-21T09:00:00Z")],
    }
    far = Script([answer(page, headers={"Link": '<https://api.github.com/x?page=2>; rel="next"'})])
    since = datetime(2026, 11, 21, 10, tzinfo=UTC)
    listing = client(far).runs_of_branch("o", "r", "9", "feature/x y", event="push", since=since)
    assert [found.id for found in listing.items] == ["3"]
    assert listing.incomplete is None
    (request,) = far.asked
    assert dict(request.url.params) == {"branch": "feature/x y", "per_page": "30", "event": "push"}


class Shelf:
    """A far side with one file, its ETag, and a count of what it was asked."""

    def __init__(self, text: bytes) -> None:
        self.text, self.asked = text, list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        tag = f'"{hash(self.text)}"'
        if request.headers.get("if-none-match") == tag:
            return httpx.Response(304, headers={"ETag": tag})
        content = base64.encodebytes(self.text).decode()
        return answer({"type": "file", "encoding": "base64", "content": content}, headers={"ETag": tag})


def test_a_file_of_the_default_branch_is_asked_for_conditionally() -> None:
    shelf = Shelf(b"version: 1\n" * 20)
    github = client(shelf)
    assert github.file("o", "r", ".github/cicatrix.yml") == shelf.text
    assert github.file("O", "R", ".github/cicatrix.yml") == shelf.text
    assert "if-none-match" in shelf.asked[1].headers
    shelf.text = b"version: 2\n"
    assert github.file("o", "r", ".github/cicatrix.yml") == b"version: 2\n"
    assert len(shelf.asked) == 3
    assert shelf.asked[0].url.query == b""


def test_a_file_at_a_commit_is_asked_for_once_and_at_a_branch_each_time() -> None:
    shelf = Shelf(b"jobs: {}\n")
    github = client(shelf)
    for _ in range(3):
        assert github.file("o", "r", ".github/workflows/a b.yml", SHA) == shelf.text
    assert len(shelf.asked) == 1
    assert shelf.asked[0].url.raw_path == f"/repos/o/r/contents/.github/workflows/a%20b.yml?ref={SHA}".encode()
    github.file("o", "r", "x", "main")
    github.file("o", "r", "x", "main")
    assert len(shelf.asked) == 3


def test_a_missing_file_is_none_and_anything_but_a_file_is_an_error() -> None:
    assert client(Script([answer({"message": "Not Found"}, 404)])).file("o", "r", "a") is None
    documents: list[Any] = [
        [{"type": "file"}],
        {"type": "dir", "content": ""},
        {"type": "submodule"},
        {"type": "file", "encoding": "none", "content": ""},
        {"type": "file", "encoding": "base64", "content": "a"},
        {"type": "file", "encoding": "base64", "content": None},
    ]
    for tree in documents:
        with pytest.raises(Unanswered):
            client(Script([answer(tree)])).file("o", "r", "a")
    with pytest.raises(Unanswered):  # a 304 that nobody asked for
        client(Script([httpx.Response(304)])).file("o", "r", "a")


@pytest.mark.parametrize(
    "call",
    [
        lambda g: g.run("o/../x", "r", "1"),
        lambda g: g.run("-x", "r", "1"),
        lambda g: g.run("", "r", "1"),
        lambda g: g.run("o", "..", "1"),
        lambda g: g.run("o", "r?x", "1"),
        lambda g: g.run("o", "r\n", "1"),
        lambda g: g.run("o", "r", "1/../2"),
        lambda g: g.run("o", "r", "0"),
        lambda g: g.run("o", "r", "1\n"),
        lambda g: g.run("o", "r", "٣"),
        lambda g: g.pull_request("o", "r", -1),
        lambda g: g.pull_request("o", "r", True),
        lambda g: g.runs_of_head("o", "r", "main"),
        lambda g: g.check_runs("o", "r", SHA + "/x"),
        lambda g: g.file("o", "r", "../../user"),
        lambda g: g.file("o", "r", "/etc"),
        lambda g: g.file("o", "r", "a//b"),
        lambda g: g.file("o", "r", "a", ""),
        lambda g: g.runs_of_branch("o", "r", "ci.yml/x", "main"),
        lambda g: g.rerun("o", "r", "x", receipt=RECEIPT),
        lambda g: g.rerun("o", "r", "1", receipt=Receipt(operation_id="a\r\nX: y", ledger_index=1, send=1)),
    ],
)
def test_names_that_github_cannot_have_never_leave(call: Callable[[GitHub], object]) -> None:
    far = Script([answer({})])
    with pytest.raises(NotSent):
        call(client(far))
    assert not far.asked


def test_without_credentials_nothing_leaves() -> None:
    far = Script([answer({})])
    github = GitHub(
        client(far).host,
        None,
        transport=httpx.MockTransport(far),
        now=Clock().now,
        sleep=Clock().sleep,
        jitter=lambda: 0.0,
    )
    for call in READS + [write for _, write in WRITES]:
        with pytest.raises(Refused) as caught:
            call(github)
        assert caught.value.status == 401
        assert "GITHUB_TOKEN" in caught.value.diagnostics().next
    assert not far.asked


def test_who_we_are() -> None:
    person = client(Script([answer({"login": "octocat", "id": 583231})])).identity()
    assert (person.id, person.login, person.kind, person.shared) == ("583231", "octocat", "user", True)
    far = Script([answer({}, 403)])
    workflow = client(far, credentials=TokenCredentials("ghs_" + "a" * 36)).identity("o", "r")
    assert (workflow.login, workflow.kind, workflow.shared) == ("github-actions[bot]", "actions", True)
    assert not far.asked


def test_an_exchange_is_shown_without_the_token() -> None:
    seen: list[Exchange] = []
    client(Script([answer(run())]), on_exchange=seen.append).run("o", "r", "1")
    (exchange,) = seen
    assert (exchange.method, exchange.status, exchange.log) == ("GET", 200, False)
    assert exchange.template == "/repos/{owner}/{repo}/actions/runs/{run_id}"
    assert json.loads(exchange.response_body)["id"] == 1
    assert exchange.request_headers["authorization"] == "***"
    assert TOKEN not in repr(exchange)


def test_several_threads_at_once_stay_within_the_limit_of_requests() -> None:
    lock, now, most = threading.Lock(), 0, 0
    full = threading.Barrier(4, timeout=10)

    def far(request: httpx.Request) -> httpx.Response:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        full.wait()
        with lock:
            now -= 1
        return answer(run(int(request.url.path.rpartition("/")[2])))

    github = client(far, max_concurrent=4)
    found: list[str] = []
    threads = [threading.Thread(target=lambda n=n: found.append(github.run("o", "r", str(n)).id)) for n in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(found, key=int) == [str(n) for n in range(1, 13)]
    assert most == 4
    assert len(github.requests) == 12
