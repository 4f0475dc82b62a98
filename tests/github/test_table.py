"""The decision table, one row each, and every form of the rate-limit headers."""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.github import BOUNDS, Deferred, GitHubError, NotSent, Refused, Step, Unanswered, follow_up, retry_after
from tests.github.far_side import START

DONE, RETRY, RENEW, REDIRECT, RAISE = Step.DONE, Step.RETRY, Step.RENEW, Step.REDIRECT, Step.RAISE

BY_STATUS: list[tuple[int, Step, type[GitHubError] | None, Step, type[GitHubError] | None]] = [
    # status, GET: step and error, POST: step and error
    (200, DONE, None, DONE, None),
    (201, DONE, None, DONE, None),
    (204, DONE, None, DONE, None),
    (304, DONE, None, RAISE, Refused),
    (301, REDIRECT, Refused, RAISE, Refused),
    (302, REDIRECT, Refused, RAISE, Refused),
    (303, RAISE, Refused, RAISE, Refused),
    (307, REDIRECT, Refused, RAISE, Refused),
    (308, REDIRECT, Refused, RAISE, Refused),
    (400, RAISE, Refused, RAISE, Refused),
    (401, RENEW, Refused, RENEW, Refused),
    (403, RAISE, Refused, RAISE, Refused),
    (404, RAISE, Refused, RAISE, Refused),
    (408, RETRY, Unanswered, RAISE, Unanswered),
    (409, RAISE, Refused, RAISE, Refused),
    (410, RAISE, Refused, RAISE, Refused),
    (422, RAISE, Refused, RAISE, Refused),
    (429, RETRY, Deferred, RAISE, Deferred),
    (451, RAISE, Refused, RAISE, Refused),
    (500, RETRY, Unanswered, RAISE, Unanswered),
    (502, RETRY, Unanswered, RAISE, Unanswered),
    (503, RETRY, Unanswered, RAISE, Unanswered),
    (504, RETRY, Unanswered, RAISE, Unanswered),
    (599, RETRY, Unanswered, RAISE, Unanswered),
    (100, RETRY, Unanswered, RAISE, Unanswered),
    (777, RETRY, Unanswered, RAISE, Unanswered),
]

BY_EXCEPTION: list[tuple[Exception, type[GitHubError]]] = [
    (httpx.ConnectError("x"), NotSent),
    (httpx.ConnectTimeout("x"), NotSent),
    (httpx.PoolTimeout("x"), NotSent),
    (httpx.UnsupportedProtocol("x"), NotSent),
    (httpx.InvalidURL("x"), NotSent),
    (httpx.ReadTimeout("x"), Unanswered),
    (httpx.ReadError("x"), Unanswered),
    (httpx.WriteTimeout("x"), Unanswered),
    (httpx.WriteError("x"), Unanswered),
    (httpx.RemoteProtocolError("x"), Unanswered),
    (httpx.LocalProtocolError("x"), Unanswered),
    (httpx.DecodingError("x"), Unanswered),
    (OSError("x"), Unanswered),
    (RuntimeError("x"), Unanswered),
]


@pytest.mark.shows("RT-1", "C6")
@pytest.mark.parametrize(("status", "get", "get_error", "post", "post_error"), BY_STATUS)
def test_what_follows_a_status(
    status: int, get: Step, get_error: type[GitHubError] | None, post: Step, post_error: type[GitHubError] | None
) -> None:
    read, write = (follow_up(method, status=status, now=START) for method in ("GET", "POST"))
    assert (read.step, read.error) == (get, get_error)
    assert (write.step, write.error) == (post, post_error)


@pytest.mark.shows("RT-1", "F11")
@pytest.mark.parametrize(
    ("exception", "error"), BY_EXCEPTION, ids=lambda value: getattr(value, "__name__", repr(value))
)
def test_what_follows_an_exception(exception: Exception, error: type[GitHubError]) -> None:
    read = follow_up("GET", exception=exception, now=START)
    write = follow_up("POST", exception=exception, now=START)
    assert (read.step, read.error) == (RETRY, error)
    assert (write.step, write.error) == (RAISE, error)


@pytest.mark.shows("RT-1", "C6")
@given(
    st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "post"]),
    st.one_of(st.integers(0, 999), st.none()),
    st.dictionaries(
        st.sampled_from(["Retry-After", "x-ratelimit-remaining", "X-RateLimit-Reset"]), st.text(max_size=30)
    ),
    st.integers(0, 12),
)
def test_nothing_ever_sends_a_write_again(method: str, status: int | None, headers: dict[str, str], tries: int) -> None:
    then = follow_up(method, status=status, headers=headers, now=START, tries=tries)
    assert then.step not in {RETRY, REDIRECT}


@pytest.mark.shows("RT-1")
def test_the_delays_grow_within_the_bounds_and_scatter() -> None:
    middle = [follow_up("GET", status=502, now=START, tries=tries, jitter=0.5).wait for tries in range(8)]
    assert middle == [1, 2, 4, 8, 16, 32, 32, 32]
    assert follow_up("GET", status=502, now=START, jitter=0.0).wait == 0.75
    assert follow_up("GET", status=502, now=START, jitter=1.0).wait == 1.25


