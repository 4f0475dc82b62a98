"""The canonical form equals RFC 8785, judged by an independent implementation."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.core.canonical import LARGEST_INTEGER, NotCanonicalError, canonical, canonical_hash, instant

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=25,
)


@pytest.mark.shows("LG-6", "GE-2")
@given(TREES)
def test_equal_to_rfc_8785(tree: object) -> None:
    assert canonical(tree).encode() == rfc8785.dumps(tree)  # type: ignore[arg-type]  # the strategy makes JSON only
    assert canonical_hash(tree) == hashlib.sha256(rfc8785.dumps(tree)).hexdigest()  # type: ignore[arg-type]  # same


def test_keys_are_ordered_by_utf_16_units_not_by_code_points() -> None:
    tree = {"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "a": 4}
    assert list(map(ord, "".join(canonical(tree))))[2] == ord("a")
    assert canonical(tree) == '{"a":4,"\u20ac":3,"\U0001f600":2,"\ufb33":1}'


def test_order_and_kind_of_container_do_not_matter() -> None:
    assert canonical_hash({"a": 1, "b": [1, 2]}) == canonical_hash({"b": (1, 2), "a": 1})


def test_dates_are_text_in_utc() -> None:
    moment = datetime(2026, 11, 21, 23, 5, 1, tzinfo=timezone(timedelta(hours=2)))
    assert canonical({"at": moment, "on": date(2026, 11, 21)}) == '{"at":"2026-11-21T21:05:01Z","on":"2026-11-21"}'
    assert instant(moment.replace(microsecond=120)) == "2026-11-21T21:05:01.000120Z"
    assert instant(moment) == instant(moment.astimezone(UTC))


def nested(levels: int) -> object:
    tree: object = 1
    for _ in range(levels):
        tree = [tree]
    return tree


@pytest.mark.parametrize(
    "bad",
    [
        1.0,
        [0.5],
        {"a": float("nan")},
        {1: "a"},
        {"a": {None: 1}},
        2**53,
        -(2**53),
        "\ud800",
        {"\udfff": 1},
        b"bytes",
        {1, 2},
        object(),
        datetime(2026, 1, 1),  # noqa: DTZ001 - a moment without a time zone is what must be refused
        nested(200),
        nested(100_000),
    ],
)
def test_what_other_readers_might_read_otherwise_is_refused(bad: object) -> None:
    with pytest.raises(NotCanonicalError):
        canonical(bad)
