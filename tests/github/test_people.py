"""Roles, teams, reviews, changed files, protection: read from the simulated GitHub and from odd far sides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cicatrix.github import AppCredentials, Refused, TokenCredentials, Unanswered
from cicatrix.simulator import SimPull, SimRepository, World
from tests.github.far_side import SHA, START, Script, answer, client, pull_request
from tests.github.test_simulated import PRIVATE, PUBLIC
from tests.github.test_simulated import client as simulated


def shop(**app: Any) -> tuple[World, SimRepository, SimPull]:
    made = World(now=START)
    made.token("ghp_person", login="octocat")
    made.app(app_id=12, slug="cicatrix-ci", public_key_pem=PUBLIC, **app)
    repo = made.repository("acme/shop")
    return made, repo, repo.pull_request(1, author="mona")


@pytest.mark.shows("AU-4")
def test_a_role_is_told_in_githubs_words() -> None:
    made, repo, _ = shop()
    roles = {
        "ann": "read",
        "bob": "triage",
        "cyd": "write",
        "dee": "maintain",
        "eve": "admin",
        "fay": "release-manager",
    }
    for login, role in roles.items():
        repo.collaborator(login, role)
    github = simulated(made)
    assert {login: github.permission("acme", "shop", login) for login in roles} == roles
    assert github.permission("acme", "shop", "CYD") == "write"
    assert github.permission("acme", "shop", "cicatrix-ci[bot]") == "read"
    assert github.permission("acme", "shop", "stranger") == "read"
    assert github.permission("acme", "shop", "acme") == "admin"
    repo.collaborator("cyd", None)
    repo.collaborator("octocat", "admin")
    repo.private = True
    assert github.permission("acme", "shop", "cyd") == "none"


@pytest.mark.shows("AU-4")
def test_a_role_falls_back_to_the_older_field_and_is_none_for_nobody() -> None:
    assert client(Script([answer({"permission": "write"})])).permission("o", "r", "x") == "write"
    assert client(Script([answer({"message": "Not Found"}, 404)])).permission("o", "r", "x") is None
    with pytest.raises(Refused):
        client(Script([answer({"message": "Must have push access"}, 403)])).permission("o", "r", "x")
    with pytest.raises(Unanswered):
        client(Script([answer({"user": {}})])).permission("o", "r", "x")


@pytest.mark.shows("AU-4")
def test_each_token_names_its_own_user() -> None:
    made, _, _ = shop()
    made.token("ghp_bob", login="bob")
    made.token("ghs_run", login="", kind="actions")
    tokens = ["ghp_person", "ghp_bob"]
    assert [simulated(made, TokenCredentials(t)).identity().login for t in tokens] == ["octocat", "bob"]
    made.revoke("ghp_bob")
    with pytest.raises(Refused) as caught:
        simulated(made, TokenCredentials("ghp_bob")).identity()
    assert caught.value.status == 401
    with pytest.raises(Refused) as no_user:
        simulated(made, TokenCredentials("ghs_run", kind="user")).identity()
    assert no_user.value.status == 403


@pytest.mark.shows("AU-3", "RG-5")
def test_an_app_asks_for_members_with_a_token_of_that_right_alone() -> None:
    permissions = {"metadata": "read", "members": "read", "actions": "write"}
    made, _, _ = shop(permissions=permissions)
    made.team("acme", "reviewers", ["Ann"], pending=["bob"])
    github = simulated(made, AppCredentials(12, PRIVATE))

    def member(login: str, team: str = "reviewers") -> bool:
        return github.team_member("acme", team, login, reader=("acme", "shop"))

    assert (member("ann"), member("bob"), member("cyd"), member("ann", "nobody")) == (True, False, False, False)
    minted = [dict(p.permissions or {}) for p in made.tokens.values() if p.kind == "app"]
    assert {"members": "read"} in minted
    assert simulated(made).team_member("acme", "reviewers", "ann")


@pytest.mark.shows("RG-5")
def test_an_app_without_the_right_is_refused() -> None:
    made, _, _ = shop()
    made.team("acme", "reviewers", ["ann"])
    with pytest.raises(Refused) as caught:
        simulated(made, AppCredentials(12, PRIVATE)).team_member("acme", "reviewers", "ann", reader=("acme", "shop"))
    assert caught.value.status == 422


@pytest.mark.shows("RG-5")
def test_reviews_are_read_to_their_end_in_order() -> None:
    made, repo, pull = shop()
    first = pull.head_sha
    pull.review("ann", "changes_requested")
    for number in range(104):
        pull.review(f"user{number}", "commented")
    made.advance(60)
    second = repo.push(pull)
    pull.review("ann")
    found = simulated(made).reviews("acme", "shop", 1)
    assert (len(found.items), found.incomplete) == (106, None)
    assert [(r.login, r.state, r.commit_sha) for r in (found.items[0], found.items[-1])] == [
        ("ann", "CHANGES_REQUESTED", first),
        ("ann", "APPROVED", second),
    ]
    assert found.items[-1].submitted_at == START + timedelta(seconds=60)
    pull.dismiss("ann")
    assert simulated(made).reviews("acme", "shop", 1).items[-1].state == "DISMISSED"


def test_a_review_of_a_lost_account_and_a_pending_one_are_tolerated() -> None:
    rows = [{"id": 1, "user": None, "state": "approved", "commit_id": SHA.upper()}, {"id": 2, "state": "PENDING"}]
    first, second = client(Script([answer(rows)])).reviews("o", "r", 4).items
    assert (first.login, first.state, first.commit_sha, first.submitted_at) == ("", "APPROVED", SHA, None)
    assert (second.state, second.commit_sha) == ("PENDING", None)
    with pytest.raises(Unanswered):
        client(Script([answer({"reviews": rows})])).reviews("o", "r", 4)


@pytest.mark.shows("F15", "RG-5")
def test_reviews_that_change_while_they_are_read_are_incomplete() -> None:
    made, _, pull = shop()
    for number in range(120):
        pull.review(f"user{number}")
    made.faults.list_changes_while_paging("*reviews*")
    assert simulated(made).reviews("acme", "shop", 1).incomplete is not None


@pytest.mark.shows("RG-5")
def test_changed_files_hold_former_names_and_end_at_three_thousand() -> None:
    made, _, pull = shop()
    pull.change("src/app.py", "docs/ä b.md")
    pull.change("new.py", renamed_from="old.py")
    found = simulated(made).changed_files("acme", "shop", 1)
    assert (found.items, found.incomplete) == (("src/app.py", "docs/ä b.md", "new.py", "old.py"), None)
    pull.change(*(f"f{number}" for number in range(2997)))
    many = simulated(made).changed_files("acme", "shop", 1)
    assert len(many.items) == 3001
    assert "3000" in (many.incomplete or "")


@pytest.mark.shows("RG-4")
def test_protection_of_a_branch() -> None:
    made, repo, _ = shop()
    repo.protect("release/1.x")
    github = simulated(made)
    found = [github.branch_protected("acme", "shop", name) for name in ("release/1.x", "main", "no/such")]
    assert found == [True, False, None]
    assert client(Script([answer({"name": "main", "commit": {"sha": SHA}})])).branch_protected("o", "r", "main") is None


@pytest.mark.shows("RG-4")
def test_what_a_pull_request_says_of_itself() -> None:
    made, _, pull = shop()
    pull.draft, pull.mergeable = True, None
    pull.label("urgent", "needs review")
    pull.assign("ann")
    found = simulated(made).pull_request("acme", "shop", 1)
    assert (found.draft, found.mergeable, found.labels, found.assignees, found.author) == (
        True,
        None,
        ("urgent", "needs review"),
        ("ann",),
        "mona",
    )
    small = client(Script([answer(pull_request(user=None, labels="odd"))])).pull_request("o", "r", 4)
    assert (small.draft, small.mergeable, small.labels, small.assignees, small.author) == (None, None, (), (), None)


@pytest.mark.shows("RG-7", "T22")
def test_a_renamed_transferred_or_recreated_repository_is_told_by_its_id() -> None:
    made, repo, _ = shop()
    before = simulated(made).repository("acme", "shop")
    repo.rename("acme/store")
    github = simulated(made)
    renamed = github.repository("acme", "shop")
    assert (renamed.id, renamed.full_name) == (before.id, "acme/store")
    assert github.pull_request("acme", "shop", 1).base.full_name == "acme/store"
    repo.rename("other/store")
    moved = github.repository("acme", "store")
    assert (moved.id, moved.full_name) == (before.id, "other/store")
    assert moved.owner_id != before.owner_id
    made.repository("acme/shop")
    assert github.repository("acme", "shop").id != before.id
    repo.delete()
    with pytest.raises(Refused) as gone:
        github.repository("other", "store")
    assert gone.value.status == 404
    assert made.repository("other/store").id != int(before.id)