LIMIT_FORMS: list[tuple[dict[str, str], float]] = [
    ({"Retry-After": "7"}, 7),
    ({"Retry-After": " 7 "}, 7),
    ({"Retry-After": "1.5"}, 1.5),
    ({"Retry-After": "0"}, 1),
    ({"Retry-After": format_datetime(START + timedelta(seconds=45), usegmt=True)}, 45),
    ({"Retry-After": format_datetime(START - timedelta(hours=3), usegmt=True)}, 1),
    ({"Retry-After": "86400"}, 3600),
    ({"Retry-After": "9" * 5000}, 3600),
    ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 3600),
    ({"Retry-After": "soon"}, 60),
    ({"Retry-After": "-5"}, 60),
    ({"Retry-After": "٣"}, 60),
    ({"Retry-After": "Mon, 99 Nov 2026 99:99:99 GMT"}, 60),
    ({"Retry-After": ""}, 60),
    ({}, 60),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(START.timestamp()) + 30)}, 31),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(START.timestamp()) - 30)}, 1),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(START.timestamp()) + 10**6)}, 3600),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "never"}, 60),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 400}, 60),
    ({"X-RateLimit-Reset": str(int(START.timestamp()) + 30)}, 31),
    ({"X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": str(int(START.timestamp()) + 30)}, 60),
    ({"Retry-After": "7", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(START.timestamp()) + 900)}, 7),
]


@pytest.mark.shows("RT-2", "F10", "C6")
@pytest.mark.parametrize(("headers", "wait"), LIMIT_FORMS, ids=lambda value: str(value)[:60])
def test_every_form_of_a_rate_limit_gives_a_wait(headers: dict[str, str], wait: float) -> None:
    then = follow_up("POST", status=429, headers=headers, now=START)
    assert (then.step, then.error) == (RAISE, Deferred)
    assert then.wait == pytest.approx(wait)
    assert then.not_before == START + timedelta(seconds=then.wait)


@pytest.mark.shows("RT-2", "F10", "C6")
def test_a_read_waits_up_to_a_minute_and_leaves_the_worker_above_it() -> None:
    short = follow_up("GET", status=429, headers={"Retry-After": "60"}, now=START)
    long = follow_up("GET", status=429, headers={"Retry-After": "61"}, now=START)
    assert (short.step, short.error, long.step, long.error) == (RETRY, Deferred, RAISE, Deferred)


@pytest.mark.shows("RT-2")
def test_a_limit_that_names_no_time_waits_longer_each_time() -> None:
    assert [follow_up("POST", status=429, now=START, tries=n).wait for n in range(8)] == [
        60, 120, 240, 480, 960, 1920, 3600, 3600
    ]  # fmt: skip


@pytest.mark.shows("RT-2", "F10")
@pytest.mark.parametrize(
    ("headers", "message", "page", "error"),
    [
        ({}, "Must have admin rights to Repository.", "https://docs.github.com/rest", Refused),
        ({"x-ratelimit-remaining": "17"}, "This workflow is already running", "", Refused),
        ({"x-ratelimit-remaining": "0"}, "API rate limit exceeded", "", Deferred),
        ({"retry-after": "5"}, "", "", Deferred),
        ({}, "You have exceeded a secondary rate limit", "", Deferred),  # derived: no recording holds one
        ({}, "slow down", "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api", Deferred),
    ],
)
def test_a_403_is_a_limit_by_its_headers_or_a_refusal(
    headers: dict[str, str], message: str, page: str, error: type[GitHubError]
) -> None:
    body = json.dumps({"message": message, "documentation_url": page}).encode()
    assert follow_up("POST", status=403, headers=headers, body=body, now=START).error is error


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"[" * 100_000, b"\xff", b"null", b'"rate-limit"'])
def test_a_403_with_any_other_body_is_a_refusal(body: bytes) -> None:
    assert follow_up("POST", status=403, body=body, now=START).error is Refused


@pytest.mark.shows("RT-2", "F10")
def test_dates_count_from_githubs_clock_when_it_is_believable() -> None:
    fast = START + timedelta(minutes=5)  # our clock runs fast
    stamp = {"date": format_datetime(START, usegmt=True)}
    until = format_datetime(START + timedelta(seconds=40), usegmt=True)
    assert retry_after({"retry-after": until} | stamp, now=fast) == 40
    reset = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(START.timestamp()) + 40)} | stamp
    assert follow_up("POST", status=403, headers=reset, now=fast).wait == 41
    absurd = {"date": format_datetime(START - timedelta(days=400), usegmt=True), "retry-after": until}
    assert retry_after(absurd, now=START) == 40


@pytest.mark.shows("F10")
@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_text_raises_or_waits_longer_than_an_hour(after: str, date: str) -> None:
    wait = retry_after({"retry-after": after, "date": date}, now=START)
    assert wait is None or 0 <= wait <= BOUNDS.longest_wait


def test_a_long_retry_after_on_a_503_leaves_the_worker_for_reads_and_stays_open_for_writes() -> None:
    headers = {"Retry-After": "120"}
    read, write = (follow_up(m, status=503, headers=headers, now=START) for m in ("GET", "POST"))
    assert (read.step, read.error, write.step, write.error) == (RAISE, Deferred, RAISE, Unanswered)
