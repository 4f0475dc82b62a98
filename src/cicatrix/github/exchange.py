"""One call to GitHub: its tries, waits and hops, and the one place where bytes leave.

It speaks to an httpx transport directly: so nothing underneath retries, follows a redirect, keeps a cookie, reads a
proxy from the environment, or writes a URL (a link to a log is a key) to a logger.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

import httpx

from cicatrix import __version__
from cicatrix.github.body import Answer, flat, json_of, message, next_step, unpacked, without_keys, without_token
from cicatrix.github.credentials import Bearer, Secret
from cicatrix.github.errors import Deferred, GitHubError, NotSent, Refused, Unanswered, kept_body
from cicatrix.github.host import Host
from cicatrix.github.table import BOUNDS, Bounds, FollowUp, Garbled, Step, follow_up

FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, Garbled)
"""What a transport may raise. Anything else is a defect of ours and is not dressed up as a failure of the network."""

MARK = "X-Request-Id"
"""Header of a write: `<operation id>/<send>`, so that a proxy's log can be matched with ours."""

EXPIRY = "github-authentication-token-expiration"
"""Header of answers to a personal token that ends
(https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/token-expiration-and-revocation)."""

LOG_TEMPLATE = "(log)"
"""Stands for the link of a log in `GitHub.requests`: the link itself is a key."""

CREATED = frozenset({201})

_LEAST_LEFT = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What to ask. `template` is GitHub's own path template."""

    method: str = "GET"
    template: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    url: str | None = None
    """The whole URL of a further page; else `path` and `query` make it."""
    plain: bool = False
    """The answer is plain text or a redirect to it, not JSON: a 302 is then an answer and not followed."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What went over the wire, for a judge; `log` marks the hop to a log host.

    Masked: `Authorization`, a token in the answer, and the query of a `Location`, which is the key to a log.
    """

    method: str
    url: str
    template: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int | None
    response_headers: Mapping[str, str]
    response_body: bytes
    log: bool = False


class Sent(NamedTuple):
    """One request that was handed to the transport."""

    method: str
    template: str


