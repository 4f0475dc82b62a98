"""What was measured reads back as it was written; the entry holds its numbers and vouches for the report."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from cicatrix.ledger import Ledger
from cicatrix.ledger.canonical import canonical
from tests.ledger.helpers import HOST, MAIN, SHA, Clock, measurement

PURPOSES = ("gate", "before", "after", "validation", "culprit")


@pytest.mark.shows("RP-2", "GK-4")
def test_a_measurement_reads_back_as_it_was_written(ledger: Ledger, clock: Clock) -> None:
    written = [
        measurement(purpose=purpose, case_id="case1" if n else None, taken_at=clock.now)
        for n, purpose in enumerate(PURPOSES)
    ]
    with ledger.write("measured") as tx:
        assert [tx.record_measurement(row) for row in written] == list(range(5))
    with ledger.read() as view:
        stored = view.measurements(HOST, "100")
    assert [found.row for found in stored] == written[::-1]
    assert [(found.id, found.ledger_index, found.created_at) for found in stored] == [
        (n + 1, n, clock.now) for n in reversed(range(5))
    ]


@pytest.mark.shows("GK-3")
def test_what_is_unknown_stays_unknown(ledger: Ledger) -> None:
    unknown = measurement(confidence=None, health=None, ready=None, gate="hold", band="unknown")
    with ledger.write("measured") as tx:
        tx.record_measurement(unknown)
        (stored,) = tx.measurements(HOST, "100")
        (entry,) = tx.entries()
    assert stored.row == unknown
    assert (entry.data["confidence"], entry.data["health"], entry.data["ready"]) == (None, None, None)


def test_measurements_are_found_by_ref_commit_and_case_newest_first(ledger: Ledger) -> None:
    with ledger.write("measured") as tx:
        tx.record_measurement(measurement())
        tx.record_measurement(measurement(sha="b" * 40, case_id="case1"))
        tx.record_measurement(measurement(ref="refs/heads/next"))
        tx.record_measurement(measurement(repository_id="200"))
        tx.record_measurement(measurement(host="ghes.example"))
    with ledger.read() as view:

        def found(**wanted: Any) -> list[int]:
            return [m.ledger_index for m in view.measurements(HOST, "100", **wanted)]

        assert found() == [2, 1, 0]
        assert found(ref=MAIN) == [1, 0]
        assert found(sha=SHA) == [2, 0]
        assert found(ref=MAIN, sha=SHA) == [0]
        assert found(case_id="case1") == [1]
        assert [m.ledger_index for m in view.measurements(HOST, "100", limit=2)] == [2, 1]


@pytest.mark.shows("LG-8", "RP-3")
def test_the_entry_holds_numbers_and_hashes_and_no_text_of_strangers(ledger: Ledger) -> None:
    row = measurement(ref="refs/heads/octavias-idea", case_id="case1", report={"blockers": ["octavia broke the build"]})
    with ledger.write("measured") as tx:
        tx.record_measurement(row)
        ((entry,), (stored,)) = tx.entries_of_case("case1"), tx.measurements(HOST, "100")
        told = tx.resolved(entry.data)
    assert entry.kind == "health.measured"
    for name in ("octavia", "acme", "site"):
        assert name not in entry.body
    assert (told["owner"], told["repository"], told["ref"]) == ("acme", "site", "refs/heads/octavias-idea")
    assert {name: entry.data[name] for name in ("sha", "purpose", "health", "confidence", "gate", "band")} == {
        "sha": SHA, "purpose": "gate", "health": 25, "confidence": 27, "gate": "fail", "band": "critical",
    }  # fmt: skip
    assert entry.data["setHash"] == row.set_hash
    assert entry.data["takenAt"] == "2026-11-21T12:00:00.000000Z"
    assert entry.data["reportHash"] == sha256(canonical(stored.row.report).encode()).hexdigest()


@pytest.mark.shows("RP-4")
def test_texts_of_a_report_are_redacted(ledger: Ledger) -> None:
    secret = "ghp_" + "A1b2" * 9
    with ledger.write("measured") as tx:
        tx.record_measurement(measurement(report={"findings": [{"message": f"found {secret}"}]}))
        (stored,) = tx.measurements(HOST, "100")
    assert secret not in str(stored.row.report)
    assert "found" in str(stored.row.report)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"purpose": "guess"}, "purpose"),
        ({"health": 101}, "health"),
        ({"health": -1}, "health"),
        ({"confidence": 101}, "confidence"),
    ],
)
def test_what_no_measurement_can_be_is_refused_by_the_table(
    ledger: Ledger, changes: dict[str, object], error: str
) -> None:
    with pytest.raises(IntegrityError, match=f"ck_health_measurements_{error}"), ledger.write("bad") as tx:
        tx.record_measurement(measurement(**changes))
    with ledger.read() as view:
        assert view.size() == 0


def test_a_report_with_a_float_is_refused(ledger: Ledger) -> None:
    with pytest.raises(TypeError, match="floats are refused"), ledger.write("bad") as tx:
        tx.record_measurement(measurement(report={"seconds": 0.5}))
