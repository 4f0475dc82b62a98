"""THE decision table: what follows one try of a call. Pure; every number cites its source.

| what came                              | GET (and asking for a token)   | POST, PATCH, PUT, DELETE |
|----------------------------------------|--------------------------------|--------------------------|
| nothing left us                        | retry, then NotSent            | NotSent                  |
| timeout or reset after sending, 5xx    | retry, then Unanswered         | Unanswered               |
| an answer that cannot be read          | retry, then Unanswered         | Unanswered               |
| 401                                    | renew the token once, Refused  | Refused, token renewed   |
| 429, or 403 of a rate limit            | retry after 60 s or less, else Deferred | Deferred        |
| 301 302 307 308                        | one hop, then Refused          | Refused                  |
| any other 4xx                          | Refused                        | Refused                  |
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

import httpx

from cicatrix.github.errors import Deferred, GitHubError, NotSent, Refused, Unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Every limit of the client, in seconds, bytes or items."""

    connect: float = 5.0
    read: float = 20.0
    """Longest silence; GitHub itself ends a request after 10 s
    (https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api#timeouts)."""
    write: float = 20.0
    pool: float = 10.0
    total: float = 120.0
    """Longest time of one call with all its tries and waits."""
    retries: int = 3
    first_delay: float = 1.0
    longest_delay: float = 32.0
    multiplier: float = 2.0
    jitter: float = 0.25
    worker_wait: float = 60.0
    """Longest sleep inside a call, all its waits together; a longer wait becomes `Deferred`."""
    limit_delay: float = 60.0
    """First wait after a rate limit that names no time ("at least one minute", exponentially more if it goes on:
    https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api)."""
    longest_wait: float = 3600.0
    plausible_skew: float = 600.0
    """A `Date` of GitHub that differs more from our clock is not used to correct for it."""
    body: int = 32 * 2**20
    items: int = 1000
    """Most items of one listing; also GitHub's own end of a filtered list of runs."""
    log_head: int = 2**20
    log_tail: int = 15 * 2**20
    log_stream: int = 4 * 2**30
    log_total: float = 600.0


BOUNDS = Bounds()


class Step(StrEnum):
    DONE = "done"
    RETRY = "retry"
    RENEW = "renew"
    REDIRECT = "redirect"
    RAISE = "raise"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What follows. `error` is what to raise when the step cannot be taken (tries or time used up)."""

    step: Step
    error: type[GitHubError] | None = None
    wait: float = 0.0
    not_before: datetime | None = None


class Garbled(Exception):  # noqa: N818 - internal, named for what the answer is
    """The answer came but cannot be read. Internal: becomes `Unanswered`."""


NOTHING_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
"""Exceptions that prove that no byte of the request left us; every other one leaves that open."""


def follow_up(
    method: str,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    exception: Exception | None = None,
    now: datetime,
    tries: int = 0,
    jitter: float = 0.5,
    body: bytes = b"",
    bounds: Bounds = BOUNDS,
) -> FollowUp:
    """What follows one try: `status` with `headers` and `body`, or `exception`.

    `tries` counts earlier tries of the call, `jitter` is a random number in 0..1. `GET` and `HEAD` are the only
    methods that are ever sent again.
    """
    given = {name.lower(): value for name, value in (headers or {}).items()}
    again = method.upper() in {"GET", "HEAD"}
    if exception is not None or status is None:
        error = NotSent if isinstance(exception, NOTHING_LEFT) else Unanswered
        return _retry(error, _backoff(tries, jitter, bounds), now) if again else _raise(error)
    if 200 <= status < 300 or (status == 304 and again):
        return FollowUp(step=Step.DONE)
    if status == 401:
        return FollowUp(step=Step.RENEW, error=Refused)
    if status == 429 or (status == 403 and _limited(given, body)):
        wait = _limit_wait(given, now=now, tries=tries, jitter=jitter, bounds=bounds)
        return _retry(Deferred, wait, now) if again and wait <= bounds.worker_wait else _deferred(wait, now)
    if 300 <= status < 400:
        return FollowUp(step=Step.REDIRECT if again and status in {301, 302, 307, 308} else Step.RAISE, error=Refused)
    if 400 <= status < 500 and status != 408:  # 408 may come from a proxy between us, after GitHub acted
        return _raise(Refused)
    if not again:
        return _raise(Unanswered)
    asked = retry_after(given, now=now, bounds=bounds)
    wait = max(_backoff(tries, jitter, bounds), asked or 0.0)
    return _retry(Unanswered, wait, now) if wait <= bounds.worker_wait else _deferred(wait, now)


def retry_after(headers: Mapping[str, str], *, now: datetime, bounds: Bounds = BOUNDS) -> float | None:
    """Seconds that `Retry-After` asks for (RFC 9110, 10.2.3: seconds or an HTTP date); None when absent or unreadable.

    A time in the past gives 0, and nothing gives more than an hour. A date counts from GitHub's own `Date`.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
        return min(float(text[:20]), bounds.longest_wait) if len(text) < 20 else bounds.longest_wait
    moment = http_date(text)
    if moment is None:
        return None
    return min(max(0.0, (moment - server_time(headers, now=now, bounds=bounds)).total_seconds()), bounds.longest_wait)


