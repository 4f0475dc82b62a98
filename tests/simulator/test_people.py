"""People, teams, reviews, branches, former names: in GitHub's shape, and as GitHub tells them."""

from __future__ import annotations

import pytest

from cicatrix.simulator import SimulatorError
from tests.judge import Judge
from tests.simulator.support import REPO, client, failed_run, shop, world


@pytest.mark.shows("F35")
def test_every_read_about_people_is_in_githubs_shape(judge: Judge) -> None:
    made = world()
    repo = shop(made)
    pull = repo.pull_request(1)
    repo.collaborator("ann", "maintain")
    repo.protect("release/1.x")
    made.team("acme", "leads", ["ann"], pending=["bob"])
    pull.review("ann")
    pull.change("src/a b.py")
    pull.change("new.py", renamed_from="old.py")
    pull.label("ready")
    pull.assign("ann")
    pull.mergeable = None
    repo.status(pull.head_sha, "ci/old", "error")
    before = judge.distinct + judge.repeats
    with client(made) as http:
        for path in (
            f"{REPO}/collaborators/ann/permission",
            f"{REPO}/branches/main",
            f"{REPO}/branches/release%2F1.x",
            f"{REPO}/pulls/1",
            f"{REPO}/pulls/1/reviews?per_page=100",
            f"{REPO}/pulls/1/files?per_page=1&page=2",
            f"{REPO}/commits/{pull.head_sha}/status?per_page=100",
            "/orgs/acme/teams/leads/memberships/ann",
            "/orgs/acme/teams/leads/memberships/bob",
        ):
            answer = http.get(path)
            assert answer.status_code == 200, (path, answer.text)
        assert http.get(f"{REPO}/collaborators/ann/permission").json()["permission"] == "write"
        assert http.get(f"{REPO}/commits/{pull.head_sha}/status").json()["state"] == "failure"
        for path in (f"{REPO}/branches/none", "/orgs/acme/teams/leads/memberships/cyd", f"{REPO}/pulls/2/reviews"):
            assert http.get(path).status_code == 404
    if judge.active:
        assert judge.distinct + judge.repeats == before + 14


def test_rights_are_asked_for() -> None:
    made = world()
    shop(made).pull_request(1)
    made.token("bare", login="guest", permissions={"metadata": "read"})
    with client(made, "bare") as http:
        assert http.get(f"{REPO}/collaborators/guest/permission").status_code == 200
        for path, right in (
            (f"{REPO}/pulls/1/reviews", "pull_requests"),
            (f"{REPO}/pulls/1/files", "pull_requests"),
            (f"{REPO}/branches/main", "contents"),
            (f"{REPO}/commits/main/status", "statuses"),
            ("/orgs/acme/teams/leads/memberships/guest", "members"),
        ):
            answer = http.get(path)
            assert answer.status_code == 403, path
            assert answer.headers["x-accepted-github-permissions"] == f"{right}=read"


def test_a_private_repository_is_there_for_its_collaborators_alone() -> None:
    made = world()
    repo = shop(made)
    repo.private = True
    with client(made) as http:
        assert http.get(REPO).status_code == 404
        repo.collaborator("octocat", "read")
        assert http.get(REPO).json()["private"] is True
        assert http.get(f"{REPO}/collaborators/guest/permission").json()["permission"] == "none"


@pytest.mark.shows("T22")
def test_a_former_name_leads_to_the_id_until_it_is_taken() -> None:
    made = world()
    pull, run = failed_run(made)
    repo = made.repository("acme/shop")
    made.token("scoped", login="octocat", repositories=["acme/shop"])
    repo.rename("acme/store")
    with client(made, "scoped") as http:
        moved = http.get(f"{REPO}/pulls/1/reviews?per_page=5")
        assert moved.status_code == 301
        assert moved.headers["location"] == f"{made.api_origin}/repositories/{repo.id}/pulls/1/reviews?per_page=5"
        assert http.get(f"/repositories/{repo.id}/pulls/1").json()["base"]["repo"]["full_name"] == "acme/store"
        assert http.get(f"/repos/acme/store/actions/runs/{run.id}").json()["repository"]["full_name"] == "acme/store"
        write = http.post(f"{REPO}/actions/runs/{run.id}/rerun")
        assert (write.status_code, len(made.history.effects)) == (307, 0)
        fresh = made.repository("acme/shop")
        assert fresh.id != repo.id
        assert http.get(REPO).status_code == 404  # the token was for the other one
    with client(made) as http:
        assert http.get(REPO).json()["id"] == fresh.id
        repo.rename("other/store")
        assert http.get("/repos/acme/store").headers["location"].endswith(f"/repositories/{repo.id}")
        repo.delete()
        assert http.get("/repos/acme/store").status_code == 404
        assert http.get(f"/repositories/{repo.id}").status_code == 404
    with client(made, "scoped") as http:
        assert http.get("/repos/other/store").status_code == 404
    assert pull.head_repository == "other/store"


def test_a_name_that_is_taken_or_no_name_is_refused() -> None:
    made = world()
    repo = made.repository("acme/shop")
    made.repository("acme/other")
    for name in ("acme/other", "nonsense", "a/"):
        with pytest.raises(SimulatorError):
            repo.rename(name)
    repo.rename("Acme/Shop")
    assert made.repository("acme/shop") is repo
    assert made.moved == {}
