"""Listings read to their end, or marked incomplete: a decision is never made on a part (RR-15)."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from typing import TypeVar

import httpx

from cicatrix.core.facts import Listing
from cicatrix.github.host import Host

T = TypeVar("T")

_LINK = re.compile(r'<(?P<url>[^<>]*)>(?P<params>(?:\s*;\s*[\w-]+\s*=\s*(?:"[^"]*"|[^",;<>\s]*))*)\s*(?:,|$)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^",;\s]+))', re.IGNORECASE)


def next_link(header: str) -> str | None:
    """The target of `rel="next"` in a `Link` header (RFC 8288), or None. Raises `ValueError` for an unreadable one."""
    rest = header.strip()
    while rest:
        found = _LINK.match(rest)
        if found is None:
            raise ValueError("the Link header cannot be read")
        rel = _REL.search(found["params"])
        if rel is not None and "next" in (rel["quoted"] or rel["bare"] or "").lower().split():
            return found["url"]
        rest = rest[found.end() :].lstrip(" ,\t")
    return None


def cut_at(limit: int) -> str:
    """Why a listing is incomplete that has more than `limit` items."""
    return f"more than {limit} items; only {limit} are read"


def collect(
    first: str,
    read: Callable[[str], tuple[tuple[T, ...], int | None, str]],
    *,
    key: Callable[[T], Hashable],
    host: Host,
    limit: int,
) -> Listing[T]:
    """All pages from the URL `first` on. `read` gives a page's items, GitHub's total count and its `Link` header.

    The listing is incomplete when it ends at `limit`, repeats a page or an item, changes while it is read, leads to
    another origin, or holds another number of items than GitHub counts. Items read until then are in it.
    """
    found: dict[Hashable, T] = {}
    seen: set[str] = set()
    total: int | None = None
    url: str | None = first

    def so_far(why: str | None) -> Listing[T]:
        return Listing(tuple(found.values()), why)

    while url is not None:
        seen.add(url)
        page, count, link = read(url)
        if count is not None and total is not None and count != total:
            return so_far(f"the list changed while it was read ({total} items, then {count})")
        total = count if count is not None else total
        for item in page:
            if key(item) in found:
                return so_far("an item came twice: the list changed while it was read")
            if len(found) == limit:
                return so_far(cut_at(limit))
            found[key(item)] = item
        try:
            target = next_link(link)
            url = None if target is None else str(httpx.URL(url).join(target))
        except (ValueError, httpx.InvalidURL):
            return so_far("the link to the next page cannot be read")
        if url is not None and not host.same_origin(httpx.URL(url)):
            return so_far("the next page would be at another origin")
        if url is not None and url in seen:
            return so_far("the pages lead in a circle")
        if url is not None and not page:
            return so_far("an empty page names a next one")
        if url is not None and len(found) == limit:
            return so_far(cut_at(limit))
    if total is not None and total != len(found):
        return so_far(f"GitHub counts {total} items, {len(found)} were read")
    return so_far(None)
