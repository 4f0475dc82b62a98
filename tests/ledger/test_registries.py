"""The registry as stored: one active document a repository, every change a revision with history and entry."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from cicatrix.core.canonical import canonical
from cicatrix.ledger import Ledger, LedgerError
from tests.ledger.helpers import HOST, START, Clock, open_ledger
from tests.ledger.policy_values import activate_registry, registry, registry_audit


@pytest.mark.shows("RG-7")
def test_an_active_registry_reads_back_as_it_was_given(ledger: Ledger) -> None:
    document = registry("first")
    with ledger.write("apply") as tx:
        index = activate_registry(tx, document)
    with ledger.read() as view:
        active = view.active_registry(HOST, "100")
        assert active is not None
        assert (active.registry, active.activated_index) == (document, index)
        assert (active.host, active.repository_id, active.owner_id, active.full_name) == (HOST, "100", "9", "acme/site")
        assert active.registry.origin("allowedActions.rerun_failed_jobs.maxRetries") == "registry.yml:10"
        assert view.registries() == (active,)
        assert view.active_registry(HOST, "200") is None
        assert view.active_registry("ghes.example", "100") is None


@pytest.mark.shows("RG-7", "C4")
def test_every_change_of_content_is_a_revision_with_history_and_entry(ledger: Ledger, clock: Clock) -> None:
    """The version label stays 1.0.0 all the time: an edit without a new label is a new revision all the same."""
    first, second = registry("first"), registry("second")
    with ledger.write("changes") as tx:
        assert activate_registry(tx, first) == 0
        assert activate_registry(tx, first) is None, "the same content again changes nothing"
    clock.move(minutes=1)
    with ledger.write("changes") as tx:
        assert activate_registry(tx, second, principal="key:other") == 1
        assert tx.deactivate_registry(HOST, "100", "moved away", "key:admin") == 2
        assert tx.deactivate_registry(HOST, "100", "again", "key:admin") is None
        assert tx.active_registry(HOST, "100") is None
        assert activate_registry(tx, first) == 3
    with ledger.read() as view:
        history = view.registry_history(HOST, "100")
        assert [(e.action, e.revision, e.content_hash, e.by, e.ledger_index, e.reason) for e in history] == [
            ("created", 1, first.hash, "key:admin", 0, ""),
            ("updated", 2, second.hash, "key:other", 1, ""),
            ("deactivated", 2, second.hash, "key:admin", 2, "moved away"),
            ("activated", 3, first.hash, "key:admin", 3, ""),
        ]
        assert [e.at for e in history] == [START] + [START + timedelta(minutes=1)] * 3
        assert [e.content for e in history] == [canonical(d.tree) for d in (first, second, second, first)]
        assert {(e.version, e.registry_id, e.repository, e.file) for e in history} == {
            ("1.0.0", "registry-site", "acme/site", "registry.yml")
        }
        assert view.registry_history(HOST, "200") == ()
        assert [e.kind for e in view.entries()] == ["registry.activated"] * 2 + [
            "registry.deactivated",
            "registry.activated",
        ]


@pytest.mark.shows("RG-7")
def test_an_entry_tells_who_set_what_and_names_go_in_as_commitments(ledger: Ledger) -> None:
    with ledger.write("apply") as tx:
        activate_registry(tx)
    with ledger.read() as view:
        (entry,) = view.entries()
        told = entry.data
        assert "acme" not in entry.body
        assert "admin" not in entry.body
        assert (told["host"], told["repositoryId"], told["ownerId"], told["revision"]) == (HOST, "100", "9", 1)
        assert (told["contentHash"], told["version"]) == (registry().hash, "1.0.0")
        clear = view.resolved(told)
        assert (clear["repository"], clear["registryId"], clear["principal"], clear["file"]) == (
            "acme/site",
            "registry-site",
            "key:admin",
            "registry.yml",
        )


@pytest.mark.shows("RG-7", "C5")
def test_a_registry_is_told_by_id_and_its_name_is_compared_without_case(ledger: Ledger) -> None:
    with ledger.write("apply") as tx:
        activate_registry(tx)
        activate_registry(
            tx, registry(registry_id="r2", repository="acme/shop"), repository_id="200", full_name="acme/shop"
        )
    with ledger.read() as view:
        named = view.registry_named(HOST, "ACME/Site")
        assert named is not None
        assert named.repository_id == "100"
        assert view.registry_named(HOST, "acme/sit") is None
        assert view.registry_named("ghes.example", "acme/site") is None
        assert [found.full_name for found in view.registries()] == ["acme/shop", "acme/site"]


@pytest.mark.shows("RG-7")
def test_a_recreated_repository_inherits_nothing(ledger: Ledger) -> None:
    """The name is there, the id is not: the evaluator sees that the entry is another repository's."""
    with ledger.write("apply") as tx:
        activate_registry(tx)
    with ledger.read() as view:
        assert view.active_registry(HOST, "101") is None
        named = view.registry_named(HOST, "acme/site")
        assert named is not None
        assert named.repository_id != "101"


