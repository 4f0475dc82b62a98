"""`cicatrix key`: made once, listed without secrets, revoked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from cicatrix import wiring
from cicatrix.core.actions import Role
from cicatrix.core.api_key import hash_secret, parse_key
from cicatrix.settings import load
from tests.cli.desk import Desk

FORM = re.compile(r"cic_[a-z2-7]{8}_[A-Za-z0-9_-]{43}")


@pytest.mark.shows("AU-4")
def test_a_key_is_shown_once_and_stored_as_its_hash(desk: Desk) -> None:
    desk.world.repository("acme/shop")
    ended = desk.cicatrix("key", "create", "--role", "operator", "--repo", "Acme/shop", "--label", "ci", "--json")
    made = ended.json
    parsed = parse_key(made["key"])
    assert parsed is not None
    key_id, secret = parsed
    assert (ended.code, made["id"], made["role"], made["actions"]) == (0, key_id, "operator", None)
    assert "this once" in ended.err
    assert secret not in ended.err
    with wiring.open_ledger_only(load()) as ledger, ledger.read() as view:
        stored = view.key(key_id)
    assert stored is not None
    key, secret_hash = stored
    assert secret_hash == hash_secret(secret)
    assert key.role is Role.OPERATOR
    assert key.repositories is not None
    assert [s.full_name for s in key.repositories] == ["acme/shop"]
    assert key.expires_at - key.created_at == timedelta(days=90)
    assert secret.encode() not in desk.ledger.read_bytes()
    for command in (("key", "list"), ("ledger", "list"), ("ledger", "export")):
        assert secret not in desk.cicatrix(*command).out
    assert "key.created" in desk.cicatrix("ledger", "list").out


def test_on_a_terminal_the_key_stands_alone_on_standard_output(desk: Desk) -> None:
    ended = desk.cicatrix("key", "create", "--role", "reader", "--all-repositories", "--label", "x")
    assert FORM.fullmatch(ended.out.strip()), "also in a pipe: the key alone"
    out = desk.cicatrix("key", "list", "-o", "table").out
    assert "✓" in out
    assert "every repository" in out
    assert not FORM.search(out)


def test_a_key_for_all_repositories_needs_no_network(bare: Desk) -> None:
    assert bare.cicatrix("key", "create", "--role", "admin", "--all-repositories", "--label", "x").code == 0
    assert bare.cicatrix("key", "list").json[0]["repositories"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--role", "king", "--all-repositories"], "no role"),
        (["--role", "reader"], "--repo"),
        (["--role", "reader", "--all-repositories", "--repo", "acme/shop"], "--repo"),
        (["--role", "reader", "--all-repositories", "--expires", "366d"], "365"),
        (["--role", "reader", "--all-repositories", "--expires", "0d"], "365"),
        (["--role", "reader", "--all-repositories", "--expires", "soon"], "365"),
        (["--role", "operator", "--all-repositories", "--action", "merge_pr"], "none that Cicatrix performs"),
        (["--role", "operator", "--all-repositories", "--action", "rollback"], "healer"),
        (["--role", "operator", "--all-repositories", "--label", "github_pat_0123456789abcdef"], "label"),
    ],
)
def test_a_key_that_is_not_clear_is_not_made(bare: Desk, arguments: list[str], said: str) -> None:
    label = [] if "--label" in arguments else ["--label", "x"]
    ended = bare.cicatrix("key", "create", *arguments, *label)
    assert ended.code == 2
    assert said in " ".join(ended.three_lines)
    assert bare.cicatrix("key", "list").json == []


def test_a_key_for_a_repository_that_cannot_be_read_is_not_made(desk: Desk) -> None:
    desk.world.repository("acme/shop")
    ended = desk.cicatrix(
        "key", "create", "--role", "operator", "--repo", "acme/shop", "--repo", "acme/none", "--label", "x"
    )
    assert ended.code == 1
    assert "acme/none" in ended.three_lines[0]
    assert desk.cicatrix("key", "list").json == []


def test_actions_and_expiry_are_kept(bare: Desk) -> None:
    ended = bare.cicatrix(
        *("key", "create", "--role", "healer", "--all-repositories", "--label", " night  job "),
        *("--action", "rollback", "--action", "rerun_failed_jobs", "--expires", "365", "--json"),
    )
    assert (ended.json["actions"], ended.json["label"]) == (["rerun_failed_jobs", "rollback"], "night job")
    ends = datetime.fromisoformat(ended.json["expiresAt"])
    assert timedelta(days=364) < ends - datetime.now(UTC) < timedelta(days=366)


@pytest.mark.shows("AU-4")
def test_a_revoked_key_stays_listed_and_is_revoked_once(bare: Desk) -> None:
    made = bare.cicatrix("key", "create", "--role", "reader", "--all-repositories", "--label", "x", "--json").json
    assert bare.cicatrix("key", "revoke", made["id"], "--reason", " ").code == 2
    first = bare.cicatrix("key", "revoke", made["id"], "--reason", "left the team").json
    again = bare.cicatrix("key", "revoke", made["id"], "--reason", "left the team").json
    assert (first["changed"], again["changed"]) == (True, False)
    (row,) = bare.cicatrix("key", "list").json
    assert (row["state"], row["revokedAt"] is not None) == ("revoked", True)
    kinds = [e["kind"] for e in bare.cicatrix("ledger", "list").json]
    assert kinds == ["key.created", "key.revoked"]


def test_an_unknown_key_is_not_revoked_and_a_pasted_secret_is_not_repeated(bare: Desk) -> None:
    made = bare.cicatrix("key", "create", "--role", "reader", "--all-repositories", "--label", "x", "--json").json
    ended = bare.cicatrix("key", "revoke", made["key"], "--reason", "oops")
    assert ended.code == 1
    assert made["key"][20:] not in ended.err
    assert bare.cicatrix("key", "list").json[0]["state"] == "active"


def test_no_key_is_made_where_the_ledger_ends_with_the_job(bare: Desk) -> None:
    bare.set(GITHUB_ACTIONS="true", CICATRIX_DATABASE_URL=None)
    ended = bare.cicatrix("key", "create", "--role", "reader", "--all-repositories", "--label", "x")
    assert ended.code == 1
    assert "CICATRIX_DATABASE_URL" in ended.three_lines[2]
