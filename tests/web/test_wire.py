"""What the wire carries: bodies that are none, headers, correlation, faults, slow and huge callers."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from cicatrix.github import Deferred, NotSent, Refused, Unanswered
from cicatrix.ledger import LedgerUnavailable
from cicatrix.simulator import Exchange
from cicatrix.web.callers import Callers, asking_with
from cicatrix.web.errors import problem_of
from cicatrix.web.service import Service
from tests.web.desk import NOON, SERVICE_TOKEN, Desk, desk_at, problem

ROUTE = "/api/github/prs/1/checks/rerun"
GOOD = {"owner": "acme", "repo": "shop"}


def bad_bodies() -> Iterator[tuple[bytes, str]]:
    yield b"", "is empty"
    yield b"{", "is not JSON"
    yield b"[]", "must be a JSON object"
    yield b'{"owner": "acme", "owner": "evil", "repo": "shop"}', "twice"
    yield b'{"owner": NaN}', "NaN"
    yield b'{"maxAttempts": 1e999}', "too large"
    yield b"\xff\xfe", "UTF-8"
    yield b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "nested"
    yield b'{"maxAttempts": ' + b"9" * 5000 + b"}", "digits"


@pytest.mark.shows("AP-4")
def test_what_is_no_body_is_said_so(desk: Desk) -> None:
    key = desk.key()
    for body, said in bad_bodies():
        answer = desk.ask("POST", ROUTE, key, content=body)
        told = problem(answer, 400, "INVALID_INPUT" if body else "MISSING_PARAMS")
        assert said in told["details"]["problems"][0]["problem"]


@pytest.mark.shows("AP-4")
def test_size_and_type_of_a_body(desk: Desk) -> None:
    key = desk.key()
    huge = json.dumps(GOOD | {"requestId": "x" * 70_000}).encode()
    problem(desk.ask("POST", ROUTE, key, content=huge), 413, "PAYLOAD_TOO_LARGE")

    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1024

    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    chunked = httpx.post(desk.url + ROUTE, headers=headers, content=pieces())
    problem(chunked, 413, "PAYLOAD_TOO_LARGE")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"):
        answer = desk.ask("POST", ROUTE, key, content=b"{}", headers={"content-type": kind})
        problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    answer = desk.ask("POST", ROUTE, key, content=b"{}", headers={"content-encoding": "gzip"})
    problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


def test_authentication_comes_before_everything_that_a_request_may_have_wrong(desk: Desk) -> None:
    """AP-1: the same 401 for a bad body, a bad number, a wrong type and a huge body."""
    for number, body, kind in (("x", b"{", "application/json"), ("1", b"x", "text/plain"), ("1", b" " * 100_000, "")):
        headers = {"content-type": kind or "application/json"}
        answer = desk.ask("POST", f"/api/github/prs/{number}/checks/rerun", content=body, headers=headers)
        problem(answer, 401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.shows("AP-1")
def test_without_a_github_credential_the_second_401_comes_before_400(tmp_path: Path) -> None:
    with desk_at(tmp_path, token=None) as desk:
        told = problem(desk.ask("POST", ROUTE, desk.key(repositories=None), content=b"{"), 401, "UNAUTHORIZED")
        assert "no GitHub credential" in told["detail"]


@pytest.mark.shows("AP-3")
def test_the_header_is_the_bodys_request_id(desk: Desk) -> None:
    desk.red()
    key = desk.key()
    first = desk.ask("POST", ROUTE, key, json=GOOD, headers={"idempotency-key": "k-1"})
    assert first.json()["requestId"] == "k-1"
    again = desk.ask("POST", ROUTE, key, json=GOOD | {"requestId": "k-1"}, headers={"idempotency-key": "k-1"})
    assert again.headers["idempotency-replayed"] == "true"
    answer = desk.ask("POST", ROUTE, key, json=GOOD | {"requestId": "k-2"}, headers={"idempotency-key": "k-1"})
    assert problem(answer, 400, "INVALID_INPUT")["details"]["problems"][0]["field"] == "requestId"
    bad = desk.ask("POST", ROUTE, key, json=GOOD, headers={"idempotency-key": "x" * 256})
    problem(bad, 400, "INVALID_INPUT")


@pytest.mark.shows("AP-3")
def test_x_request_id_is_correlation_only(desk: Desk) -> None:
    desk.red()
    key = desk.key()
    for n in (1, 2):
        answer = desk.ask("POST", ROUTE, key, json=GOOD | {"dryRun": True}, headers={"x-request-id": "trace-1"})
        assert answer.headers["x-request-id"] == "trace-1"
        assert "idempotency-replayed" not in answer.headers, n
    made = desk.ask("GET", "/nowhere", headers={"x-request-id": SERVICE_TOKEN})
    assert made.headers["x-request-id"] != SERVICE_TOKEN, "a secret is not echoed"
    assert problem(made, 404, "NOT_FOUND")


@pytest.mark.shows("AP-4")
def test_unknown_routes_methods_and_queries_are_problems_too(desk: Desk) -> None:
    key = desk.key()
    problem(desk.ask("GET", "/docs"), 404, "NOT_FOUND")
    problem(desk.ask("GET", "/redoc"), 404, "NOT_FOUND")
    wrong = desk.ask("GET", ROUTE, key)
    problem(wrong, 405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["allow"] == "POST"
    problem(desk.ask("POST", ROUTE + "?dryRun=true", key, json=GOOD), 400, "INVALID_INPUT")
    problem(desk.ask("GET", "/api/decisions?limit=1&limit=2", key), 400, "INVALID_INPUT")
    problem(desk.ask("GET", "/api/decisions?prNumber=+1", key), 400, "INVALID_PR_NUMBER")
    problem(desk.ask("GET", "/api/decisions?colour=red", key), 400, "INVALID_INPUT")


def cases() -> Iterator[tuple[Exception, int, str]]:
    later = NOON.replace(minute=1)
    yield Refused("x", why="Bad credentials", status=401), 401, "UNAUTHORIZED"
    yield Refused("x", why="Not Found", status=403), 403, "REPO_ACCESS_DENIED"
    yield Refused("x", why="Bad credentials", status=404), 404, "NOT_FOUND"
    yield Refused("x", why="Not Found", status=422), 502, "GITHUB_UNAVAILABLE"
    yield Deferred("x", why="rate limit 404", not_before=later), 503, "GITHUB_UNAVAILABLE"
    yield Unanswered("x", why="401"), 502, "GITHUB_UNAVAILABLE"
    yield NotSent("x", why="404"), 502, "GITHUB_UNAVAILABLE"
    yield LedgerUnavailable("x", "404", "y"), 503, "LEDGER_UNAVAILABLE"
    yield RuntimeError("404 Not Found"), 500, "INTERNAL_ERROR"


@pytest.mark.shows("AP-5", "A14")
def test_statuses_come_from_types_never_from_words() -> None:
    for error, status, code in cases():
        told = problem_of(error, NOON)
        assert (told.status, told.code) == (status, code), error
    assert problem_of(Deferred("x", not_before=NOON.replace(minute=1)), NOON).retry_after == 60


@pytest.mark.shows("AP-4", "T17")
def test_a_fault_tells_its_id_and_nothing_else(tmp_path: Path) -> None:
    with desk_at(tmp_path) as desk:
        key = desk.key()
        desk.ctx.ledger.close()
        (tmp_path / "ledger.db").unlink()  # SQLite makes an empty file in its place: no table is there
        answer = desk.ask("GET", "/api/decisions", key)
        told = problem(answer, 500, "INTERNAL_ERROR")
        assert told["details"] == {}
        assert "table" not in answer.text
        faults = [fields for event, fields in desk.log if event == "http.fault"]
        assert [fields["requestId"] for fields in faults] == [told["requestId"]]
        assert "no such table" in faults[0]["error"]


@pytest.mark.shows("GE-4")
def test_a_ledger_that_cannot_be_read_is_503_and_tells_no_path(tmp_path: Path) -> None:
    with desk_at(tmp_path) as desk:
        key = desk.key()
        desk.ctx.ledger.close()
        for file in tmp_path.glob("ledger.db*"):
            file.write_bytes(b"this is no database" * 1000)
        for answer in (desk.ask("GET", "/api/decisions", key), desk.rerun(key)):
            problem(answer, 503, "LEDGER_UNAVAILABLE")
            assert str(tmp_path) not in answer.text
        ready = desk.ask("GET", "/readyz")
        assert ready.status_code == 503
        assert {c["name"]: c["ok"] for c in ready.json()["checks"]} == {
            "ledger": False,
            "lawbook": True,
            "engine": True,
        }
        assert str(tmp_path) not in ready.text
        assert desk.writes == []


def test_slow_callers_hurt_nobody_else(desk: Desk) -> None:
    """Connections that send half a header or half a body stay open, and others are served meanwhile."""
    place = urlsplit(desk.url)
    key = desk.key()
    half = [b"GET /healthz HTTP/1.1\r\nHos", _half_body(key)]
    held = [socket.create_connection((place.hostname, place.port)) for _ in range(40)]
    try:
        for n, connection in enumerate(held):
            connection.sendall(half[n % 2])
        assert desk.ask("GET", "/healthz").status_code == 200
        assert desk.ask("GET", "/api/decisions", key).status_code == 200
    finally:
        for connection in held:
            connection.close()


def _half_body(key: str) -> bytes:
    head = f"POST {ROUTE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    return (head + 'Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{"owner"').encode()


@pytest.mark.shows("AP-3", "RR-13")
def test_a_request_in_progress_is_told_so(desk: Desk) -> None:
    """GitHub holds its answer back, so the first request is still worked on while the second one asks."""
    desk.red()
    key, arrived, go_on = desk.key(), threading.Event(), threading.Event()
    with desk.ctx.ledger.read() as view:
        assert view.request("same") is None

    def hold(exchange: Exchange) -> None:
        if exchange.path.endswith("/pulls/1"):
            arrived.set()
            go_on.wait(20)

    desk.world.on_exchange.append(hold)
    answers: list[httpx.Response] = []
    first = threading.Thread(target=lambda: answers.append(desk.rerun(key, requestId="same")))
    first.start()
    assert arrived.wait(20)
    second = desk.rerun(key, requestId="same")
    go_on.set()
    first.join(30)
    problem(second, 409, "REQUEST_IN_PROGRESS")
    assert second.headers["retry-after"] == "5"
    assert answers[0].status_code == 200
    assert len(desk.writes) == 1


@pytest.mark.shows("GE-4", "LB-2")
def test_a_base_lawbook_that_cannot_be_loaded_is_503(desk: Desk) -> None:
    desk.red()
    broken = replace(desk.ctx, deployment=replace(desk.ctx.deployment, base_problems=("base.yml:1 is not YAML",)))

    def change(service: Service) -> Service:
        return replace(service, ctx=broken, callers=Callers(broken, asking_with(broken)))

    key = desk.key()
    with desk.open(change):
        told = problem(desk.rerun(key), 503, "LAWBOOK_MISMATCH")
        assert "base.yml" not in told["detail"]
    assert desk.writes == []
