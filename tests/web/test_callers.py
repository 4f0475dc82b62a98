"""Who is let in, and as what: API keys, GitHub tokens, and everybody else (AU-4)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cicatrix.core.actions import ActionType, Role
from tests.web.desk import REGISTRY, Desk, problem

USER = "github_pat_someuser0someuser0someuser0"
ROUTE = "/api/github/prs/1/checks/rerun"


def user(desk: Desk, role: str | None, login: str = "mona", token: str = USER) -> str:
    """A person at GitHub with that role in acme/shop."""
    desk.world.token(token, login=login)
    desk.world.repository("acme/shop").collaborator(login, role)
    return token


def asked(desk: Desk, path: str) -> int:
    """How often GitHub was asked for that."""
    return len([call for call in desk.world.history.calls if call["path"].endswith(path)])


@pytest.mark.shows("AU-4", "AP-1", "T17")
def test_every_bad_credential_gets_the_same_401(desk: Desk) -> None:
    desk.red()
    good = desk.key()
    expired = desk.key(life=timedelta(minutes=1))
    revoked = desk.key()
    with desk.ctx.ledger.write("test") as tx:
        tx.revoke_key(revoked.split("_")[1], "left", "desk")
    desk.world.advance(120)
    bad = {
        "nothing": None,
        "another scheme": "Basic b2N0b2NhdDpoaQ==",
        "no token": "Bearer",
        "half a key": f"Bearer {good[:-1]}",
        "another secret": f"Bearer {good[:-5]}AAAAA",
        "another id": f"Bearer cic_aaaaaaaa_{good.split('_', 2)[2]}",
        "expired": f"Bearer {expired}",
        "revoked": f"Bearer {revoked}",
        "a token that GitHub does not know": "Bearer github_pat_unknown0unknown0unknown",
        "an installation token that nobody asked GitHub about": "Bearer ghs_" + "a1B2" * 9,
        "spaces": "Bearer a b",
        "very long": "Bearer " + "x" * 5000,
    }
    texts = set()
    for name, header in bad.items():
        headers = {} if header is None else {"authorization": header}
        answer = desk.ask("POST", ROUTE, json={"owner": "acme", "repo": "shop"}, headers=headers)
        told = problem(answer, 401, "UNAUTHORIZED")
        texts.add(answer.text.replace(told["requestId"], ""))
        assert answer.headers["www-authenticate"] == "Bearer", name
    assert len(texts) == 1, "nothing tells which part was wrong"
    assert desk.rerun(good).status_code == 200


@pytest.mark.shows("AU-4")
def test_an_unknown_token_is_asked_about_once_in_a_while_only(desk: Desk) -> None:
    for _ in range(5):
        problem(desk.rerun("github_pat_unknown0unknown0unknown"), 401, "UNAUTHORIZED")
    assert asked(desk, "/user") == 1
    desk.world.advance(31)
    problem(desk.rerun("github_pat_unknown0unknown0unknown"), 401, "UNAUTHORIZED")
    assert asked(desk, "/user") == 2


@pytest.mark.shows("AU-4", "T17")
@pytest.mark.parametrize(
    ("role", "status"), [(None, 403), ("read", 403), ("triage", 403), ("write", 200), ("maintain", 200), ("admin", 200)]
)
def test_a_github_user_has_githubs_own_role(desk: Desk, role: str | None, status: int) -> None:
    desk.red()
    answer = desk.rerun(user(desk, role))
    assert answer.status_code == status, answer.text
    if status == 200:
        with desk.ctx.ledger.read() as view:
            assert view.list_decisions().items[0]["principal"] == "github:mona@github.com"
    else:
        problem(answer, 403, "CALLER_NOT_AUTHORISED")
        assert desk.writes == []


@pytest.mark.shows("AU-4", "PL-1")
def test_rights_are_asked_again_for_writes_and_remembered_for_reads(desk: Desk) -> None:
    desk.red()
    token = user(desk, "write")
    path = "/api/decisions?owner=acme&repo=shop"
    for _ in range(3):
        assert desk.ask("GET", path, token).status_code == 200
    assert asked(desk, "/user") == 1
    assert desk.rerun(token, dryRun=True).status_code == 200
    desk.world.repository("acme/shop").collaborator("mona", "read")
    problem(desk.rerun(token), 403, "CALLER_NOT_AUTHORISED")
    desk.world.repository("acme/shop").private = True
    desk.world.repository("acme/shop").collaborator("mona", None)
    desk.world.advance(301)
    problem(desk.ask("GET", path, token), 403, "REPO_ACCESS_DENIED")


@pytest.mark.shows("AU-4", "GE-4")
def test_nobody_is_let_in_while_github_cannot_be_asked(desk: Desk) -> None:
    desk.red()
    token = user(desk, "admin")
    desk.world.faults.answer_502_before("GET /user", count=None)
    problem(desk.rerun(token), 502, "GITHUB_UNAVAILABLE")
    desk.world.faults.clear()
    desk.world.faults.rate_limited(endpoint="GET /user", count=None)
    answer = desk.rerun(token)
    problem(answer, 503, "GITHUB_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) >= 1
    desk.world.faults.clear()
    desk.world.faults.answer_502_before("GET */permission", count=None)
    problem(desk.rerun(token), 502, "GITHUB_UNAVAILABLE")
    assert desk.writes == []


@pytest.mark.shows("AU-4")
def test_a_key_is_for_its_role_its_repositories_and_its_actions(desk: Desk) -> None:
    desk.red()
    desk.world.repository("acme/other")
    reader = desk.key(Role.READER)
    elsewhere = desk.key(repositories=("acme/other",))
    other_action = desk.key(actions=frozenset({ActionType.ADD_LABEL}))
    for key in (reader, elsewhere, other_action):
        told = problem(desk.rerun(key), 403, "CALLER_NOT_AUTHORISED")
        assert told["details"]["repository"] == "acme/shop"
    assert desk.writes == []
    assert desk.rerun(desk.key()).status_code == 200


@pytest.mark.shows("AU-4", "RG-7", "C5")
def test_a_key_for_a_repository_that_was_made_anew_is_for_another_one(desk: Desk) -> None:
    desk.red()
    key = desk.key()
    desk.world.repository("acme/shop").delete()
    desk.world.repository("acme/shop")
    told = problem(desk.rerun(key), 403, "CALLER_NOT_AUTHORISED")
    assert "another repository" in told["detail"]


@pytest.mark.shows("AU-1", "C5", "AP-1")
def test_the_allowlist_says_no_before_github_is_asked(desk: Desk) -> None:
    desk.world.repository("evil/shop")
    answer = desk.rerun(desk.key(repositories=None), owner="evil")
    told = problem(answer, 403, "REPO_ACCESS_DENIED")
    assert "REPO_NOT_ALLOWED" in told["detail"]
    assert desk.world.history.calls == []


@pytest.mark.shows("AU-4", "RG-1", "AP-1")
def test_what_is_refused_by_name_is_not_asked_of_github(desk: Desk) -> None:
    """A key of another role, repository or action, and an action that is switched off: nothing of GitHub's is spent."""
    desk.world.repository("acme/other")
    desk.register(REGISTRY | {"allowedActions": [{"actionType": "rerun_failed_jobs", "enabled": False}]})
    for_others = (
        desk.key(Role.READER),
        desk.key(repositories=("acme/other",)),
        desk.key(actions=frozenset({ActionType.ADD_LABEL})),
    )
    before = len(desk.world.history.calls)
    for key in for_others:
        problem(desk.rerun(key), 403, "CALLER_NOT_AUTHORISED")
    problem(desk.rerun(desk.key()), 403, "ACTION_NOT_ALLOWED")
    assert len(desk.world.history.calls) == before


