"""Entries: what they may hold, how they are hashed, and the texts that they commit to."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.core.merkle import leaf_hash, root
from cicatrix.ledger import Ledger, Tx
from cicatrix.ledger.canonical import canonical
from cicatrix.ledger.types import utc_moment, utc_text
from tests.ledger.helpers import Clock


class Word(StrEnum):
    HELLO = "hello"


@pytest.mark.shows("LG-6")
def test_an_entry_is_stored_as_canonical_text_and_hashed_as_stored(ledger: Ledger) -> None:
    with ledger.write("one") as tx:
        assert tx.append("rerun.decided", {"zeta": "é\n", "alpha": ["1", 2, None, True], "word": Word.HELLO}) == 0
    with ledger.read() as view:
        (entry,) = view.entries()
    assert entry.body == (
        '{"alpha":["1",2,null,true],"at":"2026-11-21T12:00:00.000000Z","index":0,"kind":"rerun.decided","schema":1,'
        '"word":"hello","zeta":"é\\n"}'
    )
    assert entry.leaf_hash == sha256(b"\x00" + entry.body.encode()).hexdigest()
    assert entry.data["alpha"] == ["1", 2, None, True]


@pytest.mark.shows("LG-6", "D14")
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (1.5, TypeError),
        (1.0, TypeError),
        (float("nan"), TypeError),
        (2**53, ValueError),
        (-(2**53), ValueError),
        ("\ud800", ValueError),
        (datetime(2026, 1, 1, tzinfo=UTC), TypeError),
        (b"bytes", TypeError),
        ({1: "number as name"}, TypeError),
        ({"deep": [{"er": 0.5}]}, TypeError),
    ],
)
def test_what_would_not_hash_the_same_everywhere_is_refused(ledger: Ledger, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error), ledger.write("bad") as tx:
        tx.append("rerun.decided", {"value": value})
    with ledger.read() as view:
        assert view.head().size == 0


def test_a_float_is_named_with_its_place() -> None:
    with pytest.raises(TypeError, match=r"entry\.jobs\[1\]\.score: floats are refused"):
        canonical({"jobs": [{}, {"score": 0.5}]})


@pytest.mark.parametrize("name", ["schema", "index", "kind", "at", "steppedBack"])
def test_the_ledgers_own_names_cannot_be_given(ledger: Ledger, name: str) -> None:
    with pytest.raises(ValueError, match=name), ledger.write("bad") as tx:
        tx.append("rerun.decided", {name: 1})


@pytest.mark.shows("LG-6")
def test_indexes_have_no_gap_after_a_rollback(ledger: Ledger) -> None:
    with ledger.write("one") as tx:
        assert [tx.append("a.b", {}), tx.append("a.b", {})] == [0, 1]

    def undone(tx: Tx) -> None:
        tx.append("a.b", {})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ledger.intend("two", undone)
    with ledger.write("three") as tx:
        assert tx.append("a.b", {}) == 2
    with ledger.read() as view:
        assert [entry.index for entry in view.entries()] == [0, 1, 2]
        assert [entry.index for entry in view.entries(start=1, limit=1)] == [1]
        head = view.head()
        assert head.root == root(leaf_hash(entry.body.encode()) for entry in view.entries()).hex()
        assert (head.size, len(json.loads(head.as_json())["leafPrefixes"])) == (3, 32)


def test_many_entries_are_read_page_by_page(ledger: Ledger) -> None:
    with ledger.write("many") as tx:
        for _ in range(2001):
            tx.append("a.b", {})
    with ledger.read() as view:
        assert [entry.index for entry in view.entries()] == list(range(2001))
        assert len(list(view.entries(start=5, limit=1500))) == 1500


@pytest.mark.shows("F17")
def test_a_clock_that_steps_back_is_flagged_and_order_stays_the_index(ledger: Ledger, clock: Clock) -> None:
    for seconds in (0, -3600, 1):
        clock.move(seconds=seconds)
        with ledger.write("one") as tx:
            tx.append("a.b", {})
            tx.append("a.b", {})
    with ledger.read() as view:
        assert [entry.data.get("steppedBack", False) for entry in view.entries()] == [
            False, False, True, False, False, False,
        ]  # fmt: skip


@pytest.mark.shows("LG-8", "T14")
def test_a_text_is_redacted_and_salted_and_the_same_text_gives_the_same_commitment(ledger: Ledger) -> None:
    with ledger.write("texts") as tx:
        ref = tx.text("token ghp_" + "A1b2" * 9 + " leaked")
        again = tx.text("token ghp_" + "A1b2" * 9 + " leaked")
        other = tx.text("another line")
    with ledger.read() as view:
        clear = view.text_of(ref)
        assert view.text_of("0" * 64) is None
    assert ref == again != other
    assert clear is not None
    assert "ghp_" not in clear
    assert ref != sha256(clear.encode()).hexdigest()


def test_a_configured_secret_is_redacted_by_the_given_redactor(path: Any, clock: Clock) -> None:
    ledger = Ledger.open(str(path), now=clock, new_id=lambda: "salt", redact=lambda text: text.replace("hunter2", "*"))
    with ledger.write("text") as tx:
        assert tx.text_of(tx.text("my hunter2")) == "my *"
    ledger.close()


@pytest.mark.shows("LG-8")
def test_an_erased_text_breaks_no_proof(ledger: Ledger) -> None:
    with ledger.write("text") as tx:
        ref = tx.text("octavia/secret-branch")
        tx.append("rerun.decided", {"decisionId": "d1", "branch": ref, "lawbookHash": "f" * 64})
        before = tx.head()
    with ledger.read() as view:
        assert view.decision("d1") == {
            "schema": 1, "index": 0, "kind": "rerun.decided", "at": "2026-11-21T12:00:00.000000Z", "decisionId": "d1",
            "branch": "octavia/secret-branch", "lawbookHash": "f" * 64,
        }  # fmt: skip
    with ledger.write("erase") as tx:
        assert tx.erase_text(ref)
        assert not tx.erase_text("0" * 64)
        assert tx.text("octavia/secret-branch") != ref
    with ledger.read() as view:
        assert view.head() == before
        assert view.text_of(ref) is None
        decision = view.decision("d1")
    assert decision is not None
    assert decision["branch"] == ref


def test_decisions_are_found_by_id_and_by_run(ledger: Ledger) -> None:
    run = {"host": "github.com", "repositoryId": "1", "runId": "7"}
    with ledger.write("decisions") as tx:
        tx.append("rerun.decided", {"decisionId": "d1", **run, "n": 1})
        tx.append("rerun.intended", {"decisionId": "d1", **run})
        tx.append("rerun.decided", {"decisionId": "d2", **run, "n": 2, "deep": [{"line": tx.text("boom")}]})
        tx.append("rerun.decided", {"decisionId": "d3", **run, "runId": "8"})
    with ledger.read() as view:
        found = view.decisions_of_run("github.com", "1", "7")
        assert view.decision("d9") is None
        assert [entry.kind for entry in view.entries_of(run=("github.com", "1", "7"))] == [
            "rerun.decided",
            "rerun.intended",
            "rerun.decided",
        ]
    assert [decision["n"] for decision in found] == [1, 2]
    assert found[1]["deep"] == [{"line": "boom"}]


MOMENTS = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.just(UTC))  # noqa: DTZ001 -- the bounds are naive by hypothesis' contract


@given(MOMENTS, MOMENTS, st.integers(-23, 23))
def test_moments_read_back_as_written_and_their_texts_sort_as_they_do(one: datetime, two: datetime, hours: int) -> None:
    assert utc_moment(utc_text(one)) == one
    assert utc_text(one.astimezone(timezone(timedelta(hours=hours)))) == utc_text(one)
    assert (utc_text(one) < utc_text(two)) == (one < two)


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        utc_text(datetime(2026, 1, 1))  # noqa: DTZ001 -- the point of the test
