"""Credentials are known by fingerprint; a new one in a slot is a rotation that stands in the log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cicatrix.core.records import CredentialSeen
from cicatrix.ledger import Ledger
from tests.ledger.helpers import START, Clock

SLOT = "CI_REDISPATCH_TOKEN"
OLD, NEW, NEWEST = "1" * 64, "2" * 64, "3" * 64


@pytest.mark.shows("TK-4")
def test_first_sight_and_rotation_are_entries_and_use_is_not(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("use") as tx:
        assert tx.note_credential(SLOT, OLD) == 0
        assert tx.note_credential(SLOT, OLD) is None
        assert tx.note_credential("GITHUB_TOKEN", OLD) == 1
        clock.move(days=90)
    with ledger.write("rotate") as tx:
        assert tx.note_credential(SLOT, NEW) == 2
        assert tx.note_credential(SLOT, NEW) is None
        clock.move(days=90)
    with ledger.write("rotate") as tx:
        assert tx.note_credential(SLOT, NEWEST) == 3
        told = [(entry.kind, entry.data["slot"], entry.data["fingerprint"]) for entry in tx.entries()]
        assert told == [
            ("credential.seen", SLOT, OLD),
            ("credential.seen", "GITHUB_TOKEN", OLD),
            ("credential.rotated", SLOT, NEW),
            ("credential.rotated", SLOT, NEWEST),
        ]
        assert [entry.data.get("previous") for entry in tx.entries()] == [None, None, OLD, NEW]


@pytest.mark.shows("TK-4")
def test_while_old_and_new_are_both_valid_nothing_flips(ledger: Ledger, clock: Clock) -> None:
    for fingerprint in (OLD, NEW, OLD, NEW, OLD):
        clock.move(minutes=1)
        with ledger.write("use") as tx:
            tx.note_credential(SLOT, fingerprint)
    with ledger.read() as view:
        assert view.size() == 2
        assert [(c.fingerprint, c.last_used) for c in view.credentials()] == [
            (OLD, START + timedelta(minutes=5)),
            (NEW, START + timedelta(minutes=4)),
        ]


@pytest.mark.shows("TK-4")
def test_when_a_credential_was_used_and_ends_is_known(ledger: Ledger, clock: Clock) -> None:
    ends = START + timedelta(days=90)
    with ledger.write("use") as tx:
        tx.note_credential(SLOT, OLD)
        tx.note_credential("A_SLOT", NEW, expires_at=ends)
    clock.move(days=2)
    with ledger.write("use") as tx:
        tx.note_credential(SLOT, OLD, expires_at=ends)
        tx.note_credential("A_SLOT", NEW)
    with ledger.read() as view:
        assert view.credentials() == (
            CredentialSeen(slot="A_SLOT", fingerprint=NEW, first_seen=START, last_used=clock.now, expires_at=ends),
            CredentialSeen(slot=SLOT, fingerprint=OLD, first_seen=START, last_used=clock.now, expires_at=ends),
        )
        assert [entry.data.get("expiresAt") for entry in view.entries()] == [None, "2027-02-19T12:00:00.000000Z"]
