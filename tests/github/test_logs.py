"""A job's log: the hop without our token, to allowed places only, in bounded memory (T13, F33)."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterator

import httpx
import pytest

from cicatrix.core.facts import JobLog
from cicatrix.github import LOG_TEMPLATE, Bounds, Deferred, Exchange, Host, Refused, Unanswered
from cicatrix.github.logs import Kept
from tests.github.far_side import TOKEN, Clock, answer, client

STORE = "https://productionresultssa0.blob.core.windows.net/logs/1?sig=k3y&se=2026"
PUBLIC = ["20.60.1.1"]


class FarSide:
    """GitHub's API that redirects to `location`, and the log host behind it that answers from a list."""

    def __init__(self, *answers: httpx.Response | Exception, location: str = STORE) -> None:
        self.answers, self.location = list(answers), location
        self.api: list[httpx.Request] = []
        self.store: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "api.github.com":
            self.api.append(request)
            return httpx.Response(302, headers={"Location": self.location})
        self.store.append(request)
        given = self.answers[min(len(self.store), len(self.answers)) - 1]
        if isinstance(given, Exception):
            raise given
        return given


def text(body: bytes) -> httpx.Response:
    return httpx.Response(200, content=body)


def test_a_log_is_fetched_without_our_token() -> None:
    far = FarSide(text(b"2026-11-21T10:00:00Z line\n"))
    seen: list[Exchange] = []
    github = client(far, resolver=lambda _name, _port: PUBLIC, on_exchange=seen.append)
    assert github.job_log("o", "r", "1") == JobLog(text=b"2026-11-21T10:00:00Z line\n")
    (request,) = far.store
    assert far.api[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers
    assert TOKEN not in repr(request.headers.raw)
    assert [sent.template for sent in github.requests][-1] == LOG_TEMPLATE
    assert "k3y" not in repr(seen)
    assert seen[-1].log


@pytest.mark.shows("T13")
def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    far, asked = FarSide(text(b"x")), list[str]()

    def resolver(name: str, port: int) -> list[str]:
        asked.append(f"{name}:{port}")
        return PUBLIC if len(asked) == 1 else ["169.254.169.254"]  # rebinding: the second look-up would lie

    client(far, resolver=resolver).job_log("o", "r", "1")
    (request,) = far.store
    assert request.url.host == "20.60.1.1"
    assert request.headers["host"] == "productionresultssa0.blob.core.windows.net"
    assert request.extensions["sni_hostname"] == "productionresultssa0.blob.core.windows.net"
    assert request.url.query == b"sig=k3y&se=2026"
    assert asked == ["productionresultssa0.blob.core.windows.net:443"]


@pytest.mark.shows("T13")
@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "http://[::1]:80/x",
        "https://127.0.0.1/x",
        "https://productionresultssa0.blob.core.windows.net:8443/x",
        "http://productionresultssa0.blob.core.windows.net/x",
        "https://u:p@productionresultssa0.blob.core.windows.net/x",
        "https://example.org/x",
        "https://productionresultssa0.blob.core.windows.net@example.org/x",
        "https://example.org\\@productionresultssa0.blob.core.windows.net/x",
        "file:///etc/passwd",
        "gopher://x/",
        "/repos/o/r",
        "http://[",
        "",
    ],
)
def test_a_redirect_to_anywhere_else_is_not_followed(location: str) -> None:
    far = FarSide(text(b"secret"), location=location)
    log = client(far, resolver=lambda _name, _port: PUBLIC).job_log("o", "r", "1")
    assert (log.missing, log.text) == ("host_refused", b"")
    assert not far.store
    assert len(far.api) == 1


@pytest.mark.shows("T13")
@pytest.mark.parametrize(
    "addresses", [["169.254.169.254"], ["::1"], ["20.60.1.1", "10.0.0.1"], ["::ffff:127.0.0.1"], []]
)
def test_an_allowed_name_with_a_private_address_is_refused(addresses: list[str]) -> None:
    far = FarSide(text(b"secret"))
    log = client(far, resolver=lambda _name, _port: addresses).job_log("o", "r", "1")
    assert log.missing == "host_refused"
    assert not far.store


