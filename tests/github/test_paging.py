"""Listings are read to their end or marked incomplete; nothing in between (RR-15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.core.facts import Job, Listing
from cicatrix.github import Host
from cicatrix.github.paging import next_link
from tests.github.far_side import answer, client, job

BASE = "https://api.github.com/repos/o/r/actions/runs/1/attempts/1/jobs"


class Pages:
    """A far side that lists jobs in pages of `per_page`, as GitHub does, and lets a test change them between pages."""

    def __init__(self, count: int, *, between: Callable[[list[dict[str, Any]], int], None] | None = None) -> None:
        self.jobs = [job(n) for n in range(1, count + 1)]
        self.between, self.asked = between, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        size, page = int(request.url.params["per_page"]), int(request.url.params.get("page", 1))
        self.asked += 1
        if self.between is not None:
            self.between(self.jobs, page)
        part = self.jobs[(page - 1) * size : page * size]
        last = -(-len(self.jobs) // size)
        links = [f'<{BASE}?per_page={size}&page={last}>; rel="last"', f'<{BASE}?per_page={size}&page=1>; rel="first"']
        if page < last:
            links.insert(0, f'<{BASE}?per_page={size}&page={page + 1}>; rel="next"')
        headers = {"Link": ", ".join(links)} if last > 1 else {}
        return answer({"total_count": len(self.jobs), "jobs": part}, headers=headers)


def listed(
    far: Callable[[httpx.Request], httpx.Response], *, host: Host | None = None, limit: int | None = None
) -> Listing[Job]:
    return client(far, host=host or Host()).jobs("o", "r", "1", 1, limit=limit)


@pytest.mark.shows("RR-15", "F15")
@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (100, 1), (101, 2), (500, 5), (1000, 10)])
def test_a_list_is_read_to_its_end(count: int, pages: int) -> None:
    far = Pages(count)
    listing = listed(far)
    assert [found.id for found in listing.items] == [str(n) for n in range(1, count + 1)]
    assert listing.incomplete is None
    assert far.asked == pages


@pytest.mark.shows("RR-15", "F15")
@pytest.mark.parametrize(("count", "limit", "pages"), [(1001, None, 10), (5000, None, 10), (101, 100, 1), (30, 7, 1)])
def test_the_bound_makes_a_list_incomplete(count: int, limit: int | None, pages: int) -> None:
    far = Pages(count)
    listing = listed(far, limit=limit)
    assert len(listing.items) == (limit or 1000)
    assert listing.incomplete is not None
    assert str(limit or 1000) in listing.incomplete
    assert far.asked == pages


def _insert(jobs: list[dict[str, Any]], page: int) -> None:
    if page == 2:
        jobs.insert(0, job(9999))


def _drop(jobs: list[dict[str, Any]], page: int) -> None:
    if page == 2:
        del jobs[0]


def _swap(jobs: list[dict[str, Any]], page: int) -> None:
    if page == 2:  # the same number of items, other ones: one is pushed over the edge into the page being read
        jobs.insert(0, job(9999))
        del jobs[-1]


@pytest.mark.shows("RR-15", "F15")
@pytest.mark.parametrize("change", [_insert, _drop, _swap])
def test_a_list_that_changes_while_it_is_read_is_incomplete(
    change: Callable[[list[dict[str, Any]], int], None],
) -> None:
    listing = listed(Pages(250, between=change))
    assert listing.incomplete is not None
    assert "changed" in listing.incomplete


def _page(link: str, *, total: object = 2, jobs: list[dict[str, Any]] | None = None) -> httpx.Response:
    return answer({"total_count": total, "jobs": [job(1)] if jobs is None else jobs}, headers={"Link": link})


@pytest.mark.shows("RR-15", "T13")
@pytest.mark.parametrize(
    ("link", "why"),
    [
        ('<https://example.org/next>; rel="next"', "origin"),
        ('<http://api.github.com/repos/o/r/x?page=2>; rel="next"', "origin"),
        ('<https://api.github.com:444/x>; rel="next"', "origin"),
        ('<https://me:pw@api.github.com/x>; rel="next"', "origin"),
        ("<file:///etc/passwd>; rel=next", "origin"),
        ('<http://169.254.169.254/x>; rel="next"', "origin"),
        (f'<{BASE}?per_page=100>; rel="next"', "circle"),
        ("<http://[>; rel=next", "origin"),
        ("<<<", "cannot be read"),
        ("next please", "cannot be read"),
    ],
)
def test_a_link_that_leads_elsewhere_is_not_followed(link: str, why: str) -> None:
    asked: list[str] = []

    def far(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return _page(link)

    listing = listed(far)
    assert listing.incomplete is not None
    assert why in listing.incomplete
    assert len(asked) == 1


def test_two_pages_that_name_each_other_end() -> None:
    def far(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", 1))
        return _page(f'<{BASE}?per_page=100&page={page % 2 + 1}>; rel="next"', total=None, jobs=[job(page)])

    assert listed(far).incomplete is not None


def test_endless_empty_pages_end() -> None:
    def far(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", 1))
        return _page(f'<{BASE}?per_page=100&page={page + 1}>; rel="next"', total=None, jobs=[])

    assert listed(far).incomplete == "an empty page names a next one"


@pytest.mark.shows("RR-15")
@pytest.mark.parametrize("total", [0, 1, 3, 100])
def test_a_count_that_disagrees_makes_a_list_incomplete(total: int) -> None:
    assert listed(lambda _: _page("", total=total, jobs=[job(1), job(2)])).incomplete is not None


@pytest.mark.parametrize("total", [None, "2", True, -1])
def test_a_count_that_is_none_is_not_compared(total: object) -> None:
    assert listed(lambda _: _page("", total=total, jobs=[job(1), job(2)])).incomplete is None


def test_an_item_twice_on_one_page_makes_it_incomplete() -> None:
    assert listed(lambda _: _page("", jobs=[job(1), job(1)])).incomplete is not None


def test_an_enterprise_server_pages_under_its_own_path() -> None:
    host = Host(name="ghes", api_url="https://github.example.com/api/v3")
    asked: list[str] = []

    def far(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        page = "page=2" in str(request.url)
        link = "" if page else '<https://github.example.com/api/v3/repositories/5/jobs?page=2>; rel="next"'
        return _page(link, jobs=[job(2 if page else 1)])

    assert len(listed(far, host=host).items) == 2
    assert asked[0].startswith("https://github.example.com/api/v3/repos/o/r/")
    outside = listed(lambda _: _page('<https://github.example.com/login?page=2>; rel="next"'), host=host)
    assert outside.incomplete == "the next page would be at another origin"


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("", None),
        ('<https://a/x?page=2>; rel="next", <https://a/x?page=9>; rel="last"', "https://a/x?page=2"),
        ('<https://a/x?page=1>; rel="prev", <https://a/x?page=3>; rel="next"', "https://a/x?page=3"),
        ("<https://a/x>; rel=next", "https://a/x"),
        ('<https://a/x>; title="a, b; c"; rel="prev next"', "https://a/x"),
        ('<https://a/x,y>; REL="NEXT"', "https://a/x,y"),
        ('<https://a/x>; rel="last"', None),
        ("<https://a/x>", None),
    ],
)
def test_link_headers(header: str, target: str | None) -> None:
    assert next_link(header) == target


@given(st.text(max_size=200))
def test_no_link_header_does_worse_than_be_unreadable(header: str) -> None:
    try:
        next_link(header)
    except ValueError as wrong:
        assert "cannot be read" in str(wrong)  # noqa: PT017 - most texts are read as no link at all