@pytest.mark.shows("RG-7")
def test_a_transferred_or_renamed_repository_has_to_be_applied_again(ledger: Ledger) -> None:
    with ledger.write("apply") as tx:
        activate_registry(tx)
        assert activate_registry(tx, owner_id="10") == 1
        assert activate_registry(tx, owner_id="10", full_name="Acme/SITE") is None
        assert activate_registry(tx, owner_id="10", full_name="other/site") == 2
        active = tx.active_registry(HOST, "100")
        assert active is not None
        assert (active.owner_id, active.full_name) == ("10", "other/site")


def test_a_registry_id_belongs_to_one_repository(ledger: Ledger) -> None:
    with ledger.write("apply") as tx:
        activate_registry(tx)
    other = registry(registry_id="Registry-SITE", repository="acme/shop")
    with pytest.raises(LedgerError, match="belongs to another repository") as caught, ledger.write("apply") as tx:
        activate_registry(tx, other, repository_id="200", full_name="acme/shop")
    assert "acme/site (id 100 on github.com)" in caught.value.why
    with ledger.write("apply") as tx:
        assert tx.size() == 1
        tx.deactivate_registry(HOST, "100", "gone", "key:admin")
        assert activate_registry(tx, other, repository_id="200", full_name="acme/shop") == 2


def test_a_document_without_its_hash_is_refused(ledger: Ledger) -> None:
    document = registry()
    object.__setattr__(document, "hash", "0" * 64)
    with pytest.raises(ValueError, match="does not have the hash"), ledger.write("apply") as tx:
        activate_registry(tx, document)


TAMPERING = {
    "an older revision brought back": (
        "UPDATE repo_actions_registry SET active = 0; UPDATE repo_actions_registry SET active = 1 WHERE revision = 1",
        "not revision 1",
    ),
    "switched off": ("UPDATE repo_actions_registry SET active = 0", "gone or was switched off"),
    "deleted": ("DELETE FROM repo_actions_registry", "gone or was switched off"),
    "another repository": ("UPDATE repo_actions_registry SET repository = 'acme/shop' WHERE active", "repository"),
    "more retries": (
        "UPDATE repo_actions_registry SET content = replace(content, '\"maxRetries\":3', '\"maxRetries\":5')",
        "content",
    ),
}


@pytest.mark.shows("GE-4", "RG-7")
@pytest.mark.parametrize("how", TAMPERING)
def test_a_registry_changed_behind_the_ledgers_back_gives_no_rights(path: Path, ledger: Ledger, how: str) -> None:
    with ledger.write("apply") as tx:
        activate_registry(tx, registry("first"))
        activate_registry(tx, registry("second"))
    ledger.close()
    statement, why = TAMPERING[how]
    with closing(sqlite3.connect(path)) as connection:
        before = connection.total_changes
        connection.executescript(statement)
        assert connection.total_changes > before
    again = open_ledger(path)
    with again.read() as view, pytest.raises(LedgerError, match="does not vouch") as caught:
        view.active_registry(HOST, "100")
    assert why in caught.value.why
    with again.write("apply") as tx:
        assert activate_registry(tx, registry("third")) is not None, "setting it again heals it"
        assert tx.active_registry(HOST, "100")
    again.close()