@pytest.mark.shows("RG-7", "C5")
def test_a_registry_for_a_repository_that_was_made_anew_is_for_another_one(desk: Desk) -> None:
    """Staging lets an unregistered repository through; one with the name of a registered one is not unregistered."""
    desk.register()
    desk.world.repository("acme/shop").delete()
    desk.world.repository("acme/shop")
    desk.red()
    told = problem(desk.rerun(desk.key()), 403, "ACTION_NOT_ALLOWED")
    assert "another repository" in told["detail"]
    assert desk.writes == []


@pytest.mark.shows("AU-4", "RG-7", "PL-1", "PL-8")
def test_a_key_of_the_former_repository_changes_and_reads_nothing(desk: Desk) -> None:
    key = desk.key(Role.ADMIN)
    desk.world.repository("acme/shop").delete()
    desk.world.repository("acme/shop")
    put = desk.ask("PUT", "/api/registry/acme/shop", key, json=REGISTRY)
    problem(put, 403, "CALLER_NOT_AUTHORISED")
    problem(desk.ask("GET", "/api/decisions?owner=acme&repo=shop", key), 403, "REPO_ACCESS_DENIED")
    body = {"scope": "repository", "owner": "acme", "repo": "shop", "reason": "drill"}
    problem(desk.ask("PUT", "/api/kill-switches", key, json=body), 404, "NOT_FOUND")
    with desk.ctx.ledger.read() as view:
        assert view.registries() == ()
        assert view.kill_switches() == ()