@pytest.mark.shows("T13")
def test_the_log_host_cannot_redirect_further() -> None:
    far = FarSide(httpx.Response(302, headers={"Location": "http://169.254.169.254/"}))
    assert client(far).job_log("o", "r", "1").missing == "unreadable"
    assert len(far.store) == 1


def test_a_listed_address_of_a_host_is_used_as_it_is() -> None:
    host = Host(log_hosts=("20.60.1.1",))
    far = FarSide(text(b"x"), location="https://20.60.1.1/log")
    assert client(far, host=host).job_log("o", "r", "1").text == b"x"
    private = Host(log_hosts=("10.0.0.1",))
    near = FarSide(text(b"x"), location="https://10.0.0.1/log")
    assert client(near, host=private).job_log("o", "r", "1").missing == "host_refused"


def test_the_next_address_is_tried_when_the_first_cannot_be_reached() -> None:
    far = FarSide(httpx.ConnectError("unreachable"), text(b"x"))
    github = client(far, resolver=lambda _name, _port: ["2606:50c0:8000::153", "20.60.1.1"])
    assert github.job_log("o", "r", "1").text == b"x"
    assert [request.url.host for request in far.store] == ["2606:50c0:8000::153", "20.60.1.1"]
    assert len(far.api) == 1


@pytest.mark.shows("F33")
@pytest.mark.parametrize(("status", "missing"), [(404, "not_found"), (410, "gone")])
def test_a_log_that_is_not_there(status: int, missing: str) -> None:
    assert client(lambda _: answer({"message": "x"}, status)).job_log("o", "r", "1").missing == missing


@pytest.mark.shows("F33")
@pytest.mark.parametrize(("status", "missing"), [(403, "unreadable"), (404, "not_found"), (410, "gone")])
def test_an_expired_link_is_asked_for_once_more(status: int, missing: str) -> None:
    expired = FarSide(httpx.Response(status), text(b"x"))
    assert client(expired).job_log("o", "r", "1").text == b"x"
    assert len(expired.api) == 2
    for_good = FarSide(httpx.Response(status))
    assert client(for_good).job_log("o", "r", "1").missing == missing
    assert len(for_good.api) == 2


class Torn(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield b"half of a line"
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


@pytest.mark.shows("F33")
def test_a_torn_log_is_fetched_again_and_never_taken_for_whole() -> None:
    clock = Clock()
    once = FarSide(httpx.Response(200, stream=Torn()), text(b"whole\n"))
    assert client(once, clock=clock).job_log("o", "r", "1").text == b"whole\n"
    assert clock.naps == [1]
    always = FarSide(*(httpx.Response(200, stream=Torn()) for _ in range(9)))
    assert client(always).job_log("o", "r", "1") == JobLog(text=b"", missing="unreadable")
    assert len(always.store) == 4


@pytest.mark.shows("F33")
def test_a_log_host_that_is_down_is_no_log() -> None:
    for fault in (httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.Response(503), httpx.Response(500)):
        far = FarSide(fault)
        assert client(far).job_log("o", "r", "1").missing == "unreadable"
        assert len(far.store) == 4

    def no_name(_name: str, _port: int) -> list[str]:
        raise OSError("no such name")

    far = FarSide(text(b""))
    assert client(far, resolver=no_name).job_log("o", "r", "1").missing == "unreadable"
    assert not far.store


def test_errors_of_the_api_itself_are_raised() -> None:
    with pytest.raises(Refused):
        client(lambda _: answer({}, 403)).job_log("o", "r", "1")
    with pytest.raises(Deferred):
        client(lambda _: answer({}, 429, {"Retry-After": "900"})).job_log("o", "r", "1")
    with pytest.raises(Unanswered):
        client(lambda _: answer({}, 502)).job_log("o", "r", "1")


def test_a_log_without_a_redirect_is_taken() -> None:
    assert client(lambda _: text(b"plain, not JSON\n")).job_log("o", "r", "1").text == b"plain, not JSON\n"


def test_a_packed_log_is_unpacked_and_an_unknown_packing_is_unreadable() -> None:
    packed = httpx.Response(
        200,
        headers={"Content-Encoding": "gzip"},
        stream=httpx.ByteStream(gzip.compress(b"a\n") + gzip.compress(b"b\n")),
    )
    assert client(FarSide(packed)).job_log("o", "r", "1").text == b"a\nb\n"
    cut = [
        httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(gzip.compress(b"a\n")[:-9]))
        for _ in range(4)
    ]
    assert client(FarSide(*cut)).job_log("o", "r", "1").missing == "unreadable"
    strange = [httpx.Response(200, headers={"Content-Encoding": "br"}, stream=httpx.ByteStream(b"x")) for _ in range(4)]
    assert client(FarSide(*strange)).job_log("o", "r", "1").missing == "unreadable"