@pytest.mark.shows("RG-1", "RG-6", "A12")
def test_every_evaluation_is_a_row_and_only_an_intended_one_starts_a_cooldown(ledger: Ledger, clock: Clock) -> None:
    later = clock.move(minutes=5)
    written = [
        registry_audit(),
        registry_audit("blocked", executed_at=later, request_id="request-2"),
        registry_audit("pending_approval", executed_at=later),
        registry_audit("allowed", operation_id=None, executed_at=later, evidence_id=None),
        registry_audit("allowed", action_type="rerun_checks", executed_at=later),
        registry_audit("allowed", repository_id="200", executed_at=later),
        registry_audit("blocked", registry_id=None, registry_version=None, content_hash=None, resource_number=None),
    ]
    with ledger.write("rows") as tx:
        for row in written:
            tx.record_registry_audit(row)
    with ledger.read() as view:
        assert list(view.registry_audit()) == written
        assert view.registry_audit(request_id="request-2") == (written[1],)
        assert view.registry_audit(repository=(HOST, "200"), action_type="rerun_failed_jobs") == (written[5],)
        assert len(view.registry_audit(limit=2)) == 2
        assert view.last_allowed(HOST, "100", "rerun_failed_jobs") == START
        assert view.last_allowed(HOST, "100", "rerun_checks") == later
        assert view.last_allowed(HOST, "300", "rerun_failed_jobs") is None


def test_results_are_redacted_before_they_are_stored_and_hashes_are_kept(ledger: Ledger) -> None:
    secret = "ghp_" + "A1b2" * 9
    result = {"errors": [f"label {secret}"], "actionConfig": {"x": secret}, "hash": "ab12" * 16, "allowed": False}
    with ledger.write("rows") as tx:
        tx.record_registry_audit(registry_audit("blocked", validation_result=result))
    with ledger.read() as view:
        (row,) = view.registry_audit()
    assert secret not in json.dumps(dict(row.validation_result))
    assert (row.validation_result["hash"], row.validation_result["allowed"]) == ("ab12" * 16, False)


def test_unknown_words_are_refused_by_the_table(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError, match="status"), ledger.write("bad") as tx:
        tx.record_registry_audit(registry_audit("maybe"))


def test_the_seeds_columns_come_first_and_its_views_exist(ledger: Ledger, path: Path) -> None:
    with ledger.write("rows") as tx:
        activate_registry(tx, registry("first"))
        activate_registry(tx, registry("second"))
        for n in range(101):
            tx.record_registry_audit(registry_audit(resource_number=n))
    with closing(sqlite3.connect(path)) as sql:

        def columns(table: str, count: int) -> str:
            """The names of the first columns after the id."""
            return " ".join(row[1] for row in sql.execute(f"PRAGMA table_info({table})").fetchall()[1 : count + 1])

        assert columns("repo_actions_registry", 10) == (
            "registry_id version repository content content_hash active created_at created_by updated_at updated_by"
        )
        assert columns("repo_actions_registry_history", 6) == (
            "registry_id version action content created_at created_by"
        )
        assert columns("registry_action_audit", 11) == (
            "registry_id registry_version action_type action_status repository resource_type "
            "resource_number validation_result executed_at executed_by evidence_id"
        )
        assert sql.execute("SELECT repository, revision FROM active_registries").fetchall() == [("acme/site", 2)]
        recent = sql.execute("SELECT resource_number FROM recent_registry_actions").fetchall()
        assert (len(recent), recent[0], recent[-1]) == (100, (100,), (1,))
        with pytest.raises(sqlite3.IntegrityError):
            sql.execute("UPDATE repo_actions_registry SET active = 1")
