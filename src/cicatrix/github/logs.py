"""A job's log: asked for with our token, fetched without it, only from allowed hosts, within bounded memory.

https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run: a 302 to a link that lives
for one minute.
"""

from __future__ import annotations

import ipaddress
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

import httpx

from cicatrix import __version__
from cicatrix.core.facts import JobLog
from cicatrix.github.body import Answer
from cicatrix.github.credentials import Bearer
from cicatrix.github.exchange import FAILURES, LOG_TEMPLATE, Ask, Exchange, Exchanges
from cicatrix.github.table import NOTHING_LEFT, Step, follow_up

Resolver: TypeAlias = Callable[[str, int], Sequence[str]]
"""Name and port to addresses. Raises `OSError` when the name has none."""

_BLOCK = 256 * 1024
_UNUSABLE_LINK = frozenset({400, 401, 403, 404, 410})


def resolve(name: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the system's resolver gives them."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Kept:
    """Collects a log of any length in bounded memory: its first `head` and last `tail` bytes, whole lines of them."""

    def __init__(self, head: int, tail: int) -> None:
        self._head_size, self._tail_size = head, tail
        self._head, self._pending = bytearray(), bytearray()
        self._blocks: deque[bytes] = deque()
        self._size = self._lines = 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes of the log."""
        self._lines += chunk.count(b"\n")
        self._size += len(chunk)
        room = self._head_size - len(self._head)
        self._head += chunk[:room]
        self._pending += chunk[room:] if room else chunk
        if len(self._pending) >= _BLOCK:
            self._blocks.append(bytes(self._pending))
            self._pending.clear()
            while sum(map(len, self._blocks)) - len(self._blocks[0]) >= self._tail_size:
                self._blocks.popleft()

    @property
    def enough(self) -> bool:
        """Whether what follows need not be read."""
        return False

    def log(self) -> JobLog:
        """What was kept."""
        tail = b"".join((*self._blocks, self._pending))
        if self._size <= self._head_size + self._tail_size:
            return JobLog(text=bytes(self._head) + tail)
        tail = tail[-self._tail_size :] if self._tail_size else b""
        tail = tail[tail.find(b"\n") + 1 :]
        head = bytes(self._head[: self._head.rfind(b"\n") + 1]) or bytes(self._head) + b"\n"
        left_out = max(0, self._lines - head.count(b"\n") - tail.count(b"\n"))
        return JobLog(text=head + tail, truncated=True, gap_at=len(head), gap_lines=left_out)


class Whole(Kept):
    """Collects an archive: its bytes as they are, `truncated` when there are more than `limit`."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit, 0)

    @property
    def enough(self) -> bool:
        return self._size > self._head_size


def fetch(
    exchanges: Exchanges,
    ask: Ask,
    bearer: Bearer,
    *,
    resolver: Resolver | None,
    collect: Callable[[], Kept] | None = None,
) -> JobLog:
    """The log, or why there is none. Raises the errors of a read for the first hop.

    Each download goes into a new `collect`, which by default keeps head and tail of a log.

    `resolver` None leaves names to the transport, for one without a network. Otherwise each address of the name must
    be allowed, and the connection goes to an address that was checked (no second look-up that could answer otherwise).
    """
    kept = collect or (lambda: Kept(exchanges.bounds.log_head, exchanges.bounds.log_tail))
    started, waited, tries, links = exchanges.monotonic(), 0.0, 0, 0
    while True:
        answer = exchanges.read(ask, bearer)
        if answer.status != 302:
            return _cut(kept(), answer)
        target = _target(answer)
        if target is None or exchanges.host.log_refusal(target) is not None:
            return JobLog(text=b"", missing="host_refused")
        links += 1
        log, status, problem = _download(exchanges, target, resolver, kept)
        if log is not None:
            return log
        if status in _UNUSABLE_LINK:  # expired on the way, perhaps: one new link
            if links < 2:
                continue
            return JobLog(text=b"", missing={404: "not_found", 410: "gone"}.get(status or 0, "unreadable"))
        then = follow_up(
            "GET",
            status=status,
            exception=problem,
            now=exchanges.now(),
            tries=tries,
            jitter=exchanges.jitter(),
            bounds=exchanges.bounds,
        )
        spent = exchanges.monotonic() - started + then.wait
        if (
            then.step is not Step.RETRY
            or tries >= exchanges.bounds.retries
            or waited + then.wait > exchanges.bounds.worker_wait
            or spent > exchanges.bounds.log_total
        ):
            return JobLog(text=b"", missing="unreadable")
        exchanges.sleep(then.wait)
        waited, tries = waited + then.wait, tries + 1


def _target(answer: Answer) -> httpx.URL | None:
    location = answer.headers.get("location", "")
    try:
        return httpx.URL(answer.url).join(location) if location else None
    except httpx.InvalidURL:
        return None


def _cut(kept: Kept, answer: Answer) -> JobLog:
    """A log that came without a redirect, as some proxies in front of an Enterprise Server give it."""
    kept.add(answer.body)
    return kept.log()


def _download(
    exchanges: Exchanges, target: httpx.URL, resolver: Resolver | None, collect: Callable[[], Kept]
) -> tuple[JobLog | None, int | None, Exception | None]:
    """One download: the log, or the status of the answer, or what went wrong."""
    try:
        places = _places(exchanges, target, resolver)
    except OSError as wrong:
        return None, None, httpx.ConnectError(f"the log host has no address ({type(wrong).__name__})")
    if places is None:
        return JobLog(text=b"", missing="host_refused"), None, None
    status, problem = None, None
    for place in places:
        log, status, problem = _stream(exchanges, target, place, collect())
        if log is not None or not isinstance(problem, NOTHING_LEFT):
            return log, status, problem
    return None, status, problem


def _places(exchanges: Exchanges, target: httpx.URL, resolver: Resolver | None) -> list[httpx.URL] | None:
    """The URLs to try, each naming a checked address; None when the target leads to an address that is not allowed."""
    host = exchanges.host
    try:
        ipaddress.ip_address(target.host)
    except ValueError:
        if resolver is None:
            return [target]
        addresses = list(resolver(target.host, target.port or {"http": 80}.get(target.scheme, 443)))
    else:
        addresses = [target.host]
    if not addresses or any(host.address_refusal(address) is not None for address in addresses):
        return None
    return [target.copy_with(host=address) for address in addresses]


def _stream(
    exchanges: Exchanges, target: httpx.URL, place: httpx.URL, kept: Kept
) -> tuple[JobLog | None, int | None, Exception | None]:
    bounds = exchanges.bounds
    headers = {
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Host": target.netloc.decode("ascii"),
        "User-Agent": f"cicatrix/{__version__}",
    }
    until = exchanges.monotonic() + bounds.log_total
    response: httpx.Response | None = None
    problem: Exception | None = None
    try:
        with exchanges.room:
            request = httpx.Request("GET", place, headers=headers)
            if place != target:
                request.extensions["sni_hostname"] = target.host
            response = exchanges.send(request, LOG_TEMPLATE, bounds.log_total)
            try:
                if response.status_code == 200:
                    for chunk in exchanges.chunks(response, until=until, limit=bounds.log_stream):
                        kept.add(chunk)
                        if kept.enough:
                            break
            finally:
                response.close()
    except FAILURES as wrong:
        problem = wrong
    status = None if response is None else response.status_code
    exchanges.tell(
        Exchange(
            method="GET",
            url=f"{target.scheme}://{target.netloc.decode('ascii')}/{LOG_TEMPLATE}",
            template=LOG_TEMPLATE,
            request_headers=headers,
            request_body=b"",
            status=status,
            response_headers={},
            response_body=b"",
            log=True,
        )
    )
    if problem is None and status == 200:
        return kept.log(), status, None
    return None, None if problem is not None else status, problem