class Huge(httpx.SyncByteStream):
    """A log of `blocks` blocks of a MiB, made while it is read."""

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks

    def __iter__(self) -> Iterator[bytes]:
        block = (b"x" * 127 + b"\n") * 8192
        for _ in range(self.blocks):
            yield block
        yield b"the end\n"


@pytest.mark.shows("F33")
def test_a_log_of_a_gigabyte_stays_within_bounded_memory() -> None:
    far = FarSide(httpx.Response(200, stream=Huge(1024)))
    tracemalloc.start()
    try:
        log = client(far).job_log("o", "r", "1")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 128 * 2**20, f"{peak / 2**20:.0f} MiB"
    assert log.truncated
    assert log.text.endswith(b"x\nthe end\n")
    assert len(log.text) <= 16 * 2**20
    assert log.gap_at == 2**20
    assert log.text.count(b"\n") + log.gap_lines == 1024 * 8192 + 1


@pytest.mark.shows("F33")
def test_a_packed_bomb_stays_within_bounded_memory() -> None:
    bomb = gzip.compress(b"0" * 2**26)  # 64 MiB of zeros in 64 KiB, and the log is cut at 8 MiB
    far = FarSide(
        *(httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(bomb)) for _ in range(4))
    )
    bounds = Bounds(log_stream=8 * 2**20, retries=1)
    tracemalloc.start()
    try:
        log = client(far, bounds=bounds).job_log("o", "r", "1")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert log.missing == "unreadable"
    assert peak < 64 * 2**20, f"{peak / 2**20:.0f} MiB"


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
def test_head_and_tail_are_whole_lines_with_their_true_numbers(piece: int) -> None:
    lines = [b"line %d\n" % n for n in range(1, 101)]
    whole = b"".join(lines)
    kept = Kept(head=50, tail=60)
    for start in range(0, len(whole), piece):
        kept.add(whole[start : start + piece])
    log = kept.log()
    assert log.truncated
    assert log.gap_at is not None
    head, tail = log.text[: log.gap_at], log.text[log.gap_at :]
    assert whole.startswith(head)
    assert whole.endswith(tail)
    first_of_tail = head.count(b"\n") + log.gap_lines + 1
    assert tail.startswith(b"line %d\n" % first_of_tail)


@pytest.mark.parametrize("size", [0, 1, 109, 110])
def test_a_log_that_fits_is_kept_whole(size: int) -> None:
    kept = Kept(head=50, tail=60)
    kept.add(b"a" * size)
    assert kept.log() == JobLog(text=b"a" * size)


def test_one_giant_line_is_cut_in_bounded_memory() -> None:
    kept = Kept(head=50, tail=60)
    for _ in range(10_000):
        kept.add(b"abcdefghij" * 100)
    log = kept.log()
    assert log.truncated
    assert len(log.text) <= 111
    assert log.text.endswith(b"abcdefghij")