def http_date(text: str) -> datetime | None:
    """The moment of an HTTP date (RFC 9110, 5.6.7), or None for anything else."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    try:
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except OverflowError:  # the year 0 or 9999 in a zone that pushes it over the edge
        return None


def server_time(headers: Mapping[str, str], *, now: datetime, bounds: Bounds = BOUNDS) -> datetime:
    """GitHub's clock when it answered; ours when it names none, or one too far from ours to be believed."""
    moment = http_date(headers.get("date", ""))
    if moment is None or abs((moment - now).total_seconds()) > bounds.plausible_skew:
        return now
    return moment


def _limited(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a 403 is a rate limit: by header, else by the words of the secondary limit.

    Both readings of a 403 mean "no effect", so a wrong guess here costs a wait and never an effect.
    """
    if headers.get("x-ratelimit-remaining", "").strip() == "0" or "retry-after" in headers:
        return True
    try:
        tree = json.loads(body) if body else None
    except (ValueError, RecursionError):
        return False
    if not isinstance(tree, dict):
        return False
    page, message = str(tree.get("documentation_url", "")), str(tree.get("message", ""))
    return "rate-limit" in page or "secondary rate limit" in message.lower()


def _limit_wait(headers: Mapping[str, str], *, now: datetime, tries: int, jitter: float, bounds: Bounds) -> float:
    """RT-2: `Retry-After`, else `x-ratelimit-reset`, else a minute and more."""
    floor = _backoff(tries, jitter, bounds)
    asked = retry_after(headers, now=now, bounds=bounds)
    if asked is not None:
        return max(asked, floor)
    spent = headers.get("x-ratelimit-remaining", "0").strip() == "0"  # else the reset belongs to a limit not hit
    text = headers.get("x-ratelimit-reset", "").strip()
    if spent and re.fullmatch(r"\d{1,12}", text, re.ASCII):
        left = int(text) - server_time(headers, now=now, bounds=bounds).timestamp() + 1
        return min(max(left, floor), bounds.longest_wait)
    return float(min(bounds.limit_delay * bounds.multiplier**tries, bounds.longest_wait))


def _backoff(tries: int, jitter: float, bounds: Bounds) -> float:
    delay = min(bounds.longest_delay, bounds.first_delay * bounds.multiplier ** min(tries, 30))
    return float(delay * (1 + bounds.jitter * (2 * jitter - 1)))


def _raise(error: type[GitHubError]) -> FollowUp:
    return FollowUp(step=Step.RAISE, error=error)


def _retry(error: type[GitHubError], wait: float, now: datetime) -> FollowUp:
    return FollowUp(step=Step.RETRY, error=error, wait=wait, not_before=now + timedelta(seconds=wait))


def _deferred(wait: float, now: datetime) -> FollowUp:
    return FollowUp(step=Step.RAISE, error=Deferred, wait=wait, not_before=now + timedelta(seconds=wait))
