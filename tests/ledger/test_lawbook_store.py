"""The lawbook service: immutable versions, one active a scope, every change with history and entry."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cicatrix.ledger import Ledger, LedgerError
from tests.ledger.helpers import HOST, START, Clock, open_ledger
from tests.ledger.policy_values import activate_lawbook

DEPLOYMENT = {"scope": "deployment", "host": "", "target": "", "full_name": ""}
ORGANISATION = {"scope": "organisation", "target": "9", "full_name": "acme"}


@pytest.mark.shows("LB-1")
def test_the_active_lawbooks_of_all_three_scopes_are_found_for_a_repository(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("activate") as tx:
        assert activate_lawbook(tx) == 0
        assert activate_lawbook(tx, **ORGANISATION, version="org-1") == 1
        assert activate_lawbook(tx, **DEPLOYMENT, version="base-1") == 2
        activate_lawbook(tx, target="200", full_name="acme/shop")
    with ledger.read() as view:
        found = view.active_lawbooks(HOST, "9", "100")
        assert [(b.scope, b.version, b.full_name, b.activated_index) for b in found] == [
            ("deployment", "base-1", "", 2),
            ("organisation", "org-1", "acme", 1),
            ("repository", "2026-11-22.1", "acme/site", 0),
        ]
        assert found[2].content == "version: 2026-11-22.1\nmode: act\n"
        assert (found[2].file, found[2].activated_by, found[2].activated_at) == ("cicatrix.yml", "key:admin", START)
        assert [b.scope for b in view.active_lawbooks(HOST, "8", "300")] == ["deployment"]
        assert [b.scope for b in view.active_lawbooks("ghes.example", "9", "100")] == ["deployment"]


@pytest.mark.shows("LB-1", "C7")
def test_versions_are_immutable_and_every_change_is_told(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("activate") as tx:
        assert activate_lawbook(tx) == 0
        assert activate_lawbook(tx) is None, "the same version again changes nothing"
        assert activate_lawbook(tx, version="2026-11-22.2") == 1
    later = clock.move(minutes=1)
    with ledger.write("activate") as tx:
        assert activate_lawbook(tx, principal="key:other") == 2, "back to the first version"
        assert tx.deactivate_lawbook("repository", HOST, "100", "done", "key:admin") == 3
        assert tx.deactivate_lawbook("repository", HOST, "100", "done", "key:admin") is None
        assert tx.active_lawbooks(HOST, "9", "100") == ()
        activate_lawbook(tx, target="200")
    with pytest.raises(LedgerError, match="versions are immutable") as caught, ledger.write("change") as tx:
        activate_lawbook(tx, hash="0" * 64, content="mode: off\n")
    assert "2026-11-22.1" in caught.value.why
    with ledger.read() as view:
        history = view.lawbook_history("repository", HOST, "100")
        assert [(e.action, e.version, e.by, e.ledger_index, e.reason) for e in history] == [
            ("activated", "2026-11-22.1", "key:admin", 0, ""),
            ("activated", "2026-11-22.2", "key:admin", 1, ""),
            ("activated", "2026-11-22.1", "key:other", 2, ""),
            ("deactivated", "2026-11-22.1", "key:admin", 3, "done"),
        ]
        assert [e.at for e in history] == [START, START, later, later]
        assert len(view.lawbook_history()) == 5
        assert len(view.lawbook_history(target="200")) == 1
        assert view.lawbook_history("deployment") == ()
        assert [e.kind for e in view.entries()][2:4] == ["lawbook.activated", "lawbook.deactivated"]
        assert view.lawbook_text("repository", HOST, "100", "2026-11-22.2") == "version: 2026-11-22.2\nmode: act\n"
        assert view.lawbook_text("repository", HOST, "100", "never") is None


@pytest.mark.shows("LB-1")
def test_a_version_that_comes_back_has_the_text_that_was_stored_first(ledger: Ledger) -> None:
    """Equal hash, other comments: what is shown with file and line is the stored text."""
    with ledger.write("activate") as tx:
        activate_lawbook(tx)
        activate_lawbook(tx, version="2026-11-22.2")
        hashed = "version: 2026-11-22.1\nmode: act\n"
        activate_lawbook(tx, content=f"# a comment\n{hashed}")
    with ledger.read() as view:
        (active,) = view.active_lawbooks(HOST, "9", "100")
        assert active.content == hashed


def test_an_entry_names_the_repository_by_id_and_everything_else_by_commitment(ledger: Ledger) -> None:
    with ledger.write("activate") as tx:
        activate_lawbook(tx)
        activate_lawbook(tx, **ORGANISATION)
    with ledger.read() as view:
        repository, organisation = view.entries()
        assert (repository.data["repositoryId"], repository.data["target"]) == ("100", "100")
        assert "repositoryId" not in organisation.data
        assert "acme" not in repository.body
        assert "admin" not in repository.body
        clear = view.resolved(repository.data)
        assert (clear["name"], clear["principal"], clear["file"]) == ("acme/site", "key:admin", "cicatrix.yml")
        assert view.entries_of(run=None, operation_id=None)


TAMPERING = {
    "an older version": "UPDATE lawbook_active SET version_id = 1",
    "another one's entry": "UPDATE lawbook_active SET version_id = 1, ledger_index = 0",
    "deleted": "DELETE FROM lawbook_active",
    "moved": "UPDATE lawbook_active SET target = '101'",
}


@pytest.mark.shows("LB-1", "GE-4")
@pytest.mark.parametrize("how", TAMPERING)
def test_a_lawbook_changed_behind_the_ledgers_back_is_not_followed(path: Path, ledger: Ledger, how: str) -> None:
    with ledger.write("activate") as tx:
        activate_lawbook(tx)
        activate_lawbook(tx, version="2026-11-22.2")
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(TAMPERING[how]).rowcount
        connection.commit()
    again = open_ledger(path)
    with again.read() as view, pytest.raises(LedgerError, match="does not vouch"):
        view.active_lawbooks(HOST, "9", "100")
    with again.write("heal") as tx:
        assert activate_lawbook(tx, version="2026-11-22.3") is not None
        assert [book.version for book in tx.active_lawbooks(HOST, "9", "100")] == ["2026-11-22.3"]
    again.close()


@pytest.mark.shows("LB-1", "GE-4")
def test_a_lawbook_whose_text_was_changed_is_not_followed(path: Path, ledger: Ledger) -> None:
    """By somebody who takes the trigger away for a moment: the entry's hash of the text still tells."""
    with ledger.write("activate") as tx:
        activate_lawbook(tx)
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute("UPDATE lawbook_versions SET content = content || ' '").rowcount == 1
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()
    again = open_ledger(path)
    with again.read() as view, pytest.raises(LedgerError, match="does not vouch"):
        view.active_lawbooks(HOST, "9", "100")
    again.close()


@pytest.mark.parametrize(
    ("scope", "host", "target"),
    [("deployment", HOST, "1"), ("repository", "", "1"), ("organisation", HOST, ""), ("galaxy", HOST, "1")],
)
def test_a_lawbook_without_a_clear_scope_is_refused(ledger: Ledger, scope: str, host: str, target: str) -> None:
    with pytest.raises(ValueError, match="lawbook scope"), ledger.write("activate") as tx:
        activate_lawbook(tx, scope=scope, host=host, target=target)
