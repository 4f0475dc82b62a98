"""The client over real sockets: what a dead, silent, rude or slow server makes of a call."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cicatrix.github import Bounds, GitHub, Host, NotSent, TokenCredentials, Unanswered
from tests.github.far_side import RECEIPT, TOKEN, Clock, run

Talk = Callable[[socket.socket, bytes, int], bool]
"""Answers one request on a connection (its bytes, the number of the connection); False closes it."""


def reply(body: bytes, status: str = "200 OK", extra: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


@contextmanager
def server(talk: Talk) -> Iterator[int]:
    """A server on a free port of loopback that talks as told."""
    listener = socket.create_server(("127.0.0.1", 0))
    count = 0

    def serve(connection: socket.socket, number: int) -> None:
        with connection:
            while True:
                request = b""
                while b"\r\n\r\n" not in request:
                    got = connection.recv(65536)
                    if not got:
                        return
                    request += got
                if not talk(connection, request, number):
                    return

    def accept() -> None:
        nonlocal count
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            count += 1
            threading.Thread(target=serve, args=(connection, count), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def github(port: int, *, bounds: Bounds | None = None) -> GitHub:
    clock = Clock()
    return GitHub(
        Host(name="sim", api_url=f"http://127.0.0.1:{port}", allow_http=True),
        TokenCredentials(TOKEN),
        now=clock.now,
        sleep=clock.sleep,
        jitter=lambda: 0.5,
        bounds=bounds or Bounds(connect=5, read=0.2, total=5),
    )


def test_a_call_over_a_socket() -> None:
    def talk(connection: socket.socket, request: bytes, _number: int) -> bool:
        assert b"authorization: bearer " in request.lower()
        connection.sendall(reply(json.dumps(run()).encode()))
        return True

    with server(talk) as port, github(port) as gh:
        assert gh.run("o", "r", "1").id == "1"


@pytest.mark.shows("F11")
def test_a_port_where_nobody_listens_means_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with github(port) as gh:
        with pytest.raises(NotSent):
            gh.rerun("o", "r", "1", receipt=RECEIPT)
        with pytest.raises(NotSent):
            gh.run("o", "r", "1")
    assert len(gh.requests) == 1 + 4


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.shows("F2", "F11")
@pytest.mark.parametrize("manner", ["closes", "resets", "is silent", "garbles", "cuts"])
def test_a_write_that_is_not_answered_is_unanswered_and_sent_once(manner: str) -> None:
    arrived: list[bytes] = []
    done = threading.Event()

    def talk(connection: socket.socket, request: bytes, _number: int) -> bool:
        arrived.append(request)
        if manner == "resets":
            _reset(connection)
        if manner == "is silent":
            done.wait(10)
        if manner == "garbles":
            connection.sendall(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        if manner == "cuts":
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 40\r\n\r\n{")
        return False

    with server(talk) as port, github(port) as gh:
        with pytest.raises(Unanswered):
            gh.rerun_failed_jobs("o", "r", "1", receipt=RECEIPT)
        done.set()
    assert len(arrived) == 1
    assert arrived[0].startswith(b"POST /repos/o/r/actions/runs/1/rerun-failed-jobs ")


@pytest.mark.shows("F2")
def test_a_write_takes_a_fresh_connection_and_reads_share_one() -> None:
    seen: list[tuple[str, int]] = []

    def talk(connection: socket.socket, request: bytes, number: int) -> bool:
        method = request.split(b" ", 1)[0].decode()
        seen.append((method, number))
        connection.sendall(reply(b"{}", "201 Created") if method == "POST" else reply(json.dumps(run()).encode()))
        return True

    with server(talk) as port, github(port) as gh:
        for _ in range(2):
            gh.run("o", "r", "1")
            gh.rerun("o", "r", "1", receipt=RECEIPT)
    assert seen == [("GET", 1), ("POST", 2), ("GET", 1), ("POST", 3)]


@pytest.mark.shows("T13")
def test_no_cookie_is_kept_and_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    seen: list[bytes] = []

    def talk(connection: socket.socket, request: bytes, _number: int) -> bool:
        seen.append(request.lower())
        connection.sendall(reply(json.dumps(run()).encode(), extra="Set-Cookie: session=1; Path=/\r\n"))
        return True

    with server(talk) as port, github(port) as gh:
        gh.run("o", "r", "1")
        gh.run("o", "r", "1")
    assert len(seen) == 2
    assert not any(b"cookie:" in request for request in seen)


def test_nothing_is_written_to_a_logger_about_the_link_of_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    def talk(connection: socket.socket, request: bytes, _number: int) -> bool:
        port = connection.getsockname()[1]
        if request.startswith(b"GET /logs"):
            assert b"authorization" not in request.lower()
            connection.sendall(reply(b"a line\n"))
        else:
            connection.sendall(reply(b"", "302 Found", f"Location: http://127.0.0.1:{port}/logs?sig=k3y\r\n"))
        return True

    with server(talk) as port, github(port) as gh:
        assert gh.job_log("o", "r", "1").text == b"a line\n"
    assert "k3y" not in caplog.text
    assert TOKEN not in caplog.text
