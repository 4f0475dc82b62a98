"""API keys: stored without their secret, ended at once, and believed only as far as their entry goes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from cicatrix.core.actions import Role
from cicatrix.ledger import Ledger, LedgerError
from tests.ledger.helpers import START, Clock, open_ledger
from tests.ledger.policy_values import key

HASH = sha256(b"secret").hexdigest()


@pytest.mark.shows("AU-4")
def test_a_key_reads_back_with_its_hash_and_its_entry_never_holds_it(ledger: Ledger, path: Path) -> None:
    made, admin = key(), key("k2", role=Role.ADMIN, repositories=None, actions=None, label="root")
    with ledger.write("keys") as tx:
        assert tx.create_key(made, HASH) == 0
        assert tx.create_key(admin, sha256(b"other").hexdigest()) == 1
    with ledger.read() as view:
        assert view.key("k1") == (made, HASH)
        assert view.key("k3") is None
        assert view.keys() == (made, admin)
        entry = next(iter(view.entries()))
        assert HASH not in entry.body
        assert "acme" not in entry.body
        told = view.resolved(entry.data)
        assert (told["keyId"], told["role"], told["names"], told["label"], told["principal"]) == (
            "k1",
            "operator",
            ["acme/site"],
            "the bot of team site",
            "key:admin",
        )
        assert told["repositories"] == [{"host": "github.com", "repositoryId": "100"}]
        assert told["actions"] == ["rerun_checks", "rerun_failed_jobs"]
        assert told["expiresAt"] == "2027-02-19T12:00:00.000000Z"


@pytest.mark.shows("AU-4")
def test_a_revoked_key_is_good_for_nothing_from_then_on(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("keys") as tx:
        tx.create_key(key(), HASH)
    at = clock.move(hours=1)
    with ledger.write("revoke") as tx:
        assert tx.revoke_key("k1", "leaked", "key:admin") == 1
        assert tx.revoke_key("k1", "again", "key:admin") is None
        assert tx.revoke_key("k9", "unknown", "key:admin") is None
    with ledger.read() as view:
        found = view.key("k1")
        assert found is not None
        assert found[0].revoked_at == at
        assert found[0].problem(at) is not None
        last = list(view.entries())[-1]
        assert (last.kind, view.resolved(last.data)["reason"]) == ("key.revoked", "leaked")


def test_an_id_is_never_used_twice(ledger: Ledger) -> None:
    with ledger.write("keys") as tx:
        tx.create_key(key(), HASH)
    with pytest.raises(LedgerError, match="its id is taken"), ledger.write("keys") as tx:
        tx.create_key(key(label="another"), HASH)


TAMPERING = {
    "role": "UPDATE api_keys SET role = 'admin'",
    "repositories": "UPDATE api_keys SET repositories = NULL",
    "actions": "UPDATE api_keys SET actions = NULL",
    "expiresAt": "UPDATE api_keys SET expires_at = '2099-01-01T00:00:00.000000Z'",
    "keyId": "UPDATE api_keys SET id = 'k1', ledger_index = 0 WHERE id = 'k2'",
}


@pytest.mark.shows("AU-4", "GE-4")
@pytest.mark.parametrize("what", TAMPERING)
def test_a_key_whose_rights_were_widened_by_hand_opens_nothing(path: Path, ledger: Ledger, what: str) -> None:
    with ledger.write("keys") as tx:
        tx.create_key(key("k0"), HASH)
        tx.create_key(key("k2" if what == "keyId" else "k1"), HASH)
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(TAMPERING[what]).rowcount
        connection.commit()
    again = open_ledger(path)
    with again.read() as view, pytest.raises(LedgerError, match="does not vouch for the key k1") as caught:
        view.key("k1")
    assert what in caught.value.why
    again.close()


def test_the_row_bears_the_moment_of_its_entry(ledger: Ledger, clock: Clock) -> None:
    clock.move(minutes=3)
    with ledger.write("keys") as tx:
        tx.create_key(key(created_at=START - timedelta(days=1)), HASH)
    with ledger.read() as view:
        assert view.keys()[0].created_at == clock.now


@pytest.mark.shows("AU-4", "GE-4")
@pytest.mark.parametrize(
    "by_hand", ["UPDATE api_keys SET revoked_at = NULL", "UPDATE api_keys SET secret_hash = 'f00', revoked_at = NULL"]
)
def test_a_revoked_key_does_not_come_back_by_hand(ledger: Ledger, path: Path, by_hand: str) -> None:
    with ledger.write("key") as tx:
        tx.create_key(key(), HASH)
        tx.revoke_key("k1", "left the team", "cli:me@local")
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(by_hand)
    with ledger.read() as view, pytest.raises(LedgerError, match="does not vouch"):
        view.key("k1")


@pytest.mark.shows("AU-4", "GE-4")
def test_a_secret_that_was_swapped_by_hand_opens_nothing(ledger: Ledger, path: Path) -> None:
    with ledger.write("key") as tx:
        tx.create_key(key(), HASH)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE api_keys SET secret_hash = 'f00'")
    with ledger.read() as view, pytest.raises(LedgerError, match="does not vouch"):
        view.key("k1")
