"""Every write: what it sends, with which receipt and which token, and what follows each answer (RD-6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cicatrix.core.operations import Kind
from cicatrix.github import (
    Accepted,
    Annotation,
    Deferred,
    Exchange,
    GitHub,
    GitHubError,
    NotSent,
    Refused,
    TokenCredentials,
    Unanswered,
)
from tests.github.all_writes import RUN_DETAILS, SMALL_CHECK, WRITES, Write, receipt
from tests.github.far_side import SHA, Clock, Script, answer, client
from tests.github.test_credentials import Apps, app, narrowed
from tests.judge import Judge

each = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
DISPATCH = WRITES["repository_dispatch"]


def accepted(write: Write) -> httpx.Response:
    body = b"" if write.answer is None else json.dumps(write.answer).encode()
    return httpx.Response(write.status, headers={"X-GitHub-Request-Id": "A:1"}, content=body)


@each
def test_a_write_is_sent_once_as_github_describes_it(write: Write, judge: Judge) -> None:
    far, seen = Script([accepted(write)]), list[Exchange]()
    found = write.send(client(far, on_exchange=seen.append), send=3)
    (request,) = far.asked
    assert (request.method, request.url.raw_path.decode()) == (write.method, write.path)
    assert (json.loads(request.content) if request.content else None) == write.body
    assert request.headers["x-request-id"] == "op-1/3"
    assert found == Accepted(status=write.status, request_id="A:1", data=write.data)
    assert found.as_json() == {"status": write.status, "requestId": "A:1", **write.data}
    judge.observe(
        request.method,
        request.url.raw_path.decode(),
        "",
        request_headers=request.headers,
        request_body=request.content,
        status=0,
        headers={},
        body=b"",
        fault=True,  # the answer is this test's own; the request is judged all the same
    )
    assert seen[0].template.count("{") == sum(part.isdigit() or "%20" in part for part in write.path.split("/")) + 2


@pytest.mark.shows("GE-5")
@each
def test_a_write_wants_a_receipt_of_its_own_kind(write: Write) -> None:
    far = Script([accepted(write)])
    github = client(far)
    with pytest.raises(TypeError, match="receipt"):
        write.call(github)
    with pytest.raises(TypeError, match="Receipt"):
        write.call(github, receipt=None)
    for kind in set(Kind) - {write.kind}:
        with pytest.raises(TypeError, match=f"Receipt is of a {kind}"):
            write.call(github, receipt=receipt(kind))
    assert not far.asked


@pytest.mark.shows("AU-3", "T15")
@each
def test_the_token_of_a_write_may_do_that_alone(write: Write) -> None:
    clock = Clock()
    apps = Apps(clock)

    def far(request: httpx.Request) -> httpx.Response:
        mints = request.url.path.startswith("/app") or request.url.path.endswith("/installation")
        return apps(request) if mints else accepted(write)

    write.send(client(far, clock=clock, credentials=app()))
    assert [body["permissions"] for body in narrowed(apps)] == [dict(write.permissions)]


@pytest.mark.shows("RT-1", "F2")
@each
def test_a_write_is_never_sent_again(write: Write) -> None:
    lost: list[httpx.Response | Exception] = [
        answer({}, 500), answer({}, 502), answer({}, 408), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x"),
        answer({}, 202), httpx.Response(write.status, content=b"<html>"),
    ]  # fmt: skip
    for fault in lost:
        far, clock = Script([fault, accepted(write)]), Clock()
        with pytest.raises(Unanswered):
            write.send(client(far, clock=clock))
        assert (len(far.asked), clock.naps) == (1, [])
    for unsent in (httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x")):
        far = Script([unsent, accepted(write)])
        with pytest.raises(NotSent):
            write.send(client(far))
        assert len(far.asked) == 1
    far = Script([httpx.Response(307, headers={"Location": "https://api.github.com/x"}), accepted(write)])
    with pytest.raises(Refused):
        write.send(client(far))
    assert len(far.asked) == 1


@pytest.mark.parametrize("name", [name for name, write in WRITES.items() if write.data and "dispatch" not in name])
def test_an_accepted_write_whose_answer_names_nothing_is_to_be_found_by_reading(name: str) -> None:
    write = WRITES[name]
    with pytest.raises(Unanswered):
        write.send(client(Script([answer({}, write.status)])))


def test_a_dispatched_workflow_without_run_details_is_accepted_all_the_same() -> None:
    write = WRITES["workflow_dispatch"]
    far = Script([httpx.Response(204)])
    assert (write.send(client(far)).status, write.send(client(far)).data) == (204, {})
    odd = client(Script([answer(RUN_DETAILS | {"workflow_run_id": None})]))
    assert write.send(odd).data == {}


# --- behaviour 14: one test a row of the status table ---


def refused(far: Script, *, github: GitHub | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        DISPATCH.send(github or client(far))
    assert len(far.asked) == 1
    return caught.value


@pytest.mark.shows("RD-6", "C21", "B13")
def test_row_204_is_accepted_and_200_is_not_what_a_dispatch_answers() -> None:
    assert DISPATCH.send(client(Script([httpx.Response(204)]))).status == 204
    for status in (200, 201, 202):
        with pytest.raises(Unanswered):
            DISPATCH.send(client(Script([answer({}, status)])))


@pytest.mark.shows("RD-6")
def test_row_401_is_refused_at_once_and_an_apps_token_is_renewed_for_the_next() -> None:
    no = refused(Script([answer({"message": "Bad credentials"}, 401)]))
    assert (no.status, no.permission_missing, no.body) == (401, False, '{"message": "Bad credentials"}')
    clock = Clock()
    apps = Apps(clock)
    shown: list[str] = []

    def far(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/dispatches"):
            return apps(request)
        shown.append(request.headers["authorization"])
        return answer({"message": "Bad credentials"}, 401) if len(shown) == 1 else httpx.Response(204)

    github = client(far, clock=clock, credentials=app())
    with pytest.raises(Refused):
        DISPATCH.send(github)
    assert len(shown) == 1
    assert DISPATCH.send(github).status == 204
    assert shown[0] != shown[1]


@pytest.mark.shows("RD-6", "RD-1")
@pytest.mark.parametrize(
    ("message", "headers", "missing"),
    [
        ("Resource not accessible by integration", {}, True),
        ("Resource not accessible by personal access token", {}, True),
        ("Forbidden", {"X-Accepted-GitHub-Permissions": "contents=write"}, True),
        ("Repository was archived so is read-only.", {}, False),
        ("This workflow run is already running", {"X-Accepted-GitHub-Permissions": "actions=write"}, False),
    ],
)
def test_row_403_tells_a_missing_permission(message: str, headers: dict[str, str], missing: bool) -> None:
    no = refused(Script([answer({"message": message}, 403, headers)]))
    assert (no.permission_missing, no.message) == (missing, message)
    assert no.accepted_permissions == headers.get("X-Accepted-GitHub-Permissions")


@pytest.mark.shows("RD-6", "F10", "B13")
@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (403, {"Retry-After": "60"}, "x"),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795262460"}, "API rate limit exceeded"),
        (403, {"X-Accepted-GitHub-Permissions": "contents=write"}, "You have exceeded a secondary rate limit."),
        (429, {}, "slow down"),
    ],
)
def test_row_403_or_429_of_a_rate_limit_waits(status: int, headers: dict[str, str], message: str) -> None:
    far, clock = Script([answer({"message": message}, status, headers)]), Clock()
    with pytest.raises(Deferred) as caught:
        DISPATCH.send(client(far, clock=clock))
    assert caught.value.not_before > clock.now()
    assert (len(far.asked), clock.naps) == (1, [])
    assert message in caught.value.body


@pytest.mark.shows("RD-6", "B13")
@pytest.mark.parametrize(("status", "message"), [(404, "Not Found"), (422, "Invalid request"), (410, "gone")])
def test_rows_404_and_422_are_a_definite_no(status: int, message: str) -> None:
    no = refused(Script([answer({"message": message}, status)]))
    assert (no.status, no.message, no.permission_missing, no.running) == (status, message, False, None)
    told = refused(Script([answer({"message": message}, status, {"X-Accepted-GitHub-Permissions": "contents=write"})]))
    assert not told.permission_missing, "GitHub tells what a call takes with any answer"


@pytest.mark.shows("RD-6", "B13")
@pytest.mark.parametrize("fault", [answer({"message": "Server Error"}, 503), httpx.ReadTimeout("silence")])
def test_row_5xx_and_timeout_may_have_taken_effect(fault: httpx.Response | Exception) -> None:
    with pytest.raises(Unanswered) as caught:
        DISPATCH.send(client(Script([fault])))
    assert caught.value.body == ("" if isinstance(fault, Exception) else '{"message": "Server Error"}')


@pytest.mark.shows("RD-6", "T14")
def test_the_kept_body_is_redacted_and_bounded() -> None:
    secret = "ghs_" + "a1B2" * 9
    body = {"message": "no", "echo": secret, "link": "https://x/log?sig=k3y&x=1", "rest": "é" * 9_000}
    no = refused(Script([answer(body, 422)]))
    assert secret not in no.body
    assert "k3y" not in no.body
    assert len(no.body) == 4_000
    minted = answer({"token": "v1.plain-secret", "message": "v1.plain-secret is odd"}, 422)
    assert "plain-secret" not in refused(Script([minted])).body


# --- limits, before anything is sent ---


LONG = "x" * 70_000
CHECK = dict(SMALL_CHECK)
REMARK = Annotation(path="a", start_line=1, end_line=1, level="notice", message="m")


def remark(**other: Any) -> Annotation:
    fields: dict[str, Any] = {"path": "a", "start_line": 1, "end_line": 1, "level": "notice", "message": "m"}
    return Annotation(**(fields | other))


def check(g: GitHub, **other: Any) -> Accepted:
    return g.create_check_run("o", "r", SHA, **(CHECK | other), receipt=receipt(Kind.CHECK_RUN))


def dispatch(g: GitHub, event: str, payload: dict[str, object]) -> Accepted:
    return g.repository_dispatch("o", "r", event, payload, receipt=receipt(Kind.DISPATCH))


def run(g: GitHub, inputs: dict[str, str]) -> Accepted:
    return g.workflow_dispatch("o", "r", "a.yml", "main", inputs, receipt=receipt(Kind.DISPATCH))


def pull(g: GitHub, **other: Any) -> Accepted:
    fields = {"head": "a", "base": "main", "title": "t", "body": "b"} | other
    return g.create_pull("o", "r", **fields, receipt=receipt(Kind.PULL_REQUEST))


def comment(g: GitHub, body: str) -> Accepted:
    return g.create_comment("o", "r", 4, body, receipt=receipt(Kind.COMMENT))


def label(g: GitHub, *names: str) -> Accepted:
    return g.add_labels("o", "r", 4, names, receipt=receipt(Kind.LABEL))


@pytest.mark.shows("RD-2")
@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda g: dispatch(g, "x" * 101, {}), "event_type has 101 characters; GitHub takes 100"),
        (lambda g: dispatch(g, "", {}), "event_type is empty"),
        (lambda g: dispatch(g, "x", {str(n): n for n in range(11)}), "11 top-level properties .* takes 10"),
        (lambda g: dispatch(g, "x", {"a": "x" * (65_536 - 8)}), "65536 bytes; GitHub takes fewer than 65536"),
        (lambda g: run(g, {str(n): "" for n in range(26)}), "26 inputs; GitHub takes 25"),
        (lambda g: run(g, {"a": LONG}), "characters; GitHub takes 65535"),
        (lambda g: pull(g, title=""), "title of a pull request is empty"),
        (lambda g: pull(g, title="x" * 257), "257 characters; GitHub takes 256"),
        (lambda g: pull(g, body=LONG), "70000 characters; GitHub takes 65536"),
        (lambda g: pull(g, head="stranger:main"), "names another owner"),
        (lambda g: comment(g, "x" * 65_537), "65537 characters; GitHub takes 65536"),
        (lambda g: comment(g, " \n"), "a comment is empty"),
        (label, "one or more names"),
        (lambda g: label(g, "x" * 51), "51 characters; GitHub takes 50"),
        (lambda g: label(g, " "), "a label is empty"),
        (lambda g: check(g, summary="x" * 65_536), "summary of a check run has 65536 characters; GitHub takes 65535"),
        (lambda g: check(g, text="x" * 65_536), "text of a check run"),
        (lambda g: check(g, title="x" * 65_536), "title of a check run"),
        (lambda g: check(g, conclusion="stale"), "no conclusion that an App may give"),
        (lambda g: check(g, annotations=[REMARK] * 51), "51 annotations; GitHub takes 50"),
        (lambda g: check(g, annotations=[remark(level="error")]), "no level of an annotation"),
        (lambda g: check(g, annotations=[remark(start_line=0)]), "lines count from 1"),
        (lambda g: check(g, annotations=[remark(start_line=3, end_line=2)]), "from line 3 to 2"),
        (lambda g: check(g, annotations=[remark(message="")]), "message of an annotation is empty"),
        (lambda g: check(g, annotations=[remark(message="é" * 33_000)]), "66000 bytes"),
        (lambda g: check(g, annotations=[remark(title="x" * 256)]), "256 characters"),
    ],
)
def test_what_github_would_not_take_is_not_sent(write: Callable[[GitHub], object], says: str) -> None:
    far = Script([httpx.Response(204)])
    with pytest.raises(ValueError, match=says):
        write(client(far))
    assert not far.asked


@pytest.mark.shows("RD-2")
def test_what_is_just_within_the_limits_is_sent() -> None:
    payload: dict[str, object] = {str(n): n for n in range(9)}
    room = 65_535 - len(json.dumps({**payload, "a": ""}, separators=(",", ":")))
    dispatch(client(Script([httpx.Response(204)])), "x" * 100, {**payload, "a": "x" * room})
    run(client(Script([httpx.Response(204)])), {"a": "x" * (65_535 - 8)})
    comment(client(Script([answer({"id": 1}, 201)])), "x" * 65_536)
    check(client(Script([answer({"id": 1}, 201)])), text="x" * 65_535, annotations=[REMARK] * 50)


def test_a_check_run_without_a_conclusion_is_in_progress() -> None:
    far = Script([answer({"id": 1}, 201)])
    check(client(far), conclusion=None)
    sent = json.loads(far.asked[0].content)
    assert (sent["status"], "conclusion" in sent) == ("in_progress", False)


@pytest.mark.parametrize("name", ["", "a/b.yml", "..", "a\nb", "x" * 256, "a\\b"])
def test_a_workflow_is_named_by_its_file_alone(name: str) -> None:
    far = Script([httpx.Response(204)])
    with pytest.raises(NotSent):
        client(far).workflow_dispatch("o", "r", name, "main", {}, receipt=receipt(Kind.DISPATCH))
    assert not far.asked


# --- what git is given ---


@pytest.mark.shows("AU-3", "T15")
def test_a_token_to_push_with_is_narrowed_too() -> None:
    clock = Clock()
    apps = Apps(clock)
    github = client(apps, clock=clock, credentials=app())
    plain = github.push_token("o", "r", workflows=False)
    files = github.push_token("o", "r", workflows=True)
    assert plain is not None
    assert plain != files
    assert [body["permissions"] for body in narrowed(apps)] == [
        {"contents": "write"},
        {"contents": "write", "workflows": "write"},
    ]
    assert plain.reveal() not in repr(plain)
    own = client(apps, credentials=TokenCredentials("ghp_own")).push_token("o", "r", workflows=True)
    assert own is not None
    assert own.reveal() == "ghp_own"


def test_the_errors_of_a_token_to_push_with_are_those_of_the_client() -> None:
    clock = Clock()
    apps = Apps(clock)
    apps.mint_fault = [answer({"message": "The permissions requested are not granted"}, 422)]
    with pytest.raises(GitHubError):
        client(apps, clock=clock, credentials=app()).push_token("o", "r", workflows=True)