class Exchanges:
    """Sends requests, one try or a whole call. Safe for several threads; holds no lock while bytes travel."""

    def __init__(
        self,
        host: Host,
        *,
        transport: httpx.BaseTransport | None,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        jitter: Callable[[], float],
        monotonic: Callable[[], float],
        boundary: Callable[[str], None],
        may_write: Callable[[str], str | None] = lambda _operation_id: None,
        on_exchange: Callable[[Exchange], None] | None,
        max_concurrent: int,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self.host, self.bounds = host, bounds
        self.now, self.sleep, self.jitter, self.monotonic = now, sleep, jitter, monotonic
        self.boundary, self.on_exchange, self.may_write = boundary, on_exchange, may_write
        self.requests: deque[Sent] = deque(maxlen=100_000)
        self.token_expiry: str | None = None
        """What the last answer that told it said of the token's end, in GitHub's words."""
        self.room = threading.BoundedSemaphore(max_concurrent)
        self._reads = transport or _transport(host, keep_alive=max_concurrent)
        # A write gets a fresh connection: a kept one may be closed under it, which would leave its effect open.
        self._writes = transport or _transport(host, keep_alive=0)

    def close(self) -> None:
        """Close the connections."""
        self._reads.close()
        self._writes.close()

    def read(self, ask: Ask, bearer: Bearer) -> Answer:
        """The answer to a call that changes nothing, after as many tries as the table and the bounds allow."""
        started, waited, tries = self.monotonic(), 0.0, 0
        url, hopped, renewed = self.url_of(ask), False, False
        while True:
            token = bearer.token()
            left = self.bounds.total - (self.monotonic() - started)
            answer, problem = self._try(ask, url, token, left)
            then = self._follow_up("GET", answer, problem, tries)
            if answer is not None and (then.step is Step.DONE or (ask.plain and answer.status == 302)):
                return answer
            if then.step is Step.RENEW and answer is not None and not renewed and bearer.renew(answer.headers):
                renewed = True
                continue
            if then.step is Step.REDIRECT and answer is not None and not hopped:
                target = self._hop(answer)
                if target is not None:
                    url, hopped = target, True
                    continue
            if (
                then.step is Step.RETRY
                and tries < self.bounds.retries
                and waited + then.wait <= self.bounds.worker_wait
                and self.monotonic() - started + then.wait < self.bounds.total
            ):
                self.sleep(then.wait)
                waited, tries = waited + then.wait, tries + 1
                continue
            raise self.error(ask, then, answer, problem)

    def write(self, ask: Ask, bearer: Bearer, accepts: frozenset[int] = CREATED) -> Answer:
        """An answer of a status that `accepts` holds, to a write sent exactly once. All else raises one of the errors.

        The kill switch is asked when the token is there and a place among the connections is free: the last moment
        before bytes leave (GE-5).
        """
        lost: GitHubError | None = None
        try:
            token = bearer.token()
        except Unanswered as no_token:
            lost = NotSent(f"{ask} was not sent", why=f"no token came for it ({no_token.what}: {no_token.why})")
        if lost is not None:
            raise lost
        url = self.url_of(ask)
        self.boundary("github.post.before")
        answer, problem = self._try(ask, url, token, self.bounds.total, fresh=True)
        if answer is not None:
            self.boundary("github.post.after")
        then = self._follow_up(ask.method, answer, problem, 0)
        if then.step is Step.RENEW and answer is not None:
            bearer.renew(answer.headers)  # for the next operation; this one is refused
        if then.step is Step.DONE and answer is not None:
            if answer.status in accepts:
                return answer
            right = " or ".join(map(str, sorted(accepts)))
            raise Unanswered(
                f"{ask} was answered {answer.status}", why=f"GitHub accepts with {right}; this may be a proxy's answer"
            )
        raise self.error(ask, then, answer, problem)

    def url_of(self, ask: Ask) -> str:
        """The URL that a call goes to."""
        query = f"?{urlencode(ask.query)}" if ask.query else ""
        return ask.url or f"{self.host.api_url}{ask.path}{query}"

    def headers_of(self, ask: Ask, token: Secret) -> httpx.Headers:
        """The headers of a call to the API, as an object that does not show the token."""
        headers = {
            "Accept": "application/vnd.github+json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"cicatrix/{__version__}",
            "X-GitHub-Api-Version": self.host.api_version,
        }
        if ask.body is not None:
            headers["Content-Type"] = "application/json"
        return httpx.Headers(headers | dict(ask.headers) | {"Authorization": f"Bearer {token.reveal()}"})

    def send(self, request: httpx.Request, template: str, left: float, *, fresh: bool = False) -> httpx.Response:
        """Hand one request to the transport and return its answer, unread. Raises what the transport raises."""
        b, left = self.bounds, max(left, _LEAST_LEFT)
        request.extensions["timeout"] = {
            "connect": min(b.connect, left), "read": min(b.read, left), "write": min(b.write, left), "pool": b.pool
        }  # fmt: skip
        self.requests.append(Sent(request.method, template))
        return (self._writes if fresh else self._reads).handle_request(request)

    def _try(
        self, ask: Ask, url: str, token: Secret, left: float, *, fresh: bool = False
    ) -> tuple[Answer | None, Exception | None]:
        """One request and its answer, or what went wrong."""
        if left <= 0:
            return None, Garbled(f"the call took longer than {self.bounds.total:g} s")
        response: httpx.Response | None = None
        headers = self.headers_of(ask, token)
        answer, problem, body = None, None, b""
        until = self.monotonic() + left
        try:
            with self.room:
                if fresh:
                    self._refuse_if_stopped(ask)
                request = httpx.Request(ask.method, url, headers=headers, content=ask.body)
                response = self.send(request, ask.template, left, fresh=fresh)
                try:
                    body = b"".join(self.chunks(response, until=until, limit=self.bounds.body))
                finally:
                    response.close()
            tree = None if ask.plain and response.is_success else json_of(response.status_code, body)
            answer = Answer(response.status_code, flat(response.headers), body, tree, url)
            self.token_expiry = answer.headers.get(EXPIRY, self.token_expiry)
        except FAILURES as wrong:
            problem = wrong
        self.tell(
            Exchange(
                method=ask.method,
                url=url,
                template=ask.template,
                request_headers=flat(headers) | {"authorization": "***"},
                request_body=ask.body or b"",
                status=None if response is None else response.status_code,
                response_headers={} if response is None else without_keys(flat(response.headers)),
                response_body=without_token(body, answer),
            )
        )
        return answer, problem

    def _refuse_if_stopped(self, ask: Ask) -> None:
        operation_id = ask.headers.get(MARK, "").rpartition("/")[0]
        why = self.may_write(operation_id)
        if why is not None:
            raise NotSent(
                f"{ask} was not sent",
                why=f"stopped by the kill switch: {why}",
                next_step="Lift the kill switch, then ask again; nothing has reached GitHub.",
                stopped=True,
            )

    def chunks(self, response: httpx.Response, *, until: float, limit: int) -> Iterator[bytes]:
        """The body, unpacked, piece by piece. Raises `Garbled` past the limit in bytes or the time `until`."""
        size = 0
        for chunk in unpacked(response):
            size += len(chunk)
            if size > limit:
                raise Garbled(f"the answer is longer than {limit} bytes")
            if self.monotonic() > until:
                raise Garbled("the answer took too long to come")
            yield chunk

    def _follow_up(self, method: str, answer: Answer | None, problem: Exception | None, tries: int) -> FollowUp:
        return follow_up(
            method,
            status=None if answer is None else answer.status,
            headers=None if answer is None else answer.headers,
            exception=problem,
            now=self.now(),
            tries=tries,
            jitter=self.jitter(),
            body=b"" if answer is None else answer.body,
            bounds=self.bounds,
        )

    def _hop(self, answer: Answer) -> str | None:
        """Where a redirect of a read leads: our own API (a renamed repository), or None for anywhere else."""
        try:
            target = httpx.URL(answer.url).join(answer.headers.get("location", ""))
        except httpx.InvalidURL:
            return None
        return str(target) if self.host.same_origin(target) and str(target) != answer.url else None

    def error(self, ask: Ask, then: FollowUp, answer: Answer | None, problem: Exception | None) -> GitHubError:
        """The error that a decision names, worded for a person. Holds text only, GitHub's answer too (RD-6)."""
        found = self._worded(ask, then, answer, problem)
        if answer is not None:
            found.body = kept_body(without_token(answer.body, answer))
        return found

    def _worded(self, ask: Ask, then: FollowUp, answer: Answer | None, problem: Exception | None) -> GitHubError:
        if answer is None:
            why = f"{type(problem).__name__}: {problem}" if problem is not None else "no answer"
            if then.error is NotSent:
                return NotSent(f"{ask} was not sent to {self.host.name}", why=why)
            return Unanswered(f"{ask} was not answered by {self.host.name}", why=why)
        what, why, status = f"{ask} was answered {answer.status}", message(answer), answer.status
        if then.error is Deferred:
            not_before = then.not_before or self.now() + timedelta(seconds=then.wait)
            return Deferred(what, why=why, status=status, not_before=not_before)
        if then.error is Refused:
            needed = answer.headers.get("x-accepted-github-permissions")
            return Refused(
                what,
                why=why,
                status=status,
                accepted_permissions=needed,
                running=("already running" in why.lower()) if status == 403 else None,
                next_step=next_step(status, needed),
            )
        return Unanswered(what, why=why, status=status)

    def tell(self, exchange: Exchange) -> None:
        """Show an exchange to whoever listens."""
        if self.on_exchange is not None:
            self.on_exchange(exchange)


def _transport(host: Host, *, keep_alive: int) -> httpx.HTTPTransport:
    """A transport that checks certificates, knows no proxy and never tries twice."""
    context = httpx.create_ssl_context(verify=True, trust_env=False)
    if host.ca_file is not None:
        context.load_verify_locations(cafile=host.ca_file)
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=keep_alive, keepalive_expiry=15.0)
    return httpx.HTTPTransport(verify=context, trust_env=False, limits=limits, retries=0)
